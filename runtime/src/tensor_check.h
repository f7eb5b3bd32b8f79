/// What a caller's tensors must satisfy, before anything is read or written.
#ifndef HALCONV_RUNTIME_TENSOR_CHECK_H_
#define HALCONV_RUNTIME_TENSOR_CHECK_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "convolution_shape.h"
#include "halconv/conv2d_problem.h"
#include "status.h"

namespace halconv::runtime {

/// A tensor and what the caller's documentation calls it.
struct NamedTensor {
  const char *name;
  const halconv_tensor *tensor;
};

using Shape = std::array<int64_t, 4>;

Shape input_shape(const Conv2dProblem &problem, halconv_data_format data_format);
Shape filter_shape(const Conv2dProblem &problem);
Shape output_shape(const Conv2dProblem &problem, halconv_data_format data_format);

/// The number of elements of a checked tensor.
int64_t element_count(const halconv_tensor &tensor);

/// Pointer, rank, extents, dtype, device and data pointer of one tensor.
Status check_tensor(const NamedTensor &argument);

/// The tensor has the given shape.
Status check_shape(const NamedTensor &argument, const Shape &expected);

/// All of one dtype and on one device, aligned as it needs them, and `output` apart from the other two. One of the
/// inputs may be null.
Status check_placement(const NamedTensor &first, const NamedTensor &second, const NamedTensor &output);

/// `argument` of `output`'s dtype and on its device, aligned as it needs it, and apart from it.
Status check_placement(const NamedTensor &output, const NamedTensor &argument);

/// The forward operation's tensors and attributes; `problem` receives what they describe.
Status check_forward(const NamedTensor &input, const NamedTensor &filter, const NamedTensor &output,
                     const halconv_conv2d_attributes *attributes, Conv2dProblem *problem);

/// The tensors and attributes of the gradient `operation`: any of the three tensors may be the result.
Status check_gradient(std::string_view operation, const NamedTensor &input, const NamedTensor &filter,
                      const NamedTensor &out_backprop, const halconv_conv2d_attributes *attributes,
                      Conv2dProblem *problem);

/// No extent of the problem is zero and every index of it fits 32 bits.
Status check_representable(const Conv2dProblem &problem);

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_TENSOR_CHECK_H_
