/// The rate at which this machine multiplies and adds, for kernels to be compared with.
#ifndef HALCONV_BENCH_FMA_PEAK_H_
#define HALCONV_BENCH_FMA_PEAK_H_

#include <string_view>

#include "halconv/halconv.hpp"

namespace halconv::bench {

/// Operations a second of `threads` threads that do nothing but independent multiply-adds in registers, for at least
/// `seconds`, with the vectors of a CPU target and the instruction that its kernels of the dtype sum with; 0 for a
/// target without such a measure.
double measure_fma_peak(std::string_view target, Dtype dtype, int threads, double seconds);

/// What those multiply-adds are: "FMA" of the dtype itself, "f32 FMA" where kernels convert, or "bf16 dot" products.
std::string_view fma_peak_name(std::string_view target, Dtype dtype);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_FMA_PEAK_H_
