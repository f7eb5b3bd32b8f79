#include "winograd_cpu.h"

#include "ceil_divide.h"
#include "planes_cpu.h"
#include "transformed_tiles_cpu.h"
#include "winograd_cpu_parameters.h"

namespace halconv::schedules {
namespace {

using generators::WinogradConvolution;
using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

struct WinogradLoops {
  Var block_task{"block_task"}, block{"block"}, vector{"vector"}, lane{"lane"};
  Var tile_row_task{"tile_row_task"}, tile_row{"tile_row"}, tile_column{"tile_column"};
  Var tile_x{"tile_x"}, tile_y{"tile_y"};
  Var image_task{"image_task"}, image{"image"}, tile_block{"tile_block"}, tile{"tile"};
};

/// The accumulators: vectors x tiles registers, live from the first channel to the last. The filter's part is a stream
/// that is read once for each block of tiles, at consecutive addresses.
void schedule_sum(const WinogradCpuParameters &p, int lanes, const WinogradConvolution &convolution) {
  Func sum = convolution.sum;
  const Var channel = sum.args()[0], tile = sum.args()[3];
  const WinogradLoops loops;
  sum.bound_extent(channel, p.vectors * lanes).bound_extent(tile, p.tiles);
  sum.split(channel, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, tile)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(tile);
  sum.update()
      .split(channel, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, tile, convolution.channels.x)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(tile);
  if (p.unroll > 1) sum.update().unroll(convolution.channels.x, p.unroll);
}

/// size x size products of matrices, one for each element of the transformed tiles. The index of tiles stays flat: with
/// one of rows and one of columns each tile of a block takes an address register, and there are not enough.
void schedule_products(const WinogradCpuParameters &p, int lanes, Func products) {
  const std::vector<Var> d = products.args();  // channel, j, i, tile, n, g
  const WinogradLoops loops;
  products.reorder_storage(d[0], d[1], d[2], d[3], d[4], d[5]);
  // A block that overhangs the channels reads the packed filter's zeros; one that overhangs the tiles moves inwards, as
  // tiles beyond the last would have to be transformed.
  products.split(d[0], loops.block, d[0], p.vectors * lanes, TailStrategy::RoundUp)
      .split(d[0], loops.vector, loops.lane, lanes)
      .split(d[3], loops.tile_block, loops.tile, p.tiles, TailStrategy::ShiftInwards)
      .reorder({loops.lane, loops.vector, loops.tile, loops.tile_block, d[4], loops.block, d[1], d[2]})
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(loops.tile);
}

/// The loops inside a task of the result, tile by tile. Returns where the tiles' rows are transformed back.
Halide::LoopLevel schedule_pixels(const WinogradConvolution &convolution, Func result) {
  const WinogradLoops loops;
  const Var x = result.args()[1], g = result.args()[4];
  result.split(x, loops.tile_column, loops.tile_x, convolution.tile_size, TailStrategy::GuardWithIf)
      .reorder({loops.lane, loops.tile_x, loops.tile_y, loops.vector, loops.tile_column, loops.tile_row, loops.image,
                loops.block_task, loops.tile_row_task, loops.image_task, g})
      .vectorize(loops.lane)
      .unroll(loops.tile_x)
      .unroll(loops.tile_y);
  return {result, loops.vector};
}

/// The same of planes: a row of tiles for a vector of channels waits in L1 to be stored. 64 channels, 56x56 pixels:
/// 0.90 (tiles of 2x2 pixels) and 0.86 (4x4) of the speed of NHWC's schedule; 128, 28x28: 0.89 and 0.97 (AVX-512, one
/// core of a Xeon, Sapphire Rapids).
Halide::LoopLevel schedule_planes(const KernelKey &key, Func result, const WinogradConvolution &convolution) {
  const WinogradLoops loops, outer;
  const Var x = result.args()[1], g = result.args()[4];
  result.reorder({x, outer.lane, outer.tile_y, outer.vector, outer.tile_row, outer.image, outer.block_task,
                  outer.tile_row_task, outer.image_task, g});
  Func tiles = convolution.result;
  const Var tile_channel = tiles.args()[0], tiles_x = tiles.args()[1], tiles_y = tiles.args()[2];
  const int lanes = key.lanes(), m = convolution.tile_size;
  tiles.compute_at(result, outer.vector)
      .bound_extent(tile_channel, lanes)
      .split(tiles_x, loops.tile_column, loops.tile_x, m, TailStrategy::GuardWithIf)
      .split(tiles_y, loops.tile_row, loops.tile_y, m, TailStrategy::GuardWithIf)
      .reorder(tile_channel, loops.tile_x, loops.tile_y, loops.tile_column, loops.tile_row)
      .vectorize(tile_channel)
      .unroll(loops.tile_x)
      .unroll(loops.tile_y);
  scatter_planes(result, tiles, PlaneChannels::kOfGroup, x, outer.lane, winograd_shape(key).columns, lanes,
                 plane_block(lanes));
  return {tiles, loops.tile_column};
}

/// Where one task has all rows, threads share what all blocks of channels read. On two threads images of 14x14 and 7x7
/// are 1.01 to 1.03 times as fast so, 1.02 to 1.13 times where the cores share no L3, on one 0.99 to 1.01 times
/// (F(2x2), 256 and 512 channels, AVX-512 and AVX2, an EPYC, Zen 5).
void share_image(const KernelKey &key, Func image, Func padded) {
  constexpr int kTiles = 8, kRows = 4;
  const Var task("share_task");
  const Var tile = image.args()[3], row = padded.args()[2];
  image.split(tile, task, tile, kTiles, TailStrategy::GuardWithIf).parallel(task);
  if (!key.is_planar()) padded.split(row, task, row, kRows, TailStrategy::GuardWithIf).parallel(task);
}

/// A block of the filter for the next element of the transformed tiles, fetched while this element's is multiplied.
BlockPrefetch next_filter_point(const KernelKey &key, const WinogradCpuParameters &p,
                                const WinogradConvolution &convolution) {
  const WinogradShape s = winograd_shape(key);
  const WinogradLoops loops;
  const int64_t point = s.image_channels * p.vectors * key.lanes() * key.element.bytes(), block = s.points() * point;
  return {.function = convolution.sum.name(),
          .tensor = "filter",
          .blocks = {{loops.block_task.name(), p.blocks_per_task * block},
                     {loops.block.name(), block},
                     {"i", convolution.image.size * point},
                     {"j", point}},
          .first = point,
          .bytes = point,
          .iterations = {{"n", p.images_per_task},
                         {loops.tile_block.name(), ceil_divide(p.tile_rows_per_task * s.tile_columns, p.tiles)},
                         {convolution.channels.x.name(), s.image_channels / p.unroll}}};
}

}  // namespace

int winograd_cpu_block(const KernelKey &key) { return winograd_cpu_parameters(key).vectors * key.lanes(); }

std::vector<Prefetch> schedule_winograd_cpu(const KernelKey &key, Func result, const WinogradConvolution &convolution) {
  const WinogradCpuParameters p = winograd_cpu_parameters(key);
  const int lanes = key.lanes();
  const Var channel = result.args()[0], y = result.args()[2], n = result.args()[3], g = result.args()[4];
  const WinogradLoops loops;
  const TailStrategy tail = TailStrategy::GuardWithIf;
  result.split(y, loops.tile_row, loops.tile_y, convolution.tile_size, tail)
      .split(loops.tile_row, loops.tile_row_task, loops.tile_row, p.tile_rows_per_task, tail)
      .split(n, loops.image_task, loops.image, p.images_per_task, tail)
      .split(channel, loops.block_task, channel, p.vectors * lanes * p.blocks_per_task, tail)
      .split(channel, loops.vector, loops.lane, lanes, tail);
  Func rows = convolution.result_rows, padded = convolution.padded;
  const Halide::LoopLevel tile =
      key.is_planar() ? schedule_planes(key, result, convolution) : schedule_pixels(convolution, result);
  result.parallel(loops.block_task).parallel(loops.tile_row_task).parallel(loops.image_task).parallel(g);
  rows.compute_at(tile);
  schedule_in_registers(rows, rows.args()[0], lanes, {rows.args()[1], convolution.tile_size},
                        {rows.args()[2], convolution.image.size});

  Func products = Func(convolution.sum).in(rows);
  products.compute_at(result, loops.block_task);
  schedule_products(p, lanes, products);
  Func(convolution.sum).compute_at(products, loops.tile_block);
  schedule_sum(p, lanes, convolution);

  Func image = convolution.image.transformed;
  const std::vector<Var> d = image.args();  // channel, j, i, tile, n, g
  image.compute_at(result, loops.tile_row_task).reorder_storage(d[0], d[1], d[2], d[3], d[4], d[5]);
  schedule_transformed_image(convolution.image, static_cast<int>(winograd_shape(key).image_channels), lanes);
  const Halide::LoopLevel task(result, loops.tile_row_task);
  if (key.is_planar()) {
    gather_planes(padded, PlaneChannels::kOfGroup, task, {winograd_shape(key).image_channels, {}}, lanes);
  } else {
    padded.compute_at(task).vectorize(padded.args()[0], lanes, tail);
  }
  if (p.tile_rows_per_task >= winograd_shape(key).tile_rows) share_image(key, image, padded);
  if (p.next_point != 0) return {next_filter_point(key, p, convolution)};
  if (p.prefetch == 0) return {};
  return {VectorPrefetch{convolution.sum.name(), "filter", p.prefetch / p.unroll}};
}

}  // namespace halconv::schedules
