/// TensorFlow's padding and output sizes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

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
    {4, 3, 1, 1, Padding::kValid, {}, 2, {0, 0}},
    {5, 3, 2, 1, Padding::kValid, {}, 2, {0, 0}},
    {6, 3, 2, 1, Padding::kValid, {}, 2, {0, 0}},
    {7, 3, 1, 3, Padding::kValid, {}, 1, {0, 0}},
    {4, 3, 1, 1, Padding::kSame, {}, 4, {1, 1}},
    {4, 2, 1, 1, Padding::kSame, {}, 4, {0, 1}},
    {5, 3, 2, 1, Padding::kSame, {}, 3, {1, 1}},
    {6, 3, 2, 1, Padding::kSame, {}, 3, {0, 1}},
    {224, 7, 2, 1, Padding::kSame, {}, 112, {2, 3}},
    {10, 1, 3, 1, Padding::kSame, {}, 4, {0, 0}},
    {3, 5, 1, 1, Padding::kSame, {}, 3, {2, 2}},
    {8, 3, 1, 2, Padding::kSame, {}, 8, {2, 2}},
    {4, 3, 1, 1, Padding::kExplicit, {2, 0}, 4, {2, 0}},
    {4, 3, 2, 1, Padding::kExplicit, {0, 3}, 3, {0, 3}},
    {1, 3, 1, 1, Padding::kExplicit, {1, 1}, 1, {1, 1}},
    {4, 1, 1, 1, Padding::kExplicit, {5, 6}, 15, {5, 6}},
    // A filter that the input cannot hold: the division truncates to no output.
    {2, 3, 1, 1, Padding::kValid, {}, 0, {0, 0}},
    {1, 3, 3, 1, Padding::kValid, {}, 0, {0, 0}},
    {0, 3, 3, 1, Padding::kValid, {}, 0, {0, 0}},
    {1, 6, 3, 1, Padding::kValid, {}, 0, {0, 0}},
    {0, 3, 2, 1, Padding::kExplicit, {1, 0}, 0, {1, 0}},
    {0, 3, 1, 1, Padding::kSame, {}, 0, {1, 1}},
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
    std::array<int64_t, 2> strides{1, 1}, dilations{1, 1};
    std::array<int64_t, 8> sides{};
    strides[axis] = c.stride;
    dilations[axis] = c.dilation;
    std::copy_n(c.explicit_sides.begin(), 2, sides.begin() + 2 * (1 + static_cast<int>(axis)));
    attributes.strides = strides;
    attributes.dilations = dilations;
    if (c.padding == Padding::kExplicit) attributes.explicit_paddings = sides;
    const Result<OutputShape> output = conv2d_output_shape(input, filter, attributes);
    ASSERT_TRUE(output.ok()) << output.status().message();
    Shape expected{2, 9, 9, 5};
    expected[1 + axis] = c.output;
    EXPECT_EQ(output->shape, expected);
    EXPECT_EQ(output->paddings[axis], c.sides);
    EXPECT_EQ(output->paddings[1 - axis], (Sides{0, 0}));
  }
}

/// The output size as a count of windows; nothing where TensorFlow reports an error.
std::optional<int64_t> count_windows(int64_t padded, int64_t reach, int64_t stride) {
  const int64_t missing = reach - padded;
  if (missing >= 2 * stride) return std::nullopt;
  int64_t windows = 0;
  for (int64_t first = 0; first + reach <= padded; first += stride) ++windows;
  return windows;
}

/// Each output of SAME starts at a row of the input of its own; the padding is the least that lets the last one end.
AxisCase same_axis(int64_t input, int64_t filter, int64_t stride, int64_t dilation) {
  AxisCase c{input, filter, stride, dilation, Padding::kSame, {}, 0, {}};
  for (int64_t row = 0; row < input; row += stride) ++c.output;
  int64_t total = 0;
  while ((c.output - 1) * stride + (filter - 1) * dilation + 1 > input + total) ++total;
  c.sides = {total / 2, total - total / 2};
  return c;
}

TEST(OutputShapes, AreThoseOfTheDefinition) {
  const auto shape_of = [](const AxisCase &c) {
    const int64_t top = c.explicit_sides[0], bottom = c.explicit_sides[1];
    const bool is_explicit = c.padding == Padding::kExplicit;
    return conv2d_output_shape({2, c.input, 5, 3}, {c.filter, 1, 3, 4},
                               {.strides = {c.stride, 1},
                                .dilations = {1, c.dilation, 1, 1},
                                .padding = c.padding,
                                .explicit_paddings = is_explicit ? IntList{0, 0, top, bottom, 0, 0, 0, 0} : IntList{}});
  };
  int negative = 0, empty = 0;
  for (int64_t input = 0; input < 9; ++input) {
    for (int64_t filter = 1; filter < 5; ++filter) {
      for (int64_t stride = 1; stride < 5; ++stride) {
        for (int64_t dilation = 1; dilation < 4; ++dilation) {
          SCOPED_TRACE(::testing::Message() << "input " << input << " filter " << filter << " stride " << stride
                                            << " dilation " << dilation);
          const AxisCase same = same_axis(input, filter, stride, dilation);
          const Result<OutputShape> same_shape = shape_of(same);
          ASSERT_TRUE(same_shape.ok()) << same_shape.status().message();
          EXPECT_EQ(same_shape->shape, (Shape{2, same.output, 5, 4}));
          EXPECT_EQ(same_shape->paddings[0], same.sides);
          for (const Sides &sides : {Sides{0, 0}, Sides{1, 0}, Sides{0, 2}, Sides{3, 1}}) {
            const std::optional<int64_t> output =
                count_windows(input + sides[0] + sides[1], (filter - 1) * dilation + 1, stride);
            const Result<OutputShape> shape =
                shape_of({input, filter, stride, dilation, Padding::kExplicit, sides, 0, {}});
            ASSERT_EQ(shape.ok(), output.has_value()) << shape.status().message();
            negative += !output;
            empty += output == 0;
            if (!output) continue;
            EXPECT_EQ(shape->shape, (Shape{2, *output, 5, 4}));
            EXPECT_EQ(shape->paddings[0], sides);
          }
          const std::optional<int64_t> output = count_windows(input, (filter - 1) * dilation + 1, stride);
          const Result<OutputShape> valid = shape_of({input, filter, stride, dilation, Padding::kValid, {}, 0, {}});
          ASSERT_EQ(valid.ok(), output.has_value());
          EXPECT_EQ(valid.ok() ? valid->shape[1] : 0, output.value_or(0));
        }
      }
    }
  }
  EXPECT_GT(negative, 0);
  EXPECT_GT(empty, 0);
}

TEST(OutputShapes, TakeStridesAndDilationsAsTensorFlowSpellsThem) {
  for (const IntList &two : {IntList(2), IntList{2}, IntList{2, 2}, IntList{1, 2, 2, 1}}) {
    const Result<OutputShape> output =
        conv2d_output_shape({1, 9, 11, 1}, {3, 3, 1, 1}, {.strides = two, .dilations = two});
    ASSERT_TRUE(output.ok()) << output.status().message();
    EXPECT_EQ(output->shape, (Shape{1, 3, 4, 1}));
  }
}

TEST(OutputShapes, HaveTheFiltersChannelsWhateverTheGroups) {
  const Result<OutputShape> output = conv2d_output_shape({1, 8, 8, 4}, {3, 3, 2, 6}, {});
  ASSERT_TRUE(output.ok()) << output.status().message();
  EXPECT_EQ(output->shape, (Shape{1, 6, 6, 6}));
}

TEST(OutputShapes, HaveTheOrderOfTheDataFormat) {
  const Conv2dAttributes attributes{.strides = {1, 1, 2, 1},
                                    .padding = Padding::kExplicit,
                                    .explicit_paddings = {0, 0, 0, 0, 1, 2, 3, 4},
                                    .data_format = DataFormat::kNchw};
  const Result<OutputShape> output = conv2d_output_shape({2, 5, 8, 9}, {3, 2, 5, 7}, attributes);
  ASSERT_TRUE(output.ok()) << output.status().message();
  EXPECT_EQ(output->shape, (Shape{2, 7, 5, 15}));
  EXPECT_EQ(output->paddings[0], (std::array<int64_t, 2>{1, 2}));
  EXPECT_EQ(output->paddings[1], (std::array<int64_t, 2>{3, 4}));
}

TEST(OutputShapes, HaveNoMoreElementsThanKernelsCanIndex) {
  const Result<OutputShape> output = conv2d_output_shape({1, 40000, 40000, 1}, {1, 1, 1, 9}, {});
  EXPECT_EQ(output.status().code(), HALCONV_INVALID_ARGUMENT);
  EXPECT_NE(output.status().message().find("output"), std::string::npos);
}

TEST(InputShapes, AreTheSizesGiven) {
  const IntList filter{3, 2, 5, 7}, out_backprop{2, 6, 8, 7};
  for (const IntList &sizes : {IntList{8, 9}, IntList{2, 8, 9, 5}}) {
    const Result<Shape> shape = conv2d_input_shape(sizes, filter, out_backprop, {});
    ASSERT_TRUE(shape.ok()) << shape.status().message();
    EXPECT_EQ(*shape, (Shape{2, 8, 9, 5}));
  }
  const Result<Shape> planes = conv2d_input_shape({8, 9}, filter, {2, 7, 6, 8}, {.data_format = DataFormat::kNchw});
  ASSERT_TRUE(planes.ok()) << planes.status().message();
  EXPECT_EQ(*planes, (Shape{2, 5, 8, 9}));
  const Result<Shape> grouped = conv2d_input_shape({2, 8, 9, 10}, filter, out_backprop, {});
  ASSERT_TRUE(grouped.ok()) << grouped.status().message();
  EXPECT_EQ(*grouped, (Shape{2, 8, 9, 10}));
}

TEST(FilterShapes, AreTheSizesGiven) {
  const Result<Shape> shape = conv2d_filter_shape({2, 8, 9, 5}, {3, 2, 5, 7}, {2, 6, 8, 7}, {});
  ASSERT_TRUE(shape.ok()) << shape.status().message();
  EXPECT_EQ(*shape, (Shape{3, 2, 5, 7}));
}

INSTANTIATE_TEST_SUITE_P(Cases, OutputShapeTest, ::testing::ValuesIn(kAxisCases));

}  // namespace
}  // namespace halconv
