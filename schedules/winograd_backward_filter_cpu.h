/// The filter's gradient by Winograd's algorithm on a CPU.
#ifndef HALCONV_SCHEDULES_WINOGRAD_BACKWARD_FILTER_CPU_H_
#define HALCONV_SCHEDULES_WINOGRAD_BACKWARD_FILTER_CPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

bool winograd_fits_d_dst_cpu(const KernelKey &key);

void schedule_winograd_backward_filter_cpu(const KernelKey &key, Halide::Func result,
                                           const generators::WinogradFilterGradient &gradient);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_WINOGRAD_BACKWARD_FILTER_CPU_H_
