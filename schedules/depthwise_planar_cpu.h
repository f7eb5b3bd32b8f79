/// Depthwise convolution of NCHW images on a CPU: a channel's plane at a time.
#ifndef HALCONV_SCHEDULES_DEPTHWISE_PLANAR_CPU_H_
#define HALCONV_SCHEDULES_DEPTHWISE_PLANAR_CPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

/// Forward and backward_input.
void schedule_depthwise_planar_cpu(const KernelKey &key, Halide::Func result,
                                   const generators::Convolution &convolution);

void schedule_depthwise_planar_backward_filter_cpu(const KernelKey &key, Halide::Func result,
                                                   const generators::FilterGradient &gradient);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DEPTHWISE_PLANAR_CPU_H_
