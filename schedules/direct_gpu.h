/// Direct convolution on a GPU: forward and backward_input.
#ifndef HALCONV_SCHEDULES_DIRECT_GPU_H_
#define HALCONV_SCHEDULES_DIRECT_GPU_H_

#include <vector>

#include "kernel_schedule.h"

namespace halconv::schedules {

int direct_gpu_block(const KernelKey &key);

void schedule_direct_gpu(const KernelKey &key, Halide::Func result, const std::vector<ResultPart> &parts);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DIRECT_GPU_H_
