#include "epilogue.h"

#include <algorithm>
#include <cmath>

#include "enum_number.h"
#include "halconv/data_format.h"

namespace halconv::runtime {

namespace {

Extents<2> channel_extents(const Conv2dProblem &p) { return {p.out_channels / p.groups, p.groups}; }

/// The least and the greatest integers between the bounds, of those that an int32 holds.
Bounds integer_bounds(const Bounds &bounds) {
  constexpr double kLeast = std::numeric_limits<int32_t>::min(), kMost = std::numeric_limits<int32_t>::max();
  return {std::clamp(std::ceil(bounds.lower), kLeast, kMost), std::clamp(std::floor(bounds.upper), kLeast, kMost)};
}

Status find_bounds(const halconv_epilogue &epilogue, Bounds *bounds) {
  switch (number_of(epilogue.activation)) {
    case HALCONV_NO_ACTIVATION:
      return ok_status();
    case HALCONV_RELU:
      bounds->lower = 0;
      return ok_status();
    case HALCONV_RELU6:
      *bounds = {0, 6};
      return ok_status();
    case HALCONV_CLAMP:
      *bounds = {epilogue.lower, epilogue.upper};
      return bounds->lower <= bounds->upper ? ok_status() : errors::clamp_bounds(bounds->lower, bounds->upper);
  }
  return errors::activation(number_of(epilogue.activation));
}

}  // namespace

halconv_tensor as_pixel(const halconv_tensor &tensor) {
  halconv_tensor pixel = tensor;
  pixel.rank = 4;
  pixel.shape[3] = tensor.shape[0];
  std::fill_n(pixel.shape, 3, 1);
  return pixel;
}

Status check_activation(const halconv_epilogue *epilogue, halconv_dtype dtype, Bounds *bounds) {
  if (epilogue != nullptr) HALCONV_RETURN_IF_ERROR(find_bounds(*epilogue, bounds));
  if (dtype != HALCONV_INT32) return ok_status();
  const Bounds given = *bounds;
  *bounds = integer_bounds(given);
  return bounds->lower <= bounds->upper ? ok_status() : errors::clamp_bounds_of_integers(given.lower, given.upper);
}

Status check_channels(const NamedTensor &argument, const NamedTensor &output, halconv_data_format data_format) {
  if (argument.tensor->rank != 1) return errors::rank_of_channels(argument.name, argument.tensor->rank);
  const halconv_tensor pixel = as_pixel(*argument.tensor);
  HALCONV_RETURN_IF_ERROR(check_tensor({argument.name, &pixel}));
  const int64_t channels = output.tensor->shape[find_data_format(data_format)->channels];
  if (pixel.shape[3] != channels) {
    return errors::shape(argument.name, shape_text(argument.tensor->shape, 1), shape_text(&channels, 1));
  }
  return check_placement({output.name, output.tensor}, {argument.name, &pixel});
}

Status check_epilogue(const halconv_epilogue *epilogue, const NamedTensor &output, halconv_data_format data_format,
                      Epilogue *checked) {
  HALCONV_RETURN_IF_ERROR(check_activation(epilogue, output.tensor->dtype, &checked->bounds));
  if (epilogue == nullptr) return ok_status();
  if (epilogue->bias != nullptr) {
    HALCONV_RETURN_IF_ERROR(check_channels({"bias", epilogue->bias}, output, data_format));
  }
  if (const NamedTensor residual{"residual", epilogue->residual}; residual.tensor != nullptr) {
    HALCONV_RETURN_IF_ERROR(check_tensor(residual));
    Shape shape;
    std::copy_n(output.tensor->shape, shape.size(), shape.begin());
    HALCONV_RETURN_IF_ERROR(check_shape(residual, shape));
    HALCONV_RETURN_IF_ERROR(check_placement(output, residual));
  }
  checked->bias = epilogue->bias;
  checked->residual = epilogue->residual;
  return ok_status();
}

halide_type_t bound_type(halconv_dtype dtype) {
  const halide_type_t type = halide_type(dtype);
  if (type.code == halide_type_int || type.bits == 64) return type;
  return {halide_type_float, 32, 1};
}

Status make_epilogue_zeros(const Conv2dProblem &problem, halconv_dtype dtype, KernelTensor *zeros) {
  const Extents<1> extents = {std::max(problem.out_channels, problem.out_width)};
  HALCONV_RETURN_IF_ERROR(zeros->allocate(extents, stored_type(zeros->target(), dtype)));
  return zeros->fill_with_zeros();
}

void EpilogueArguments::describe(const Conv2dProblem &problem, halconv_dtype dtype, halconv_data_format data_format) {
  const halide_type_t type = stored_type(bias_.target(), dtype);
  bias_.describe(channel_extents(problem), type);
  residual_.describe_image(output_extents(problem), type, data_format);
  residual_.split_groups(problem.groups);
  bias_argument_ = bias_.buffer();
  residual_argument_ = residual_.buffer();
  bound_type_ = bound_type(dtype);
}

Status EpilogueArguments::bind(const Epilogue &epilogue, const Conv2dProblem &problem, halconv_dtype dtype,
                               halconv_data_format data_format, KernelTensor *zeros) {
  bounds_ = epilogue.bounds;
  bound_type_ = bound_type(dtype);
  const Extents<2> channels = channel_extents(problem);
  if (epilogue.bias == nullptr) {
    bias_argument_ = zero_bias_.open(zeros, channels, Extents<2>{1, channels[0]});
  } else {
    HALCONV_RETURN_IF_ERROR(bias_.bind_input(as_pixel(*epilogue.bias)));
    bias_.describe(channels, stored_type(bias_.target(), dtype));
    bias_argument_ = bias_.buffer();
  }
  if (epilogue.residual == nullptr) {
    const auto [all_channels, columns, rows, images] = output_extents(problem);
    const Extents<5> strides = data_format == HALCONV_NCHW ? Extents<5>{0, 1} : Extents<5>{1, 0, 0, 0, channels[0]};
    residual_argument_ =
        zero_residual_.open(zeros, Extents<5>{channels[0], columns, rows, images, problem.groups}, strides);
  } else {
    HALCONV_RETURN_IF_ERROR(residual_.bind_input(*epilogue.residual, data_format));
    residual_.describe_image(output_extents(problem), stored_type(residual_.target(), dtype), data_format);
    residual_.split_groups(problem.groups);
    residual_argument_ = residual_.buffer();
  }
  return ok_status();
}

void EpilogueArguments::add_to(KernelCall *call) {
  call->add(bias_argument_).add(residual_argument_);
  call->add_scalar(bounds_.lower, bound_type_).add_scalar(bounds_.upper, bound_type_);
}

}  // namespace halconv::runtime
