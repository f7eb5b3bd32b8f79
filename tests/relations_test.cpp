/// How the four functions follow from one another: every way to each gradient gives the reference's sums to the bit.
#include "halconv/relations.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "convolution.h"
#include "problem_list.h"
#include "reference.h"
#include "required_target.h"

namespace halconv::testing {
namespace {

/// Where all functions have kernels of f32: a CPU target and a layout of images.
struct Place {
  std::string target;
  halconv_data_format data_format;
};

std::vector<Place> linked_places() {
  std::vector<Place> places;
  for (const KernelInfo &kernel : kernels()) {
    const KernelName name = parse_kernel_name(kernel.name).value.value();
    if (name.operation == kBackwardInput && name.algorithm == kAutodiff)
      places.push_back({name.target, name.data_format});
  }
  return places;
}

/// What TensorFlow's functions can say: all but cropping.
std::vector<Conv2dProblem> problems() {
  std::vector<Conv2dProblem> problems = read_problems("generic_cases.txt");
  std::erase_if(problems, [](const Conv2dProblem &problem) { return !attributes_of(problem); });
  return problems;
}

IntList to_cpp(const halconv_int_list &list) {
  return IntList(std::span(list.values, static_cast<size_t>(list.count)));
}

Conv2dAttributes to_cpp(const halconv_conv2d_attributes &c) {
  return {to_cpp(c.strides), to_cpp(c.dilations), static_cast<Padding>(c.padding), to_cpp(c.explicit_paddings),
          static_cast<DataFormat>(c.data_format)};
}

/// Small enough that the longest of the three operations' sums is exact.
HostTensor integers(const Shape &shape, const Conv2dProblem &p, std::mt19937 *random) {
  const int64_t longest = std::max({p.filter_height * p.filter_width * std::max(p.in_channels, p.out_channels),
                                    p.batch * p.out_height * p.out_width});
  HostTensor tensor(shape);
  fill_integers(tensor.data, exact_integer_limit(HALCONV_FLOAT32, longest), *random);
  return tensor;
}

::testing::AssertionResult equals(const Result<HostTensor> &actual, const Shape &shape,
                                  const std::vector<double> &expected) {
  if (!actual.ok()) return ::testing::AssertionFailure() << actual.status().message();
  if ((*actual).shape != shape) {
    return ::testing::AssertionFailure() << "shape " << ::testing::PrintToString((*actual).shape);
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (static_cast<double>((*actual).data[i]) != expected[i]) {
      return ::testing::AssertionFailure()
             << "element " << i << " is " << (*actual).data[i] << ", expected " << expected[i];
    }
  }
  return ::testing::AssertionSuccess();
}

class RelationsTest : public ::testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    HALCONV_SKIP_UNLESS_RUNNABLE(GetParam().target);
    execution_.target = GetParam().target;
    execution_.accuracy = Accuracy::kStrict;  // the integers are as large as the direct sum allows
  }

  static halconv_data_format data_format() { return GetParam().data_format; }
  static Conv2dAttributes attributes(const Conv2dProblem &p) { return to_cpp(*attributes_of(p, data_format())); }
  static Shape in_format(const Shape &nhwc) { return image_shape(nhwc, data_format()); }

  /// An image [n, h, w, c] in the data format.
  static HostTensor in_format(const HostTensor &nhwc) {
    if (data_format() == HALCONV_NHWC) return nhwc;
    HostTensor image(in_format(nhwc.shape));
    for (size_t i = 0; i < image.data.size(); ++i) image.data[i] = nhwc.data[nhwc_index(i, image.shape)];
    return image;
  }

  /// The image, in the data format, has the values of an NHWC one.
  static ::testing::AssertionResult image_equals(const Result<HostTensor> &image, const Shape &nhwc,
                                                 const std::vector<double> &values) {
    if (data_format() == HALCONV_NHWC) return equals(image, nhwc, values);
    const Shape shape = in_format(nhwc);
    std::vector<double> expected(values.size());
    for (size_t i = 0; i < expected.size(); ++i) expected[i] = values[nhwc_index(i, shape)];
    return equals(image, shape, expected);
  }

  Execution execution_;
};

TEST_P(RelationsTest, EveryWayToTheInputGradientIsExact) {
  std::mt19937 random(test_seed());
  for (const Conv2dProblem &p : problems()) {
    SCOPED_TRACE(to_string(p));
    const HostTensor filter = integers(filter_shape(p), p, &random), d_out = integers(output_shape(p), p, &random);
    const reference::Sums expected = reference::backward_input(p, filter.data.data(), d_out.data.data());
    for (const InputGradientWay &way : kInputGradientWays) {
      EXPECT_TRUE(
          image_equals(way.compute(in_format(input_shape(p)), filter, in_format(d_out), attributes(p), execution_),
                       input_shape(p), expected.value))
          << way.name;
    }
  }
}

TEST_P(RelationsTest, EveryWayToTheFilterGradientIsExact) {
  std::mt19937 random(test_seed());
  for (const Conv2dProblem &p : problems()) {
    SCOPED_TRACE(to_string(p));
    const HostTensor input = integers(input_shape(p), p, &random), d_out = integers(output_shape(p), p, &random);
    const reference::Sums expected = reference::backward_filter(p, input.data.data(), d_out.data.data());
    for (const FilterGradientWay &way : kFilterGradientWays) {
      EXPECT_TRUE(equals(way.compute(in_format(input), filter_shape(p), in_format(d_out), attributes(p), execution_),
                         filter_shape(p), expected.value))
          << way.name;
    }
  }
}

TEST_P(RelationsTest, TransposeByConv2dIsExact) {
  std::mt19937 random(test_seed());
  for (const Conv2dProblem &p : problems()) {
    SCOPED_TRACE(to_string(p));
    const HostTensor filter = integers(filter_shape(p), p, &random), input = integers(output_shape(p), p, &random);
    const reference::Sums expected = reference::backward_input(p, filter.data.data(), input.data.data());
    EXPECT_TRUE(image_equals(
        transpose_by_conv2d(in_format(input), filter, in_format(input_shape(p)), attributes(p), execution_),
        input_shape(p), expected.value));
  }
}

/// Paddings that TensorFlow names instead of numbers mean the same to every way.
TEST_P(RelationsTest, EveryWayTakesSameAndValid) {
  std::mt19937 random(test_seed());
  for (Padding padding : {Padding::kSame, Padding::kValid}) {
    const Shape input_shape = {2, 9, 8, 3}, filter_shape = {3, 4, 3, 5};
    const Conv2dAttributes nhwc = {.strides = {2, 1}, .dilations = {1, 2}, .padding = padding};
    Conv2dAttributes attributes = nhwc;
    attributes.data_format = static_cast<DataFormat>(data_format());
    const Result<OutputShape> output = conv2d_output_shape(input_shape, filter_shape, nhwc);
    ASSERT_TRUE(output.ok()) << output.status().message();
    const Conv2dProblem p = {.groups = 1,
                             .batch = 2,
                             .in_channels = 3,
                             .in_height = 9,
                             .in_width = 8,
                             .out_channels = 5,
                             .out_height = (*output).shape[1],
                             .out_width = (*output).shape[2],
                             .filter_height = 3,
                             .filter_width = 4,
                             .stride_height = 2,
                             .stride_width = 1,
                             .pad_top = (*output).paddings[0][0],
                             .pad_left = (*output).paddings[1][0],
                             .dilation_height = 1,
                             .dilation_width = 2};
    SCOPED_TRACE(to_string(p));
    const HostTensor input = integers(input_shape, p, &random), filter = integers(filter_shape, p, &random),
                     d_out = integers((*output).shape, p, &random);
    const reference::Sums d_input = reference::backward_input(p, filter.data.data(), d_out.data.data());
    for (const InputGradientWay &way : kInputGradientWays) {
      EXPECT_TRUE(image_equals(way.compute(in_format(input_shape), filter, in_format(d_out), attributes, execution_),
                               input_shape, d_input.value))
          << way.name;
    }
    const reference::Sums d_filter = reference::backward_filter(p, input.data.data(), d_out.data.data());
    for (const FilterGradientWay &way : kFilterGradientWays) {
      EXPECT_TRUE(equals(way.compute(in_format(input), filter_shape, in_format(d_out), attributes, execution_),
                         filter_shape, d_filter.value))
          << way.name;
    }
  }
}

/// No tap of the filter meets the input: its gradients are zero in every way.
TEST_P(RelationsTest, EveryWayGivesZerosForAnOutputWithoutElements) {
  const Shape input_shape = {2, 2, 8, 3}, filter_shape = {3, 4, 3, 5};
  const Result<OutputShape> output = conv2d_output_shape(input_shape, filter_shape, {});
  ASSERT_TRUE(output.ok()) << output.status().message();
  EXPECT_EQ(output->shape, (Shape{2, 0, 5, 5}));
  const Conv2dAttributes attributes{.data_format = static_cast<DataFormat>(data_format())};
  const HostTensor input(in_format(input_shape)), filter(filter_shape), d_out(in_format(output->shape));
  for (const InputGradientWay &way : kInputGradientWays) {
    EXPECT_TRUE(equals(way.compute(input.shape, filter, d_out, attributes, execution_), input.shape,
                       std::vector<double>(input.data.size())))
        << way.name;
  }
  for (const FilterGradientWay &way : kFilterGradientWays) {
    EXPECT_TRUE(equals(way.compute(input, filter_shape, d_out, attributes, execution_), filter_shape,
                       std::vector<double>(filter.data.size())))
        << way.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Places, RelationsTest, ::testing::ValuesIn(linked_places()), [](const auto &place) {
  return std::string(find_data_format(place.param.data_format)->name) + "_" + place.param.target;
});

}  // namespace
}  // namespace halconv::testing
