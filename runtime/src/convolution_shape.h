/// TensorFlow's output shapes and paddings, and what it demands of the shapes.
#ifndef HALCONV_RUNTIME_CONVOLUTION_SHAPE_H_
#define HALCONV_RUNTIME_CONVOLUTION_SHAPE_H_

#include <cstdint>
#include <string_view>

#include "attributes.h"
#include "halconv/conv2d_problem.h"
#include "status.h"

namespace halconv::runtime {

/// A shape and what the caller's documentation calls the tensor that has it.
struct NamedShape {
  const char *name;
  int32_t rank;
  const int64_t *extents;
};

/// Each extent of the tensor called `name`, and their product, at most kMaxElements.
Status check_extents(const char *name, const int64_t shape[4], int64_t *elements);

/// The forward operation of an input, in the attributes' data format, with a filter [r, s, c / groups, k]: the problem
/// with its output size, and the paddings {{top, bottom}, {left, right}} as TensorFlow resolves them. Any extent of the
/// problem may be zero.
Status infer_forward(const NamedShape &input, const NamedShape &filter, const Attributes &attributes,
                     Conv2dProblem *problem, int64_t paddings[2][2]);

/// The gradient `operation`: out_backprop has the shape that the forward formula gives.
Status infer_gradient(std::string_view operation, const NamedShape &input, const NamedShape &filter,
                      const NamedShape &out_backprop, const Attributes &attributes, Conv2dProblem *problem);

/// `input_sizes` as a shape in the data format: its 4 values, or its 2, height and width, with the batch of
/// out_backprop and the channels of the filter.
Status resolve_input_sizes(const halconv_int_list &input_sizes, const NamedShape &filter,
                           const NamedShape &out_backprop, halconv_data_format data_format, int64_t input_shape[4]);

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_CONVOLUTION_SHAPE_H_
