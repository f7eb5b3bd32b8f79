/// The numbers of the depthwise filter gradient's loop nest on a CPU.
#ifndef HALCONV_SCHEDULES_DEPTHWISE_BACKWARD_FILTER_CPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_DEPTHWISE_BACKWARD_FILTER_CPU_PARAMETERS_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

struct DepthwiseBackwardFilterCpuParameters {
  int lanes = 1;                     ///< of a vector of channels
  int vectors = 1;                   ///< register tile: vectors of channels ...
  int multiplier = 1;                ///< ... times the filters of each ...
  int columns = 1, filter_rows = 1;  ///< ... times taps
  int unroll = 1;                    ///< pixels summed per iteration of the innermost loop
  int rows_per_block = 0;            ///< rows of d_dst whose sums are added in memory; 0: all, of all images
  int rows_per_task = 0;             ///< rows of d_dst that a task sums; 0: all, of all images
  int blocks_per_task = 1;           ///< blocks of `vectors` in a task
};

/// The tuned row where there is one, else the heuristic's choice.
DepthwiseBackwardFilterCpuParameters depthwise_backward_filter_cpu_parameters(const KernelKey &key);

/// Numbers for the tuner to try, those nearest the heuristic's first.
std::vector<ScheduleNumbers> depthwise_backward_filter_cpu_space(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DEPTHWISE_BACKWARD_FILTER_CPU_PARAMETERS_H_
