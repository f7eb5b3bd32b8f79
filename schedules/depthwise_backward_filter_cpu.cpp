#include "depthwise_backward_filter_cpu.h"

#include <vector>

#include "depthwise_backward_filter_cpu_parameters.h"
#include "depthwise_planar_cpu_parameters.h"
#include "planes_cpu.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

struct DepthwiseFilterLoops {
  Var channel_task{"channel_task"}, channel_block{"channel_block"}, channel{"channel"}, vector{"vector"}, lane{"lane"};
  Var k_tile{"k_tile"}, k{"k_in_tile"}, s_tile{"s_tile"}, s{"s_in_tile"}, r_tile{"r_tile"}, r{"r_in_tile"};
};

/// vectors x multiplier x columns x filter_rows accumulators: a step of the sum loads `vectors` x `multiplier` vectors
/// of d_dst once for all taps.
void schedule_register_tile(const DepthwiseBackwardFilterCpuParameters &p, Func tile, const RVar &x) {
  const Var k = tile.args()[0], s = tile.args()[2], r = tile.args()[3], g = tile.args()[4];
  const DepthwiseFilterLoops l;
  tile.reorder_storage(g, k, s, r)
      .bound_extent(k, p.multiplier)
      .bound_extent(s, p.columns)
      .bound_extent(r, p.filter_rows)
      .bound_extent(g, p.vectors * p.lanes);
  for (Halide::Stage stage : {Halide::Stage(tile), tile.update()}) {
    stage.split(g, l.vector, l.lane, p.lanes).vectorize(l.lane).unroll(l.vector).unroll(k).unroll(s).unroll(r);
  }
  tile.reorder(l.lane, l.vector, k, s, r);
  std::vector<VarOrRVar> order = {l.lane, l.vector, k, s, r};
  for (const RVar &pixel : tile.rvars(0)) order.emplace_back(pixel);
  tile.update().reorder(order);
  if (p.unroll > 1) tile.update().unroll(x, p.unroll, TailStrategy::GuardWithIf);
}

/// The loops over what register tiles sum to, some elements of `stage`, from the innermost to those over blocks of
/// channels: `tail` says what becomes of a last block that is not whole.
std::vector<VarOrRVar> schedule_tiles(const DepthwiseBackwardFilterCpuParameters &p, Halide::Stage stage,
                                      const std::vector<Var> &args, TailStrategy tail, const DepthwiseFilterLoops &l) {
  const Var k = args[0], c = args[1], s = args[2], r = args[3], g = args[4];
  const TailStrategy guard = TailStrategy::GuardWithIf;
  stage.split(g, l.channel_block, l.channel, p.vectors * p.lanes, tail)
      .split(l.channel, l.vector, l.lane, p.lanes, guard)
      .split(k, l.k_tile, l.k, p.multiplier, guard)
      .split(s, l.s_tile, l.s, p.columns, guard)
      .split(r, l.r_tile, l.r, p.filter_rows, guard)
      .vectorize(l.lane)
      .unroll(l.vector)
      .unroll(l.k)
      .unroll(l.s)
      .unroll(l.r);
  return {l.lane, l.vector, l.k, l.s, l.r, c, l.k_tile, l.s_tile, l.r_tile, l.channel_block};
}

/// Each register tile sums all pixels.
void schedule_whole_sums(const KernelKey &key, const DepthwiseBackwardFilterCpuParameters &p, Func tile, Func consumer,
                         const DepthwiseFilterLoops &l) {
  // Channels of a specialised kernel are at least a vector, and the last vector is moved inwards.
  const TailStrategy tail = key.problem ? TailStrategy::ShiftInwards : TailStrategy::GuardWithIf;
  std::vector<VarOrRVar> order = schedule_tiles(p, Halide::Stage(consumer), consumer.args(), tail, l);
  consumer.split(l.channel_block, l.channel_task, l.channel_block, p.blocks_per_task, TailStrategy::GuardWithIf);
  order.emplace_back(l.channel_task);
  consumer.reorder(order).parallel(l.channel_task);
  // What two tasks compute, where the last vector is moved inwards, has the same bits only if it is the same code.
  if (key.problem) {
    consumer.partition(l.channel_task, Halide::Partition::Never).partition(l.channel_block, Halide::Partition::Never);
  }
  tile.compute_at(consumer, l.k_tile);
}

/// A task goes through its rows once, through all of its channels of a few rows at a time, and adds what register tiles
/// sum of these to its sums in memory. Returns the tiles.
Func schedule_sums_by_rows(const DepthwiseBackwardFilterCpuParameters &p, Func sum, Func consumer,
                           const DepthwiseFilterLoops &l) {
  const std::vector<RVar> pixels = sum.rvars(0);  // x, the row and, where it is not split off, the image
  const RVar row_block("row_block"), row_of_block("row_of_block");
  sum.update().split(pixels[1], row_block, row_of_block, p.rows_per_block, TailStrategy::GuardWithIf);
  std::vector<std::pair<RVar, Var>> rows = {{row_block, Var("tile_row_block")}};
  if (pixels.size() > 2) rows.emplace_back(pixels[2], Var("tile_image"));
  Func tile = sum.update().rfactor(rows);

  // All tasks have whole vectors; what two compute, where the last is moved inwards, has the same bits only if it is
  // the same code.
  const std::vector<Var> args = consumer.args();
  const Var k = args[0], g = args[4], task_channel("task_channel");
  const int channels = p.blocks_per_task * p.vectors * p.lanes;
  consumer.split(g, l.channel_task, task_channel, channels, TailStrategy::ShiftInwards)
      .partition(l.channel_task, Halide::Partition::Never)
      .reorder(task_channel, k, args[1], args[2], args[3], l.channel_task)
      .vectorize(task_channel, p.lanes)
      .parallel(l.channel_task);
  sum.compute_at(consumer, l.channel_task).reorder_storage(g, k).bound_extent(g, channels).vectorize(g, p.lanes);
  std::vector<VarOrRVar> order = schedule_tiles(p, sum.update(), args, TailStrategy::GuardWithIf, l);
  for (const auto &[row, tile_row] : rows) order.emplace_back(row);
  sum.update().reorder(order);
  tile.compute_at(sum, l.k_tile);
  return tile;
}

/// Groups of rows and images are summed by themselves, then added in their order: the same bits on any number of
/// threads. Returns the partial sums, one register tile each, and their consumer.
std::pair<Func, Func> split_rows(const DepthwiseBackwardFilterCpuParameters &p, int lanes, Func result,
                                 const generators::FilterGradient &gradient) {
  Func sum = gradient.sum;
  const RVar row_task("row_task"), row("row"), image = gradient.pixels.z;
  const Var partial_row_task("partial_row_task"), partial_image("partial_image");
  sum.update().split(gradient.pixels.y, row_task, row, p.rows_per_task, TailStrategy::GuardWithIf);
  Func partial = sum.update().rfactor({{row_task, partial_row_task}, {image, partial_image}});
  const Var g = sum.args()[4];
  result.vectorize(result.args()[4], lanes, TailStrategy::GuardWithIf);
  sum.compute_root().reorder_storage(g, sum.args()[0]).vectorize(g, lanes, TailStrategy::GuardWithIf);
  sum.update().vectorize(g, lanes, TailStrategy::GuardWithIf);
  Func partial_result = partial.in(sum);
  partial_result.compute_root()
      .reorder_storage(partial_result.args()[4], partial_result.args()[0])
      .parallel(partial_row_task)
      .parallel(partial_image);
  return {partial, partial_result};
}

}  // namespace

void schedule_depthwise_backward_filter_cpu(const KernelKey &key, Func result,
                                            const generators::FilterGradient &gradient) {
  const DepthwiseBackwardFilterCpuParameters p = depthwise_backward_filter_cpu_parameters(key);
  const DepthwiseFilterLoops l;
  Func tile = gradient.sum, consumer = result;
  if (p.rows_per_task > 0) std::tie(tile, consumer) = split_rows(p, p.lanes, result, gradient);
  if (p.rows_per_block > 0) {
    tile = schedule_sums_by_rows(p, tile, consumer, l);
  } else {
    schedule_whole_sums(key, p, tile, consumer, l);
  }
  schedule_register_tile(p, tile, gradient.pixels.x);
  if (!turns_planes(key)) return;
  const Halide::LoopLevel block(consumer, l.channel_block);
  const PlaneShape shape = plane_shape(key);
  const int64_t channels = p.vectors * p.lanes;
  gather_planes(gradient.src, PlaneChannels::kGroups, block, {channels, shape.result_columns}, p.lanes);
  gather_planes(gradient.d_dst, PlaneChannels::kGroups, block, {channels, shape.image_columns}, p.lanes);
}

}  // namespace halconv::schedules
