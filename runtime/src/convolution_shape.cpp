#include "convolution_shape.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "halconv/data_format.h"
#include "halconv/kernel_name.h"
#include "tensorflow_errors.h"

namespace halconv::runtime {

namespace {

constexpr const char *kAxisNames[] = {"height", "width"};

Status check_rank(std::string_view operation, const char *role, const NamedShape &shape) {
  return shape.rank == 4 ? ok_status() : errors::rank(operation, role, shape.name, shape.rank, shape.extents);
}

Status check_all_extents(std::initializer_list<NamedShape> shapes) {
  int64_t elements = 0;
  for (const NamedShape &shape : shapes) {
    HALCONV_RETURN_IF_ERROR(check_extents(shape.name, shape.extents, &elements));
  }
  return ok_status();
}

/// Input and filter agree in their channels.
Status check_depths(std::string_view operation, int64_t input_depth, const NamedShape &filter) {
  if (filter.extents[2] == 0) return errors::filter_depth(operation, filter.name, filter.extents[2]);
  if (input_depth % filter.extents[2] == 0) return ok_status();
  return errors::input_depth(operation, input_depth, filter.extents[2]);
}

/// Products of extents and attributes, each at most kMaxElements, fit 64 bits.
Status infer_axis(int axis, int64_t input, int64_t filter, const Attributes &attributes, int64_t paddings[2],
                  int64_t *output) {
  const int64_t stride = attributes.strides[axis];
  const int64_t effective_filter = (filter - 1) * attributes.dilations[axis] + 1;
  if (attributes.padding == HALCONV_SAME) {
    *output = (input + stride - 1) / stride;
    const int64_t needed = std::max<int64_t>(0, (*output - 1) * stride + effective_filter - input);
    paddings[0] = needed / 2;
    paddings[1] = needed - paddings[0];
    return ok_status();
  }
  std::copy_n(attributes.explicit_paddings[axis], 2, paddings);
  const int64_t padding = paddings[0] + paddings[1];
  *output = (input + padding - effective_filter + stride) / stride;
  if (*output >= 0) return ok_status();
  return errors::negative_output_size(kAxisNames[axis], *output, input, padding, effective_filter, stride);
}

/// Everything but the output size.
Conv2dProblem problem_of(const NamedShape &input, const NamedShape &filter, const Attributes &attributes) {
  const DataFormatInfo &format = *find_data_format(attributes.data_format);
  Conv2dProblem problem;
  problem.groups = input.extents[format.channels] / filter.extents[2];
  problem.batch = input.extents[0];
  problem.in_height = input.extents[format.height];
  problem.in_width = input.extents[format.width];
  problem.in_channels = input.extents[format.channels];
  problem.filter_height = filter.extents[0];
  problem.filter_width = filter.extents[1];
  problem.out_channels = filter.extents[3];
  problem.stride_height = attributes.strides[0];
  problem.stride_width = attributes.strides[1];
  problem.dilation_height = attributes.dilations[0];
  problem.dilation_width = attributes.dilations[1];
  return problem;
}

void set_output(const int64_t size[2], const int64_t paddings[2][2], Conv2dProblem *problem) {
  problem->out_height = size[0];
  problem->out_width = size[1];
  problem->pad_top = paddings[0][0];
  problem->pad_left = paddings[1][0];
}

}  // namespace

Status check_extents(const char *name, const int64_t shape[4], int64_t *elements) {
  for (int32_t i = 0; i < 4; ++i) {
    if (shape[i] < 0) return errors::negative_extent(name, i, shape[i]);
    if (shape[i] > kMaxElements) return errors::extent(name, i, shape[i]);
  }
  const std::optional<int64_t> product = checked_elements({shape[0], shape[1], shape[2], shape[3]});
  if (!product) return errors::too_many_elements(name, shape_text(shape, 4));
  *elements = *product;
  return ok_status();
}

Status infer_forward(const NamedShape &input, const NamedShape &filter, const Attributes &attributes,
                     Conv2dProblem *problem, int64_t paddings[2][2]) {
  HALCONV_RETURN_IF_ERROR(check_rank(kForward, "input", input));
  HALCONV_RETURN_IF_ERROR(check_rank(kForward, "filter", filter));
  HALCONV_RETURN_IF_ERROR(check_all_extents({input, filter}));
  const DataFormatInfo &format = *find_data_format(attributes.data_format);
  HALCONV_RETURN_IF_ERROR(check_depths(kForward, input.extents[format.channels], filter));
  int64_t size[2];
  for (int axis = 0; axis < 2; ++axis) {
    HALCONV_RETURN_IF_ERROR(infer_axis(axis, input.extents[format.height + axis], filter.extents[axis], attributes,
                                       paddings[axis], &size[axis]));
  }
  *problem = problem_of(input, filter, attributes);
  set_output(size, paddings, problem);
  return ok_status();
}

Status infer_gradient(std::string_view operation, const NamedShape &input, const NamedShape &filter,
                      const NamedShape &out_backprop, const Attributes &attributes, Conv2dProblem *problem) {
  HALCONV_RETURN_IF_ERROR(check_rank(operation, "input", input));
  HALCONV_RETURN_IF_ERROR(check_rank(operation, "filter", filter));
  HALCONV_RETURN_IF_ERROR(check_rank(operation, "out_backprop", out_backprop));
  HALCONV_RETURN_IF_ERROR(check_all_extents({input, filter, out_backprop}));
  const DataFormatInfo &format = *find_data_format(attributes.data_format);
  const int64_t *const actual = out_backprop.extents;
  if (input.extents[0] != actual[0]) return errors::batch(operation, out_backprop.name, input.extents[0], actual[0]);
  HALCONV_RETURN_IF_ERROR(check_depths(operation, input.extents[format.channels], filter));
  if (const int64_t depth = actual[format.channels]; filter.extents[3] != depth) {
    return errors::out_depth(operation, out_backprop.name, filter.extents[3], depth);
  }
  int64_t size[2], paddings[2][2];
  for (int axis = 0; axis < 2; ++axis) {
    const int dimension = format.height + axis;
    const int64_t in = input.extents[dimension], taps = filter.extents[axis], out = actual[dimension];
    HALCONV_RETURN_IF_ERROR(infer_axis(axis, in, taps, attributes, paddings[axis], &size[axis]));
    if (out == size[axis]) continue;
    return errors::out_backprop_size(
        operation, out_backprop.name,
        {kAxisNames[axis], dimension, in, taps, out, size[axis], attributes.strides[axis], attributes.dilations[axis]});
  }
  *problem = problem_of(input, filter, attributes);
  set_output(size, paddings, problem);
  return ok_status();
}

Status resolve_input_sizes(const halconv_int_list &input_sizes, const NamedShape &filter,
                           const NamedShape &out_backprop, halconv_data_format data_format, int64_t input_shape[4]) {
  const DataFormatInfo &format = *find_data_format(data_format);
  if (input_sizes.count == 4) {
    std::copy_n(input_sizes.values, 4, input_shape);
    return ok_status();
  }
  if (input_sizes.count != 2) return errors::input_sizes_length(input_sizes, format);
  const int64_t height = input_sizes.values[0], width = input_sizes.values[1];
  if (height < 0 || width < 0) return errors::negative_input_sizes(height, width);
  HALCONV_RETURN_IF_ERROR(check_rank(kBackwardInput, "filter", filter));
  HALCONV_RETURN_IF_ERROR(check_rank(kBackwardInput, "out_backprop", out_backprop));
  input_shape[0] = out_backprop.extents[0];
  input_shape[format.height] = height;
  input_shape[format.width] = width;
  input_shape[format.channels] = filter.extents[2];
  return ok_status();
}

}  // namespace halconv::runtime
