#include "tensor_check.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "halconv/data_format.h"
#include "halconv/dtype.h"
#include "halconv/kernel_name.h"
#include "tensorflow_errors.h"

namespace halconv::runtime {

namespace {

Shape image_shape(halconv_data_format data_format, int64_t batch, int64_t height, int64_t width, int64_t channels) {
  const DataFormatInfo &format = *find_data_format(data_format);
  Shape shape{batch};
  shape[static_cast<size_t>(format.height)] = height;
  shape[static_cast<size_t>(format.width)] = width;
  shape[static_cast<size_t>(format.channels)] = channels;
  return shape;
}

}  // namespace

Shape input_shape(const Conv2dProblem &p, halconv_data_format data_format) {
  return image_shape(data_format, p.batch, p.in_height, p.in_width, p.in_channels);
}
Shape filter_shape(const Conv2dProblem &p) {
  return {p.filter_height, p.filter_width, p.in_channels / p.groups, p.out_channels};
}
Shape output_shape(const Conv2dProblem &p, halconv_data_format data_format) {
  return image_shape(data_format, p.batch, p.out_height, p.out_width, p.out_channels);
}

int64_t element_count(const halconv_tensor &tensor) {
  return tensor.shape[0] * tensor.shape[1] * tensor.shape[2] * tensor.shape[3];
}

namespace {

Status check_present(std::initializer_list<NamedTensor> arguments) {
  for (const auto &[name, tensor] : arguments) {
    if (tensor == nullptr) return errors::null_argument(name, "a tensor");
  }
  return ok_status();
}

/// What is left of a tensor with four dimensions to look at.
Status check_contents(const NamedTensor &argument) {
  const auto [name, tensor] = argument;
  int64_t elements = 0;
  HALCONV_RETURN_IF_ERROR(check_extents(name, tensor->shape, &elements));
  if (find_dtype(tensor->dtype) == nullptr) {
    return errors::dtype((std::string(name) + "->dtype").c_str(), tensor->dtype);
  }
  if (tensor->device < HALCONV_HOST || tensor->device > HALCONV_OPENCL) {
    return errors::device((std::string(name) + "->device").c_str(), tensor->device);
  }
  if (elements > 0 && tensor->data == nullptr) return errors::null_data(name, shape_text(tensor->shape, 4));
  return ok_status();
}

Status check_contents(std::initializer_list<NamedTensor> arguments) {
  for (const NamedTensor &argument : arguments) HALCONV_RETURN_IF_ERROR(check_contents(argument));
  return ok_status();
}

NamedShape shape_of(const NamedTensor &argument) {
  return {argument.name, argument.tensor->rank, argument.tensor->shape};
}

/// The filter has elements and its groups divide both depths.
Status check_groups(const Conv2dProblem &problem, const NamedTensor &filter) {
  if (element_count(*filter.tensor) == 0) return errors::empty_filter(filter.name, filter.tensor->shape);
  if (problem.groups == 0) return errors::no_groups(problem.in_channels, filter.tensor->shape[2]);
  if (problem.out_channels % problem.groups == 0) return ok_status();
  return errors::groups_of_output_depth(problem.out_channels, problem.groups);
}

}  // namespace

Status check_tensor(const NamedTensor &argument) {
  HALCONV_RETURN_IF_ERROR(check_present({argument}));
  const NamedShape shape = shape_of(argument);
  if (shape.rank != 4) return errors::rank(kForward, shape.name, shape.name, shape.rank, shape.extents);
  return check_contents(argument);
}

Status check_shape(const NamedTensor &argument, const Shape &expected) {
  if (std::equal(expected.begin(), expected.end(), argument.tensor->shape)) return ok_status();
  return errors::shape(argument.name, shape_text(argument.tensor->shape, 4), shape_text(expected.data(), 4));
}

namespace {

size_t element_bytes(const halconv_tensor &tensor) { return static_cast<size_t>(find_dtype(tensor.dtype)->bytes); }

/// What `data` has to be a multiple of. CUDA kernels read 16 bytes at once; an OpenCL handle is no address.
size_t data_alignment(const halconv_tensor &tensor) {
  switch (tensor.device) {
    case HALCONV_CUDA:
      return 16;
    case HALCONV_OPENCL:
      return 1;
    case HALCONV_HOST:
      break;
  }
  return element_bytes(tensor);
}

bool is_misaligned(const NamedTensor &argument) {
  return argument.tensor != nullptr &&
         reinterpret_cast<uintptr_t>(argument.tensor->data) % data_alignment(*argument.tensor) != 0;
}

bool overlap(const halconv_tensor &a, const halconv_tensor &b) {
  const auto bytes = [](const halconv_tensor &tensor) {
    return static_cast<uintptr_t>(element_count(tensor)) * element_bytes(tensor);
  };
  if (bytes(a) == 0 || bytes(b) == 0) return false;
  if (a.device == HALCONV_OPENCL) return a.data == b.data;  // a cl_mem is a handle, not an address
  const auto first = reinterpret_cast<uintptr_t>(a.data), second = reinterpret_cast<uintptr_t>(b.data);
  return first < second + bytes(b) && second < first + bytes(a);
}

/// Device and dtype of a tensor that may be null.
Status check_alike(const NamedTensor &reference, const NamedTensor &argument) {
  if (argument.tensor == nullptr) return ok_status();
  if (argument.tensor->device != reference.tensor->device) {
    return errors::mixed_devices(reference.name, reference.tensor->device, argument.name, argument.tensor->device);
  }
  if (argument.tensor->dtype == reference.tensor->dtype) return ok_status();
  return errors::mixed_dtypes(reference.name, reference.tensor->dtype, argument.name, argument.tensor->dtype);
}

}  // namespace

Status check_placement(const NamedTensor &first, const NamedTensor &second, const NamedTensor &output) {
  const NamedTensor &reference = first.tensor != nullptr ? first : second;
  for (const NamedTensor &argument : {second, output}) HALCONV_RETURN_IF_ERROR(check_alike(reference, argument));
  for (const NamedTensor &argument : {first, second, output}) {
    if (is_misaligned(argument)) {
      return errors::misaligned_data(argument.name, argument.tensor->data, data_alignment(*argument.tensor));
    }
  }
  for (const NamedTensor &input : {first, second}) {
    if (input.tensor != nullptr && overlap(*input.tensor, *output.tensor)) {
      return errors::overlap(output.name, input.name);
    }
  }
  return ok_status();
}

Status check_placement(const NamedTensor &output, const NamedTensor &argument) {
  HALCONV_RETURN_IF_ERROR(check_alike(output, argument));
  if (is_misaligned(argument)) {
    return errors::misaligned_data(argument.name, argument.tensor->data, data_alignment(*argument.tensor));
  }
  return overlap(*argument.tensor, *output.tensor) ? errors::overlap(output.name, argument.name) : ok_status();
}

Status check_forward(const NamedTensor &input, const NamedTensor &filter, const NamedTensor &output,
                     const halconv_conv2d_attributes *attributes, Conv2dProblem *problem) {
  HALCONV_RETURN_IF_ERROR(check_present({input, filter, output}));
  Attributes resolved;
  HALCONV_RETURN_IF_ERROR(resolve_attributes(kForward, attributes, &resolved));
  int64_t paddings[2][2];
  HALCONV_RETURN_IF_ERROR(infer_forward(shape_of(input), shape_of(filter), resolved, problem, paddings));
  HALCONV_RETURN_IF_ERROR(check_contents({input, filter}));
  HALCONV_RETURN_IF_ERROR(check_tensor(output));
  HALCONV_RETURN_IF_ERROR(check_shape(output, output_shape(*problem, resolved.data_format)));
  const bool has_sums = element_count(*output.tensor) > 0 && element_count(*input.tensor) > 0;
  return has_sums ? check_groups(*problem, filter) : ok_status();
}

Status check_gradient(std::string_view operation, const NamedTensor &input, const NamedTensor &filter,
                      const NamedTensor &out_backprop, const halconv_conv2d_attributes *attributes,
                      Conv2dProblem *problem) {
  HALCONV_RETURN_IF_ERROR(check_present({input, filter, out_backprop}));
  Attributes resolved;
  HALCONV_RETURN_IF_ERROR(resolve_attributes(operation, attributes, &resolved));
  HALCONV_RETURN_IF_ERROR(
      infer_gradient(operation, shape_of(input), shape_of(filter), shape_of(out_backprop), resolved, problem));
  HALCONV_RETURN_IF_ERROR(check_contents({input, filter, out_backprop}));
  return element_count(*filter.tensor) > 0 ? check_groups(*problem, filter) : ok_status();
}

Status check_representable(const Conv2dProblem &problem) {
  const std::string reason = validation_error(problem);
  return reason.empty() ? ok_status() : errors::unrepresentable_problem(reason);
}

}  // namespace halconv::runtime
