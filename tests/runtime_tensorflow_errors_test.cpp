/// The conditions of TensorFlow's errors, with its codes, its words and its order of checks, through the functions on
/// tensors and those on shapes.
///
/// The words are TensorFlow 2.21's for the CPU.
#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "halconv/halconv.hpp"

namespace halconv {
namespace {

using Dimensions = std::vector<int64_t>;

/// A call that fails; shapes and attributes that are not named are of one that would not.
struct Case {
  const char *name;
  Operation operation = Operation::kForward;
  halconv_status_code code = HALCONV_INVALID_ARGUMENT;
  std::string words{};
  Dimensions input = {1, 8, 8, 4}, filter = {3, 3, 4, 4}, output = {1, 6, 6, 4};
  Conv2dAttributes attributes{};
};

void PrintTo(const Case &c, std::ostream *out) { *out << c.name; }

std::string label(Operation operation) {
  if (operation == Operation::kForward) return "";
  return operation == Operation::kBackwardInput ? "Conv2DCustomBackpropInput: " : "Conv2DCustomBackpropFilter: ";
}

halconv_tensor tensor(const Dimensions &shape) {
  static float element;
  halconv_tensor tensor{&element, HALCONV_FLOAT32, HALCONV_HOST, static_cast<int32_t>(shape.size()), {}};
  std::copy(shape.begin(), shape.end(), tensor.shape);
  return tensor;
}

Status call_on_tensors(const Case &c) {
  const halconv_tensor input = tensor(c.input), filter = tensor(c.filter), output = tensor(c.output);
  halconv_tensor result = c.operation == Operation::kForward         ? output
                          : c.operation == Operation::kBackwardInput ? input
                                                                     : filter;
  const halconv_conv2d_attributes attributes = detail::to_c(c.attributes);
  switch (c.operation) {
    case Operation::kForward:
      return halconv_conv2d(&input, &filter, &attributes, nullptr, &result);
    case Operation::kBackwardInput:
      return halconv_conv2d_backprop_input(&filter, &output, &attributes, nullptr, &result);
    case Operation::kBackwardFilter:
      break;
  }
  return halconv_conv2d_backprop_filter(&input, &output, &attributes, nullptr, &result);
}

Status call_on_shapes(const Case &c) {
  const IntList input{std::span(c.input)}, filter{std::span(c.filter)}, output{std::span(c.output)};
  switch (c.operation) {
    case Operation::kForward:
      return conv2d_output_shape(input, filter, c.attributes).status();
    case Operation::kBackwardInput:
      return conv2d_input_shape(input, filter, output, c.attributes).status();
    case Operation::kBackwardFilter:
      break;
  }
  return conv2d_filter_shape(input, filter, output, c.attributes).status();
}

void expect_failure(const Status &status, const Case &c) {
  EXPECT_EQ(status.code(), c.code) << status.message();
  EXPECT_EQ(status.message().substr(0, c.words.size()), c.words);
  EXPECT_EQ(status.message().substr(c.words.size(), 2), " (") << "what we say of it: " << status.message();
}

const IntList kExplicit7{0, 0, 1, 1, 1, 1, 0};

/// Attributes, for all operations alike; in the order of the checks of `operation`.
std::vector<Case> attribute_cases(Operation operation) {
  const auto words = [](const std::string &what) {
    return "Current implementation does not yet support " + what + " in the batch and depth dimensions.";
  };
  const halconv_status_code batch_or_depth =
      operation == Operation::kBackwardFilter ? HALCONV_INVALID_ARGUMENT : HALCONV_UNIMPLEMENTED;
  const auto make = [&](const char *name, halconv_status_code code, std::string text, Conv2dAttributes attributes) {
    return Case{.name = name, .operation = operation, .code = code, .words = std::move(text), .attributes = attributes};
  };
  const auto invalid = [&](const char *name, std::string text, Conv2dAttributes attributes) {
    return make(name, HALCONV_INVALID_ARGUMENT, std::move(text), attributes);
  };
  const auto padded = [](const IntList &paddings) {
    return Conv2dAttributes{.padding = Padding::kExplicit, .explicit_paddings = paddings};
  };
  const std::string strides_length = "Sliding window strides field must specify 4 dimensions";
  const std::string dilations_length = "Sliding window dilations field must specify 4 dimensions";
  const std::string stride = "Row and column strides should be larger than 0.";
  const std::string dilation = "Dilated rates should be larger than 0.";
  return {
      invalid("padding", "3 is not an allowed padding type", {.strides = 0, .padding = static_cast<Padding>(3)}),
      invalid("data_format", "Invalid data format", {.strides = 0, .data_format = static_cast<DataFormat>(2)}),
      invalid("strides_length", strides_length, {.strides = {1, 1, 1}}),
      invalid("no_strides", strides_length, {.strides = IntList{}}),
      make("strides_batch", batch_or_depth, words("strides"), {.strides = {2, 0, 1, 1}}),
      make("strides_depth", batch_or_depth, words("strides"), {.strides = {1, 1, 1, 2}, .dilations = 0}),
      make("strides_depth_nchw", batch_or_depth, words("strides"),
           {.strides = {1, 2, 1, 1}, .dilations = 0, .data_format = DataFormat::kNchw}),
      invalid("stride_0", stride, {.strides = {1, 0}, .dilations = {0, 0, 0, 0}}),
      invalid("stride_negative", stride, {.strides = {1, -1, 1, 1}}),
      invalid("dilations_length", dilations_length, {.dilations = {1, 1, 1}}),
      make("dilations_batch", batch_or_depth, words("dilations"), {.dilations = {2, 0, 1, 1}}),
      make("dilations_depth", batch_or_depth, words("dilations"), {.dilations = {1, 1, 1, 0}}),
      invalid("dilation_0", dilation, {.dilations = 0}),
      invalid("dilation_negative", dilation, {.dilations = {1, -2}}),
      invalid("explicit_paddings_length", "explicit_paddings attribute must contain 8 values, but got: 7",
              padded(kExplicit7)),
      invalid("no_explicit_paddings", "explicit_paddings attribute must contain 8 values, but got: 0", padded({})),
      invalid("too_many_explicit_paddings", "explicit_paddings attribute must contain 8 values, but got: 9",
              padded({0, 0, 0, 0, 0, 0, 0, 0, 0})),
      invalid("negative_explicit_padding", "All elements of explicit_paddings must be nonnegative",
              padded({1, 0, 0, -1, 0, 0, 0, 0})),
      invalid("batch_padding", "Nonzero explicit padding in the batch or depth dimensions is not supported",
              padded({0, 1, 0, 0, 0, 0, 0, 0})),
      invalid("depth_padding", "Nonzero explicit padding in the batch or depth dimensions is not supported",
              padded({0, 0, 0, 0, 0, 0, 1, 0})),
      invalid("unused_explicit_paddings",
              "explicit_paddings attribute must be empty if the padding attribute is not EXPLICIT",
              {.padding = Padding::kSame, .explicit_paddings = {0, 0, 0, 0, 0, 0, 0, 0}}),
      Case{.name = "attributes_before_shapes",
           .operation = operation,
           .words = stride,
           .input = {1, 8, 8},
           .attributes = {.strides = 0}},
  };
}

/// What comes first of two errors.
std::vector<Case> attribute_order_cases() {
  const Conv2dAttributes both_lengths{.strides = {1, 1, 1}, .dilations = {1, 1, 1}};
  const Conv2dAttributes dilation_and_padding{
      .dilations = 0, .padding = Padding::kExplicit, .explicit_paddings = kExplicit7};
  const std::string strides_length = "Sliding window strides field must specify 4 dimensions";
  const std::string paddings_length = "explicit_paddings attribute must contain 8 values, but got: 7";
  return {
      {.name = "both_lengths",
       .words = "Sliding window dilations field must specify 4 dimensions",
       .attributes = both_lengths},
      {.name = "both_lengths_backprop_input",
       .operation = Operation::kBackwardInput,
       .words = strides_length,
       .attributes = both_lengths},
      {.name = "both_lengths_backprop_filter",
       .operation = Operation::kBackwardFilter,
       .words = strides_length,
       .attributes = both_lengths},
      {.name = "dilation_and_padding",
       .words = "Dilated rates should be larger than 0.",
       .attributes = dilation_and_padding},
      {.name = "dilation_and_padding_backprop_input",
       .operation = Operation::kBackwardInput,
       .words = "Dilated rates should be larger than 0.",
       .attributes = dilation_and_padding},
      {.name = "dilation_and_padding_backprop_filter",
       .operation = Operation::kBackwardFilter,
       .words = paddings_length,
       .attributes = dilation_and_padding},
  };
}

std::vector<Case> forward_shape_cases() {
  return {
      {.name = "input_rank",
       .words = "convolution input must be 4-dimensional: [8,8,4]",
       .input = {8, 8, 4},
       .filter = {3}},
      {.name = "filter_rank",
       .words = "convolution filter must be 4-dimensional: [3,3,4]",
       .input = {1, 8, 8, -4},
       .filter = {3, 3, 4}},
      {.name = "negative_extent", .words = "Dimension -8 must be >= 0", .input = {1, -8, 8, 4}, .filter = {3, 3, 0, 4}},
      {.name = "filter_depth",
       .words = "filter depth must be stricly positive, got 0",
       .input = {1, 1, 1, 0},
       .filter = {3, 3, 0, 4}},
      {.name = "depths",
       .words = "input depth must be evenly divisible by filter depth: 4 vs 3",
       .input = {1, 1, 8, 4},
       .filter = {3, 3, 3, 4}},
      {.name = "height",
       .words = "Computed output size would be negative: -1 [input_size: 1, effective_filter_size: 3, stride: 1]",
       .input = {1, 1, 0, 4},
       .filter = {3, 3, 2, 3}},
      {.name = "width",
       .words = "Computed output size would be negative: -1 [input_size: 8, effective_filter_size: 21, stride: 5]",
       .attributes = {.strides = {1, 5}, .dilations = {1, 10}}},
      {.name = "far_dilated",
       .words =
           "Computed output size would be negative: -2147483640 [input_size: 8, effective_filter_size: 2147483649, "
           "stride: 1]",
       .attributes = {.dilations = 1 << 30}},
  };
}

/// Of sums that have terms; the functions on shapes leave them to those on tensors, as does TensorFlow where the output
/// has no elements.
std::vector<Case> forward_sum_cases() {
  const std::string empty = "filter must not have zero elements (i.e. all dimensions must be non-zero)";
  return {
      {.name = "no_filter_rows", .words = empty, .filter = {0, 3, 4, 4}, .output = {1, 9, 6, 4}},
      {.name = "no_filter_columns",
       .words = empty,
       .filter = {3, 0, 2, 3},
       .output = {1, 8, 8, 3},
       .attributes = {.padding = Padding::kSame}},
      {.name = "output_depth",
       .words = "output depth must be evenly divisible by number of groups: 3 vs 2",
       .filter = {3, 3, 2, 3},
       .output = {1, 6, 6, 3}},
      {.name = "less_output_depth_than_groups",
       .words = "output depth must be evenly divisible by number of groups: 2 vs 4",
       .filter = {3, 3, 1, 2},
       .output = {1, 6, 6, 2}},
  };
}

std::vector<Case> gradient_shape_cases(Operation operation) {
  const std::string in = label(operation);
  return {
      {.name = "filter_rank",
       .operation = operation,
       .words = in + "filter must be 4-dimensional",
       .filter = {3, 3, 4},
       .output = {6}},
      {.name = "out_backprop_rank",
       .operation = operation,
       .words = in + "out_backprop must be 4-dimensional",
       .output = {1, 6, 6, 4, 1}},
      {.name = "batch",
       .operation = operation,
       .words = in + "input and out_backprop must have the same batch size. Input batch: 1, outbackprop batch: 2, "
                     "batch_dim: 0",
       .filter = {3, 3, 0, 4},
       .output = {2, 6, 6, 5}},
      {.name = "filter_depth",
       .operation = operation,
       .words = in + "filter depth must be strictly greated than zero",
       .filter = {3, 3, 0, 4},
       .output = {1, 6, 6, 5}},
      {.name = "out_depth",
       .operation = operation,
       .words = in + "filter and out_backprop must have the same out_depth",
       .output = {1, 5, 6, 5}},
      {.name = "height",
       .operation = operation,
       .words = in + "Size of out_backprop doesn't match computed: actual = 5, computed = 6 spatial_dim: 1 input: 8 "
                     "filter: 3 output: 5 stride: 1 dilation: 1",
       .output = {1, 5, 9, 4}},
      {.name = "width",
       .operation = operation,
       .words = in + "Size of out_backprop doesn't match computed: actual = 3, computed = 2 spatial_dim: 2 input: 8 "
                     "filter: 3 output: 3 stride: 2 dilation: 2",
       .output = {1, 2, 3, 4},
       .attributes = {.strides = 2, .dilations = 2}},
      {.name = "negative_output",
       .operation = operation,
       .words = "Computed output size would be negative: -1 [input_size: 1, effective_filter_size: 3, stride: 1]",
       .input = {1, 1, 8, 4},
       .output = {1, 0, 6, 4}},
  };
}

std::vector<Case> gradient_sum_cases(Operation operation) {
  return {
      {.name = "no_groups",
       .operation = operation,
       .words = "number of groups must be stricly positive, got 0",
       .input = {1, 8, 8, 0}},
      {.name = "output_depth",
       .operation = operation,
       .words = "output depth must be evenly divisible by number of groups: 3 vs 2",
       .filter = {3, 3, 2, 3},
       .output = {1, 6, 6, 3}},
  };
}

class ErrorTest : public ::testing::TestWithParam<Case> {};

TEST_P(ErrorTest, OfTensorsAndOfShapes) {
  expect_failure(call_on_tensors(GetParam()), GetParam());
  expect_failure(call_on_shapes(GetParam()), GetParam());
}

class SumErrorTest : public ::testing::TestWithParam<Case> {};

TEST_P(SumErrorTest, OfTensors) {
  expect_failure(call_on_tensors(GetParam()), GetParam());
  EXPECT_TRUE(call_on_shapes(GetParam()).ok()) << call_on_shapes(GetParam()).message();
}

/// The functions on shapes take input_sizes in place of the input gradient's shape.
TEST(RankErrors, OfTheInputComesFirst) {
  for (Operation operation : {Operation::kBackwardInput, Operation::kBackwardFilter}) {
    const Case c{.name = "input_rank",
                 .operation = operation,
                 .words = label(operation) + "input must be 4-dimensional",
                 .input = {8, 8, 4},
                 .filter = {3}};
    expect_failure(call_on_tensors(c), c);
  }
}

std::string case_name(const ::testing::TestParamInfo<Case> &info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Forward, ErrorTest, ::testing::ValuesIn(attribute_cases(Operation::kForward)), case_name);
INSTANTIATE_TEST_SUITE_P(BackpropInput, ErrorTest, ::testing::ValuesIn(attribute_cases(Operation::kBackwardInput)),
                         case_name);
INSTANTIATE_TEST_SUITE_P(BackpropFilter, ErrorTest, ::testing::ValuesIn(attribute_cases(Operation::kBackwardFilter)),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Order, ErrorTest, ::testing::ValuesIn(attribute_order_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(ForwardShapes, ErrorTest, ::testing::ValuesIn(forward_shape_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(BackpropInputShapes, ErrorTest,
                         ::testing::ValuesIn(gradient_shape_cases(Operation::kBackwardInput)), case_name);
INSTANTIATE_TEST_SUITE_P(BackpropFilterShapes, ErrorTest,
                         ::testing::ValuesIn(gradient_shape_cases(Operation::kBackwardFilter)), case_name);
INSTANTIATE_TEST_SUITE_P(Forward, SumErrorTest, ::testing::ValuesIn(forward_sum_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(BackpropInput, SumErrorTest,
                         ::testing::ValuesIn(gradient_sum_cases(Operation::kBackwardInput)), case_name);
INSTANTIATE_TEST_SUITE_P(BackpropFilter, SumErrorTest,
                         ::testing::ValuesIn(gradient_sum_cases(Operation::kBackwardFilter)), case_name);

TEST(InputSizesErrors, AreTensorFlows) {
  const auto failure_of = [](const IntList &sizes, const IntList &filter, const IntList &out_backprop) {
    return conv2d_input_shape(sizes, filter, out_backprop, {}).status();
  };
  const IntList filter{3, 3, 4, 4}, out_backprop{1, 6, 6, 4};
  const auto expect = [](const Status &status, const std::string &words) {
    expect_failure(status, {.name = "input_sizes", .words = words});
  };
  expect(failure_of({8, 8, 4}, {3}, {6}),
         "Conv2DBackpropInput requires input_sizes to contain 4 values or 2 values, but got: 3");
  expect(failure_of({}, filter, out_backprop),
         "Conv2DBackpropInput requires input_sizes to contain 4 values or 2 values, but got: 0");
  expect(failure_of({-8, 8}, {3}, out_backprop), "Conv2DBackpropInput: elements of input_sizes must be >= 0, not -8x8");
  expect(failure_of({1, -8, 8, 4}, filter, out_backprop), "Dimension -8 must be >= 0");
  expect(failure_of({8, 8}, {3, 4}, out_backprop), "Conv2DCustomBackpropInput: filter must be 4-dimensional");
  expect(failure_of({8, 8}, filter, {6}), "Conv2DCustomBackpropInput: out_backprop must be 4-dimensional");
}

/// The transpose is the gradient of the input: its output_shape is checked by running the forward formula back.
TEST(TransposeErrors, AreThoseOfTheInputGradient) {
  std::array<float, 144> input{}, filter{};
  std::array<float, 324> output{};
  const auto transpose = [&](const Shape &shape, const Conv2dAttributes &attributes) {
    return conv2d_transpose({input.data(), {1, 6, 6, 4}}, {filter.data(), {3, 3, 4, 4}}, attributes,
                            {output.data(), shape});
  };
  EXPECT_TRUE(transpose({1, 8, 8, 4}, {}).ok());
  expect_failure(transpose({1, 9, 8, 4}, {}), {.name = "size",
                                               .words = "Conv2DCustomBackpropInput: Size of out_backprop doesn't match "
                                                        "computed: actual = 6, computed = 7 spatial_dim: 1 input: 9 "
                                                        "filter: 3 output: 6 stride: 1 dilation: 1"});
  expect_failure(transpose({2, 8, 8, 4}, {}),
                 {.name = "batch",
                  .words = "Conv2DCustomBackpropInput: input and out_backprop must have the same batch size. Input "
                           "batch: 2, outbackprop batch: 1, batch_dim: 0"});
  expect_failure(transpose({1, 8, 8, 4}, {.strides = {2, 1, 1, 1}}),
                 {.name = "strides",
                  .code = HALCONV_UNIMPLEMENTED,
                  .words = "Current implementation does not yet support strides in the batch and depth dimensions."});
}

/// Sizes of each dimension differ, so that a dimension taken for another is one that does not fit.
TEST(NchwErrors, AreTensorFlows) {
  const Conv2dAttributes nchw{.data_format = DataFormat::kNchw};
  const auto expect = [&](Operation operation, const std::string &words, const Dimensions &input,
                          const Dimensions &output) {
    const Case c{.name = "nchw",
                 .operation = operation,
                 .words = words,
                 .input = input,
                 .filter = {3, 2, 4, 5},
                 .output = output,
                 .attributes = nchw};
    expect_failure(call_on_tensors(c), c);
    expect_failure(call_on_shapes(c), c);
  };
  expect(Operation::kForward, "input depth must be evenly divisible by filter depth: 9 vs 4", {1, 9, 8, 4}, {});
  expect(Operation::kForward,
         "Computed output size would be negative: -2 [input_size: 0, effective_filter_size: 3, stride: 1]",
         {1, 4, 0, 6}, {});
  for (const Operation operation : {Operation::kBackwardInput, Operation::kBackwardFilter}) {
    expect(operation,
           label(operation) +
               "Size of out_backprop doesn't match computed: actual = 7, computed = 8 spatial_dim: 3 "
               "input: 9 filter: 2 output: 7 stride: 1 dilation: 1",
           {1, 4, 8, 9}, {1, 5, 6, 7});
    expect(operation, label(operation) + "filter and out_backprop must have the same out_depth", {1, 4, 8, 9},
           {1, 8, 6, 5});
  }
}

TEST(DataFormats, AreParsed) {
  halconv_data_format format{};
  for (const auto &[text, expected] : {std::pair("NHWC", HALCONV_NHWC), std::pair("NCHW", HALCONV_NCHW)}) {
    EXPECT_TRUE(Status(halconv_parse_data_format(text, &format)).ok());
    EXPECT_EQ(format, expected);
  }
  for (const char *text : {"HWCN", "nchw", ""}) {
    expect_failure(halconv_parse_data_format(text, &format), {.name = "data_format", .words = "Invalid data format"});
  }
  EXPECT_EQ(Status(halconv_parse_data_format(nullptr, &format)).code(), HALCONV_INVALID_ARGUMENT);
  EXPECT_EQ(format, HALCONV_NCHW);
}

TEST(Paddings, AreParsed) {
  for (const auto &[text, expected] :
       {std::pair("VALID", HALCONV_VALID), std::pair("SAME", HALCONV_SAME), std::pair("EXPLICIT", HALCONV_EXPLICIT)}) {
    halconv_padding padding{};
    EXPECT_TRUE(Status(halconv_parse_padding(text, &padding)).ok());
    EXPECT_EQ(padding, expected);
  }
  halconv_padding padding = HALCONV_SAME;
  for (const char *text : {"FULL", "same", ""}) {
    expect_failure(halconv_parse_padding(text, &padding),
                   {.name = "padding", .words = std::string(text) + " is not an allowed padding type"});
  }
  EXPECT_EQ(Status(halconv_parse_padding(nullptr, &padding)).code(), HALCONV_INVALID_ARGUMENT);
  EXPECT_EQ(padding, HALCONV_SAME);
}

}  // namespace
}  // namespace halconv
