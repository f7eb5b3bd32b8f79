#include "tensor_check.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "convolution_shape.h"

namespace halconv::runtime {

Shape input_shape(const Conv2dProblem &p) { return {p.batch, p.in_height, p.in_width, p.in_channels}; }
Shape filter_shape(const Conv2dProblem &p) {
  return {p.filter_height, p.filter_width, p.in_channels / p.groups, p.out_channels};
}
Shape output_shape(const Conv2dProblem &p) { return {p.batch, p.out_height, p.out_width, p.out_channels}; }

int64_t element_count(const halconv_tensor &tensor) {
  return tensor.shape[0] * tensor.shape[1] * tensor.shape[2] * tensor.shape[3];
}

Status check_extents(const char *name, const char *member, const int64_t shape[4], int64_t *elements) {
  for (int32_t i = 0; i < 4; ++i) {
    if (shape[i] < 0 || shape[i] > kMaxElements) {
      return errors::extent((std::string(name) + member).c_str(), i, shape[i]);
    }
  }
  const std::optional<int64_t> product = checked_elements({shape[0], shape[1], shape[2], shape[3]});
  if (!product) return errors::too_many_elements(name, shape_text(shape, 4));
  *elements = *product;
  return ok_status();
}

Status check_tensor(const NamedTensor &argument) {
  const auto [name, tensor] = argument;
  if (tensor == nullptr) return errors::null_argument(name, "a tensor");
  if (tensor->rank != 4) return errors::rank(name, tensor->rank);
  int64_t elements = 0;
  HALCONV_RETURN_IF_ERROR(check_extents(name, "->shape", tensor->shape, &elements));
  if (tensor->dtype != HALCONV_FLOAT32) return errors::dtype(name, tensor->dtype);
  if (tensor->device < HALCONV_HOST || tensor->device > HALCONV_OPENCL) {
    return errors::device((std::string(name) + "->device").c_str(), tensor->device);
  }
  if (elements > 0 && tensor->data == nullptr) return errors::null_data(name, shape_text(tensor->shape, 4));
  return ok_status();
}

Status check_shape(const NamedTensor &argument, const Shape &expected) {
  if (std::equal(expected.begin(), expected.end(), argument.tensor->shape)) return ok_status();
  return errors::shape(argument.name, shape_text(argument.tensor->shape, 4), shape_text(expected.data(), 4));
}

namespace {

/// What `data` has to be a multiple of. CUDA kernels read four floats at once; an OpenCL handle is no address.
size_t data_alignment(halconv_device device) {
  switch (device) {
    case HALCONV_CUDA:
      return 4 * sizeof(float);
    case HALCONV_OPENCL:
      return 1;
    case HALCONV_HOST:
      break;
  }
  return alignof(float);
}

bool is_misaligned(const NamedTensor &argument) {
  return argument.tensor != nullptr &&
         reinterpret_cast<uintptr_t>(argument.tensor->data) % data_alignment(argument.tensor->device) != 0;
}

bool overlap(const halconv_tensor &a, const halconv_tensor &b) {
  const auto bytes = [](const halconv_tensor &tensor) {
    return static_cast<uintptr_t>(element_count(tensor)) * sizeof(float);
  };
  if (bytes(a) == 0 || bytes(b) == 0) return false;
  if (a.device == HALCONV_OPENCL) return a.data == b.data;  // a cl_mem is a handle, not an address
  const auto first = reinterpret_cast<uintptr_t>(a.data), second = reinterpret_cast<uintptr_t>(b.data);
  return first < second + bytes(b) && second < first + bytes(a);
}

}  // namespace

Status check_placement(const NamedTensor &first, const NamedTensor &second, const NamedTensor &output) {
  const NamedTensor &reference = first.tensor != nullptr ? first : second;
  for (const NamedTensor &argument : {second, output}) {
    if (argument.tensor != nullptr && argument.tensor->device != reference.tensor->device) {
      return errors::mixed_devices(reference.name, reference.tensor->device, argument.name, argument.tensor->device);
    }
  }
  for (const NamedTensor &argument : {first, second, output}) {
    if (is_misaligned(argument)) {
      return errors::misaligned_data(argument.name, argument.tensor->data, data_alignment(argument.tensor->device));
    }
  }
  for (const NamedTensor &input : {first, second}) {
    if (input.tensor != nullptr && overlap(*input.tensor, *output.tensor)) {
      return errors::overlap(output.name, input.name);
    }
  }
  return ok_status();
}

Status check_forward(const NamedTensor &input, const NamedTensor &filter, const NamedTensor &output,
                     const halconv_conv2d_attributes *attributes, Conv2dProblem *problem) {
  HALCONV_RETURN_IF_ERROR(check_attributes(attributes));
  for (const NamedTensor &argument : {input, filter, output}) HALCONV_RETURN_IF_ERROR(check_tensor(argument));
  int64_t paddings[2][2];
  HALCONV_RETURN_IF_ERROR(resolve_problem(input.tensor->shape, filter.tensor->shape, *attributes, problem, paddings));
  return check_shape(output, output_shape(*problem));
}

Status check_backward(const NamedTensor &input, const NamedTensor &filter, const NamedTensor &out_backprop,
                      const halconv_conv2d_attributes *attributes, Conv2dProblem *problem) {
  HALCONV_RETURN_IF_ERROR(check_attributes(attributes));
  for (const NamedTensor &argument : {input, filter, out_backprop}) HALCONV_RETURN_IF_ERROR(check_tensor(argument));
  const int64_t *const actual = out_backprop.tensor->shape;
  if (input.tensor->shape[0] != actual[0]) return errors::batch(input.tensor->shape[0], actual[0]);
  if (filter.tensor->shape[3] != actual[3]) return errors::out_depth(filter.tensor->shape[3], actual[3]);
  int64_t paddings[2][2];
  HALCONV_RETURN_IF_ERROR(resolve_problem(input.tensor->shape, filter.tensor->shape, *attributes, problem, paddings));
  if (actual[1] != problem->out_height) return errors::out_backprop_size("height", actual[1], problem->out_height);
  if (actual[2] != problem->out_width) return errors::out_backprop_size("width", actual[2], problem->out_width);
  return ok_status();
}

Status check_representable(const Conv2dProblem &problem) {
  const std::string reason = validation_error(problem);
  return reason.empty() ? ok_status() : errors::unrepresentable_problem(reason);
}

}  // namespace halconv::runtime
