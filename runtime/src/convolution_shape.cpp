#include "convolution_shape.h"

#include <algorithm>

namespace halconv::runtime {

namespace {

bool in_range(int64_t value, int64_t least) { return value >= least && value <= kMaxElements; }

struct Axis {
  const char *name;
  int64_t input, filter, stride, dilation;
};

/// Source: GetWindowedOutputSizeVerbose in tensorflow/core/framework/kernel_shape_util.cc. Its division truncates, so
/// that a filter less than one stride larger than the padded input gives an empty output there; here that is an error.
Status resolve_axis(const Axis &axis, halconv_padding padding, int64_t paddings[2], int64_t *output) {
  int64_t effective_filter = 0;
  if (__builtin_mul_overflow(axis.filter - 1, axis.dilation, &effective_filter) || effective_filter >= kMaxElements) {
    return errors::effective_filter_size(axis.name, axis.filter, axis.dilation);
  }
  ++effective_filter;
  if (padding == HALCONV_SAME) {
    *output = (axis.input + axis.stride - 1) / axis.stride;
    const int64_t needed = std::max<int64_t>(0, (*output - 1) * axis.stride + effective_filter - axis.input);
    paddings[0] = needed / 2;
    paddings[1] = needed - paddings[0];
    return ok_status();
  }
  if (padding == HALCONV_VALID) paddings[0] = paddings[1] = 0;
  const int64_t padded = axis.input + paddings[0] + paddings[1];
  *output = (padded - effective_filter + axis.stride) / axis.stride;
  if (*output < 0) {
    return errors::negative_output_size(*output, axis.name, axis.input, paddings[0] + paddings[1], effective_filter,
                                        axis.stride);
  }
  if (padded > 0 && effective_filter > padded) {
    return errors::filter_larger_than_input(axis.name, axis.input, paddings[0] + paddings[1], effective_filter);
  }
  return ok_status();
}

}  // namespace

Status check_attributes(const halconv_conv2d_attributes *attributes) {
  if (attributes == nullptr) return errors::null_argument("attributes", "strides, dilations and padding");
  for (int axis = 0; axis < 2; ++axis) {
    if (!in_range(attributes->strides[axis], 1)) return errors::stride(attributes->strides);
    if (!in_range(attributes->dilations[axis], 1)) return errors::dilation(attributes->dilations);
  }
  switch (attributes->padding) {
    case HALCONV_VALID:
    case HALCONV_SAME:
      return ok_status();
    case HALCONV_EXPLICIT:
      for (const auto &sides : attributes->explicit_paddings) {
        if (!in_range(sides[0], 0) || !in_range(sides[1], 0)) {
          return errors::explicit_padding(attributes->explicit_paddings);
        }
      }
      return ok_status();
  }
  return errors::padding_type(attributes->padding);
}

Status resolve_problem(const int64_t input_shape[4], const int64_t filter_shape[4],
                       const halconv_conv2d_attributes &attributes, Conv2dProblem *problem, int64_t paddings[2][2]) {
  if (std::any_of(filter_shape, filter_shape + 4, [](int64_t extent) { return extent == 0; })) {
    return errors::empty_filter("filter", shape_text(filter_shape, 4));
  }
  if (input_shape[3] % filter_shape[2] != 0) return errors::input_depth(input_shape[3], filter_shape[2]);
  if (input_shape[3] == 0) return errors::no_groups(filter_shape[2]);
  const int64_t groups = input_shape[3] / filter_shape[2];
  if (filter_shape[3] % groups != 0) return errors::output_depth(filter_shape[3], groups);
  for (int axis = 0; axis < 2; ++axis) {
    std::copy_n(attributes.explicit_paddings[axis], 2, paddings[axis]);
    const Axis sizes = {axis == 0 ? "height" : "width", input_shape[1 + axis], filter_shape[axis],
                        attributes.strides[axis], attributes.dilations[axis]};
    HALCONV_RETURN_IF_ERROR(resolve_axis(sizes, attributes.padding, paddings[axis],
                                         axis == 0 ? &problem->out_height : &problem->out_width));
  }
  problem->groups = groups;
  problem->batch = input_shape[0];
  problem->in_height = input_shape[1];
  problem->in_width = input_shape[2];
  problem->in_channels = input_shape[3];
  problem->filter_height = filter_shape[0];
  problem->filter_width = filter_shape[1];
  problem->out_channels = filter_shape[3];
  problem->stride_height = attributes.strides[0];
  problem->stride_width = attributes.strides[1];
  problem->dilation_height = attributes.dilations[0];
  problem->dilation_width = attributes.dilations[1];
  problem->pad_top = paddings[0][0];
  problem->pad_left = paddings[1][0];
  return ok_status();
}

}  // namespace halconv::runtime
