/// When a loop over channels fetches its filter ahead, and how far.
#ifndef HALCONV_SCHEDULES_FILTER_PREFETCH_H_
#define HALCONV_SCHEDULES_FILTER_PREFETCH_H_

#include "cpu_machine.h"

namespace halconv::schedules {

/// Whether a filter leaves L2 before the next task reads it again.
inline bool is_beyond_l2(const CpuMachine &machine, int64_t filter_bytes) {
  return filter_bytes > machine.l2_bytes * 5 / 8;
}

/// Channels that a register tile sums while a cache line comes from beyond L2, a few hundred cycles; 0 for a filter
/// that stays there. Direct convolution 512->512 @7 with 28 AVX-512 accumulators gains 22 to 33 % from 32 channels on
/// (3x3; 1x1 2 to 14 %, and no filter loses), with 14 AVX2 ones 12 % with 32, 16 % with 64 (one core of a Xeon, Emerald
/// Rapids).
inline int prefetched_channels(const CpuMachine &machine, int64_t filter_bytes, int64_t accumulators) {
  constexpr double kCycles = 448;
  if (!is_beyond_l2(machine, filter_bytes)) return 0;
  return static_cast<int>(kCycles * machine.fmas_per_cycle / static_cast<double>(accumulators));
}

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_FILTER_PREFETCH_H_
