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

struct Loops {
  Var channel_task{"channel_task"}, channel_block{"channel_block"}, channel{"channel"}, vector{"vector"}, lane{"lane"};
  Var k_tile{"k_tile"}, k{"k_in_tile"}, s_tile{"s_tile"}, s{"s_in_tile"}, r_tile{"r_tile"}, r{"r_in_tile"};
};

/// vectors x multiplier x columns x filter_rows accumulators: a step of the sum loads `vectors` x `multiplier` vectors
/// of d_dst once for all taps.
void schedule_register_tile(const DepthwiseBackwardFilterCpuParameters &p, Func tile, const RVar &x) {
  const Var k = tile.args()[0], s = tile.args()[2], r = tile.args()[3], g = tile.args()[4];
  const Loops l;
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

/// The loops over what a register tile sums to, `consumer`'s elements.
void schedule_tiles(const KernelKey &key, const DepthwiseBackwardFilterCpuParameters &p, Func consumer,
                    const Loops &l) {
  const Var k = consumer.args()[0], c = consumer.args()[1], s = consumer.args()[2], r = consumer.args()[3],
            g = consumer.args()[4];
  const TailStrategy guard = TailStrategy::GuardWithIf;
  // Channels of a specialised kernel are at least a vector, and the last vector is moved inwards.
  consumer.split(g, l.channel_block, l.channel, p.vectors * p.lanes, key.problem ? TailStrategy::ShiftInwards : guard)
      .split(l.channel_block, l.channel_task, l.channel_block, p.blocks_per_task, guard)
      .split(l.channel, l.vector, l.lane, p.lanes, guard)
      .split(k, l.k_tile, l.k, p.multiplier, guard)
      .split(s, l.s_tile, l.s, p.columns, guard)
      .split(r, l.r_tile, l.r, p.filter_rows, guard)
      .reorder({l.lane, l.vector, l.k, l.s, l.r, c, l.k_tile, l.s_tile, l.r_tile, l.channel_block, l.channel_task})
      .vectorize(l.lane)
      .unroll(l.vector)
      .unroll(l.k)
      .unroll(l.s)
      .unroll(l.r)
      .parallel(l.channel_task);
  // What two tasks compute, where the last vector is moved inwards, has the same bits only if it is the same code.
  if (key.problem) {
    consumer.partition(l.channel_task, Halide::Partition::Never).partition(l.channel_block, Halide::Partition::Never);
  }
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
  const Loops l;
  Func tile = gradient.sum, consumer = result;
  if (p.rows_per_task > 0) std::tie(tile, consumer) = split_rows(p, p.lanes, result, gradient);
  schedule_tiles(key, p, consumer, l);
  tile.compute_at(consumer, l.k_tile);
  schedule_register_tile(p, tile, gradient.pixels.x);
  if (!turns_planes(key)) return;
  const Halide::LoopLevel block(consumer, l.channel_block);
  const PlaneShape shape = plane_shape(key);
  const int64_t channels = p.vectors * p.lanes;
  gather_planes(gradient.src, PlaneChannels::kGroups, block, {channels, shape.result_columns}, p.lanes);
  gather_planes(gradient.d_dst, PlaneChannels::kGroups, block, {channels, shape.image_columns}, p.lanes);
}

}  // namespace halconv::schedules
