#include "backward_filter_cpu.h"

#include <algorithm>

#include "backward_filter_cpu_parameters.h"
#include "ceil_divide.h"
#include "cpu_machine.h"
#include "splits.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

/// Loops over pixels: blocks of rows, rows of a block, and the parts that tasks share.
constexpr char kRowBlock[] = "row_block", kRow[] = "row", kPart[] = "part";

struct GradientLoops {
  Var k_task{"k_task"}, k_group{"k_group"}, k_block{"k_block"}, vector{"vector"}, lane{"lane"};
  Var c_task{"c_task"}, c_tile{"c_tile"}, c{"c_in_tile"};
  Var s_tile{"s_tile"}, s{"s_in_tile"}, r_task{"r_task"}, task{"task"};
};

/// vectors x channels x columns accumulators. Each step of the sum loads `vectors` vectors of d_dst and broadcasts
/// channels x columns elements of src: 24 FMAs for 14 loads with the 2 x 4 x 3 of a 3x3 filter on AVX-512.
/// Where `together` columns are multiplied at once, a dot product is a sum over vectors of pairs.
void schedule_register_tile(const BackwardFilterCpuParameters &p, int lanes, int together, Func tile) {
  const Var k = tile.args()[0], c = tile.args()[1], s = tile.args()[2];
  const GradientLoops loops;
  tile.bound_extent(k, p.vectors * lanes).bound_extent(c, p.channels).bound_extent(s, p.columns);
  tile.split(k, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, c, s)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(c)
      .unroll(s);
  std::vector<RVar> pixels = tile.rvars(0);  // innermost first
  Halide::Stage update = tile.update();
  update.split(k, loops.vector, loops.lane, lanes);
  if (together > 1) {
    const RVar products("products"), member("member");
    update.split(pixels.front(), products, member, together).reorder(member, loops.lane).atomic().vectorize(member);
    pixels.front() = products;
  }
  std::vector<Halide::VarOrRVar> order = {loops.lane, loops.vector, c, s};
  order.insert(order.end(), pixels.begin(), pixels.end());
  update.reorder(order).vectorize(loops.lane).unroll(loops.vector).unroll(c).unroll(s);
  if (p.unroll > 1) update.unroll(pixels.front(), p.unroll);
}

/// Threads share the filter, never the pixels: every element is summed by one of them, in an order that does not depend
/// on how many there are.
void split_into_tasks(const BackwardFilterCpuParameters &p, int lanes, Func result) {
  const Var k = result.args()[0], c = result.args()[1], s = result.args()[2], r = result.args()[3],
            g = result.args()[4];
  const GradientLoops loops;
  const TailStrategy guard = TailStrategy::GuardWithIf;
  result.split(k, loops.k_task, k, p.vectors * lanes * p.blocks_per_task, guard)
      .split(c, loops.c_task, c, p.channels_per_task, guard)
      .split(r, loops.r_task, r, p.filter_rows_per_task ? p.filter_rows_per_task : kAll, guard)
      .reorder(k, c, s, r, loops.r_task, loops.c_task, loops.k_task, g)
      .fuse(loops.r_task, loops.c_task, loops.task)
      .fuse(loops.task, loops.k_task, loops.task)
      .parallel(loops.task)
      .parallel(g);
}

/// Whether taps read the same pixels of src. Where they do not, as in a strided 1x1 convolution, only what they read is
/// worth a copy.
bool taps_share_pixels(const KernelKey &key) {
  if (!key.problem) return true;
  const Conv2dProblem &p = *key.problem;
  return p.stride_height < p.effective_filter_height() || p.stride_width < p.effective_filter_width();
}

/// A copy of the task's `channels`, without the distance between pixels that misses of the TLB come from. Of planes it
/// reads vectors along the rows, and scatters them to the L1 lines of a few pixels.
void schedule_copy(const KernelKey &key, Func copy, int channels) {
  const bool planar = key.is_planar();
  const int lanes = key.lanes(), together = key.channels_per_product();
  const size_t first = together > 1 ? 1 : 0;  // pairs of columns are innermost
  const Var channel = copy.args()[first], x = copy.args()[first + 1], vector("vector"), lane("lane");
  if (together > 1) {
    const Var member = copy.args()[0];
    copy.bound_extent(member, together);
    // A pair of a plane's columns lies in the copy as it does in the plane.
    if (planar) return static_cast<void>(copy.reorder(member, x, channel).vectorize(member));
    copy.unroll(member);
  }
  if (planar && channels >= lanes) {
    copy.split(x, vector, lane, lanes, TailStrategy::RoundUp).reorder(lane, channel, vector).vectorize(lane);
  } else if (channels < lanes) {
    copy.reorder(channel, x).bound_extent(channel, channels).unroll(channel).vectorize(x, lanes, TailStrategy::RoundUp);
  } else {
    copy.vectorize(channel, lanes, TailStrategy::RoundUp);
  }
}

/// Pixels of an odd number of cache lines: those of a power of two would all fall into the same few sets of L1. Of
/// AVX2's peak, 3x3/2 512->512 @14, whose tasks copy 128 channels, reaches 68 % so, 39 % without (one core of a virtual
/// EPYC, Zen 3).
void spread_over_cache(Func copy, const Var &channel, int channels, int channel_bytes) {
  const int line = kLineBytes / channel_bytes;
  if (channels % (2 * line) == 0) copy.align_storage(channel, channels + line);
}

/// A copy whose blocks lie one after the other, each a dense sequence of pixels that the L1 prefetcher can follow. It
/// reads all of a pixel's channels together.
void schedule_copy_in_blocks(const KernelKey &key, Func copy, int channels) {
  const std::vector<Var> d = copy.args();  // channel, x, y, n, block, g
  schedule_copy(key, copy, channels);
  copy.bound_extent(d[0], channels);
  if (!key.is_planar()) copy.reorder(d[0], d[4], d[1], d[2], d[3], d[5]);
}

/// The stage that is d_dst's copy, where it is copied.
Func copied_d_dst(const generators::FilterGradient &gradient) {
  return gradient.d_dst_blocks.defined() ? gradient.d_dst_blocks : gradient.d_dst_padded;
}

/// A register tile sums over all pixels and is stored once. Best while a block of d_dst stays in L1 or, where the tile
/// has several filter columns, L2: 3x3 512->512 @7 reaches 80 % of the AVX-512 peak, against 53 % with a sum in memory
/// (one core of a Xeon, Sapphire Rapids).
void schedule_sum_in_registers(const BackwardFilterCpuParameters &p, int lanes, int together, Func result, Func src,
                               const generators::FilterGradient &gradient) {
  const Var k = result.args()[0], c = result.args()[1], s = result.args()[2], r = result.args()[3];
  const GradientLoops loops;
  const TailStrategy guard = TailStrategy::GuardWithIf;
  result.split(k, loops.k_block, k, p.vectors * lanes, guard)
      .split(loops.k_block, loops.k_group, loops.k_block, p.blocks_at_once, guard)
      .split(k, loops.vector, loops.lane, lanes, guard)
      .split(c, loops.c_tile, loops.c, p.channels, guard)
      .split(s, loops.s_tile, loops.s, p.columns, guard)
      .reorder(
          {loops.lane, loops.vector, loops.c, loops.s, loops.s_tile, loops.k_block, loops.c_tile, r, loops.k_group})
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(loops.c)
      .unroll(loops.s);
  Func sum = gradient.sum, d_dst = copied_d_dst(gradient);
  sum.compute_at(result, loops.s_tile);
  schedule_register_tile(p, lanes, together, sum);
  if (p.copies_d_dst) d_dst.compute_at(result, loops.k_group);
  if (p.copies_src) src.compute_at(result, loops.task);
}

/// The loops of one accumulation over pixels.
struct PixelLoops {
  RVar row, image;
};

/// Adds the register tiles of a block of rows to `accumulator`, whose part that a task holds stays in L2, as the
/// block's rows of d_dst stay in L1. Returns the tiles.
Func schedule_accumulation(const BackwardFilterCpuParameters &p, const KernelKey &key, Func accumulator,
                           const PixelLoops &pixels, Func src, Func d_dst) {
  const GradientLoops loops;
  const Var k = accumulator.args()[0], c = accumulator.args()[1], s = accumulator.args()[2], r = accumulator.args()[3];
  const int lanes = key.lanes(), block = p.vectors * lanes;
  const RVar row_block(kRowBlock), row(kRow);
  const Var partial_row_block("partial_row_block"), partial_image("partial_image");
  accumulator.update().split(pixels.row, row_block, row, p.rows, TailStrategy::GuardWithIf);
  Func tile = accumulator.update().rfactor({{row_block, partial_row_block}, {pixels.image, partial_image}});

  // Of any shape, a task's part may be as small as one register tile: a group's 6 channels are not summed as 66.
  TailStrategy tail = TailStrategy::RoundUp;
  if (key.problem) {
    accumulator.bound_extent(k, block * p.blocks_per_task).bound_extent(c, p.channels_per_task);
    tail = TailStrategy::Auto;
  }
  accumulator.vectorize(k, lanes);
  std::vector<Halide::VarOrRVar> order = {loops.lane, loops.vector,  loops.c,   loops.s,     loops.s_tile, loops.c_tile,
                                          r,          loops.k_block, row_block, pixels.image};
  for (size_t i = 4; i < accumulator.args().size(); ++i) order.push_back(accumulator.args()[i]);
  accumulator.update()
      .split(k, loops.k_block, k, block, tail)
      .split(k, loops.vector, loops.lane, lanes)
      .split(c, loops.c_tile, loops.c, p.channels, tail)
      .split(s, loops.s_tile, loops.s, p.columns, TailStrategy::GuardWithIf)
      .reorder(order)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(loops.c)
      .unroll(loops.s);
  tile.compute_at(accumulator, loops.s_tile);
  schedule_register_tile(p, lanes, key.channels_per_product(), tile);
  if (p.copies_d_dst) d_dst.compute_at(accumulator, loops.k_block);
  if (p.copies_src) src.compute_at(accumulator, row_block);
  return tile;
}

/// How split_into_tasks fuses its loops: filter rows innermost, then input channels, then blocks of k.
struct TaskSplit {
  int64_t filter_rows;     ///< of a task
  int64_t rows, channels;  ///< tasks along each
};

TaskSplit task_split(const Conv2dProblem &problem, const BackwardFilterCpuParameters &p) {
  const int64_t filter_rows = p.filter_rows_per_task != 0 ? p.filter_rows_per_task : problem.filter_height;
  return {filter_rows, ceil_divide(problem.filter_height, filter_rows),
          ceil_divide(problem.in_channels, p.channels_per_task)};
}

/// The next block of rows of both images, fetched while a task's part of the filter is summed over the block before.
/// The stride is 1.
std::vector<Prefetch> next_rows(const KernelKey &key, const BackwardFilterCpuParameters &p, const Func &tile,
                                const Halide::RDom &pixels) {
  const Conv2dProblem &problem = *key.problem;
  const GradientLoops loops;
  const TaskSplit tasks = task_split(problem, p);
  const int64_t element = key.element.bytes(), block = p.vectors * key.lanes();
  const int64_t src_pixel = problem.in_channels * element, src_row = problem.in_width * src_pixel;
  const int64_t d_dst_pixel = problem.out_channels * element, d_dst_row = problem.out_width * d_dst_pixel;
  const int64_t src_channels = std::min<int64_t>(p.channels_per_task, problem.in_channels) * element;
  const int64_t d_dst_channels = std::min(p.blocks_per_task * block, problem.out_channels) * element;
  const int64_t part_rows = ceil_divide(problem.out_height, p.pixel_tasks);
  const auto blocks = [&](int64_t row, const NumberedLoop &task) {
    return std::vector<NumberedLoop>{task, {kPart, part_rows * row}, {kRowBlock, p.rows * row}};
  };
  const std::vector<NumberedLoop> iterations = {
      {loops.k_block.name(), p.blocks_per_task},
      {"r", tasks.filter_rows},
      {loops.c_tile.name(), p.channels_per_task / p.channels},
      {loops.s_tile.name(), ceil_divide(problem.filter_width, p.columns)},
      {kRow, p.rows},
      {pixels.x.name(), ceil_divide(problem.out_width, std::max(p.unroll, key.channels_per_product()))}};
  return {BlockPrefetch{.function = tile.name(),
                        .tensor = "src",
                        .blocks = blocks(src_row, {loops.task.name(), src_channels, tasks.rows, tasks.channels}),
                        .first = (p.rows - problem.pad_top) * src_row,
                        .pieces = {{p.rows * problem.in_width, src_pixel}},
                        .bytes = src_channels,
                        .iterations = iterations},
          BlockPrefetch{.function = tile.name(),
                        .tensor = "d_dst",
                        .blocks = blocks(d_dst_row, {loops.task.name(), d_dst_channels, tasks.rows * tasks.channels}),
                        .first = p.rows * d_dst_row,
                        .pieces = {{p.rows * problem.out_width, d_dst_pixel}},
                        .bytes = d_dst_channels,
                        .iterations = iterations}};
}

/// What the same block's next register tile stores to, fetched before this one is summed. Of AVX2's peak, 3x3 512->512
/// @7 reaches 62, 67 and 71 % so, 61, 62 and 68 % without (three runs; one core of a virtual EPYC, Zen 3).
BlockPrefetch next_register_tile(const KernelKey &key, const BackwardFilterCpuParameters &p, const Func &sum) {
  const Conv2dProblem &problem = *key.problem;
  const GradientLoops loops;
  const TaskSplit tasks = task_split(problem, p);
  const int64_t element = key.element.bytes(), block = p.vectors * key.lanes() * element;
  const int64_t channel = problem.out_channels * element, column = problem.in_channels * channel;
  const int64_t row = problem.filter_width * column;
  return {.function = sum.name(),
          .tensor = "d_filter",
          .blocks = {{loops.task.name(), tasks.filter_rows * row, 1, tasks.rows},
                     {loops.task.name(), p.channels_per_task * channel, tasks.rows, tasks.channels},
                     {loops.task.name(), p.blocks_per_task * block, tasks.rows * tasks.channels},
                     {loops.k_group.name(), p.blocks_at_once * block},
                     {"r", row},
                     {loops.c_tile.name(), p.channels * channel},
                     {loops.k_block.name(), block},
                     {loops.s_tile.name(), p.columns * column}},
          .first = p.channels * channel,
          .pieces = {{p.columns, column}, {p.channels, channel}},
          .bytes = block};
}

/// Threads share the filter: each task sums over all pixels. Returns the register tiles.
Func schedule_sum_in_memory(const BackwardFilterCpuParameters &p, const KernelKey &key, Func result, Func src,
                            const generators::FilterGradient &gradient) {
  Func sum = gradient.sum;
  result.vectorize(result.args()[0], key.lanes(), TailStrategy::GuardWithIf);
  sum.compute_at(result, GradientLoops().task);
  return schedule_accumulation(p, key, sum, {gradient.pixels.y, gradient.pixels.z}, src, gradient.d_dst_padded);
}

/// Threads share the pixels: each task sums its images or rows, fixed in number, into a filter of its own, and these
/// are added in order. A task reads its pixels whole, as they lie in memory: 1x1 256->128 @56 reaches 82 % of the
/// AVX-512 peak, against 65 % where two tasks read half of each pixel's channels (one core of a Xeon, Sapphire Rapids).
/// Returns the register tiles.
Func schedule_partial_filters(const BackwardFilterCpuParameters &p, const KernelKey &key, Func result, Func src,
                              const generators::FilterGradient &gradient) {
  const Conv2dProblem &problem = *key.problem;
  const int lanes = key.lanes();
  const RVar pixel_task("pixel_task"), pixel("pixel");
  const Var part(kPart);
  Func sum = gradient.sum;
  PixelLoops pixels = {gradient.pixels.y, gradient.pixels.z};
  const bool by_image = problem.batch >= p.pixel_tasks;
  RVar &shared = by_image ? pixels.image : pixels.row;
  const int64_t extent = by_image ? problem.batch : problem.out_height;
  sum.update().split(shared, pixel_task, pixel, static_cast<int>(ceil_divide(extent, p.pixel_tasks)),
                     TailStrategy::GuardWithIf);
  shared = pixel;
  Func partial = sum.update().rfactor(pixel_task, part);
  partial.compute_root().parallel(part);
  partial.update().parallel(part);
  Func tile = schedule_accumulation(p, key, partial, pixels, src, gradient.d_dst_padded);

  const Var k = result.args()[0], c = result.args()[1];
  result.vectorize(k, lanes, TailStrategy::GuardWithIf);
  sum.compute_at(result, c).vectorize(k, lanes, TailStrategy::RoundUp);
  sum.update().reorder(k, c, pixel_task).vectorize(k, lanes, TailStrategy::RoundUp).unroll(pixel_task);
  return tile;
}

}  // namespace

int backward_filter_cpu_block(const KernelKey &key) {
  if (!key.problem || key.channels_per_product() > 1) return 0;
  const BackwardFilterCpuParameters p = backward_filter_cpu_parameters(key);
  return p.copies_d_dst && p.rows == 0 && p.blocks_at_once > 1 ? p.vectors * key.lanes() : 0;
}

std::vector<Prefetch> schedule_backward_filter_cpu(const KernelKey &key, Func result,
                                                   const generators::FilterGradient &gradient) {
  const BackwardFilterCpuParameters p = backward_filter_cpu_parameters(key);
  const int lanes = key.lanes(), together = key.channels_per_product();
  const Func src = taps_share_pixels(key) ? gradient.src_padded : gradient.patches;
  Func tile = gradient.sum;
  if (p.pixel_tasks > 1) {
    tile = schedule_partial_filters(p, key, result, src, gradient);
  } else {
    split_into_tasks(p, lanes, result);
    if (p.rows == 0) {
      schedule_sum_in_registers(p, lanes, together, result, src, gradient);
    } else {
      tile = schedule_sum_in_memory(p, key, result, src, gradient);
    }
  }
  if (p.copies_src) {
    schedule_copy(key, src, p.channels_per_task);
    spread_over_cache(src, src.args()[together > 1 ? 1 : 0], p.channels_per_task, src.type().bytes() * together);
  }
  if (gradient.d_dst_blocks.defined()) {
    schedule_copy_in_blocks(key, gradient.d_dst_blocks, p.vectors * lanes);
  } else if (p.copies_d_dst) {
    schedule_copy(key, gradient.d_dst_padded, p.vectors * lanes);
  }
  if (p.next_tile != 0) return {next_register_tile(key, p, gradient.sum)};
  if (p.next_rows == 0) return {};
  return next_rows(key, p, tile, gradient.pixels);
}

}  // namespace halconv::schedules
