/// Forward and backward_input on a CPU for calls without a plan, whose kernels read a filter from beyond L2 where it
/// is, in HWIO.
#ifndef HALCONV_SCHEDULES_FILTER_CHUNKS_CPU_H_
#define HALCONV_SCHEDULES_FILTER_CHUNKS_CPU_H_

#include <vector>

#include "kernel_schedule.h"

namespace halconv::schedules {

std::vector<Prefetch> schedule_filter_chunks_cpu(const KernelKey &key, Halide::Func result, const ResultPart &part);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_FILTER_CHUNKS_CPU_H_
