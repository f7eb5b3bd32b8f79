#include "depthwise_cpu.h"

#include <vector>

#include "depthwise_cpu_parameters.h"
#include "depthwise_planar_cpu_parameters.h"
#include "planes_cpu.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

/// Filters of a channel whose code backward_input holds side by side.
constexpr int64_t kMostUnrolledChannels = 4;

struct DepthwiseLoops {
  Var channel_task{"channel_task"}, channel_block{"channel_block"}, channel{"channel"}, vector{"vector"}, lane{"lane"};
  Var row_task{"row_task"}, row{"row"}, row_tile{"row_tile"}, tile_y{"tile_y"};
  Var column_tile{"column_tile"}, tile_x{"tile_x"};
};

/// The loops around a tile, innermost first.
std::vector<VarOrRVar> outer_loops(ChannelLoop channel_loop, const DepthwiseLoops &l) {
  switch (channel_loop) {
    case ChannelLoop::kTile:
      return {l.channel_block, l.column_tile, l.row_tile};
    case ChannelLoop::kRowOfTiles:
      return {l.column_tile, l.channel_block, l.row_tile};
    case ChannelLoop::kTask:
      break;
  }
  return {l.column_tile, l.row_tile, l.channel_block};
}

/// Unrolls all that a specialised kernel's sum of `result` adds to `pixels`, which come before or after the taps.
void unroll_taps(Func sum, const Halide::RDom &taps) {
  sum.update().unroll(taps.y).unroll(taps.z);
  const int64_t summed_channels = Halide::Internal::as_const_int(taps.x.extent()).value();
  if (summed_channels <= kMostUnrolledChannels) sum.update().unroll(taps.x);
}

/// A specialised kernel holds the code of each tap of each pixel of a tile: taps that neighbouring pixels share are
/// loaded once, and what is padding, or between the pixels of a strided gradient, is resolved when compiling, except at
/// the image's edges, which Halide splits off. A padded copy would cost a third of the time.
void schedule_pixel_sum(const DepthwiseCpuParameters &p, int lanes, Func sum, Func result, const Halide::RDom &taps,
                        const Var &across, const Var &other, const DepthwiseLoops &l) {
  sum.compute_at(Halide::LoopLevel(result, l.tile_x))
      .reorder_storage(across, other)
      .bound_extent(across, p.vectors * p.lanes)
      .unroll(other);
  sum.update().reorder(across, other, taps.y, taps.z, taps.x).unroll(other);
  for (Halide::Stage stage : {Halide::Stage(sum), sum.update()}) stage.vectorize(across, lanes).unroll(across);
  unroll_taps(sum, taps);
}

/// Converting an element takes several instructions: a copy does it once rather than for every row of the filter. The
/// sums of a tile's pixels take turns tap by tap: those of a pixel wait for each other. All taps of a vector of
/// channels come before the next vector, whose sums leave no room for the elements that neighbouring pixels share: so,
/// with seven pixels a tile instead of two or four and rows copied one by one, bf16's `forward` is 1.07 to 1.13 times
/// as fast, from 7x7 to 112x112 pixels, and backward_input 1.0 to 1.08 times (AVX2, one core of an EPYC, Zen 3).
void schedule_sum_of_copy(const DepthwiseCpuParameters &p, const generators::Convolution &convolution, Func result,
                          const Var &across, const Var &other, const DepthwiseLoops &l) {
  Func sum = convolution.sum, copy = convolution.padded;
  const Var x = sum.args()[1], y = sum.args()[2];
  const Halide::RDom &taps = convolution.reduction;
  sum.compute_at(Halide::LoopLevel(result, l.column_tile))
      .reorder_storage(across, other, x, y)
      .bound_extent(across, p.vectors * p.lanes)
      .vectorize(across, p.lanes)
      .unroll(across)
      .unroll(other)
      .unroll(x)
      .unroll(y);
  sum.update()
      .split(across, l.vector, l.lane, p.lanes)
      .reorder(l.lane, other, x, y, taps.y, taps.z, taps.x, l.vector)
      .vectorize(l.lane)
      .unroll(other)
      .unroll(x)
      .unroll(y)
      .unroll(l.vector);
  unroll_taps(sum, taps);
  const Var k = copy.args()[0], column = copy.args()[1], row = copy.args()[2], channel = copy.args()[4];
  copy.compute_at(Halide::LoopLevel(result, l.channel_block))
      .reorder_storage(channel, k)
      .bound_extent(channel, p.vectors * p.lanes)
      .reorder(channel, k, column, row)
      .vectorize(channel, p.lanes)
      .unroll(channel)
      .unroll(column);
}

/// The filter of a task's channels, converted once rather than for every tile of pixels: bf16 is 1.14 (forward)
/// and 1.20 times (backward_input) as fast as by copies and pairs so, 1.11 and 1.12 times with conversion for every
/// tile (MobileNet-V2's layers, AVX-512, one core of an EPYC, Zen 5).
void schedule_filter(const DepthwiseCpuParameters &p, Func filter, const Halide::LoopLevel &task) {
  const Var k = filter.args()[0], g = filter.args()[4];
  const Var across = p.across_multiplier ? k : g, other = p.across_multiplier ? g : k;
  filter.compute_at(task).reorder_storage(across, other).vectorize(across, p.lanes, TailStrategy::ShiftInwards);
}

/// With taps that are not known the sums of a row of pixels wait in registers from one tap to the next.
void schedule_tile_sum(const DepthwiseCpuParameters &p, Func sum, Func result, const Halide::RDom &taps,
                       const Var &across, const Var &other) {
  const Var x = sum.args()[1];
  sum.compute_at(Halide::LoopLevel(result, other))
      .reorder_storage(across, other)
      .bound_extent(across, p.lanes)
      .bound_extent(x, p.width)
      .vectorize(across)
      .unroll(x);
  sum.update().reorder(across, x, other, taps.x, taps.y, taps.z).vectorize(across).unroll(x);
}

/// The loops of `result`, whose elements are the convolution's sums.
void schedule_loops(const KernelKey &key, const DepthwiseCpuParameters &p, Func result,
                    const generators::Convolution &convolution) {
  const DepthwiseLoops l;
  const Var k = result.args()[0], x = result.args()[1], y = result.args()[2], n = result.args()[3],
            g = result.args()[4];
  const Var across = p.across_multiplier ? k : g, other = p.across_multiplier ? g : k;
  // What a specialised kernel computes twice it need not guard: its tiles are no larger than the result.
  const TailStrategy tail = key.problem ? TailStrategy::ShiftInwards : TailStrategy::GuardWithIf;
  Func pairs = convolution.pairs;
  const int result_lanes = pairs.defined() ? 2 * p.lanes : p.lanes;
  std::vector<VarOrRVar> order = {l.lane, l.vector};
  if (!p.across_multiplier && key.problem) order.insert(order.begin() + 1, other);
  order.insert(order.end(), {l.tile_x, l.tile_y});
  if (!key.problem) order.push_back(other);
  for (const VarOrRVar &loop : outer_loops(p.channel_loop, l)) order.push_back(loop);
  if (p.across_multiplier) order.push_back(other);
  // A generic kernel's task has all channels: were they cut into tasks, Halide would not split off those vectors that
  // do not overhang the channels, and load and store without gathers and masks.
  result.split(across, l.channel_block, l.channel, p.vectors * p.lanes, pairs.defined() ? TailStrategy::RoundUp : tail);
  if (key.problem) {
    // What two tasks compute, where the last vector is moved inwards, has the same bits only if it is the same code.
    result.split(l.channel_block, l.channel_task, l.channel_block, p.blocks_per_task, TailStrategy::GuardWithIf)
        .partition(l.channel_task, Halide::Partition::Never)
        .partition(l.channel_block, Halide::Partition::Never);
    order.emplace_back(l.channel_task);
  }
  order.insert(order.end(), {l.row_task, n});
  result.split(l.channel, l.vector, l.lane, result_lanes)
      .split(x, l.column_tile, l.tile_x, p.width, tail)
      .split(y, l.row_task, l.row, p.rows_per_task, p.height == 1 ? TailStrategy::GuardWithIf : tail)
      .split(l.row, l.row_tile, l.tile_y, p.height, tail)
      .reorder(order)
      .vectorize(l.lane)
      .unroll(l.vector)
      .unroll(l.tile_x)
      .unroll(l.tile_y);
  if (!key.problem) {
    // A row is long beside the question whether it is one of the result's; code for rows of which that is known would
    // take nearly as long to compile as all the rest.
    result.partition(l.row_task, Halide::Partition::Never).partition(l.row_tile, Halide::Partition::Never);
    schedule_tile_sum(p, convolution.sum, result, convolution.reduction, across, other);
    // Channels lie side by side, and vectors load and store them whole, where each has one filter.
    result.specialize(is_depthwise_forward(key) ? result.output_buffer().dim(4).stride() == 1
                                                : convolution.reduction.x.extent() == 1);
    return;
  }
  if (!p.across_multiplier) result.unroll(other);
  if (p.converts_filter) schedule_filter(p, convolution.filter.packed, {result, l.channel_task});
  if (pairs.defined()) {
    const Var pair = pairs.args()[4];
    pairs.compute_at(Halide::LoopLevel(result, l.tile_x)).bound_extent(pair, p.lanes).vectorize(pair);
  }
  if (p.copies_image) return schedule_sum_of_copy(p, convolution, result, across, other, l);
  schedule_pixel_sum(p, pairs.defined() ? p.lanes : p.vectors * p.lanes, convolution.sum, result, convolution.reduction,
                     across, other, l);
}

}  // namespace

void schedule_depthwise_cpu(const KernelKey &key, Func result, const generators::Convolution &convolution) {
  const DepthwiseLoops l;
  schedule_loops(key, depthwise_cpu_parameters(key), result, convolution);
  result.parallel(result.args()[3]).parallel(l.row_task);
  if (key.problem) result.parallel(l.channel_task);
}

void schedule_depthwise_turned_cpu(const KernelKey &key, Func result, const generators::Convolution &convolution) {
  const PlaneShape shape = plane_shape(key);
  DepthwiseCpuParameters p = depthwise_cpu_parameters(key);
  p.rows_per_task = static_cast<int>(shape.result_rows);
  const Var k = result.args()[0], x = result.args()[1], y = result.args()[2], n = result.args()[3],
            g = result.args()[4];
  const Var channel_task("turned_task"), channel("turned_channel");
  // What two tasks compute, where the last is moved inwards, has the same bits only if it is the same code.
  result.split(g, channel_task, channel, p.vectors * p.lanes, TailStrategy::ShiftInwards)
      .partition(channel_task, Halide::Partition::Never)
      .reorder(x, channel, y, k, channel_task, n)
      .parallel(n)
      .parallel(channel_task);
  const Halide::LoopLevel task(result, channel_task);
  Func block = Func(convolution.sum).in(result);
  block.compute_at(task).reorder_storage(g, k, x, y, n);
  schedule_loops(key, p, block, convolution);
  scatter_planes(result, block, PlaneChannels::kGroups, x, channel, shape.result_columns, p.lanes,
                 plane_block(p.lanes));
  gather_planes(convolution.source, PlaneChannels::kGroups, task, {p.vectors * p.lanes, shape.image_columns}, p.lanes);
}

}  // namespace halconv::schedules
