/// The numbers of the depthwise loop nest on a CPU.
#ifndef HALCONV_SCHEDULES_DEPTHWISE_CPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_DEPTHWISE_CPU_PARAMETERS_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

/// What the loop over blocks of channels goes around.
enum class ChannelLoop { kTile, kRowOfTiles, kTask };

struct DepthwiseCpuParameters {
  bool across_multiplier = false;  ///< vectors of a channel's filters instead of channels
  int lanes = 1;                   ///< of a vector
  int vectors = 1;                 ///< in a tile
  int width = 1, height = 1;       ///< pixels of the result in a tile
  ChannelLoop channel_loop = ChannelLoop::kTile;
  int rows_per_task = 1;    ///< of the result
  int blocks_per_task = 1;  ///< blocks of `vectors` that one task computes
  /// Of a block's channels, what a task reads; `channel_loop` is then kTask. No number of a tuned row: those are of
  /// f32, which is read in place.
  bool copies_image = false;
  bool converts_filter = false;  ///< to what sums take, once a task
};

/// Whether the kernel computes dst, else d_src.
bool is_depthwise_forward(const KernelKey &key);

/// Whether the kernel has the channels of pairs in vectors of their own (generators/bf16_pairs.h), two of which are a
/// tile's.
bool computes_pairs(const KernelKey &key);

/// The tuned row where there is one, else the heuristic's choice.
DepthwiseCpuParameters depthwise_cpu_parameters(const KernelKey &key);

/// Numbers for the tuner to try, those nearest the heuristic's first.
std::vector<ScheduleNumbers> depthwise_cpu_space(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DEPTHWISE_CPU_PARAMETERS_H_
