/// The transform of a filter for Winograd's algorithm on a CPU.
#ifndef HALCONV_SCHEDULES_REORDER_FILTER_WINOGRAD_CPU_H_
#define HALCONV_SCHEDULES_REORDER_FILTER_WINOGRAD_CPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

/// The arguments of kernel_schedule.h's schedule_reorder_filter_winograd.
void schedule_reorder_filter_winograd_cpu(const Halide::Target &target, Halide::Func packed, Halide::Func taps,
                                          const Halide::Var &contiguous, const generators::TransformedTiles &tiles);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_REORDER_FILTER_WINOGRAD_CPU_H_
