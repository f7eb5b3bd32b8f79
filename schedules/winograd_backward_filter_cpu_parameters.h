/// The numbers of winograd_backward_filter_cpu.cpp's loop nest.
#ifndef HALCONV_SCHEDULES_WINOGRAD_BACKWARD_FILTER_CPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_WINOGRAD_BACKWARD_FILTER_CPU_PARAMETERS_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

struct WinogradBackwardFilterCpuParameters {
  int vectors = 1, channels = 1;  ///< register tile: vectors of output channels times input channels
  int unroll = 1;                 ///< tiles summed per iteration of the innermost loop
  int blocks_per_task = 1;        ///< blocks of `vectors` output channels in a task
  int channels_per_task = 1;      ///< input channels in a task
  int tiles_in_sequence = 1;      ///< tiles that are added one after another; then their sum is added to others
  int streams_tiles = 0;  ///< 1: a task transforms tiles and adds them block by block; 0: all are transformed first
  int tile_tasks = 1;     ///< parts of the tiles, each summed into products of its own; only where tiles are streamed
};

/// Rows and columns of d_dst in a tile.
int winograd_backward_filter_tile(const KernelKey &key);

/// The tuned row where there is one, else the heuristic's choice.
WinogradBackwardFilterCpuParameters winograd_backward_filter_cpu_parameters(const KernelKey &key);

/// Numbers for the tuner to try, those nearest the heuristic's first.
std::vector<ScheduleNumbers> winograd_backward_filter_cpu_space(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_WINOGRAD_BACKWARD_FILTER_CPU_PARAMETERS_H_
