/// The C ABI's depthwise functions: the grouped ones, with the filter [r, s, in_channels, multiplier] viewed as [r, s,
/// 1, in_channels * multiplier]. These are the same bytes, as output channel c * multiplier + q is channel c's.
#include "enum_number.h"
#include "halconv/data_format.h"
#include "halconv/halconv.h"
#include "status.h"
#include "tensor_check.h"
#include "tensorflow_errors.h"

namespace halconv::runtime {

namespace {

/// `filter` as the grouped functions take it, for `input`, the depthwise convolution's input.
Status view_grouped(const NamedTensor &input, const NamedTensor &filter, const halconv_conv2d_attributes *attributes,
                    halconv_tensor *grouped) {
  HALCONV_RETURN_IF_ERROR(check_tensor(input));
  HALCONV_RETURN_IF_ERROR(check_tensor(filter));
  if (attributes == nullptr) return errors::null_argument("attributes", "strides, dilations and padding");
  const DataFormatInfo *const format = find_given_data_format(attributes->data_format);
  if (format == nullptr) return errors::data_format_value("data_format", number_of(attributes->data_format));
  const int64_t in_depth = input.tensor->shape[format->channels], filter_depth = filter.tensor->shape[2];
  if (in_depth != filter_depth) return errors::depthwise_depth(in_depth, filter_depth);
  *grouped = *filter.tensor;
  grouped->shape[2] = 1;
  grouped->shape[3] = in_depth * filter.tensor->shape[3];
  return ok_status();
}

}  // namespace

}  // namespace halconv::runtime

using halconv::runtime::guarded;
using halconv::runtime::view_grouped;

extern "C" {

halconv_status halconv_depthwise_conv2d(const halconv_tensor *input, const halconv_tensor *filter,
                                        const halconv_conv2d_attributes *attributes, const halconv_execution *execution,
                                        halconv_tensor *output) {
  halconv_tensor grouped;
  const halconv_status status = guarded([&] {
    return view_grouped({"input", input}, {"filter", filter}, attributes, &grouped);
  });
  return status.code == HALCONV_OK ? halconv_conv2d(input, &grouped, attributes, execution, output) : status;
}

halconv_status halconv_fused_depthwise_conv2d(const halconv_tensor *input, const halconv_tensor *filter,
                                              const halconv_conv2d_attributes *attributes,
                                              const halconv_epilogue *epilogue, const halconv_execution *execution,
                                              halconv_tensor *output) {
  halconv_tensor grouped;
  const halconv_status status = guarded([&] {
    return view_grouped({"input", input}, {"filter", filter}, attributes, &grouped);
  });
  if (status.code != HALCONV_OK) return status;
  return halconv_fused_conv2d(input, &grouped, attributes, epilogue, execution, output);
}

halconv_status halconv_depthwise_conv2d_backprop_input(const halconv_tensor *filter, const halconv_tensor *out_backprop,
                                                       const halconv_conv2d_attributes *attributes,
                                                       const halconv_execution *execution,
                                                       halconv_tensor *input_backprop) {
  halconv_tensor grouped;
  const halconv_status status = guarded([&] {
    return view_grouped({"input_backprop", input_backprop}, {"filter", filter}, attributes, &grouped);
  });
  if (status.code != HALCONV_OK) return status;
  return halconv_conv2d_backprop_input(&grouped, out_backprop, attributes, execution, input_backprop);
}

halconv_status halconv_depthwise_conv2d_backprop_filter(const halconv_tensor *input, const halconv_tensor *out_backprop,
                                                        const halconv_conv2d_attributes *attributes,
                                                        const halconv_execution *execution,
                                                        halconv_tensor *filter_backprop) {
  halconv_tensor grouped;
  const halconv_status status = guarded([&] {
    return view_grouped({"input", input}, {"filter_backprop", filter_backprop}, attributes, &grouped);
  });
  if (status.code != HALCONV_OK) return status;
  return halconv_conv2d_backprop_filter(input, out_backprop, attributes, execution, &grouped);
}

}  // extern "C"
