/// Prefetches: what a loop reads is fetched into the caches some iterations before.
#ifndef HALCONV_SCHEDULES_PREFETCH_H_
#define HALCONV_SCHEDULES_PREFETCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "Halide.h"

namespace halconv::schedules {

/// The vectors of a tensor that a loop reads, fetched into all levels of the cache (x86's prefetcht0) some of its
/// iterations before, an instruction for each cache line.
///
/// Stage::prefetch does not do: it compiles to a function (Halide's src/runtime/prefetch.cpp) that marks the data as
/// used only once, which loses what the next tile reads again (3x3, 512 channels, 7x7 pixels take 1.9 times as long as
/// without); it takes the offset of a line in bytes where it counts elements (SplitPrefetch in src/Prefetch.cpp); and
/// it leaves loops and conditions, where the channels are not whole tiles, inside the loop of the products.
struct VectorPrefetch {
  std::string function;  ///< in the innermost loop of its update
  std::string tensor;    ///< an argument of the kernel
  int iterations;        ///< so many iterations before
};

/// A loop by the last part of its name, and a number that it comes with. One that others were fused into stands for
/// each of them: its iterations divided by `divisor`, modulo `extent`.
struct NumberedLoop {
  std::string name;
  int64_t number;
  int64_t divisor = 1;
  int64_t extent = 0;  ///< 0: not modulo anything
};

/// So many parts of a tensor, so many bytes apart.
struct EvenlySpaced {
  int64_t count = 1, bytes = 0;
};

/// A block of a tensor, fetched into L2 (prefetcht1) while another is multiplied, as a rule the block before it: line
/// after line, evenly over the iterations of the products' loop, or a small one before that. Fetched where its own
/// products need it, the block would wait for the memory's bandwidth in the first of many passes over it, and leave
/// that idle in all others.
struct BlockPrefetch {
  std::string function;              ///< in the innermost loop of its update
  std::string tensor;                ///< an argument of the kernel
  std::vector<NumberedLoop> blocks;  ///< the loops over blocks, and bytes from what one iteration fetches to the next
  int64_t first;                     ///< byte at which that of their first iterations begins; may be negative
  std::vector<EvenlySpaced> pieces = {};  ///< of a block, and of each of these; none: the block is one
  int64_t bytes;                          ///< of a piece, side by side
  /// The loops inside, outermost first, and how often each iterates; none: all is fetched at once, before them.
  std::vector<NumberedLoop> iterations = {};
};

using Prefetch = std::variant<VectorPrefetch, BlockPrefetch>;

/// The lowering pass that inserts it.
std::unique_ptr<Halide::Internal::IRMutator> insertion(const Prefetch &prefetch);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_PREFETCH_H_
