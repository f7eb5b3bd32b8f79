/// Prefetches: what a loop reads is fetched into the caches some iterations before.
#ifndef HALCONV_SCHEDULES_PREFETCH_H_
#define HALCONV_SCHEDULES_PREFETCH_H_

#include <string>

#include "Halide.h"

namespace halconv::schedules {

/// What a schedule asks for.
struct Prefetch {
  std::string function;  ///< in the innermost loop of its update
  std::string tensor;    ///< the vectors that the loop reads of this argument of the kernel
  int iterations;        ///< so many iterations before
};

/// The lowering pass that inserts them, an instruction for each cache line, as it fetches into all levels of the cache
/// (x86's prefetcht0).
///
/// Stage::prefetch does not do: it compiles to a function (Halide's src/runtime/prefetch.cpp) that marks the data as
/// used only once, which loses what the next tile reads again (3x3, 512 channels, 7x7 pixels take 1.9 times as long as
/// without); it takes the offset of a line in bytes where it counts elements (SplitPrefetch in src/Prefetch.cpp); and
/// it leaves loops and conditions, where the channels are not whole tiles, inside the loop of the products.
class PrefetchInsertion : public Halide::Internal::IRMutator {
 public:
  explicit PrefetchInsertion(Prefetch prefetch) : prefetch_(std::move(prefetch)) {}

 private:
  using IRMutator::visit;
  Halide::Internal::Stmt visit(const Halide::Internal::For *loop) override;

  Prefetch prefetch_;
};

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_PREFETCH_H_
