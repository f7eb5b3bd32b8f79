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
};

/// The tuned row where there is one, else the heuristic's choice.
WinogradBackwardFilterCpuParameters winograd_backward_filter_cpu_parameters(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_WINOGRAD_BACKWARD_FILTER_CPU_PARAMETERS_H_
