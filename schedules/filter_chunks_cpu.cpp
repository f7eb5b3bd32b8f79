#include "filter_chunks_cpu.h"

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "direct_cpu.h"
#include "filter_chunks_cpu_parameters.h"
#include "halconv/kernel_name.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

struct ChunkLoops {
  Var channel_task{"channel_task"}, channel_block{"channel_block"}, channel{"channel"}, vector{"vector"}, lane{"lane"};
  Var column_tile{"column_tile"}, tile_x{"tile_x"}, row_tile{"row_tile"}, tile_y{"tile_y"}, image{"image"};
  RVar chunk{"chunk"}, summed{"summed"};
};

void split_into_tasks(const FilterChunksCpuParameters &p, int lanes, Func result) {
  const Var k = result.args()[0], x = result.args()[1], y = result.args()[2], n = result.args()[3],
            g = result.args()[4];
  const ChunkLoops loops;
  result
      .split(k, loops.channel_task, loops.channel, p.tile.blocks_per_task * p.tile.vectors * lanes,
             TailStrategy::GuardWithIf)
      .split(loops.channel, loops.vector, loops.lane, lanes, TailStrategy::GuardWithIf)
      .reorder(loops.lane, loops.vector, x, y, loops.channel_task, n, g)
      .vectorize(loops.lane)
      .fuse(n, g, loops.image)
      .parallel(loops.image)
      .parallel(loops.channel_task);
}

/// The sums of a task, in L1 or L2, to which each chunk of the filter adds a register tile after the other. Returns the
/// tiles, which may overhang the result; their channels are those of a block, which the bounds have to tell.
Func schedule_sum(const FilterChunksCpuParameters &p, int lanes, Func result, Func sum, const Halide::RDom &taps) {
  const Var k = sum.args()[0], x = sum.args()[1], y = sum.args()[2], n = sum.args()[3], g = sum.args()[4];
  const Var partial_chunk("partial_chunk"), partial_column("partial_column"), partial_row("partial_row");
  const ChunkLoops loops;
  const int block = p.tile.vectors * lanes;
  sum.update().split(taps.x, loops.chunk, loops.summed, p.chunk);
  Func tile = sum.update().rfactor({{loops.chunk, partial_chunk}, {taps.y, partial_column}, {taps.z, partial_row}});
  sum.compute_at(result, loops.channel_task).align_bounds(k, block).vectorize(k, lanes);
  sum.update()
      .split(k, loops.channel_block, loops.channel, block)
      .split(loops.channel, loops.vector, loops.lane, lanes)
      .split(x, loops.column_tile, loops.tile_x, p.tile.width, TailStrategy::RoundUp)
      .split(y, loops.row_tile, loops.tile_y, p.tile.height, TailStrategy::RoundUp)
      .reorder({loops.lane, loops.vector, loops.tile_x, loops.tile_y, loops.column_tile, loops.row_tile,
                loops.channel_block, loops.chunk, taps.y, taps.z, n, g})
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(loops.tile_x)
      .unroll(loops.tile_y);
  tile.compute_at(sum, loops.column_tile).align_bounds(tile.args()[0], block);
  return tile;
}

/// Whether register tiles read forward's filter where it is: vectors of whole cache lines, of which none is read in
/// parts. Of AVX-512's peak, 3x3/2 512->512 @14 reaches 92 % so, 78 % from a packed chunk, 1x1 2048->512 @7 91 and 80
/// %, 3x3 512->512 @7 83 and 77 %, 1x1/2 1024->2048 @14 85 and 81 %; of AVX2's 65 and 76, 88 and 87, 66 and 77, 47 and
/// 79 % (one core of an EPYC, Zen 5). None of them may overhang the filter.
bool reads_in_place(const KernelKey &key, const FilterChunksCpuParameters &p) {
  return is_forward(key.operation) && key.lanes() * key.element.bytes() % kLineBytes == 0 &&
         key.problem->out_channels % (p.tile.vectors * key.lanes()) == 0;
}

/// Reads a row of the filter's chunk after the other, all of the task's blocks.
void schedule_packed_chunk(const KernelKey &key, const generators::PackedFilter &filter, Func sum) {
  Func packed = filter.packed;
  const std::vector<Var> d = packed.args();  // channel of the block, summed, column, row, block, g
  const ChunkLoops loops;
  packed.compute_at(sum, loops.chunk);
  if (!is_forward(key.operation)) return transpose_packed_filter(key, filter);
  packed.split(d[0], loops.vector, loops.lane, key.lanes())
      .vectorize(loops.lane)
      .reorder(loops.lane, loops.vector, d[4], d[1]);
}

/// The filter's next chunk, fetched while one is multiplied.
BlockPrefetch next_chunk(const KernelKey &key, const FilterChunksCpuParameters &p, const Func &tile,
                         const Halide::RDom &taps) {
  const Conv2dProblem &problem = *key.problem;
  const ChunkLoops loops;
  const bool forward = is_forward(key.operation);
  const int64_t element = key.element.bytes(), channels = p.tile.blocks_per_task * p.tile.vectors * key.lanes();
  const int64_t row = problem.out_channels * element, column = problem.in_channels * row;
  // Rows of HWIO are channels summed over, forward, and channels of the result for backward_input.
  const int64_t chunk = p.chunk * (forward ? row : element), task = channels * (forward ? element : row);
  return {.function = tile.name(),
          .tensor = "filter",
          .blocks = {{loops.channel_task.name(), task},
                     {taps.z.name(), problem.filter_width * column},
                     {taps.y.name(), column},
                     {loops.chunk.name(), chunk}},
          .first = chunk,
          .pieces = {{forward ? p.chunk : channels, row}},
          .bytes = (forward ? channels : p.chunk) * element,
          .iterations = {
              {loops.channel_block.name(), p.tile.blocks_per_task},
              {loops.row_tile.name(), ceil_divide((forward ? problem.out_height : problem.in_height), p.tile.height)},
              {loops.column_tile.name(), ceil_divide((forward ? problem.out_width : problem.in_width), p.tile.width)},
              {loops.summed.name(), p.chunk / p.tile.unroll}}};
}

}  // namespace

std::vector<Prefetch> schedule_filter_chunks_cpu(const KernelKey &key, Func result, const ResultPart &part) {
  const FilterChunksCpuParameters p = filter_chunks_cpu_parameters(key);
  const generators::Convolution &convolution = part.convolution;
  const int lanes = key.lanes();
  split_into_tasks(p, lanes, result);
  Func tile = schedule_sum(p, lanes, result, convolution.sum, convolution.reduction);
  schedule_accumulators(p.tile, lanes, 1, tile);
  if (!reads_in_place(key, p)) schedule_packed_chunk(key, convolution.filter, convolution.sum);
  schedule_padded(key, convolution, {result, ChunkLoops().image});
  return {next_chunk(key, p, tile, convolution.reduction)};
}

}  // namespace halconv::schedules
