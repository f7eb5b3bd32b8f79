#include "winograd_backward_filter_cpu.h"

#include <algorithm>

#include "ceil_divide.h"
#include "transformed_tiles_cpu.h"
#include "winograd_backward_filter_cpu_parameters.h"

namespace halconv::schedules {
namespace {

using generators::TransformedTiles;
using generators::WinogradFilterGradient;
using Halide::Func;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

struct Loops {
  Var k_task{"k_task"}, c_task{"c_task"}, task{"task"}, block{"block"}, vector{"vector"}, lane{"lane"};
  Var c_tile{"c_tile"}, c{"c_in_tile"}, tile_task{"tile_task"};
};

/// All transformed tiles of an image, one matrix of tiles x channels after another.
void schedule_tiles(const TransformedTiles &tiles, int64_t channels, int lanes, Func padded) {
  constexpr int kTilesPerTask = 8;
  Func image = tiles.transformed;
  const std::vector<Var> d = image.args();  // channel, j, i, tile, n, g
  const Loops loops;
  image.compute_root().reorder_storage(d[0], d[3], d[4], d[1], d[2], d[5]);
  schedule_transformed_image(tiles, static_cast<int>(channels), lanes);
  image.split(d[3], loops.tile_task, d[3], kTilesPerTask, TailStrategy::GuardWithIf)
      .parallel(loops.tile_task)
      .parallel(d[4])
      .parallel(d[5]);
  padded.compute_root()
      .vectorize(padded.args()[0], lanes, TailStrategy::GuardWithIf)
      .parallel(padded.args()[2])
      .parallel(padded.args()[3])
      .parallel(padded.args()[4]);
}

/// Tiles that are added one after another: at most 64, and at most half of an image's. A single sum of them all errs up
/// to 4 % more than the direct sum in sequence does, blocks always less; their overhead is that of a register tile per
/// block.
int tiles_in_sequence(int64_t tiles) {
  const int64_t blocks = std::min(tiles, std::max<int64_t>(2, ceil_divide(tiles, 64)));
  return static_cast<int>(ceil_divide(tiles, blocks));
}

/// vectors x channels accumulators.
void schedule_accumulators(const WinogradBackwardFilterCpuParameters &p, int lanes, Func stage) {
  const Loops loops;
  const Var k = stage.args()[0], c = stage.args()[1];
  stage.bound_extent(k, p.vectors * lanes).bound_extent(c, p.channels);
  stage.split(k, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, c)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(c);
}

/// The sum over all tiles of all images, as a sum of blocks of tiles that are summed on their own: what rounds off
/// grows with the longest sum.
void schedule_sum(const WinogradBackwardFilterCpuParameters &p, int lanes, const WinogradFilterGradient &gradient) {
  Func sum = gradient.sum;
  const RVar block("tile_block"), tile("tile"), image = gradient.tiles.y;
  const Var partial_block("partial_block"), partial_image("partial_image");
  const Loops loops;
  const int64_t tiles = *Halide::Internal::as_const_int(gradient.tiles.x.extent());
  sum.update().split(gradient.tiles.x, block, tile, tiles_in_sequence(tiles), TailStrategy::GuardWithIf);
  Func block_sum = sum.update().rfactor({{block, partial_block}, {image, partial_image}});
  schedule_accumulators(p, lanes, sum);
  const Var k = sum.args()[0], c = sum.args()[1];
  sum.update()
      .split(k, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, c, block, image)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(c);
  block_sum.compute_at(sum, block);
  schedule_accumulators(p, lanes, block_sum);
  block_sum.update()
      .split(k, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, c, tile)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(c);
  if (p.unroll > 1) block_sum.update().unroll(tile, p.unroll);
}

/// The matrices of products for a task's part of the filter, which stay in L1 or L2: those of the whole filter, 37 MB
/// for 512 x 512 channels, are never stored.
void schedule_products(const WinogradBackwardFilterCpuParameters &p, int lanes, Func products) {
  const std::vector<Var> d = products.args();  // k, c, j, i, g
  const Loops loops;
  products.reorder_storage(d[0], d[2], d[3], d[1], d[4]);
  products.split(d[0], loops.block, d[0], p.vectors * lanes, TailStrategy::RoundUp)
      .split(d[0], loops.vector, loops.lane, lanes)
      .split(d[1], loops.c_tile, loops.c, p.channels, TailStrategy::RoundUp)
      .reorder({loops.lane, loops.vector, loops.c, loops.c_tile, loops.block, d[2], d[3], d[4]})
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(loops.c);
}

}  // namespace

void schedule_winograd_backward_filter_cpu(const KernelKey &key, Func result, const WinogradFilterGradient &gradient) {
  const WinogradBackwardFilterCpuParameters p = winograd_backward_filter_cpu_parameters(key);
  const int lanes = key.lanes();
  const Var k = result.args()[0], c = result.args()[1], s = result.args()[2], r = result.args()[3],
            g = result.args()[4];
  const Loops loops;
  const TailStrategy tail = TailStrategy::GuardWithIf;
  result.split(k, loops.k_task, k, p.vectors * lanes * p.blocks_per_task, tail)
      .split(k, loops.vector, loops.lane, lanes, tail)
      .split(c, loops.c_task, c, p.channels_per_task, tail)
      .reorder({loops.lane, s, r, loops.vector, c, loops.c_task, loops.k_task, g})
      .vectorize(loops.lane)
      .unroll(s)
      .unroll(r)
      .fuse(loops.c_task, loops.k_task, loops.task)
      .parallel(loops.task)
      .parallel(g);
  Func rows = gradient.result_rows;
  rows.compute_at(result, loops.vector);
  schedule_in_registers(rows, rows.args()[0], lanes, {rows.args()[2], 3}, {rows.args()[3], gradient.image.size});

  Func products = Func(gradient.sum).in(rows);
  products.compute_at(result, loops.task);
  schedule_products(p, lanes, products);
  Func(gradient.sum).compute_at(products, loops.c_tile);
  schedule_sum(p, lanes, gradient);

  schedule_tiles(gradient.image, key.problem->in_channels, lanes, gradient.src_padded);
  schedule_tiles(gradient.gradient, key.problem->out_channels, lanes, gradient.d_dst_padded);
}

}  // namespace halconv::schedules
