/// The least time that the machine's roofs allow an operation.
#ifndef HALCONV_BENCH_ROOFLINE_H_
#define HALCONV_BENCH_ROOFLINE_H_

#include <string>
#include <vector>

#include "bandwidth.h"
#include "contender.h"

namespace halconv::bench {

/// Bytes that an operation cannot do without: every operand's elements that it uses once, and its result's.
struct Traffic {
  double read, written;
};
Traffic least_traffic(const Case &c);

struct Roof {
  std::string name;  ///< of the roof that binds: fma_peak_name's, or the level of the memory that holds the tensors
  bool is_memory;    ///< it is the latter
  double seconds;    ///< by the FMA peak, the products with the padding's zeros counted, or the memory
  double seconds_inside;  ///< without those products
};

/// `peak` in operations a second, of multiply-adds in the case's dtype. Tensors stay in the smallest level of memory
/// that holds them beside one another, shared out over the threads.
Roof find_roof(const Case &c, double peak, const std::vector<Bandwidth> &bandwidths);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_ROOFLINE_H_
