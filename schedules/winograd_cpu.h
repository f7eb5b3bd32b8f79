/// Convolution by Winograd's algorithm on a CPU: forward and backward_input.
#ifndef HALCONV_SCHEDULES_WINOGRAD_CPU_H_
#define HALCONV_SCHEDULES_WINOGRAD_CPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

int winograd_cpu_block(const KernelKey &key);

std::vector<Prefetch> schedule_winograd_cpu(const KernelKey &key, Halide::Func result,
                                            const generators::WinogradConvolution &convolution);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_WINOGRAD_CPU_H_
