#include "epilogue_backward_gpu.h"

namespace halconv::schedules {
namespace {

constexpr int kWarp = 32;

/// Enough that the sums of the threads are few beside the pixels.
constexpr int kPixelsPerThread = 32;

}  // namespace

/// A thread masks and adds some pixels of one channel, neighbouring threads neighbouring channels; a second kernel adds
/// what the threads found, always in the same order.
void schedule_epilogue_backward_gpu(Halide::Func masked, Halide::Func bias_gradient,
                                    const generators::BiasGradient &gradient) {
  using Halide::RVar;
  using Halide::TailStrategy;
  using Halide::Var;
  const TailStrategy guard = TailStrategy::GuardWithIf;
  Halide::Func sum = gradient.sum;
  const Var k = masked.args()[0], pixel = masked.args()[1];
  const Var pixel_block("pixel_block"), channel_block("channel_block"), channel("channel"),
      masked_pixel("masked_pixel");
  const RVar block("block"), summed_pixel("summed_pixel");
  sum.update().split(gradient.pixels.x, block, summed_pixel, kPixelsPerThread, guard);
  Halide::Func partial = sum.update().rfactor(block, pixel_block);
  masked.split(pixel, pixel_block, masked_pixel, kPixelsPerThread, guard)
      .split(k, channel_block, channel, kWarp, guard)
      .reorder(masked_pixel, channel, channel_block, pixel_block)
      .gpu_blocks(channel_block, pixel_block)
      .gpu_threads(channel);
  const Var zero_block("zero_block"), zero("zero");
  partial.compute_root().split(k, zero_block, zero, kWarp, guard).gpu_blocks(zero_block, pixel_block).gpu_threads(zero);
  partial.update()
      .split(k, channel_block, channel, kWarp, guard)
      .reorder(summed_pixel, channel, channel_block, pixel_block)
      .gpu_blocks(channel_block, pixel_block)
      .gpu_threads(channel)
      .compute_with(Halide::LoopLevel(masked, channel, 0));
  const Var bias_block("bias_block"), bias_thread("bias_thread");
  bias_gradient.split(bias_gradient.args()[0], bias_block, bias_thread, kWarp, guard)
      .gpu_blocks(bias_block)
      .gpu_threads(bias_thread);
  sum.compute_at(bias_gradient, bias_thread).store_in(Halide::MemoryType::Register).bound_extent(k, 1);
}

}  // namespace halconv::schedules
