/// Winograd's algorithm as generators, kernel lists and dispatch name it: what it can compute.
#ifndef HALCONV_WINOGRAD_H_
#define HALCONV_WINOGRAD_H_

#include <string_view>

#include "halconv/conv2d_problem.h"

namespace halconv {

/// Tiles of 2x2 pixels, F(2x2, 3x3), or for the filter's gradient F(3x3, 2x2): 2.25 times fewer multiplications.
inline constexpr std::string_view kWinograd2 = "winograd2";
/// Tiles of 4x4 pixels, F(4x4, 3x3) or F(3x3, 4x4): 4 times fewer multiplications, larger rounding errors.
inline constexpr std::string_view kWinograd4 = "winograd4";

inline bool is_winograd(std::string_view algorithm) { return algorithm == kWinograd2 || algorithm == kWinograd4; }

/// Whether the algorithm can compute the problem at all.
inline bool fits_winograd(const Conv2dProblem &p) {
  return p.groups == 1 && p.filter_height == 3 && p.filter_width == 3 && p.stride_height == 1 && p.stride_width == 1 &&
         p.dilation_height == 1 && p.dilation_width == 1;
}

}  // namespace halconv

#endif  // HALCONV_WINOGRAD_H_
