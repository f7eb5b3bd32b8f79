#include "epilogue_backward_gpu.h"

#include "gpu_machine.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::LoopLevel;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

constexpr TailStrategy kBlockGuard = TailStrategy::GuardWithIf;

/// Enough that the sums of the threads are few beside the pixels.
constexpr int kPixelsPerThread = 32;

/// Neighbouring threads take neighbouring channels.
void schedule_pixels(Func masked, Func sum, const Halide::RDom &pixels) {
  const Var k = masked.args()[0], pixel = masked.args()[1], n = masked.args()[2];
  const Var pixel_block("pixel_block"), channel_block("channel_block"), channel("channel"),
      masked_pixel("masked_pixel");
  const RVar block("block"), summed_pixel("summed_pixel");
  sum.update().split(pixels.x, block, summed_pixel, kPixelsPerThread, kBlockGuard);
  Func partial = sum.update().rfactor({{block, pixel_block}, {pixels.y, n}});
  masked.split(pixel, pixel_block, masked_pixel, kPixelsPerThread, kBlockGuard)
      .split(k, channel_block, channel, kWarp, kBlockGuard)
      .reorder(masked_pixel, channel, channel_block, pixel_block, n)
      .gpu_blocks(channel_block, pixel_block, n)
      .gpu_threads(channel);
  const Var zero_block("zero_block"), zero("zero");
  partial.compute_root().split(k, zero_block, zero, kWarp, kBlockGuard);
  partial.reorder(zero, zero_block, pixel_block, n).gpu_blocks(zero_block, pixel_block, n).gpu_threads(zero);
  partial.update()
      .split(k, channel_block, channel, kWarp, kBlockGuard)
      .reorder(summed_pixel, channel, channel_block, pixel_block, n)
      .gpu_blocks(channel_block, pixel_block, n)
      .gpu_threads(channel)
      .compute_with(LoopLevel(masked, channel, 0));
}

/// Neighbouring threads take neighbouring pixels of a plane.
void schedule_planes(Func masked, Func sum, const Halide::RDom &pixels) {
  const Var k = masked.args()[0], pixel = masked.args()[1], n = masked.args()[2];
  const Var pixel_block("pixel_block"), masked_pixel("masked_pixel"), warp("warp"), thread("thread");
  const RVar block("block"), summed_pixel("summed_pixel"), summed_warp("summed_warp"), summed_thread("summed_thread");
  sum.update()
      .split(pixels.x, block, summed_pixel, kPixelsPerThread * kWarp, kBlockGuard)
      .split(summed_pixel, summed_warp, summed_thread, kWarp);
  Func partial = sum.update().rfactor({{block, pixel_block}, {summed_thread, thread}, {pixels.y, n}});
  masked.split(pixel, pixel_block, masked_pixel, kPixelsPerThread * kWarp, kBlockGuard)
      .split(masked_pixel, warp, thread, kWarp)
      .reorder(warp, thread, pixel_block, k, n)
      .gpu_blocks(pixel_block, k, n)
      .gpu_threads(thread);
  partial.compute_root().reorder_storage(thread, pixel_block, k, n).reorder(thread, pixel_block, k, n);
  partial.gpu_blocks(pixel_block, k, n).gpu_threads(thread);
  partial.update()
      .reorder(summed_warp, thread, pixel_block, k, n)
      .gpu_blocks(pixel_block, k, n)
      .gpu_threads(thread)
      .compute_with(LoopLevel(masked, thread, 0));
}

}  // namespace

/// A thread masks and adds some pixels of one channel; a second kernel adds what the threads found, always in the same
/// order.
void schedule_epilogue_backward_gpu(const KernelKey &key, Func masked, Func bias_gradient,
                                    const generators::BiasGradient &gradient) {
  Func sum = gradient.sum;
  key.is_planar() ? schedule_planes(masked, sum, gradient.pixels) : schedule_pixels(masked, sum, gradient.pixels);
  const Var bias_block("bias_block"), bias_thread("bias_thread");
  bias_gradient.split(bias_gradient.args()[0], bias_block, bias_thread, kWarp, kBlockGuard)
      .gpu_blocks(bias_block)
      .gpu_threads(bias_thread);
  sum.compute_at(bias_gradient, bias_thread).store_in(Halide::MemoryType::Register).bound_extent(sum.args()[0], 1);
}

}  // namespace halconv::schedules
