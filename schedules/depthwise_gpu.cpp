#include "depthwise_gpu.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "gpu_machine.h"
#include "halconv/kernel_name.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::MemoryType;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

constexpr int kMostUnrolledTaps = 25;
constexpr int kPlaneThreads = 128;  // of a block
constexpr int kRowsPerThread = 8;   // of d_dst, in the filter gradient
constexpr int kGroupsPerBlock = 4;  // of rows, likewise

/// Pixels of the result in a row that a thread computes: those of a strided gradient differ in the taps they have, and
/// a multiple of the stride resolves which when compiling.
int pixels_per_thread(const KernelKey &key) {
  if (!key.problem || key.operation.starts_with(kForward)) return 4;
  const int stride = static_cast<int>(std::min<int64_t>(key.problem->stride_width, 8));
  return std::max(stride, 4 / stride * stride);
}

/// Rows of a plane that a thread computes, a multiple of a gradient's stride for the same reason.
int rows_per_thread(const KernelKey &key) {
  if (!key.problem || key.operation.starts_with(kForward)) return 4;
  const int stride = static_cast<int>(std::min<int64_t>(key.problem->stride_height, 8));
  return std::max(stride, 4 / stride * stride);
}

/// Threads along a row: a warp, or what covers the row.
int column_threads(const KernelKey &key) {
  if (!key.problem) return kWarp;
  const Conv2dProblem &p = *key.problem;
  const int64_t columns = key.operation.starts_with(kForward) ? p.out_width : p.in_width;
  int threads = 4;
  while (threads < kWarp && threads < columns) threads *= 2;
  return threads;
}

bool has_few_taps(const KernelKey &key) {
  return key.problem && key.problem->filter_height * key.problem->filter_width <= kMostUnrolledTaps;
}

/// Neighbouring threads compute neighbouring columns of a plane, as these are neighbours in memory, each of a few rows,
/// which share most of what they read.
void schedule_depthwise_planes_gpu(const KernelKey &key, Func result, const generators::Convolution &convolution) {
  const Var channel_in_group = result.args()[0], x = result.args()[1], y = result.args()[2], n = result.args()[3],
            g = result.args()[4];
  const Var column_block("column_block"), column_thread("column_thread"), row_tile("row_tile"), pixel("pixel"),
      row_block("row_block"), row_thread("row_thread"), block("block"), channel("channel");
  const int rows = rows_per_thread(key), columns = column_threads(key);
  const TailStrategy guard = TailStrategy::GuardWithIf;
  result.split(x, column_block, column_thread, columns, guard)
      .split(y, row_tile, pixel, rows, guard)
      .split(row_tile, row_block, row_thread, kPlaneThreads / columns, guard)
      .reorder(pixel, column_thread, row_thread, column_block, row_block, channel_in_group, g, n)
      .fuse(column_block, row_block, block)
      .fuse(channel_in_group, g, channel)
      .unroll(pixel)
      .gpu_blocks(block, channel, n)
      .gpu_threads(column_thread, row_thread);
  Func sum = convolution.sum;
  const Halide::RDom &taps = convolution.reduction;
  const Var sum_y = sum.args()[2];
  sum.compute_at(result, column_thread).store_in(MemoryType::Register).bound_extent(sum_y, rows).unroll(sum_y);
  for (size_t i = 0; i < sum.args().size(); ++i) {
    if (i != 2) sum.bound_extent(sum.args()[i], 1);
  }
  sum.update().reorder(sum_y, taps.x, taps.y, taps.z).unroll(sum_y);
  if (has_few_taps(key)) sum.update().unroll(taps.y).unroll(taps.z);
}

}  // namespace

/// Neighbouring threads compute neighbouring channels, which lie side by side in both tensors, so that a warp's
/// accesses are whole cache lines and what neighbouring pixels share comes from L1.
void schedule_depthwise_gpu(const KernelKey &key, Func result, const generators::Convolution &convolution) {
  if (key.is_planar()) return schedule_depthwise_planes_gpu(key, result, convolution);
  const Var channel_in_group = result.args()[0], x = result.args()[1], y = result.args()[2], n = result.args()[3],
            g = result.args()[4];
  const Var channel("channel"), channel_block("channel_block"), channel_thread("channel_thread");
  const Var column("column"), pixel("pixel"), row_block("row_block"), row_thread("row_thread"), block("block");
  const int pixels = pixels_per_thread(key);
  const TailStrategy guard = TailStrategy::GuardWithIf;
  result.split(x, column, pixel, pixels, guard)
      .split(y, row_block, row_thread, 4, guard)
      .reorder(pixel, channel_in_group, g, row_thread, column, row_block, n)
      .fuse(channel_in_group, g, channel)
      .split(channel, channel_block, channel_thread, kWarp, guard)
      .reorder(pixel, channel_thread, row_thread, channel_block, column, row_block, n)
      .fuse(column, row_block, block)
      .unroll(pixel)
      .gpu_blocks(channel_block, block, n)
      .gpu_threads(channel_thread, row_thread);
  Func sum = convolution.sum;
  const Halide::RDom &taps = convolution.reduction;
  const Var sum_x = sum.args()[1];
  sum.compute_at(result, channel_thread).store_in(MemoryType::Register).bound_extent(sum_x, pixels).unroll(sum_x);
  for (size_t i = 0; i < sum.args().size(); ++i) {
    if (i != 1) sum.bound_extent(sum.args()[i], 1);
  }
  sum.update().reorder(sum_x, taps.x, taps.y, taps.z).unroll(sum_x);
  if (has_few_taps(key)) sum.update().unroll(taps.y).unroll(taps.z);
}

/// A thread sums over a few rows of one image, for all taps of a channel where they are known to be few, else for one;
/// a second kernel adds what the threads found, always in the same order. A thread goes along the rows: the sectors of
/// NCHW's planes come from L1 for all but their first element.
void schedule_depthwise_backward_filter_gpu(const KernelKey &key, Func result,
                                            const generators::FilterGradient &gradient) {
  Func sum = gradient.sum;
  const RVar group("group"), row("row"), image = gradient.pixels.z;
  const Var row_group("row_group"), image_group("image_group");
  const TailStrategy guard = TailStrategy::GuardWithIf;
  sum.update().split(gradient.pixels.y, group, row, kRowsPerThread, guard);
  Func partial = sum.update().rfactor({{group, row_group}, {image, image_group}});

  const auto map_channels = [&](Func func, const Var &channel_block, const Var &channel_thread) {
    const Var channel("channel");
    func.reorder(func.args()[0], func.args()[4])
        .fuse(func.args()[0], func.args()[4], channel)
        .split(channel, channel_block, channel_thread, kWarp, guard);
  };
  const Var channel_block("channel_block"), channel_thread("channel_thread"), tap("tap");
  const Var c = result.args()[1], s = result.args()[2], r = result.args()[3];
  map_channels(result, channel_block, channel_thread);
  result.reorder(channel_thread, c, channel_block, s, r)
      .fuse(s, r, tap)
      .gpu_blocks(channel_block, tap)
      .gpu_threads(channel_thread);
  sum.compute_at(result, channel_thread).store_in(MemoryType::Register);
  for (const Var &dimension : sum.args()) sum.bound_extent(dimension, 1);

  Func partial_result = partial.in(sum);
  const std::vector<Var> d = partial_result.args();
  const Var group_block("group_block"), group_thread("group_thread"), block("block");
  const bool few_taps = has_few_taps(key);
  map_channels(partial_result, channel_block, channel_thread);
  partial_result.compute_root()
      .split(row_group, group_block, group_thread, kGroupsPerBlock, guard)
      .reorder(d[1], d[2], d[3], channel_thread, group_thread, channel_block, group_block, image_group)
      .fuse(group_block, image_group, block);
  partial.compute_at(partial_result, channel_thread).store_in(MemoryType::Register);
  if (few_taps) {
    partial_result.unroll(d[2]).unroll(d[3]).gpu_blocks(channel_block, block).gpu_threads(channel_thread, group_thread);
    partial.unroll(d[2]).unroll(d[3]);
    partial.update().reorder(d[2], d[3], gradient.pixels.x, row).unroll(d[2]).unroll(d[3]);
  } else {
    partial_result.reorder(d[1], channel_thread, group_thread, channel_block, d[2], d[3], block)
        .fuse(d[2], d[3], tap)
        .gpu_blocks(channel_block, tap, block)
        .gpu_threads(channel_thread, group_thread);
    for (size_t i = 0; i < partial.args().size(); ++i) partial.bound_extent(partial.args()[i], 1);
  }
}

}  // namespace halconv::schedules
