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

/// How a filter from beyond L2 is fetched ahead.
struct FilterPrefetch {
  int channels = 0;    ///< the vectors that many channels later (VectorPrefetch); 0: none
  int next_block = 0;  ///< 1: the next block of result channels, while this one is multiplied (BlockPrefetch)
};

/// Of AVX2's peak on one core of an EPYC (Zen 3), with no prefetch, with vectors' and with blocks': 1x1 512->2048 @7
/// 63, 56 and 71 %; 1024->256 @14 76 (vectors') and 87 %.
inline FilterPrefetch choose_filter_prefetch(const CpuMachine &machine, int64_t filter_bytes, int64_t accumulators,
                                             int64_t blocks) {
  const int channels = prefetched_channels(machine, filter_bytes, accumulators);
  if (channels > 0 && blocks > 1 && machine.fetches_blocks_ahead) return {0, 1};
  return {channels, 0};
}

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_FILTER_PREFETCH_H_
