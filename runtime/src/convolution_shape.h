/// TensorFlow's output shapes and paddings.
#ifndef HALCONV_RUNTIME_CONVOLUTION_SHAPE_H_
#define HALCONV_RUNTIME_CONVOLUTION_SHAPE_H_

#include <cstdint>

#include "halconv/conv2d_problem.h"
#include "status.h"

namespace halconv::runtime {

/// Strides, dilations and explicit paddings within their ranges, a known padding type.
Status check_attributes(const halconv_conv2d_attributes *attributes);

/// Input [n, h, w, c] with filter [r, s, c, k], extents in [0, kMaxElements], under checked attributes: the problem
/// with its output size, and the paddings {{top, bottom}, {left, right}} as TensorFlow resolves them. Any extent of the
/// problem may be zero.
Status resolve_problem(const int64_t input_shape[4], const int64_t filter_shape[4],
                       const halconv_conv2d_attributes &attributes, Conv2dProblem *problem, int64_t paddings[2][2]);

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_CONVOLUTION_SHAPE_H_
