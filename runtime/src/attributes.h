/// TensorFlow's attributes of a convolution, checked and in one form.
#ifndef HALCONV_RUNTIME_ATTRIBUTES_H_
#define HALCONV_RUNTIME_ATTRIBUTES_H_

#include <cstdint>
#include <string_view>

#include "status.h"

namespace halconv::runtime {

/// Index 0 is the height, 1 the width.
struct Attributes {
  int64_t strides[2];    ///< 1 to kMaxElements
  int64_t dilations[2];  ///< 1 to kMaxElements
  halconv_padding padding;
  halconv_data_format data_format;
  int64_t explicit_paddings[2]
                           [2];  ///< {{top, bottom}, {left, right}}, 0 to kMaxElements; zeros unless HALCONV_EXPLICIT
};

/// Checks in the order in which TensorFlow's `operation` (kForward, kBackwardInput or kBackwardFilter) does.
Status resolve_attributes(std::string_view operation, const halconv_conv2d_attributes *attributes,
                          Attributes *resolved);

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_ATTRIBUTES_H_
