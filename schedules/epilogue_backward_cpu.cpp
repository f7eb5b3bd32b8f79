#include "epilogue_backward_cpu.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::LoopLevel;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

constexpr TailStrategy kGuard = TailStrategy::GuardWithIf;

/// Pixels of a task: a vector of their channels waits in L1 between the mask and the sum.
constexpr int kPixelsPerTask = 32;
/// The same of a plane, whose neighbours in memory they are.
constexpr int kPlanePixelsPerTask = 1024;

/// Vectors of channels.
void schedule_pixels(int lanes, Func masked, Func bias_gradient, const generators::BiasGradient &gradient) {
  Func sum = gradient.sum;
  const Var k = masked.args()[0], pixel = masked.args()[1], n = masked.args()[2];
  const Var task("task"), vector("vector"), lane("lane"), masked_pixel("masked_pixel");
  const RVar block("block"), summed_pixel("summed_pixel");
  sum.update().split(gradient.pixels.x, block, summed_pixel, kPixelsPerTask, kGuard);
  Func partial = sum.update().rfactor({{block, task}, {gradient.pixels.y, n}});
  masked.split(pixel, task, masked_pixel, kPixelsPerTask, kGuard)
      .split(k, vector, lane, lanes, kGuard)
      .reorder(lane, masked_pixel, vector, task, n)
      .vectorize(lane)
      .parallel(task)
      .parallel(n);
  partial.compute_root().split(k, vector, lane, lanes, kGuard).vectorize(lane).parallel(task).parallel(n);
  partial.update()
      .split(k, vector, lane, lanes, kGuard)
      .reorder(lane, summed_pixel, vector, task, n)
      .vectorize(lane)
      .parallel(task)
      .parallel(n)
      .compute_with(LoopLevel(masked, vector, 0));
  const Var bias_vector("bias_vector"), bias_lane("bias_lane");
  bias_gradient.split(bias_gradient.args()[0], bias_vector, bias_lane, lanes, kGuard).vectorize(bias_lane);
  sum.compute_at(bias_gradient, bias_vector).vectorize(k, lanes, kGuard);
  sum.update().reorder(k, block, gradient.pixels.y).vectorize(k, lanes, kGuard);
}

/// Vectors of pixels, each lane with a sum of its own, which are added up at last.
void schedule_planes(int lanes, Func masked, Func bias_gradient, const generators::BiasGradient &gradient) {
  Func sum = gradient.sum;
  const Var k = masked.args()[0], pixel = masked.args()[1], n = masked.args()[2];
  const Var task("task"), vector("vector"), lane("lane"), masked_pixel("masked_pixel");
  const RVar block("block"), summed_pixel("summed_pixel"), summed_vector("summed_vector"), summed_lane("summed_lane");
  sum.update()
      .split(gradient.pixels.x, block, summed_pixel, kPlanePixelsPerTask, kGuard)
      .split(summed_pixel, summed_vector, summed_lane, lanes);
  Func partial = sum.update().rfactor({{block, task}, {summed_lane, lane}, {gradient.pixels.y, n}});
  masked.split(pixel, task, masked_pixel, kPlanePixelsPerTask, kGuard)
      .split(masked_pixel, vector, lane, lanes)
      .reorder(lane, vector, task, k, n)
      .vectorize(lane)
      .parallel(k)
      .parallel(n);
  partial.compute_root().reorder_storage(lane, task, k, n).reorder(lane, task, k, n).vectorize(lane);
  partial.parallel(k).parallel(n);
  partial.update()
      .reorder(lane, summed_vector, task, k, n)
      .vectorize(lane)
      .parallel(k)
      .parallel(n)
      .compute_with(LoopLevel(masked, task, 0));
  sum.compute_at(bias_gradient, bias_gradient.args()[0]);
  sum.update().reorder(summed_lane, block, gradient.pixels.y).atomic().vectorize(summed_lane);
}

}  // namespace

/// Tasks mask and add blocks of pixels; what they found is always added in the same order.
void schedule_epilogue_backward_cpu(const KernelKey &key, Func masked, Func bias_gradient,
                                    const generators::BiasGradient &gradient) {
  const int lanes = key.target.natural_vector_size(gradient.sum.value().type());
  key.is_planar() ? schedule_planes(lanes, masked, bias_gradient, gradient)
                  : schedule_pixels(lanes, masked, bias_gradient, gradient);
}

}  // namespace halconv::schedules
