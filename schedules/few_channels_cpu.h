/// Forward and backward_input with a handful of result channels on a CPU, as in the gradient of a network's first
/// layer.
#ifndef HALCONV_SCHEDULES_FEW_CHANNELS_CPU_H_
#define HALCONV_SCHEDULES_FEW_CHANNELS_CPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

/// Whether the kernel's result has too few channels to fill vectors with, but enough columns.
bool has_few_channels(const KernelKey &key);

/// Result channels in a block of the filter: all.
int few_channels_block(const KernelKey &key);

/// `parts` are those of backward_input; their images are one.
void schedule_few_channels_cpu(const KernelKey &key, Halide::Func result, const std::vector<ResultPart> &parts);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_FEW_CHANNELS_CPU_H_
