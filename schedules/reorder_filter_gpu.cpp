#include "reorder_filter_gpu.h"

namespace halconv::schedules {

void schedule_reorder_filter_gpu(Halide::Func packed, const Halide::Var &contiguous) {
  const std::vector<Halide::Var> d = packed.args();
  const Halide::Var other = contiguous.name() == d[0].name() ? d[1] : d[0];
  const Halide::Var block_x("block_x"), block_y("block_y"), thread_x("thread_x"), thread_y("thread_y"), rest("rest");
  const Halide::TailStrategy guard = Halide::TailStrategy::GuardWithIf;
  // Lanes of a warp read consecutive elements of the filter.
  packed.split(contiguous, block_x, thread_x, 32, guard)
      .split(other, block_y, thread_y, 8, guard)
      .reorder(thread_x, thread_y, block_x, block_y, d[2], d[3], d[4], d[5])
      .fuse(d[2], d[3], rest)
      .fuse(rest, d[4], rest)
      .fuse(rest, d[5], rest)
      .gpu_blocks(block_x, block_y, rest)
      .gpu_threads(thread_x, thread_y);
}

}  // namespace halconv::schedules
