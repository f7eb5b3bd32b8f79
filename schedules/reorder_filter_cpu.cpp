#include "reorder_filter_cpu.h"

namespace halconv::schedules {

void schedule_reorder_filter_cpu(const Halide::Target &target, Halide::Func packed, const Halide::Var &contiguous) {
  const std::vector<Halide::Var> d = packed.args();
  const Halide::Var vector("vector"), lane("lane"), task("task");
  // Vectors along the dimension in which the filter is contiguous: loads are dense and, for backward_input, which
  // transposes, stores scatter. That beats gathering loads, and transposing in registers, on a 9 MB filter.
  packed.split(contiguous, vector, lane, target.natural_vector_size(packed.type()), Halide::TailStrategy::GuardWithIf)
      .vectorize(lane);
  if (contiguous.name() == d[0].name()) {
    packed.reorder(lane, vector, d[1], d[2], d[3], d[4], d[5]);
  } else {
    packed.reorder(lane, d[0], vector, d[2], d[3], d[4], d[5]);
  }
  packed.fuse(d[3], d[4], task).fuse(task, d[5], task).parallel(task);
}

}  // namespace halconv::schedules
