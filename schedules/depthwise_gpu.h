/// Depthwise convolution on a GPU.
#ifndef HALCONV_SCHEDULES_DEPTHWISE_GPU_H_
#define HALCONV_SCHEDULES_DEPTHWISE_GPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

/// Forward and backward_input.
void schedule_depthwise_gpu(const KernelKey &key, Halide::Func result, const generators::Convolution &convolution);

void schedule_depthwise_backward_filter_gpu(const KernelKey &key, Halide::Func result,
                                            const generators::FilterGradient &gradient);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DEPTHWISE_GPU_H_
