/// How the gradient with respect to the input of a strided convolution falls apart into stride-1 convolutions.
///
/// Input row h receives output row p through tap r where stride * p + dilation * r = h + pad. Rows of the same
/// (h + pad) mod stride, a phase, share their taps, which form an arithmetic progression; within a phase the gradient
/// is a stride-1 convolution of d_dst with those taps. Generators unroll the phases of a known shape; the runtime calls
/// a generic kernel once per phase.
#ifndef HALCONV_BACKWARD_INPUT_PHASE_H_
#define HALCONV_BACKWARD_INPUT_PHASE_H_

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace halconv {

/// Along one axis: input row first_row + stride * i, i in [0, rows), is the sum over j in [0, taps) of filter row
/// first_tap + tap_step * j times output row i + offset - advance * j, where rows outside the output count as zero.
struct BackwardInputPhase {
  int64_t first_row, rows;
  int64_t first_tap, tap_step, taps;
  int64_t offset, advance;
};

/// The phases of one axis that hold at least one input row, at most `stride` of them. A phase without taps is all
/// zeros. All arguments are those of the forward convolution, `dilation` one-based.
inline std::vector<BackwardInputPhase> backward_input_phases(int64_t input_rows, int64_t filter_rows, int64_t stride,
                                                             int64_t dilation, int64_t pad) {
  const int64_t step = stride / std::gcd(stride, dilation);
  std::vector<BackwardInputPhase> phases;
  for (int64_t first_row = 0; first_row < std::min(stride, input_rows); ++first_row) {
    BackwardInputPhase phase{};
    phase.first_row = first_row;
    phase.rows = (input_rows - first_row + stride - 1) / stride;
    phase.tap_step = step;
    phase.advance = dilation / std::gcd(stride, dilation);
    const int64_t last_candidate = std::min(step, filter_rows);
    while (phase.first_tap < last_candidate && (first_row + pad - phase.first_tap * dilation) % stride != 0) {
      ++phase.first_tap;
    }
    if (phase.first_tap < last_candidate) {
      phase.taps = (filter_rows - phase.first_tap + step - 1) / step;
      phase.offset = (first_row + pad - phase.first_tap * dilation) / stride;
    } else {
      phase.first_tap = 0;
    }
    phases.push_back(phase);
  }
  return phases;
}

}  // namespace halconv

#endif  // HALCONV_BACKWARD_INPUT_PHASE_H_
