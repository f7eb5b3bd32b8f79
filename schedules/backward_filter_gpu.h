/// The gradient with respect to the filter on a GPU.
#ifndef HALCONV_SCHEDULES_BACKWARD_FILTER_GPU_H_
#define HALCONV_SCHEDULES_BACKWARD_FILTER_GPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

void schedule_backward_filter_gpu(const KernelKey &key, Halide::Func result,
                                  const generators::FilterGradient &gradient);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_BACKWARD_FILTER_GPU_H_
