/// The gradient through the fused epilogue.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "enum_number.h"
#include "halconv/dtype.h"
#include "operation.h"

namespace halconv::runtime {

namespace {

struct Gradient {
  const halconv_tensor *output;  ///< null: without an activation
  const halconv_tensor *out_backprop, *masked_out_backprop;
  const halconv_tensor *bias_backprop;  ///< null: not wanted
  Bounds bounds;
};

Status check_like(const NamedTensor &tensor, const NamedTensor &out_backprop) {
  HALCONV_RETURN_IF_ERROR(check_tensor(tensor));
  Shape shape;
  std::copy_n(out_backprop.tensor->shape, shape.size(), shape.begin());
  return check_shape(tensor, shape);
}

/// Shapes, dtypes, devices and alignment, and that results overlap nothing.
Status check_tensors(const NamedTensor &output, const NamedTensor &out_backprop, const NamedTensor &masked,
                     const NamedTensor &bias_backprop) {
  HALCONV_RETURN_IF_ERROR(check_tensor(out_backprop));
  if (output.tensor != nullptr) HALCONV_RETURN_IF_ERROR(check_like(output, out_backprop));
  HALCONV_RETURN_IF_ERROR(check_like(masked, out_backprop));
  const NamedTensor &reference = output.tensor != nullptr ? output : out_backprop;
  HALCONV_RETURN_IF_ERROR(check_placement(reference, out_backprop, masked));
  if (!find_dtype(out_backprop.tensor->dtype)->has_gradients) {
    return errors::dtype_without_gradient(out_backprop.name, out_backprop.tensor->dtype);
  }
  if (bias_backprop.tensor == nullptr) return ok_status();
  HALCONV_RETURN_IF_ERROR(check_channels(bias_backprop, out_backprop));
  HALCONV_RETURN_IF_ERROR(check_channels(bias_backprop, masked));
  return output.tensor == nullptr ? ok_status() : check_channels(bias_backprop, output);
}

/// The last number before the upper bound in the type of the kernel's bounds; infinity where it does not bound.
double last_number(double upper, halide_type_t type) {
  if (std::isinf(upper)) return upper;
  constexpr double kDown = -std::numeric_limits<double>::infinity();
  return type.bits == 64 ? std::nextafter(upper, kDown)
                         : std::nextafter(static_cast<float>(upper), static_cast<float>(kDown));
}

Status run_kernel(const Kernel &kernel, const Gradient &gradient, CallContext *context) {
  KernelTensor output(context, *kernel.target), out_backprop(context, *kernel.target);
  KernelTensor masked(context, *kernel.target), bias_backprop(context, *kernel.target);
  const halconv_tensor &pixels = *gradient.out_backprop;
  const halide_type_t type = halide_type(pixels.dtype);
  const Extents<1> channels = {pixels.shape[3]};
  const Extents<2> extents = {channels[0], pixels.shape[0] * pixels.shape[1] * pixels.shape[2]};
  halide_buffer_t output_pixels;
  std::array<halide_dimension_t, 2> every_pixel{};
  if (gradient.output != nullptr) {
    HALCONV_RETURN_IF_ERROR(output.bind_input(*gradient.output));
    output.describe(extents, type);
    output_pixels = *output.buffer();
  } else {
    // Infinite bounds let every number between them pass: zeros, the same for all pixels.
    HALCONV_RETURN_IF_ERROR(output.allocate(channels, type));
    HALCONV_RETURN_IF_ERROR(output.fill_with_zeros());
    every_pixel = {{{0, static_cast<int32_t>(extents[0]), 1}, {0, static_cast<int32_t>(extents[1]), 0}}};
    output_pixels = *output.buffer();
    output_pixels.dimensions = 2;
    output_pixels.dim = every_pixel.data();
  }
  HALCONV_RETURN_IF_ERROR(out_backprop.bind_input(*gradient.out_backprop));
  out_backprop.describe(extents, type);
  HALCONV_RETURN_IF_ERROR(masked.bind_output(*gradient.masked_out_backprop));
  masked.describe(extents, type);
  if (gradient.bias_backprop == nullptr) {
    HALCONV_RETURN_IF_ERROR(bias_backprop.allocate(channels, type));
  } else {
    HALCONV_RETURN_IF_ERROR(bias_backprop.bind_output(as_pixel(*gradient.bias_backprop)));
    bias_backprop.describe(channels, type);
  }
  KernelCall call(context);
  call.add(&output_pixels).add(out_backprop.buffer());
  const halide_type_t wide = bound_type(pixels.dtype);
  call.add_scalar(gradient.bounds.lower, wide).add_scalar(last_number(gradient.bounds.upper, wide), wide);
  HALCONV_RETURN_IF_ERROR(call.add(masked.buffer()).add(bias_backprop.buffer()).run(kernel));
  HALCONV_RETURN_IF_ERROR(masked.publish());
  return bias_backprop.publish();
}

}  // namespace

Status run_epilogue_gradient(const NamedTensor &output, const NamedTensor &out_backprop,
                             const halconv_epilogue *epilogue, const halconv_execution *options,
                             const NamedTensor &masked_out_backprop, const NamedTensor &bias_backprop) {
  const bool has_activation = epilogue != nullptr && number_of(epilogue->activation) != HALCONV_NO_ACTIVATION;
  if (has_activation && output.tensor == nullptr) return errors::null_argument(output.name, "a tensor");
  const NamedTensor activated{output.name, has_activation ? output.tensor : nullptr};
  HALCONV_RETURN_IF_ERROR(check_tensors(activated, out_backprop, masked_out_backprop, bias_backprop));
  const halconv_dtype dtype = out_backprop.tensor->dtype;
  const halconv_device device = out_backprop.tensor->device;
  Gradient gradient{activated.tensor, out_backprop.tensor, masked_out_backprop.tensor, bias_backprop.tensor, {}};
  HALCONV_RETURN_IF_ERROR(check_activation(epilogue, dtype, &gradient.bounds));
  Execution execution;
  HALCONV_RETURN_IF_ERROR(resolve_execution(options, &execution));
  HALCONV_RETURN_IF_ERROR(check_target(execution));
  CallContext context(execution, execution.allocator());
  if (element_count(*out_backprop.tensor) == 0) {
    if (bias_backprop.tensor == nullptr || bias_backprop.tensor->shape[0] == 0) return ok_status();
    return fill_with_zeros(as_pixel(*bias_backprop.tensor), &context);
  }
  const Conv2dProblem problem = pointwise_problem(*out_backprop.tensor);
  HALCONV_RETURN_IF_ERROR(check_representable(problem));
  const Kernel *kernel = nullptr;
  HALCONV_RETURN_IF_ERROR(
      select_kernel({kEpilogueBackward, "", problem, {dtype, device, HALCONV_NHWC}}, execution, &kernel));
  HALCONV_RETURN_IF_ERROR(enter_target(*kernel->target, device, &context));
  return run_kernel(*kernel, gradient, &context);
}

}  // namespace halconv::runtime
