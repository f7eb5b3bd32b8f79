/// Direct convolution on a CPU: forward and backward_input.
#ifndef HALCONV_SCHEDULES_DIRECT_CPU_H_
#define HALCONV_SCHEDULES_DIRECT_CPU_H_

#include <vector>

#include "kernel_schedule.h"

namespace halconv::schedules {

int direct_cpu_block(const KernelKey &key);

std::vector<Prefetch> schedule_direct_cpu(const KernelKey &key, Halide::Func result,
                                          const std::vector<ResultPart> &parts);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DIRECT_CPU_H_
