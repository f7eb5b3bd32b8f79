/// The rates at which this machine moves data, for kernels to be compared with.
#ifndef HALCONV_BENCH_BANDWIDTH_H_
#define HALCONV_BENCH_BANDWIDTH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace halconv::bench {

/// Bytes a second of all threads together, each going over `bytes` of its own again and again with the vectors of a CPU
/// target.
struct Bandwidth {
  std::string level;  ///< "L1", "L2", "L3" or "memory": where so much data stays
  int64_t bytes;
  double read, write;
};

/// At half of L1, half of L2, eight times L2, and beyond L3 or, where that is larger, 256 MiB in all. Takes half a
/// second.
std::vector<Bandwidth> measure_bandwidths(std::string_view target, int threads);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_BANDWIDTH_H_
