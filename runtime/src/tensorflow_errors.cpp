#include "tensorflow_errors.h"

#include <algorithm>
#include <cinttypes>
#include <string>

#include "halconv/kernel_name.h"

namespace halconv::runtime::errors {

namespace {

std::string list_text(const halconv_int_list &list) {
  return shape_text(list.values, std::clamp(list.count, 0, HALCONV_MAX_RANK));
}

/// A shape as TensorFlow writes it: "[8,8,4]".
std::string debug_string(const int64_t *shape, int32_t rank) {
  std::string text = shape_text(shape, rank);
  std::erase(text, ' ');
  return text;
}

/// What an attribute with a value for each dimension of an image may be, `batch_and_depth` besides height and width.
std::string expected_values(const DataFormatInfo &format, const char *batch_and_depth, const char *height,
                            const char *width) {
  const char *dimensions[4] = {batch_and_depth, batch_and_depth, batch_and_depth, batch_and_depth};
  dimensions[format.height] = height;
  dimensions[format.width] = width;
  std::string text;
  for (const char *values : dimensions) text.append(text.empty() ? "[" : ", ").append(values);
  return text + "]";
}

std::string expected_paddings(const DataFormatInfo &format) {
  return expected_values(format, "0, 0", "top, bottom", "left, right");
}

/// What the messages of TensorFlow's gradients on a CPU begin with.
const char *label(std::string_view operation) {
  if (operation == kForward) return "";
  return operation == kBackwardInput ? "Conv2DCustomBackpropInput: " : "Conv2DCustomBackpropFilter: ";
}

}  // namespace

Status attribute_length(const char *name, const halconv_int_list &values) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "Sliding window %s field must specify 4 dimensions (%s should be of length 1, 2 or 4. Received: "
                      "%s=%s of length %" PRId32 ")",
                      name, name, name, list_text(values).c_str(), values.count);
}

Status batch_or_depth_attribute(halconv_status_code code, const char *name, const halconv_int_list &values,
                                const DataFormatInfo &format) {
  return error_status(code,
                      "Current implementation does not yet support %s in the batch and depth dimensions. (%s is %s, "
                      "expected %s)",
                      name, name, list_text(values).c_str(), expected_values(format, "1", "height", "width").c_str());
}

Status attribute_out_of_range(const char *name, const halconv_int_list &values, int64_t value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "Attr %s has value %" PRId64 " out of range for an int32 (%s is %s, expected at most %" PRId64
                      ")",
                      name, value, name, list_text(values).c_str(), kMaxElements);
}

Status stride(const halconv_int_list &strides, int64_t value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "Row and column strides should be larger than 0. (Stride must be > 0, but got %" PRId64
                      ": strides is %s, expected 1 to %" PRId64 ")",
                      value, list_text(strides).c_str(), kMaxElements);
}

Status dilation(const halconv_int_list &dilations, int64_t value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "Dilated rates should be larger than 0. (Dilation rate must be >= 1, but got %" PRId64
                      ": dilations is %s, expected 1 to %" PRId64 ")",
                      value, list_text(dilations).c_str(), kMaxElements);
}

Status padding_type(const char *text) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "%s is not an allowed padding type (Value for attr 'padding' of \"%s\" is not in the list of "
                      "allowed values: \"SAME\", \"VALID\", \"EXPLICIT\")",
                      text, text);
}

Status padding_value(int value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "%d is not an allowed padding type (padding is %d, expected HALCONV_VALID (%d), HALCONV_SAME "
                      "(%d) or HALCONV_EXPLICIT (%d))",
                      value, value, HALCONV_VALID, HALCONV_SAME, HALCONV_EXPLICIT);
}

Status data_format(const char *text) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "Invalid data format (Value for attr 'data_format' of \"%s\" is not in the list of allowed "
                      "values: \"NHWC\", \"NCHW\")",
                      text);
}

Status data_format_value(const char *argument, int value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "Invalid data format (%s is %d, expected HALCONV_NHWC (%d) or HALCONV_NCHW (%d))", argument,
                      value, HALCONV_NHWC, HALCONV_NCHW);
}

Status explicit_paddings_length(const halconv_int_list &paddings, const DataFormatInfo &format) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "explicit_paddings attribute must contain 8 values, but got: %" PRId32
                      " (explicit_paddings is %s, expected %s)",
                      paddings.count, list_text(paddings).c_str(), expected_paddings(format).c_str());
}

Status unused_explicit_paddings(const halconv_int_list &paddings) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "explicit_paddings attribute must be empty if the padding attribute is not EXPLICIT "
                      "(explicit_paddings has %" PRId32 " values, expected 0)",
                      paddings.count);
}

Status negative_explicit_padding(const halconv_int_list &paddings) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "All elements of explicit_paddings must be nonnegative (explicit_paddings is %s, expected 0 to "
                      "%" PRId64 ")",
                      list_text(paddings).c_str(), kMaxElements);
}

Status batch_or_depth_padding(const halconv_int_list &paddings, const DataFormatInfo &format) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "Nonzero explicit padding in the batch or depth dimensions is not supported (explicit_paddings "
                      "is %s, expected %s)",
                      list_text(paddings).c_str(), expected_paddings(format).c_str());
}

Status rank(std::string_view operation, const char *role, const char *argument, int32_t rank, const int64_t *shape) {
  const bool is_forward = operation == kForward;
  const bool is_shown = is_forward && rank >= 0 && rank <= HALCONV_MAX_RANK;
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "%s%s%s must be 4-dimensional%s%s (%s has rank %" PRId32 ", expected 4)", label(operation),
                      is_forward ? "convolution " : "", role, is_shown ? ": " : "",
                      is_shown ? debug_string(shape, rank).c_str() : "", argument, rank);
}

Status negative_extent(const char *argument, int32_t dimension, int64_t value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "Dimension %" PRId64 " must be >= 0 (%s has extent %" PRId64 " at index %" PRId32
                      ", expected 0 to %" PRId64 ")",
                      value, argument, value, dimension, kMaxElements);
}

Status filter_depth(std::string_view operation, const char *filter, int64_t depth) {
  if (operation == kForward) {
    return error_status(HALCONV_INVALID_ARGUMENT,
                        "filter depth must be stricly positive, got %" PRId64 " (%s's shape[2] is %" PRId64
                        ", expected 1 or more)",
                        depth, filter, depth);
  }
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "%sfilter depth must be strictly greated than zero (%s's shape[2] is %" PRId64
                      ", expected 1 or more)",
                      label(operation), filter, depth);
}

Status input_depth(std::string_view operation, int64_t input_depth, int64_t filter_depth) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "%sinput depth must be evenly divisible by filter depth: %" PRId64 " vs %" PRId64
                      " (the filter's depth is %" PRId64 ", expected a divisor of %" PRId64 ")",
                      label(operation), input_depth, filter_depth, filter_depth, input_depth);
}

Status depthwise_depth(int64_t input_depth, int64_t filter_depth) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "input and filter must have the same depth: %" PRId64 " vs %" PRId64
                      " (the filter is [rows, columns, input depth, channel multiplier])",
                      input_depth, filter_depth);
}

Status negative_output_size(const char *axis, int64_t output, int64_t input, int64_t padding, int64_t effective_filter,
                            int64_t stride) {
  return error_status(
      HALCONV_INVALID_ARGUMENT,
      "Computed output size would be negative: %" PRId64 " [input_size: %" PRId64 ", effective_filter_size: %" PRId64
      ", stride: %" PRId64 "] (the input's %s is %" PRId64 " with padding, expected at least %" PRId64 ")",
      output, input, effective_filter, stride, axis, input + padding, effective_filter - 2 * stride + 1);
}

Status batch(std::string_view operation, const char *out_backprop, int64_t input, int64_t actual) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "%sinput and out_backprop must have the same batch size. Input batch: %" PRId64
                      ", outbackprop batch: %" PRId64 ", batch_dim: 0 (%s has batch size %" PRId64 ", expected %" PRId64
                      ")",
                      label(operation), input, actual, out_backprop, actual, input);
}

Status out_depth(std::string_view operation, const char *out_backprop, int64_t filter, int64_t actual) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "%sfilter and out_backprop must have the same out_depth (%s has %" PRId64
                      " channels, expected "
                      "the filter's %" PRId64 ")",
                      label(operation), out_backprop, actual, filter);
}

Status out_backprop_size(std::string_view operation, const char *out_backprop, const GradientAxis &axis) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "%sSize of out_backprop doesn't match computed: actual = %" PRId64 ", computed = %" PRId64
                      " spatial_dim: %" PRId32 " input: %" PRId64 " filter: %" PRId64 " output: %" PRId64
                      " stride: %" PRId64 " dilation: %" PRId64 " (%s has %s %" PRId64 ", expected %" PRId64 ")",
                      label(operation), axis.output, axis.computed_output, axis.spatial_dim, axis.input, axis.filter,
                      axis.output, axis.stride, axis.dilation, out_backprop, axis.name, axis.output,
                      axis.computed_output);
}

Status input_sizes_length(const halconv_int_list &input_sizes, const DataFormatInfo &format) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "Conv2DBackpropInput requires input_sizes to contain 4 values or 2 values, but got: %" PRId32
                      " (input_sizes is %s, expected %s or [h, w])",
                      input_sizes.count, list_text(input_sizes).c_str(),
                      format.value == HALCONV_NCHW ? "[n, c, h, w]" : "[n, h, w, c]");
}

Status negative_input_sizes(int64_t height, int64_t width) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "Conv2DBackpropInput: elements of input_sizes must be >= 0, not %" PRId64 "x%" PRId64
                      " (input_sizes is [%" PRId64 ", %" PRId64 "], expected 0 to %" PRId64 ")",
                      height, width, height, width, kMaxElements);
}

Status empty_filter(const char *argument, const int64_t shape[4]) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "filter must not have zero elements (i.e. all dimensions must be non-zero) (%s has shape %s, "
                      "expected no 0)",
                      argument, shape_text(shape, 4).c_str());
}

Status no_groups(int64_t input_depth, int64_t filter_depth) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "number of groups must be stricly positive, got 0 (the input depth is %" PRId64
                      ", expected a multiple of the filter depth %" PRId64 ")",
                      input_depth, filter_depth);
}

Status groups_of_output_depth(int64_t out_depth, int64_t groups) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "output depth must be evenly divisible by number of groups: %" PRId64 " vs %" PRId64
                      " (the filter's last extent is %" PRId64 ", expected a multiple of %" PRId64 ")",
                      out_depth, groups, out_depth, groups);
}

}  // namespace halconv::runtime::errors
