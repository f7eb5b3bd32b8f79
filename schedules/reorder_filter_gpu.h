/// The filter in a kernel's own layout, on a GPU.
#ifndef HALCONV_SCHEDULES_REORDER_FILTER_GPU_H_
#define HALCONV_SCHEDULES_REORDER_FILTER_GPU_H_

#include "Halide.h"

namespace halconv::schedules {

/// `contiguous` is the dimension of `packed` along which the filter is read with stride 1.
void schedule_reorder_filter_gpu(Halide::Func packed, const Halide::Var &contiguous);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_REORDER_FILTER_GPU_H_
