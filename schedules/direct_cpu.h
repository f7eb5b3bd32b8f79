/// Direct convolution on a CPU: forward and backward_input.
#ifndef HALCONV_SCHEDULES_DIRECT_CPU_H_
#define HALCONV_SCHEDULES_DIRECT_CPU_H_

#include <vector>

#include "direct_cpu_parameters.h"
#include "kernel_schedule.h"

namespace halconv::schedules {

/// The accumulators: vectors x width x height registers, live from the first product to the last.
/// `together` channels are multiplied at once: a dot product is a sum over vectors of pairs.
void schedule_accumulators(const DirectCpuParameters &p, int lanes, int together, Halide::Func sum);

/// A task's part of the image, with the zeros around it, at `level`; where there are none, nothing beyond the image may
/// be read.
void schedule_padded(const KernelKey &key, const generators::Convolution &convolution, const Halide::LoopLevel &level);

/// For backward_input, whose filter is dense along the channels summed over: `packed`, vectorised over `lane`, `vector`
/// the next loop, reads squares of lanes x lanes and transposes them.
void transpose_packed_filter(const KernelKey &key, const generators::PackedFilter &filter, const Halide::Var &lane,
                             const Halide::Var &vector);

int direct_cpu_block(const KernelKey &key);

std::vector<Prefetch> schedule_direct_cpu(const KernelKey &key, Halide::Func result,
                                          const std::vector<ResultPart> &parts);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DIRECT_CPU_H_
