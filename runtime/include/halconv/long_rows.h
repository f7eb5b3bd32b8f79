/// The order that specialised CPU kernels of 1x1 convolutions take an image's pixels in.
#ifndef HALCONV_LONG_ROWS_H_
#define HALCONV_LONG_ROWS_H_

#include <algorithm>
#include <cstdint>

#include "halconv/conv2d_problem.h"
#include "halconv/data_format.h"

namespace halconv {

/// The same sums over the same dense NHWC tensors, with the pixels of all images in longer rows. No pixel of a 1x1
/// convolution at stride 1 without padding has neighbours: the tensors are matrices with a row for each pixel, and
/// register tiles that 7 or 14 columns would cut off go on into the next row. Rows are joined until they have 28
/// columns, which tiles of 2, 4, 7 and 14 pixels divide. Any other problem stays what it is.
inline Conv2dProblem with_long_rows(const Conv2dProblem &problem) {
  constexpr int64_t kLeastColumns = 28, kMostColumns = 256;
  const bool is_pointwise = problem.filter_height == 1 && problem.filter_width == 1 && problem.stride_height == 1 &&
                            problem.stride_width == 1 && !problem.is_padded() &&
                            problem.in_height == problem.out_height && problem.in_width == problem.out_width;
  if (!is_pointwise) return problem;
  const int64_t rows = problem.batch * problem.in_height, columns = problem.in_width;
  int64_t joined = std::min(rows, (kLeastColumns + columns - 1) / columns);
  while (joined * columns < kMostColumns && rows % joined != 0) ++joined;
  if (rows % joined != 0) joined = 1;
  Conv2dProblem result = problem;
  result.batch = 1;
  result.in_height = result.out_height = rows / joined;
  result.in_width = result.out_width = joined * columns;
  return result;
}

/// What the loops of a specialised kernel of the problem go over. GPUs' threads take their pixels in another way.
inline Conv2dProblem as_computed(const Conv2dProblem &problem, bool is_on_cpu, halconv_data_format data_format) {
  return is_on_cpu && data_format == HALCONV_NHWC ? with_long_rows(problem) : problem;
}

}  // namespace halconv

#endif  // HALCONV_LONG_ROWS_H_
