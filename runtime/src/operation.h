/// A whole call: from checked tensors to the result.
#ifndef HALCONV_RUNTIME_OPERATION_H_
#define HALCONV_RUNTIME_OPERATION_H_

#include <string_view>

#include "call_context.h"
#include "dispatch.h"
#include "epilogue.h"
#include "halconv/conv2d_problem.h"
#include "status.h"
#include "tensor_check.h"

namespace halconv::runtime {

/// Tensors whose ranks, extents and data passed check_forward or check_backward.
struct Operation {
  std::string_view name;       ///< kForward, kForwardFused, kBackwardInput or kBackwardFilter
  std::string_view algorithm;  ///< empty: the direct sum of products
  Conv2dProblem problem;       ///< extents may be zero
  halconv_data_format data_format;
  NamedTensor first, second, result;
  Epilogue epilogue = {};  ///< of kForwardFused
};

/// kForward, ... for a value of the C ABI.
Status operation_name(int32_t operation, std::string_view *name);

/// Runs the operation with the kernel that dispatch selects. A result without elements needs no kernel, nor does one
/// whose sums have no terms, unless there is an epilogue.
Status run_operation(const Operation &operation, const halconv_execution *options);

/// The gradient through halconv_fused_conv2d's epilogue; arguments are the C ABI's, the data format any number.
Status run_epilogue_gradient(const NamedTensor &output, const NamedTensor &out_backprop,
                             const halconv_epilogue *epilogue, const halconv_data_format &data_format,
                             const halconv_execution *options, const NamedTensor &masked_out_backprop,
                             const NamedTensor &bias_backprop);

/// A convolution into an image of that shape: one product a sum.
Conv2dProblem pointwise_problem(const halconv_tensor &output, halconv_data_format data_format);

/// Gives the context what calls to `target`'s kernels on tensors of `device` need.
Status enter_target(const TargetInfo &target, halconv_device device, CallContext *context);

/// Writes zeros to a caller's tensor.
Status fill_with_zeros(const halconv_tensor &tensor, CallContext *context);

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_OPERATION_H_
