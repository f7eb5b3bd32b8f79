#include "halconv/relations.hpp"

#include <string_view>
#include <utility>

#include "halconv/conv2d_problem.h"
#include "halconv/kernel_name.h"
#include "tensor_check.h"

namespace halconv {

namespace {

/// What the attributes come to for the tensors of a gradient.
struct Geometry {
  int64_t groups;
  Pair input_size, output_size, strides, dilations;
  Paddings paddings;
};

/// Refuses what the functions of halconv.h refuse, before any element is moved.
Result<Geometry> check_gradient(std::string_view operation, const Shape &input_shape, const Shape &filter_shape,
                                const HostTensor &out_backprop, const Conv2dAttributes &attributes) {
  const auto described = [](const Shape &shape) {
    static float element;  // shapes alone are looked at
    return detail::to_c(ConstTensorView{&element, shape});
  };
  const halconv_tensor input = described(input_shape), filter = described(filter_shape);
  const halconv_tensor gradient = described(out_backprop.shape);
  const halconv_conv2d_attributes c_attributes = detail::to_c(attributes);
  Conv2dProblem problem;
  const Status status = runtime::check_gradient(operation, {"input", &input}, {"filter", &filter},
                                                {"out_backprop", &gradient}, &c_attributes, &problem);
  if (!status.ok()) return status;
  const Result<OutputShape> output = conv2d_output_shape(input_shape, filter_shape, attributes);
  if (!output.ok()) return output.status();
  return Geometry{problem.groups,
                  {problem.in_height, problem.in_width},
                  {problem.out_height, problem.out_width},
                  {problem.stride_height, problem.stride_width},
                  {problem.dilation_height, problem.dilation_width},
                  output->paddings};
}

Result<HostTensor> valid_conv2d(const HostTensor &input, const HostTensor &filter, const Pair &strides,
                                const Pair &dilations, DataFormat data_format, const Execution &execution) {
  const Conv2dAttributes attributes{strides, dilations, Padding::kValid, {}, data_format};
  const Result<OutputShape> output_shape = conv2d_output_shape(input.shape, filter.shape, attributes);
  if (!output_shape.ok()) return output_shape.status();
  HostTensor output(output_shape->shape);
  const Status status = conv2d(input.view(), filter.view(), attributes, output.view(), execution);
  if (!status.ok()) return status;
  return output;
}

/// The padding with which the last tap of the last output pixel meets the last row and column, so that none is left
/// over.
Paddings exact_paddings(const Shape &filter_shape, const Geometry &geometry) {
  Paddings paddings = geometry.paddings;
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t last = geometry.strides[axis] * (geometry.output_size[axis] - 1);
    const int64_t reach = geometry.dilations[axis] * (filter_shape[axis] - 1);
    paddings[axis][1] = last + reach + 1 - geometry.input_size[axis] - paddings[axis][0];
  }
  return paddings;
}

HostTensor image_to_hwio(const HostTensor &image, DataFormat data_format) {
  return data_format == DataFormat::kNchw ? nchw_to_hwio(image) : nhwc_to_hwio(image);
}

template <typename Function>
Result<HostTensor> compute_input_gradient(Function function, const Shape &input_shape, const ConstTensorView &first,
                                          const ConstTensorView &second, const HostTensor &filter,
                                          const HostTensor &out_backprop, const Conv2dAttributes &attributes,
                                          const Execution &execution) {
  const Result<Geometry> checked = check_gradient(kBackwardInput, input_shape, filter.shape, out_backprop, attributes);
  if (!checked.ok()) return checked.status();
  HostTensor gradient(input_shape);
  const Status status = function(first, second, attributes, gradient.view(), execution);
  if (!status.ok()) return status;
  return gradient;
}

template <typename Function>
Result<HostTensor> compute_filter_gradient(Function function, const HostTensor &input, const Shape &filter_shape,
                                           const HostTensor &out_backprop, const Conv2dAttributes &attributes,
                                           const Execution &execution) {
  const Result<Geometry> checked = check_gradient(kBackwardFilter, input.shape, filter_shape, out_backprop, attributes);
  if (!checked.ok()) return checked.status();
  HostTensor gradient(filter_shape);
  const Status status = function(input.view(), out_backprop.view(), attributes, gradient.view(), execution);
  if (!status.ok()) return status;
  return gradient;
}

}  // namespace

Result<HostTensor> input_gradient_by_autodiff(const Shape &input_shape, const HostTensor &filter,
                                              const HostTensor &out_backprop, const Conv2dAttributes &attributes,
                                              const Execution &execution) {
  return compute_input_gradient(conv2d_backprop_input_autodiff, input_shape, filter.view(), out_backprop.view(), filter,
                                out_backprop, attributes, execution);
}

Result<HostTensor> input_gradient_by_conv2d(const Shape &input_shape, const HostTensor &filter,
                                            const HostTensor &out_backprop, const Conv2dAttributes &attributes,
                                            const Execution &execution) {
  const Result<Geometry> geometry = check_gradient(kBackwardInput, input_shape, filter.shape, out_backprop, attributes);
  if (!geometry.ok()) return geometry.status();
  if (filter.data.empty() || out_backprop.data.empty()) return HostTensor(input_shape);
  const Result<HostTensor> dilated = dilate(out_backprop, geometry->strides, attributes.data_format);
  if (!dilated.ok()) return dilated.status();
  const Result<HostTensor> full = pad_to_full(*dilated, geometry->input_size, {filter.shape[0], filter.shape[1]},
                                              geometry->dilations, geometry->paddings, attributes.data_format);
  if (!full.ok()) return full.status();
  return valid_conv2d(*full, swap_in_out(rot180(filter), geometry->groups), {1, 1}, geometry->dilations,
                      attributes.data_format, execution);
}

Result<HostTensor> input_gradient_by_conv2d_backprop_input(const Shape &input_shape, const HostTensor &filter,
                                                           const HostTensor &out_backprop,
                                                           const Conv2dAttributes &attributes,
                                                           const Execution &execution) {
  return compute_input_gradient(conv2d_backprop_input, input_shape, filter.view(), out_backprop.view(), filter,
                                out_backprop, attributes, execution);
}

Result<HostTensor> input_gradient_by_conv2d_transpose(const Shape &input_shape, const HostTensor &filter,
                                                      const HostTensor &out_backprop,
                                                      const Conv2dAttributes &attributes, const Execution &execution) {
  return compute_input_gradient(conv2d_transpose, input_shape, out_backprop.view(), filter.view(), filter, out_backprop,
                                attributes, execution);
}

Result<HostTensor> filter_gradient_by_autodiff(const HostTensor &input, const Shape &filter_shape,
                                               const HostTensor &out_backprop, const Conv2dAttributes &attributes,
                                               const Execution &execution) {
  return compute_filter_gradient(conv2d_backprop_filter_autodiff, input, filter_shape, out_backprop, attributes,
                                 execution);
}

Result<HostTensor> filter_gradient_by_conv2d(const HostTensor &input, const Shape &filter_shape,
                                             const HostTensor &out_backprop, const Conv2dAttributes &attributes,
                                             const Execution &execution) {
  const Result<Geometry> geometry =
      check_gradient(kBackwardFilter, input.shape, filter_shape, out_backprop, attributes);
  if (!geometry.ok()) return geometry.status();
  if (input.data.empty() || out_backprop.data.empty()) return HostTensor(filter_shape);
  const DataFormat data_format = attributes.data_format;
  const Result<HostTensor> seen = pad_or_crop(input, exact_paddings(filter_shape, *geometry), data_format);
  if (!seen.ok()) return seen.status();
  const Result<HostTensor> gradient =
      valid_conv2d(swap_n_c(*seen, geometry->groups, data_format), image_to_hwio(out_backprop, data_format),
                   geometry->dilations, geometry->strides, data_format, execution);
  if (!gradient.ok()) return gradient.status();
  return image_to_hwio(*gradient, data_format);
}

Result<HostTensor> filter_gradient_by_conv2d_backprop_filter(const HostTensor &input, const Shape &filter_shape,
                                                             const HostTensor &out_backprop,
                                                             const Conv2dAttributes &attributes,
                                                             const Execution &execution) {
  return compute_filter_gradient(conv2d_backprop_filter, input, filter_shape, out_backprop, attributes, execution);
}

Result<HostTensor> transpose_by_conv2d(const HostTensor &input, const HostTensor &filter, const Shape &output_shape,
                                       const Conv2dAttributes &attributes, const Execution &execution) {
  return input_gradient_by_conv2d(output_shape, filter, input, attributes, execution);
}

}  // namespace halconv
