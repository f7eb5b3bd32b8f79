#include "epilogue_backward_cpu.h"

namespace halconv::schedules {
namespace {

/// Pixels of a task: a vector of their channels waits in L1 between the mask and the sum.
constexpr int kPixelsPerTask = 32;

}  // namespace

void schedule_epilogue_backward_cpu(const Halide::Target &target, Halide::Func masked, Halide::Func bias_gradient,
                                    const generators::BiasGradient &gradient) {
  using Halide::RVar;
  using Halide::TailStrategy;
  using Halide::Var;
  const TailStrategy guard = TailStrategy::GuardWithIf;
  Halide::Func sum = gradient.sum;
  const int lanes = target.natural_vector_size(sum.value().type());
  const Var k = masked.args()[0], pixel = masked.args()[1];
  const Var task("task"), vector("vector"), lane("lane"), masked_pixel("masked_pixel");
  const RVar block("block"), summed_pixel("summed_pixel");
  sum.update().split(gradient.pixels.x, block, summed_pixel, kPixelsPerTask, guard);
  Halide::Func partial = sum.update().rfactor(block, task);
  masked.split(pixel, task, masked_pixel, kPixelsPerTask, guard)
      .split(k, vector, lane, lanes, guard)
      .reorder(lane, masked_pixel, vector, task)
      .vectorize(lane)
      .parallel(task);
  partial.compute_root().split(k, vector, lane, lanes, guard).vectorize(lane).parallel(task);
  partial.update()
      .split(k, vector, lane, lanes, guard)
      .reorder(lane, summed_pixel, vector, task)
      .vectorize(lane)
      .parallel(task)
      .compute_with(Halide::LoopLevel(masked, vector, 0));
  // What the tasks found, always added in the same order.
  const Var bias_vector("bias_vector"), bias_lane("bias_lane");
  bias_gradient.split(bias_gradient.args()[0], bias_vector, bias_lane, lanes, guard).vectorize(bias_lane);
  sum.compute_at(bias_gradient, bias_vector).vectorize(k, lanes, guard);
  sum.update().reorder(k, block).vectorize(k, lanes, guard);
}

}  // namespace halconv::schedules
