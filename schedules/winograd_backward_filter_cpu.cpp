#include "winograd_backward_filter_cpu.h"

#include <array>

#include "ceil_divide.h"
#include "planes_cpu.h"
#include "transformed_tiles_cpu.h"
#include "winograd_backward_filter_cpu_parameters.h"

namespace halconv::schedules {
namespace {

using generators::TransformedTiles;
using generators::WinogradFilterGradient;
using Halide::Func;
using Halide::RVar;
using Halide::Stage;
using Halide::TailStrategy;
using Halide::Var;

struct WinogradFilterLoops {
  RVar tile_block{"tile_block"}, tile{"tile"};
  Var k_task{"k_task"}, c_task{"c_task"}, task{"task"}, block{"block"}, vector{"vector"}, lane{"lane"};
  Var c_tile{"c_tile"}, c{"c_in_tile"}, tile_task{"tile_task"};
};

/// One of the two images whose tiles are multiplied.
struct Image {
  Func padded;  ///< with zeros around it
  TransformedTiles tiles;
  int64_t channels;
  bool in_place;  ///< there is nothing to pad
};

std::array<Image, 2> images(const KernelKey &key, const WinogradFilterGradient &gradient) {
  return {{{gradient.src_padded, gradient.image, key.problem->in_channels, false},
           {gradient.d_dst_padded, gradient.gradient, key.problem->out_channels, winograd_fits_d_dst_cpu(key)}}};
}

/// Whole images with the zeros around them, or of planes what is transformed at `level`: they turn while they are in
/// the cache. d_dst is read in place where it can be: F(2x2) is 1.00 to 1.04 times as fast so, F(4x4) 1.01 to 1.08
/// times, but 0.95 at 64->128 @112 with AVX2 (64->64 @224 to 128->128 @28, both ISAs, one core of an EPYC, Zen 5).
void schedule_padded(const KernelKey &key, const Image &image, const Halide::LoopLevel &level) {
  if (image.in_place) return;
  Func padded = image.padded;
  if (key.is_planar()) {
    return gather_planes(padded, PlaneChannels::kOfGroup, level, {image.channels, {}}, key.lanes());
  }
  padded.compute_root()
      .vectorize(padded.args()[0], key.lanes(), TailStrategy::GuardWithIf)
      .parallel(padded.args()[2])
      .parallel(padded.args()[3])
      .parallel(padded.args()[4]);
}

/// All transformed tiles of an image, one matrix of tiles x channels after another. Of planes a task turns four rows of
/// tiles, two lines of which the next one turns again: 256 channels, 14x14 pixels, 0.94 of the speed of NHWC's
/// schedule; a row at a time 0.65 (AVX2, one core of an EPYC, Zen 3).
void schedule_tiles(const KernelKey &key, const Image &image, int tile_columns) {
  const int tiles_per_task = key.is_planar() ? 4 * tile_columns : 8;
  Func transformed = image.tiles.transformed;
  const std::vector<Var> d = transformed.args();  // channel, j, i, tile, n, g
  const WinogradFilterLoops loops;
  transformed.compute_root().reorder_storage(d[0], d[3], d[4], d[1], d[2], d[5]);
  schedule_transformed_image(image.tiles, static_cast<int>(image.channels), key.lanes());
  transformed.split(d[3], loops.tile_task, d[3], tiles_per_task, TailStrategy::GuardWithIf)
      .parallel(loops.tile_task)
      .parallel(d[4])
      .parallel(d[5]);
  schedule_padded(key, image, {transformed, loops.tile_task});
}

/// vectors x channels accumulators.
void schedule_accumulators(const WinogradBackwardFilterCpuParameters &p, int lanes, Func stage) {
  const WinogradFilterLoops loops;
  const Var k = stage.args()[0], c = stage.args()[1];
  stage.bound_extent(k, p.vectors * lanes).bound_extent(c, p.channels);
  stage.split(k, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, c)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(c);
}

/// A register tile's loops within a stage that has more channels on both sides.
void split_register_tiles(const WinogradBackwardFilterCpuParameters &p, int lanes, Stage stage, const Var &k,
                          const Var &c) {
  const WinogradFilterLoops loops;
  stage.split(k, loops.block, k, p.vectors * lanes, TailStrategy::RoundUp)
      .split(k, loops.vector, loops.lane, lanes)
      .split(c, loops.c_tile, loops.c, p.channels, TailStrategy::RoundUp)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(loops.c);
}

/// The sums of blocks of the tiles that `accumulator` adds up, each in registers: what rounds off grows with the
/// longest sum.
Func schedule_block_sums(const WinogradBackwardFilterCpuParameters &p, int lanes, Func accumulator) {
  const RVar tiles = accumulator.rvars(0)[0], image = accumulator.rvars(0)[1];
  const Var partial_block("partial_block"), partial_image("partial_image");
  const WinogradFilterLoops loops;
  accumulator.update().split(tiles, loops.tile_block, loops.tile, p.tiles_in_sequence, TailStrategy::GuardWithIf);
  Func block_sum = accumulator.update().rfactor({{loops.tile_block, partial_block}, {image, partial_image}});
  schedule_accumulators(p, lanes, block_sum);
  const Var k = block_sum.args()[0], c = block_sum.args()[1];
  block_sum.update()
      .split(k, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, c, loops.tile)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(c);
  if (p.unroll > 1) block_sum.update().unroll(loops.tile, p.unroll);
  return block_sum;
}

/// All tiles of all images in memory, read by every task; the sum of a register tile of the filter stays in registers.
/// The matrices of products for a task's part of the filter stay in L1 or L2: those of the whole filter, 37 MB for 512
/// x 512 channels, are never stored.
void schedule_stored_tiles(const KernelKey &key, const WinogradBackwardFilterCpuParameters &p,
                           const WinogradFilterGradient &gradient, const Halide::LoopLevel &task) {
  const int lanes = key.lanes();
  const WinogradFilterLoops loops;
  Func sum = gradient.sum, products = sum.in(gradient.result_rows);
  const std::vector<Var> d = products.args();  // k, c, j, i, g
  products.compute_at(task).reorder_storage(d[0], d[2], d[3], d[1], d[4]);
  split_register_tiles(p, lanes, products, d[0], d[1]);
  products.reorder({loops.lane, loops.vector, loops.c, loops.c_tile, loops.block, d[2], d[3], d[4]});
  Func block_sum = schedule_block_sums(p, lanes, sum);
  sum.compute_at(products, loops.c_tile);
  schedule_accumulators(p, lanes, sum);
  const Var k = sum.args()[0], c = sum.args()[1];
  sum.update()
      .split(k, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, c, loops.tile_block, gradient.tiles.y)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(c);
  block_sum.compute_at(sum, loops.tile_block);
  for (const Image &image : images(key, gradient)) schedule_tiles(key, image, gradient.tile_columns);
}

/// Adds a block of tiles after the other to `accumulator`'s products: the tiles go through L2. Returns its update.
Stage schedule_streamed_tiles(const KernelKey &key, const WinogradBackwardFilterCpuParameters &p,
                              const WinogradFilterGradient &gradient, Func accumulator) {
  const int lanes = key.lanes();
  const WinogradFilterLoops loops;
  const std::vector<Var> d = accumulator.args();  // k, c, j, i, g, or more
  const RVar image = gradient.tiles.y;
  Func block_sum = schedule_block_sums(p, lanes, accumulator);
  accumulator.vectorize(d[0], lanes, TailStrategy::RoundUp);
  Stage update = accumulator.update();
  split_register_tiles(p, lanes, update, d[0], d[1]);
  std::vector<Halide::VarOrRVar> order = {loops.lane, loops.vector, loops.c,          loops.c_tile, loops.block,
                                          d[2],       d[3],         loops.tile_block, image};
  order.insert(order.end(), d.begin() + 4, d.end());
  update.reorder(order);
  block_sum.compute_at(accumulator, loops.c_tile);
  for (const Image &tiles : images(key, gradient)) {
    Func transformed = tiles.tiles.transformed;
    const std::vector<Var> e = transformed.args();  // channel, j, i, tile, n, g
    transformed.compute_at(accumulator, loops.tile_block).reorder_storage(e[0], e[3], e[4], e[1], e[2], e[5]);
    schedule_transformed_image(tiles.tiles, 0, lanes);
    schedule_padded(key, tiles, {accumulator, loops.tile_block});
  }
  return update;
}

/// Threads share the filter. Each transforms all tiles: of a large image with few channels, they would come from L3
/// once for every task if they were stored.
void schedule_filter_tasks(const KernelKey &key, const WinogradBackwardFilterCpuParameters &p,
                           const WinogradFilterGradient &gradient, const Halide::LoopLevel &task) {
  Func sum = gradient.sum;
  const std::vector<Var> d = sum.args();  // k, c, j, i, g
  sum.compute_at(task).reorder_storage(d[0], d[2], d[3], d[1], d[4]);
  schedule_streamed_tiles(key, p, gradient, sum);
}

/// Threads share the tiles, in parts that do not depend on how many threads there are: each sums all products of its
/// own, and these are added in order.
void schedule_tile_tasks(const KernelKey &key, const WinogradBackwardFilterCpuParameters &p,
                         const WinogradFilterGradient &gradient, const Halide::LoopLevel &vector) {
  const RVar tile_task("tile_task"), tiles("tiles");
  const Var part("part");
  Func sum = gradient.sum;
  const int tile_count = static_cast<int>(Halide::Internal::as_const_int(gradient.tiles.x.extent()).value());
  const int blocks = static_cast<int>(ceil_divide(tile_count, p.tiles_in_sequence));
  const int task_tiles = static_cast<int>(ceil_divide(blocks, p.tile_tasks)) * p.tiles_in_sequence;
  sum.update().split(gradient.tiles.x, tile_task, tiles, task_tiles, TailStrategy::GuardWithIf);
  Func partial = sum.update().rfactor(tile_task, part);
  const std::vector<Var> d = partial.args();  // k, c, j, i, g, part
  partial.compute_root().reorder_storage(d[0], d[2], d[3], d[1], d[4], d[5]).parallel(part);
  schedule_streamed_tiles(key, p, gradient, partial).parallel(part);

  const Var k = sum.args()[0];
  sum.compute_at(vector).vectorize(k, key.lanes(), TailStrategy::RoundUp);
  sum.update().reorder(k, tile_task).vectorize(k, key.lanes(), TailStrategy::RoundUp).unroll(tile_task);
}

}  // namespace

/// Planes are turned on the way in any case.
bool winograd_fits_d_dst_cpu(const KernelKey &key) {
  const Conv2dProblem &problem = *key.problem;
  const WinogradBackwardFilterCpuParameters p = winograd_backward_filter_cpu_parameters(key);
  const int tile = winograd_backward_filter_tile(key);
  return !key.is_planar() && problem.out_height % tile == 0 && problem.out_width % tile == 0 &&
         problem.out_channels % (p.vectors * key.lanes()) == 0;
}

void schedule_winograd_backward_filter_cpu(const KernelKey &key, Func result, const WinogradFilterGradient &gradient) {
  const WinogradBackwardFilterCpuParameters p = winograd_backward_filter_cpu_parameters(key);
  const int lanes = key.lanes();
  const Var k = result.args()[0], c = result.args()[1], s = result.args()[2], r = result.args()[3],
            g = result.args()[4];
  const WinogradFilterLoops loops;
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

  const Halide::LoopLevel task(result, loops.task);
  if (p.tile_tasks > 1) {
    schedule_tile_tasks(key, p, gradient, {result, loops.vector});
  } else if (p.streams_tiles) {
    schedule_filter_tasks(key, p, gradient, task);
  } else {
    schedule_stored_tiles(key, p, gradient, task);
  }
}

}  // namespace halconv::schedules
