/// The errors that TensorFlow has too, in its words, misspelt ones included, then in parentheses what we say of
/// argument, value and expectation.
///
/// Source: TensorFlow 2.21, tensorflow/core/kernels/conv_ops_impl.h, conv_grad_input_ops.h, conv_grad_filter_ops.cc,
/// conv_grad_shape_utils.cc, core/framework/kernel_shape_util.cc, core/util/padding.cc and python/ops/nn_ops.py.
#ifndef HALCONV_RUNTIME_TENSORFLOW_ERRORS_H_
#define HALCONV_RUNTIME_TENSORFLOW_ERRORS_H_

#include <cstdint>
#include <string_view>

#include "halconv/conv2d_problem.h"
#include "halconv/data_format.h"
#include "status.h"

namespace halconv::runtime::errors {

// Attributes. `name` is "strides" or "dilations".
Status attribute_length(const char *name, const halconv_int_list &values);
Status batch_or_depth_attribute(halconv_status_code code, const char *name, const halconv_int_list &values,
                                const DataFormatInfo &format);
Status attribute_out_of_range(const char *name, const halconv_int_list &values, int64_t value);
Status stride(const halconv_int_list &strides, int64_t value);
Status dilation(const halconv_int_list &dilations, int64_t value);
Status padding_type(const char *text);
Status padding_value(int value);
Status data_format(const char *text);
Status data_format_value(const char *argument, int value);
Status explicit_paddings_length(const halconv_int_list &paddings, const DataFormatInfo &format);
Status unused_explicit_paddings(const halconv_int_list &paddings);
Status negative_explicit_padding(const halconv_int_list &paddings);
Status batch_or_depth_padding(const halconv_int_list &paddings, const DataFormatInfo &format);

// Shapes. `operation` is kForward, kBackwardInput or kBackwardFilter, `role` what TensorFlow's operation calls the
// tensor and `argument` what the caller does.
Status rank(std::string_view operation, const char *role, const char *argument, int32_t rank, const int64_t *shape);
Status negative_extent(const char *argument, int32_t dimension, int64_t value);
Status filter_depth(std::string_view operation, const char *filter, int64_t depth);
Status input_depth(std::string_view operation, int64_t input_depth, int64_t filter_depth);
Status depthwise_depth(int64_t input_depth, int64_t filter_depth);
Status negative_output_size(const char *axis, int64_t output, int64_t input, int64_t padding, int64_t effective_filter,
                            int64_t stride);
Status batch(std::string_view operation, const char *out_backprop, int64_t input, int64_t actual);
Status out_depth(std::string_view operation, const char *out_backprop, int64_t filter, int64_t actual);

/// One axis of the three tensors of a gradient.
struct GradientAxis {
  const char *name;     ///< "height" or "width"
  int32_t spatial_dim;  ///< of out_backprop
  int64_t input, filter, output, computed_output, stride, dilation;
};
Status out_backprop_size(std::string_view operation, const char *out_backprop, const GradientAxis &axis);

Status input_sizes_length(const halconv_int_list &input_sizes, const DataFormatInfo &format);
Status negative_input_sizes(int64_t height, int64_t width);

// Sums.
Status empty_filter(const char *argument, const int64_t shape[4]);
Status no_groups(int64_t input_depth, int64_t filter_depth);
Status groups_of_output_depth(int64_t out_depth, int64_t groups);

}  // namespace halconv::runtime::errors

#endif  // HALCONV_RUNTIME_TENSORFLOW_ERRORS_H_
