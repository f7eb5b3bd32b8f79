/// TensorFlow's padding and output sizes, its error texts, and tensors without elements.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "halconv/halconv.hpp"

namespace halconv {
namespace {

using Sides = std::array<int64_t, 2>;

struct AxisCase {
  int64_t input, filter, stride, dilation;
  Padding padding;
  Sides explicit_sides;
  int64_t output;
  Sides sides;
};

/// By hand from the definition of tf.nn.convolution.
const AxisCase kAxisCases[] = {
    {4, 3, 1, 1, Padding::kValid, {}, 2, {0, 0}},        {5, 3, 2, 1, Padding::kValid, {}, 2, {0, 0}},
    {6, 3, 2, 1, Padding::kValid, {}, 2, {0, 0}},        {7, 3, 1, 3, Padding::kValid, {}, 1, {0, 0}},
    {4, 3, 1, 1, Padding::kSame, {}, 4, {1, 1}},         {4, 2, 1, 1, Padding::kSame, {}, 4, {0, 1}},
    {5, 3, 2, 1, Padding::kSame, {}, 3, {1, 1}},         {6, 3, 2, 1, Padding::kSame, {}, 3, {0, 1}},
    {224, 7, 2, 1, Padding::kSame, {}, 112, {2, 3}},     {10, 1, 3, 1, Padding::kSame, {}, 4, {0, 0}},
    {3, 5, 1, 1, Padding::kSame, {}, 3, {2, 2}},         {8, 3, 1, 2, Padding::kSame, {}, 8, {2, 2}},
    {4, 3, 1, 1, Padding::kExplicit, {2, 0}, 4, {2, 0}}, {4, 3, 2, 1, Padding::kExplicit, {0, 3}, 3, {0, 3}},
    {1, 3, 1, 1, Padding::kExplicit, {1, 1}, 1, {1, 1}}, {4, 1, 1, 1, Padding::kExplicit, {5, 6}, 15, {5, 6}},
};

class OutputShapeTest : public ::testing::TestWithParam<AxisCase> {};

/// The two axes do not mix.
TEST_P(OutputShapeTest, FollowsTensorFlowOnEachAxis) {
  const AxisCase &c = GetParam();
  for (size_t axis : {size_t{0}, size_t{1}}) {
    Shape input{2, 9, 9, 3}, filter{1, 1, 3, 5};
    input[1 + axis] = c.input;
    filter[axis] = c.filter;
    Conv2dAttributes attributes;
    attributes.padding = c.padding;
    attributes.strides[axis] = c.stride;
    attributes.dilations[axis] = c.dilation;
    attributes.explicit_paddings[axis] = c.explicit_sides;
    const Result<OutputShape> output = conv2d_output_shape(input, filter, attributes);
    ASSERT_TRUE(output.ok()) << output.status().message();
    Shape expected{2, 9, 9, 5};
    expected[1 + axis] = c.output;
    EXPECT_EQ(output->shape, expected);
    EXPECT_EQ(output->paddings[axis], c.sides);
    EXPECT_EQ(output->paddings[1 - axis], (Sides{0, 0}));
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, OutputShapeTest, ::testing::ValuesIn(kAxisCases));

std::string error_of(const Shape &input, const Shape &filter, const Conv2dAttributes &attributes) {
  const Result<OutputShape> output = conv2d_output_shape(input, filter, attributes);
  EXPECT_FALSE(output.ok());
  EXPECT_EQ(output.status().code(), HALCONV_INVALID_ARGUMENT);
  return output.status().message();
}

TEST(OutputShapeErrors, StartWithTensorFlowsWords) {
  const Shape input{1, 8, 8, 4}, filter{3, 3, 4, 4};
  const auto starts_with = [](const std::string &message, const std::string &words) {
    EXPECT_EQ(message.substr(0, words.size()), words);
  };
  starts_with(error_of({1, 4, 8, 4}, {9, 3, 4, 4}, {}), "Computed output size would be negative: -4");
  starts_with(error_of(input, filter, {.strides = {0, 1}}), "Row and column strides should be larger than 0.");
  starts_with(error_of(input, filter, {.dilations = {1, -2}}), "Dilated rates should be larger than 0.");
  starts_with(error_of(input, filter, {.padding = Padding::kExplicit, .explicit_paddings = {{{0, -1}, {0, 0}}}}),
              "All elements of explicit_paddings must be nonnegative");
  starts_with(error_of(input, {3, 3, 3, 4}, {}), "input depth must be evenly divisible by filter depth: 4 vs 3");
  starts_with(error_of(input, {0, 3, 4, 4}, {}), "filter must not have zero elements");
  starts_with(error_of({1, 8, 8, 0}, filter, {}), "number of groups must be stricly positive");
}

TEST(OutputShapeErrors, RefuseWhatDoesNotFit) {
  constexpr int64_t kLarge = std::numeric_limits<int32_t>::max();
  EXPECT_NE(error_of({1, 8, 8, 4}, {3, 3, 4, 4}, {.dilations = {kLarge, 1}}).find("(size - 1) * dilation"),
            std::string::npos);
  EXPECT_NE(error_of({1, 3, 8, 4}, {4, 3, 4, 4}, {}).find("filter is larger than the padded input"), std::string::npos);
  EXPECT_NE(error_of({1, 40000, 40000, 1}, {1, 1, 1, 9}, {}).find("output_shape"), std::string::npos);
}

TEST(Groups, AreTheInputDepthInFilterDepths) {
  const Result<OutputShape> output = conv2d_output_shape({1, 8, 8, 4}, {3, 3, 2, 6}, {});
  ASSERT_TRUE(output.ok()) << output.status().message();
  EXPECT_EQ(output->shape, (Shape{1, 6, 6, 6}));
  EXPECT_EQ(error_of({1, 8, 8, 4}, {3, 3, 2, 5}, {}),
            "output depth must be evenly divisible by number of groups: 5 vs 2");
}

TEST(EmptyTensors, EmptyOutputReturns) {
  std::vector<float> filter(9, 1.0f);
  const Status status = conv2d({nullptr, {0, 5, 5, 1}}, {filter.data(), {3, 3, 1, 1}}, {}, {nullptr, {0, 3, 3, 1}});
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST(EmptyTensors, SumsWithoutTermsAreZero) {
  std::vector<float> result(9, std::nanf(""));
  const Status filter_status =
      conv2d_backprop_filter({nullptr, {0, 5, 5, 1}}, {nullptr, {0, 3, 3, 1}}, {}, {result.data(), {3, 3, 1, 1}});
  EXPECT_TRUE(filter_status.ok()) << filter_status.message();
  EXPECT_EQ(result, std::vector<float>(9, 0.0f));

  std::vector<float> filter(1, 1.0f), output(4, std::nanf(""));
  const Conv2dAttributes padded{.padding = Padding::kExplicit, .explicit_paddings = {{{1, 1}, {0, 0}}}};
  const Status status =
      conv2d({nullptr, {1, 0, 2, 1}}, {filter.data(), {1, 1, 1, 1}}, padded, {output.data(), {1, 2, 2, 1}});
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(output, std::vector<float>(4, 0.0f));
}

TEST(EmptyTensors, StillNeedARightTarget) {
  const Status status = conv2d({nullptr, {0, 5, 5, 1}}, {nullptr, {3, 3, 1, 1}}, {}, {nullptr, {0, 3, 3, 1}});
  EXPECT_EQ(status.code(), HALCONV_INVALID_ARGUMENT) << "the filter has elements and no data";
  std::vector<float> filter(9);
  EXPECT_EQ(
      conv2d({nullptr, {0, 5, 5, 1}}, {filter.data(), {3, 3, 1, 1}}, {}, {nullptr, {0, 3, 3, 1}}, {.target = "mmx"})
          .code(),
      HALCONV_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace halconv
