/// Depthwise convolution on a CPU: forward and backward_input.
#ifndef HALCONV_SCHEDULES_DEPTHWISE_CPU_H_
#define HALCONV_SCHEDULES_DEPTHWISE_CPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

void schedule_depthwise_cpu(const KernelKey &key, Halide::Func result, const generators::Convolution &convolution);

/// The same for NCHW images where turns_planes: a task brings the planes of a tile's channels into the order of pixels,
/// and the result back into planes, while both are in L2.
void schedule_depthwise_turned_cpu(const KernelKey &key, Halide::Func result,
                                   const generators::Convolution &convolution);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DEPTHWISE_CPU_H_
