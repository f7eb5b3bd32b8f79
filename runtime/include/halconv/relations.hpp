/// How TensorFlow's four convolution functions follow from one another, for any stride, padding, dilation and channel
/// count.
///
/// With d_out [n, p, q, k] and w [r, s, c, k], at stride 1 and without dilation:
///
///     d_x = conv2d(pad_to_full(d_out), swap_in_out(rot180(w)))
///     d_w = nhwc_to_hwio(conv2d(swap_n_c(x), nhwc_to_hwio(d_out)))
///
/// where the swaps keep each group of channels by itself.
///
/// All functions take host tensors; input x [n, h, w, c], filter w [r, s, c, k], out_backprop d_out [n, p, q, k],
/// images in the attributes' data format, in NCHW with nchw_to_hwio for nhwc_to_hwio.
#ifndef HALCONV_RELATIONS_HPP_
#define HALCONV_RELATIONS_HPP_

#include "halconv/halconv.hpp"
#include "halconv/tensor_functions.hpp"

namespace halconv {

/// The gradient with respect to the input, four ways: by differentiating the forward algorithm; by conv2d alone, of
/// d_out dilated by the strides and padded, with the turned filter; by TensorFlow's gradient function; by the
/// transpose, since the gradient of a linear map is its transpose.
Result<HostTensor> input_gradient_by_autodiff(const Shape &input_shape, const HostTensor &filter,
                                              const HostTensor &out_backprop, const Conv2dAttributes &attributes,
                                              const Execution &execution = {});
Result<HostTensor> input_gradient_by_conv2d(const Shape &input_shape, const HostTensor &filter,
                                            const HostTensor &out_backprop, const Conv2dAttributes &attributes,
                                            const Execution &execution = {});
Result<HostTensor> input_gradient_by_conv2d_backprop_input(const Shape &input_shape, const HostTensor &filter,
                                                           const HostTensor &out_backprop,
                                                           const Conv2dAttributes &attributes,
                                                           const Execution &execution = {});
Result<HostTensor> input_gradient_by_conv2d_transpose(const Shape &input_shape, const HostTensor &filter,
                                                      const HostTensor &out_backprop,
                                                      const Conv2dAttributes &attributes,
                                                      const Execution &execution = {});

/// The gradient with respect to the filter, three ways: by differentiating the forward algorithm; by conv2d alone, of
/// the input with d_out as its filter, batch and channels swapped, strides and dilations exchanged; by TensorFlow's
/// gradient function.
Result<HostTensor> filter_gradient_by_autodiff(const HostTensor &input, const Shape &filter_shape,
                                               const HostTensor &out_backprop, const Conv2dAttributes &attributes,
                                               const Execution &execution = {});
Result<HostTensor> filter_gradient_by_conv2d(const HostTensor &input, const Shape &filter_shape,
                                             const HostTensor &out_backprop, const Conv2dAttributes &attributes,
                                             const Execution &execution = {});
Result<HostTensor> filter_gradient_by_conv2d_backprop_filter(const HostTensor &input, const Shape &filter_shape,
                                                             const HostTensor &out_backprop,
                                                             const Conv2dAttributes &attributes,
                                                             const Execution &execution = {});

/// conv2d_transpose by conv2d alone: input [n, p, q, k], filter [r, s, c, k] -> [n, h, w, c] = output_shape.
Result<HostTensor> transpose_by_conv2d(const HostTensor &input, const HostTensor &filter, const Shape &output_shape,
                                       const Conv2dAttributes &attributes, const Execution &execution = {});

/// The ways by name, for tables and tests.
struct InputGradientWay {
  const char *name;
  Result<HostTensor> (*compute)(const Shape &input_shape, const HostTensor &filter, const HostTensor &out_backprop,
                                const Conv2dAttributes &attributes, const Execution &execution);
};
struct FilterGradientWay {
  const char *name;
  Result<HostTensor> (*compute)(const HostTensor &input, const Shape &filter_shape, const HostTensor &out_backprop,
                                const Conv2dAttributes &attributes, const Execution &execution);
};

inline constexpr InputGradientWay kInputGradientWays[] = {
    {"autodiff", input_gradient_by_autodiff},
    {"conv2d", input_gradient_by_conv2d},
    {"conv2d_backprop_input", input_gradient_by_conv2d_backprop_input},
    {"conv2d_transpose", input_gradient_by_conv2d_transpose},
};
inline constexpr FilterGradientWay kFilterGradientWays[] = {
    {"autodiff", filter_gradient_by_autodiff},
    {"conv2d", filter_gradient_by_conv2d},
    {"conv2d_backprop_filter", filter_gradient_by_conv2d_backprop_filter},
};

}  // namespace halconv

#endif  // HALCONV_RELATIONS_HPP_
