/// The gradient with respect to the filter on a CPU.
#ifndef HALCONV_SCHEDULES_BACKWARD_FILTER_CPU_H_
#define HALCONV_SCHEDULES_BACKWARD_FILTER_CPU_H_

#include <vector>

#include "kernel_schedule.h"

namespace halconv::schedules {

/// See backward_filter_block.
int backward_filter_cpu_block(const KernelKey &key);

std::vector<Prefetch> schedule_backward_filter_cpu(const KernelKey &key, Halide::Func result,
                                                   const generators::FilterGradient &gradient);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_BACKWARD_FILTER_CPU_H_
