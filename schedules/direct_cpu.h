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

/// For backward_input, whose filter is dense along the channels summed over: reads squares of 4 x 4 channels and turns
/// them, one cache line of each channel of the result after the other, as lines whose distance is a power of two do not
/// stay in L1 until the next block. On one core of an EPYC (Zen 5), 1x1 512->2048 @7 reaches 65 % of AVX-512's peak so,
/// 50 % by squares of a whole vector, 3x3 512->512 @7 66 and 47 to 53 %; on AVX2 (squares of 8 x 8 before) 83 and 77 %,
/// 74 and 72 %.
void transpose_packed_filter(const KernelKey &key, const generators::PackedFilter &filter);

int direct_cpu_block(const KernelKey &key);

std::vector<Prefetch> schedule_direct_cpu(const KernelKey &key, Halide::Func result,
                                          const std::vector<ResultPart> &parts);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DIRECT_CPU_H_
