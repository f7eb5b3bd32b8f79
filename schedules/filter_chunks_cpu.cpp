#include "filter_chunks_cpu.h"

#include <algorithm>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "direct_cpu_parameters.h"
#include "filter_prefetch.h"
#include "halconv/kernel_name.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

/// Channels of the result that a task computes at most: the filter is read so many neighbours at a time. With 128,
/// 3x3/2 512->512 @14 reaches 46 % of AVX2's peak instead of 53 %; with 32, 1x1 2048->512 @7 the same (one core of a
/// virtual EPYC, Zen 3).
constexpr int64_t kTaskChannels = 64;

/// Channels summed in registers before they are added to the sums in memory. With 128, 1x1 2048->512 @7 reaches 62 % of
/// the peak instead of 66 %, 3x3 the same (likewise).
constexpr int kChunk = 64;

/// Pixels of an image from which on a block of the filter is used often enough to be packed whole: 3x3 512->512 @10
/// reaches 84 % by chunks and 77 %, 256->256 @14 80 % and 90 % (likewise).
constexpr int64_t kManyPixels = 128;

constexpr char kChunkLoop[] = "chunk";

struct ChunkLoops {
  Var channel_task{"channel_task"}, channel_block{"channel_block"}, channel{"channel"}, vector{"vector"}, lane{"lane"};
  Var column_tile{"column_tile"}, tile_x{"tile_x"}, row_tile{"row_tile"}, tile_y{"tile_y"}, image{"image"};
  RVar chunk{kChunkLoop}, summed{"summed"};
};

/// Blocks of result channels in a task, as equal for all tasks as they can be.
int64_t blocks_per_task(const KernelKey &key, const DirectCpuParameters &p) {
  const int64_t block = p.vectors * key.lanes(), blocks = ceil_divide(key.problem->out_channels, block);
  const int64_t tasks = ceil_divide(blocks, std::max<int64_t>(1, kTaskChannels / block));
  return ceil_divide(blocks, tasks);
}

void split_into_tasks(const KernelKey &key, const DirectCpuParameters &p, Func result) {
  const Var k = result.args()[0], x = result.args()[1], y = result.args()[2], n = result.args()[3],
            g = result.args()[4];
  const ChunkLoops loops;
  const int lanes = key.lanes(), channels = static_cast<int>(blocks_per_task(key, p)) * p.vectors * lanes;
  result.split(k, loops.channel_task, loops.channel, channels, TailStrategy::GuardWithIf)
      .split(loops.channel, loops.vector, loops.lane, lanes, TailStrategy::GuardWithIf)
      .reorder(loops.lane, loops.vector, x, y, loops.channel_task, n, g)
      .vectorize(loops.lane)
      .fuse(n, g, loops.image)
      .parallel(loops.image)
      .parallel(loops.channel_task);
}

/// The sums of a task, in L1 or L2, to which each chunk of the filter adds a register tile after the other. Returns the
/// tiles, which may overhang the result.
Func schedule_sum(const KernelKey &key, const DirectCpuParameters &p, Func result, Func sum, const Halide::RDom &taps) {
  const Var k = sum.args()[0], x = sum.args()[1], y = sum.args()[2], n = sum.args()[3], g = sum.args()[4];
  const Var partial_chunk("partial_chunk"), partial_column("partial_column"), partial_row("partial_row");
  const ChunkLoops loops;
  const int lanes = key.lanes(), block = p.vectors * lanes;
  sum.update().split(taps.x, loops.chunk, loops.summed, kChunk);
  Func tile = sum.update().rfactor({{loops.chunk, partial_chunk}, {taps.y, partial_column}, {taps.z, partial_row}});
  sum.compute_at(result, loops.channel_task).align_bounds(k, block).vectorize(k, lanes);
  sum.update()
      .split(k, loops.channel_block, loops.channel, block)
      .split(loops.channel, loops.vector, loops.lane, lanes)
      .split(x, loops.column_tile, loops.tile_x, p.width, TailStrategy::RoundUp)
      .split(y, loops.row_tile, loops.tile_y, p.height, TailStrategy::RoundUp)
      .reorder({loops.lane, loops.vector, loops.tile_x, loops.tile_y, loops.column_tile, loops.row_tile,
                loops.channel_block, loops.chunk, taps.y, taps.z, n, g})
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(loops.tile_x)
      .unroll(loops.tile_y);
  tile.compute_at(sum, loops.column_tile);
  return tile;
}

/// One chunk's sums, in registers. Their channels are a block's, which the bounds have to tell.
void schedule_tile(const DirectCpuParameters &p, int lanes, Func tile) {
  const Var k = tile.args()[0], x = tile.args()[1], y = tile.args()[2];
  const ChunkLoops loops;
  tile.bound_extent(k, p.vectors * lanes).align_bounds(k, p.vectors * lanes);
  tile.bound_extent(x, p.width).bound_extent(y, p.height);
  tile.split(k, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, x, y)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(x)
      .unroll(y);
  tile.update()
      .split(k, loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, x, y, loops.summed)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(x)
      .unroll(y)
      .unroll(loops.summed, p.unroll);
}

/// Reads a row of the filter's chunk after the other, all of the task's blocks.
void schedule_packed_chunk(int lanes, Func packed, Func sum) {
  const std::vector<Var> d = packed.args();  // channel of the block, summed, column, row, block, g
  const ChunkLoops loops;
  packed.compute_at(sum, loops.chunk)
      .split(d[0], loops.vector, loops.lane, lanes)
      .reorder(loops.lane, loops.vector, d[4], d[1])
      .vectorize(loops.lane);
}

/// A copy with zeros for the tiles that overhang the result. Pixels a power of two apart would all fall into the same
/// few sets of L1.
void schedule_image(const KernelKey &key, Func padded, Func result) {
  const Var channel = padded.args()[0];
  const int channels = static_cast<int>(key.problem->in_channels), line = kLineBytes / key.element.bytes();
  padded.compute_at(result, ChunkLoops().image).vectorize(channel, key.lanes(), TailStrategy::GuardWithIf);
  if (channels % (16 * line) == 0) padded.align_storage(channel, channels + line);
}

/// The filter's next chunk, fetched while one is multiplied.
BlockPrefetch next_chunk(const KernelKey &key, const DirectCpuParameters &p, const Func &tile,
                         const Halide::RDom &taps) {
  const Conv2dProblem &problem = *key.problem;
  const ChunkLoops loops;
  const int64_t element = key.element.bytes(), channels = blocks_per_task(key, p) * p.vectors * key.lanes();
  const int64_t channel = problem.out_channels * element, column = problem.in_channels * channel;
  return {.function = tile.name(),
          .tensor = "filter",
          .blocks = {{loops.channel_task.name(), channels * element},
                     {taps.z.name(), problem.filter_width * column},
                     {taps.y.name(), column},
                     {kChunkLoop, kChunk * channel}},
          .first = kChunk * channel,
          .pieces = {{kChunk, channel}},
          .bytes = channels * element,
          .iterations = {{loops.channel_block.name(), blocks_per_task(key, p)},
                         {loops.row_tile.name(), ceil_divide(problem.out_height, p.height)},
                         {loops.column_tile.name(), ceil_divide(problem.out_width, p.width)},
                         {loops.summed.name(), kChunk / p.unroll}}};
}

}  // namespace

/// Of filters from beyond L2, those of which a block that a register tile goes through takes too much of it. Of AVX2's
/// peak, by chunks and by whole blocks: 3x3 512->512 @7 70 and 57 %, 3x3/2 512->512 @14 53 and 41 %, 1x1/2 1024->2048
/// @14, 96 KB, 53 and 43 %, but 1x1 512->1024 @10, 48 KB, 66 and 74 % (one core of a virtual EPYC, Zen 3).
bool reads_filter_in_chunks_cpu(const KernelKey &key) {
  if (!key.packs_filter || !is_forward(key.operation) || key.problem->groups > 1) return false;
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem &p = *key.problem;
  const int64_t channel = p.filter_height * p.filter_width * p.in_channels * key.element.bytes();
  const int64_t block = channel * direct_cpu_parameters(key).vectors * key.lanes();
  return machine.fetches_blocks_ahead && is_beyond_l2(machine, channel * p.out_channels) &&
         block > machine.l2_bytes / 16 && p.out_height * p.out_width < kManyPixels && p.in_channels % kChunk == 0;
}

std::vector<Prefetch> schedule_filter_chunks_cpu(const KernelKey &key, Func result, const ResultPart &part) {
  const DirectCpuParameters p = direct_cpu_parameters(key);
  const Halide::RDom &taps = part.convolution.reduction;
  split_into_tasks(key, p, result);
  Func tile = schedule_sum(key, p, result, part.convolution.sum, taps);
  schedule_tile(p, key.lanes(), tile);
  schedule_packed_chunk(key.lanes(), part.convolution.filter.packed, part.convolution.sum);
  schedule_image(key, part.convolution.padded, result);
  return {next_chunk(key, p, tile, taps)};
}

}  // namespace halconv::schedules
