/// Depthwise convolution on a CPU: forward and backward_input.
#ifndef HALCONV_SCHEDULES_DEPTHWISE_CPU_H_
#define HALCONV_SCHEDULES_DEPTHWISE_CPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

void schedule_depthwise_cpu(const KernelKey &key, Halide::Func result, const generators::Convolution &convolution);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DEPTHWISE_CPU_H_
