/// Kernels that are compiled while the bench or the tuner runs.
#ifndef HALCONV_BENCH_KERNEL_LIBRARY_H_
#define HALCONV_BENCH_KERNEL_LIBRARY_H_

#include <string>

namespace halconv::bench {

/// Makes the kernel in the shared library <folder>/<kernel's name>.so known to the runtime, for as long as the process
/// lives. The library finds Halide's runtime in this program, which has to export it. Throws std::runtime_error.
void load_kernel(const std::string &path);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_KERNEL_LIBRARY_H_
