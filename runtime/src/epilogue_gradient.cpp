/// The gradient through the fused epilogue.
#include <algorithm>
#include <cmath>
#include <limits>

#include "enum_number.h"
#include "halconv/data_format.h"
#include "halconv/dtype.h"
#include "operation.h"
#include "tensorflow_errors.h"

namespace halconv::runtime {

namespace {

struct Gradient {
  const halconv_tensor *output;  ///< null: without an activation
  const halconv_tensor *out_backprop, *masked_out_backprop;
  const halconv_tensor *bias_backprop;  ///< null: not wanted
  Bounds bounds;
  halconv_data_format data_format;
};

/// An image as kernels see it: (k, pixel, n). Images of NHWC are one, as their pixels lie behind one another.
struct Pixels {
  Pixels(const halconv_tensor &image, halconv_data_format data_format) {
    const DataFormatInfo &format = *find_data_format(data_format);
    const int64_t pixels = image.shape[format.height] * image.shape[format.width];
    channels = image.shape[format.channels];
    if (data_format == HALCONV_NCHW) {
      extents = {channels, pixels, image.shape[0]};
      strides = {pixels, 1, channels * pixels};
      strides_of_repeated = {0, 1, 0};
    } else {
      extents = {channels, image.shape[0] * pixels, 1};
      strides = {1, channels, 0};
      strides_of_repeated = {1, 0, 0};
    }
  }
  int64_t channels;
  Extents<3> extents, strides;
  Extents<3> strides_of_repeated;  ///< of what is the same for all pixels, or for all channels and images
};

Status check_like(const NamedTensor &tensor, const NamedTensor &out_backprop) {
  HALCONV_RETURN_IF_ERROR(check_tensor(tensor));
  Shape shape;
  std::copy_n(out_backprop.tensor->shape, shape.size(), shape.begin());
  return check_shape(tensor, shape);
}

/// Shapes, dtypes, devices and alignment, and that results overlap nothing.
Status check_tensors(const NamedTensor &output, const NamedTensor &out_backprop, const NamedTensor &masked,
                     const NamedTensor &bias_backprop, halconv_data_format data_format) {
  HALCONV_RETURN_IF_ERROR(check_tensor(out_backprop));
  if (output.tensor != nullptr) HALCONV_RETURN_IF_ERROR(check_like(output, out_backprop));
  HALCONV_RETURN_IF_ERROR(check_like(masked, out_backprop));
  const NamedTensor &reference = output.tensor != nullptr ? output : out_backprop;
  HALCONV_RETURN_IF_ERROR(check_placement(reference, out_backprop, masked));
  if (!find_dtype(out_backprop.tensor->dtype)->has_gradients) {
    return errors::dtype_without_gradient(out_backprop.name, out_backprop.tensor->dtype);
  }
  if (bias_backprop.tensor == nullptr) return ok_status();
  HALCONV_RETURN_IF_ERROR(check_channels(bias_backprop, out_backprop, data_format));
  HALCONV_RETURN_IF_ERROR(check_channels(bias_backprop, masked, data_format));
  return output.tensor == nullptr ? ok_status() : check_channels(bias_backprop, output, data_format);
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
  StridedView output_pixels, out_backprop_pixels, masked_pixels;
  const halide_type_t type = stored_type(*kernel.target, gradient.out_backprop->dtype);
  const Pixels pixels(*gradient.out_backprop, gradient.data_format);
  KernelCall call(context);
  if (gradient.output != nullptr) {
    HALCONV_RETURN_IF_ERROR(output.bind_input(*gradient.output));
    call.add(output_pixels.open(&output, pixels.extents, pixels.strides));
  } else {
    // Infinite bounds let every number between them pass: zeros, as few as may be.
    const bool planar = gradient.data_format == HALCONV_NCHW;
    HALCONV_RETURN_IF_ERROR(output.allocate(Extents<1>{pixels.extents[planar ? 1 : 0]}, type));
    HALCONV_RETURN_IF_ERROR(output.fill_with_zeros());
    call.add(output_pixels.open(&output, pixels.extents, pixels.strides_of_repeated));
  }
  HALCONV_RETURN_IF_ERROR(out_backprop.bind_input(*gradient.out_backprop));
  HALCONV_RETURN_IF_ERROR(masked.bind_output(*gradient.masked_out_backprop));
  if (gradient.bias_backprop == nullptr) {
    HALCONV_RETURN_IF_ERROR(bias_backprop.allocate(Extents<1>{pixels.channels}, type));
  } else {
    HALCONV_RETURN_IF_ERROR(bias_backprop.bind_output(as_pixel(*gradient.bias_backprop)));
    bias_backprop.describe(Extents<1>{pixels.channels}, type);
  }
  call.add(out_backprop_pixels.open(&out_backprop, pixels.extents, pixels.strides));
  const halide_type_t wide = bound_type(gradient.out_backprop->dtype);
  call.add_scalar(gradient.bounds.lower, wide).add_scalar(last_number(gradient.bounds.upper, wide), wide);
  call.add(masked_pixels.open(&masked, pixels.extents, pixels.strides)).add(bias_backprop.buffer());
  HALCONV_RETURN_IF_ERROR(call.run(kernel));
  HALCONV_RETURN_IF_ERROR(masked.publish());
  return bias_backprop.publish();
}

}  // namespace

Status run_epilogue_gradient(const NamedTensor &output, const NamedTensor &out_backprop,
                             const halconv_epilogue *epilogue, const halconv_data_format &data_format,
                             const halconv_execution *options, const NamedTensor &masked_out_backprop,
                             const NamedTensor &bias_backprop) {
  if (find_given_data_format(data_format) == nullptr) {
    return errors::data_format_value("data_format", number_of(data_format));
  }
  const bool has_activation = epilogue != nullptr && number_of(epilogue->activation) != HALCONV_NO_ACTIVATION;
  if (has_activation && output.tensor == nullptr) return errors::null_argument(output.name, "a tensor");
  const NamedTensor activated{output.name, has_activation ? output.tensor : nullptr};
  HALCONV_RETURN_IF_ERROR(check_tensors(activated, out_backprop, masked_out_backprop, bias_backprop, data_format));
  const halconv_dtype dtype = out_backprop.tensor->dtype;
  const halconv_device device = out_backprop.tensor->device;
  Gradient gradient{activated.tensor, out_backprop.tensor, masked_out_backprop.tensor, bias_backprop.tensor, {},
                    data_format};
  HALCONV_RETURN_IF_ERROR(check_activation(epilogue, dtype, &gradient.bounds));
  Execution execution;
  HALCONV_RETURN_IF_ERROR(resolve_execution(options, &execution));
  HALCONV_RETURN_IF_ERROR(check_target(execution));
  CallContext context(execution, execution.allocator());
  if (element_count(*out_backprop.tensor) == 0) {
    if (bias_backprop.tensor == nullptr || bias_backprop.tensor->shape[0] == 0) return ok_status();
    return fill_with_zeros(as_pixel(*bias_backprop.tensor), &context);
  }
  const Conv2dProblem problem = pointwise_problem(*out_backprop.tensor, data_format);
  HALCONV_RETURN_IF_ERROR(check_representable(problem));
  const Kernel *kernel = nullptr;
  HALCONV_RETURN_IF_ERROR(
      select_kernel({kEpilogueBackward, "", problem, {dtype, device, data_format}}, execution, &kernel));
  HALCONV_RETURN_IF_ERROR(enter_target(*kernel->target, device, &context));
  return run_kernel(*kernel, gradient, &context);
}

}  // namespace halconv::runtime
