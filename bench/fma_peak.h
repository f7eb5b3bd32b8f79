/// The rate at which this machine multiplies and adds floats, for kernels to be compared with.
#ifndef HALCONV_BENCH_FMA_PEAK_H_
#define HALCONV_BENCH_FMA_PEAK_H_

#include <string_view>

namespace halconv::bench {

/// Floating-point operations a second of `threads` threads that do nothing but independent multiply-adds in registers,
/// for at least `seconds`, with the vectors of a CPU target; 0 for a target without such a measure.
double measure_fma_peak(std::string_view target, int threads, double seconds);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_FMA_PEAK_H_
