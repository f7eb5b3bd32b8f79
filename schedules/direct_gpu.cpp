#include "direct_gpu.h"

#include <string>
#include <utility>
#include <vector>

#include "direct_gpu_parameters.h"
#include "gpu_machine.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::LoopLevel;
using Halide::MemoryType;
using Halide::RVar;
using Halide::Stage;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

/// The loops of one stage over tiles. Fresh names for each, because Halide finds a compute_at level by name over all
/// stages of a Func.
struct TileLoops {
  TileLoops(const std::string &stage, const VarOrRVar &x_like, const VarOrRVar &y_like)
      : channel("channel_" + stage),
        vector("vector_" + stage),
        lane("lane_" + stage),
        channel_thread("channel_thread_" + stage),
        channel_tile("channel_tile_" + stage),
        x(like(x_like, "x_" + stage)),
        y(like(y_like, "y_" + stage)),
        column_thread(like(x_like, "column_thread_" + stage)),
        row_thread(like(y_like, "row_thread_" + stage)),
        pixel_thread(like(x_like, "pixel_thread_" + stage)),
        column_tile(like(x_like, "column_tile_" + stage)),
        row_tile(like(y_like, "row_tile_" + stage)),
        tile(like(x_like, "tile_" + stage)) {}
  static VarOrRVar like(const VarOrRVar &original, const std::string &name) {
    return original.is_rvar ? VarOrRVar(RVar(name)) : VarOrRVar(Var(name));
  }
  Var channel, vector, lane, channel_thread, channel_tile;
  VarOrRVar x, y, column_thread, row_thread, pixel_thread, column_tile, row_tile, tile;
};

/// Splits a thread's tile off each dimension and leaves loops over threads. Where `vectorized`, vectors of channels are
/// split off first and exactly, and only the loops around them guarded: a guard that differed between the lanes of a
/// vector could not be written in OpenCL C.
void split_register_tile(const DirectGpuParameters &p, Stage stage, const TileLoops &l, bool vectorized,
                         const VarOrRVar &channel, const VarOrRVar &x, const VarOrRVar &y) {
  const int lanes = vectorized ? kAccessElements : 1;
  stage.split(channel, l.channel, l.lane, lanes, TailStrategy::RoundUp)
      .split(l.channel, l.channel_thread, l.vector, p.channels / lanes, TailStrategy::GuardWithIf)
      .split(x, l.column_thread, l.x, p.width, TailStrategy::GuardWithIf)
      .split(y, l.row_thread, l.y, p.height, TailStrategy::GuardWithIf);
}

/// Groups the loops over threads that split_register_tile() leaves into blocks of threads.
void split_blocks(const DirectGpuParameters &p, Stage stage, const TileLoops &l) {
  stage.split(l.channel_thread, l.channel_tile, l.channel_thread, p.channel_threads, TailStrategy::GuardWithIf)
      .split(l.column_thread, l.column_tile, l.column_thread, p.column_threads, TailStrategy::GuardWithIf)
      .split(l.row_thread, l.row_tile, l.row_thread, p.row_threads, TailStrategy::GuardWithIf);
}

/// Puts the loops inside a block in order, register tile innermost, `outer` outermost.
void map_to_threads(Stage stage, const TileLoops &l, const std::vector<VarOrRVar> &outer) {
  std::vector<VarOrRVar> order = {l.lane, l.vector, l.x, l.y, l.channel_thread, l.column_thread, l.row_thread};
  order.insert(order.end(), outer.begin(), outer.end());
  stage.reorder(order)
      .fuse(l.column_thread, l.row_thread, l.pixel_thread)
      .vectorize(l.lane)
      .unroll(l.vector)
      .unroll(l.x)
      .unroll(l.y)
      .gpu_threads(l.channel_thread, l.pixel_thread);
}

/// Fixes a Func over (channel, x, y, ...) to a thread's tile and keeps it in registers.
void keep_in_registers(const DirectGpuParameters &p, Func tile, const LoopLevel &thread) {
  const Var channel = tile.args()[0], x = tile.args()[1], y = tile.args()[2];
  tile.compute_at(thread)
      .store_in(MemoryType::Register)
      .bound_extent(channel, p.channels)
      .bound_extent(x, p.width)
      .bound_extent(y, p.height)
      .unroll(channel)
      .unroll(x)
      .unroll(y);
  for (size_t i = 3; i < tile.args().size(); ++i) tile.bound_extent(tile.args()[i], 1);
}

/// The inner loop: a thread adds to its register tile what `reduction` spans, (channel) or (channel, column, row). Of
/// the columns of the filter and a few channels it holds the code of all, so that 8 x 8 accumulators make FFMA
/// 0.89-0.95 of the instructions, and 0.86 where run-time sizes guard each channel. `accumulators` is read by
/// `consumer` alone.
void schedule_accumulators(const DirectGpuParameters &p, Func accumulators, Func consumer, const LoopLevel &thread,
                           Func patches, Func filter, const std::vector<RVar> &reduction) {
  const Var channel = accumulators.args()[0], x = accumulators.args()[1], y = accumulators.args()[2];
  keep_in_registers(p, accumulators, thread);
  // A vector store that read the accumulators would make LLVM keep them as vectors round the loop: pairs of moves and
  // 30 more registers. The copy between the two keeps them scalar.
  keep_in_registers(p, accumulators.in(consumer), thread);
  const RVar group("group"), member("member");
  Stage update = accumulators.update();
  update.split(reduction[0], group, member, p.unrolled_chunk, TailStrategy::GuardWithIf);
  std::vector<VarOrRVar> order = {channel, x, y, member};
  order.insert(order.end(), reduction.begin() + 1, reduction.end());
  order.push_back(group);
  update.reorder(order).unroll(channel).unroll(x).unroll(y).unroll(member);
  RVar operands = group;  // the loop that loads a set of operands
  if (reduction.size() > 1) {
    update.unroll(reduction[1]);
    operands = reduction[2];
  }
  Func pixels = patches.in(accumulators);
  pixels.compute_at(accumulators, operands)
      .store_in(MemoryType::Register)
      .bound_extent(pixels.args()[0], p.unrolled_chunk);
  if (kAccessElements % p.unrolled_chunk == 0) pixels.vectorize(pixels.args()[0], p.unrolled_chunk);
  for (const Var &dimension : pixels.args()) pixels.unroll(dimension);
  Func weights = filter.in(accumulators);
  weights.compute_at(accumulators, member).store_in(MemoryType::Register).bound_extent(weights.args()[0], p.channels);
  weights.vectorize(weights.args()[0], kAccessElements);
  for (const Var &dimension : weights.args()) weights.unroll(dimension);
}

/// Maps a block's part of an NCHW result to its threads: neighbours store neighbours of a row, eight of them a sector
/// of memory, whatever they have summed themselves.
void map_planes_to_threads(const DirectGpuParameters &p, Stage stage, const TileLoops &l, const VarOrRVar &channel,
                           const VarOrRVar &x, const VarOrRVar &y, const std::vector<VarOrRVar> &outer) {
  const TailStrategy guard = TailStrategy::GuardWithIf;
  stage.split(channel, l.channel_tile, l.channel, p.block_channels(), guard)
      .split(l.channel, l.vector, l.channel_thread, p.column_threads * p.row_threads, guard)
      .split(x, l.column_tile, l.x, p.block_width(), guard)
      .split(l.x, l.column_thread, l.pixel_thread, p.channel_threads, guard)
      .split(y, l.row_tile, l.y, p.block_height(), guard);
  std::vector<VarOrRVar> order = {l.column_thread, l.y, l.vector, l.pixel_thread, l.channel_thread};
  order.insert(order.end(), outer.begin(), outer.end());
  stage.reorder(order).gpu_threads(l.pixel_thread, l.channel_thread);
}

/// The threads of a block copy what it reads of one chunk of channels, `width` x `height` pixels of `image`, to shared
/// memory, neighbouring threads neighbouring channels, or columns where these are neighbours in memory. Fixed extents
/// make the size known at compile time.
void stage_in_shared_memory(const DirectGpuParameters &p, Func image, const LoopLevel &chunk, int width, int height) {
  const std::vector<Var> dimensions = image.args();
  const Var channel = dimensions[0], x = dimensions[1], y = dimensions[2];
  const Var lane("lane"), item("item"), thread("thread"), channel_thread("channel_thread"),
      pixel_thread("pixel_thread");
  image.compute_at(chunk)
      .store_in(MemoryType::GPUShared)
      .bound_extent(channel, p.chunk)
      .bound_extent(x, width)
      .bound_extent(y, height);
  for (size_t i = 3; i < dimensions.size(); ++i) image.bound_extent(dimensions[i], 1);
  image.split(channel, item, lane, p.vectorized_chunk ? kAccessElements : 1, TailStrategy::RoundUp);
  if (p.planar) {
    image.fuse(x, y, x).fuse(x, item, item);
  } else {
    image.fuse(item, x, item).fuse(item, y, item);
  }
  image.split(item, item, thread, p.threads(), TailStrategy::GuardWithIf)
      .split(thread, pixel_thread, channel_thread, p.channel_threads, TailStrategy::RoundUp)
      .reorder(lane, channel_thread, pixel_thread, item)
      .vectorize(lane)
      .gpu_threads(channel_thread, pixel_thread);
}

/// Stages what all taps of `convolution`, of a known problem, read.
void stage_all_taps(const DirectGpuParameters &p, const generators::Convolution &convolution, const LoopLevel &chunk) {
  // A phase of backward_input knows its taps; else they are those of the filter.
  const auto extent = [](const Halide::Expr &taps, int filter) {
    return static_cast<int>(Halide::Internal::as_const_int(taps).value_or(filter));
  };
  stage_in_shared_memory(p, convolution.padded, chunk,
                         p.staged_width(extent(convolution.reduction.y.extent(), p.filter_width)),
                         p.staged_height(extent(convolution.reduction.z.extent(), p.filter_height)));
}

/// The sum of chunks in shared memory: what a thread accumulates in registers cannot outlive the barriers around a
/// chunk. It costs three accesses per 128 bits and chunk, 1 to 5 % of the instructions.
void sum_chunks(const DirectGpuParameters &p, const ResultPart &part, const LoopLevel &block,
                const std::string &suffix) {
  Func sum = part.convolution.sum;
  const Halide::RDom &taps = part.convolution.reduction;
  const Var channel = sum.args()[0], x = sum.args()[1], y = sum.args()[2];
  const TileLoops initial("initial", x, y), adding("adding" + suffix, x, y);
  sum.compute_at(block)
      .store_in(MemoryType::GPUShared)
      .bound_extent(channel, p.block_channels())
      .bound_extent(x, p.block_width())
      .bound_extent(y, p.block_height());
  split_register_tile(p, sum, initial, true, channel, x, y);
  map_to_threads(sum, initial, {});

  const RVar chunk("chunk" + suffix), member("channel" + suffix);
  const Var chunk_index("chunk_index"), column_index("column_index"), row_index("row_index");
  sum.update().split(taps.x, chunk, member, p.chunk, TailStrategy::GuardWithIf);
  std::vector<std::pair<RVar, Var>> staged_loops = {{chunk, chunk_index}};
  std::vector<RVar> reduction = {member};
  if (p.staged_by_tap) {
    staged_loops.insert(staged_loops.end(), {{taps.y, column_index}, {taps.z, row_index}});
  } else {
    reduction.insert(reduction.end(), {taps.y, taps.z});
  }
  const Func partial = sum.update().rfactor(staged_loops);
  std::vector<VarOrRVar> outer;
  for (const auto &[loop, index] : staged_loops) outer.push_back(loop);
  split_register_tile(p, sum.update(), adding, true, channel, x, y);
  map_to_threads(sum.update(), adding, outer);
  const LoopLevel stage_level(sum, chunk);
  if (p.staged_by_tap) {
    stage_in_shared_memory(p, part.convolution.patches, stage_level, p.block_width(), p.block_height());
  } else {
    stage_all_taps(p, part.convolution, stage_level);
  }
  schedule_accumulators(p, partial, sum, LoopLevel(sum, adding.channel_thread), part.convolution.patches, part.filter,
                        reduction);
}

void schedule_part(const DirectGpuParameters &p, Func result, const ResultPart &part) {
  const bool pure = part.update == kPureDefinition;
  const std::string suffix = pure ? "" : std::to_string(part.update);
  const Var channel = result.args()[0], n = result.args()[3], g = result.args()[4], image("image" + suffix);
  Stage stage = pure ? Stage(result) : result.update(part.update);
  const TileLoops loops("result" + suffix, part.x, part.y);
  const auto &convolution = part.convolution;
  const Halide::RDom &taps = convolution.reduction;
  const bool has_taps = !Halide::Internal::is_const_zero(Halide::Internal::simplify(taps.y.extent() * taps.z.extent()));
  const std::vector<VarOrRVar> outer = {loops.channel_tile, loops.column_tile, loops.row_tile, n, g};
  if (p.planar && has_taps) {
    map_planes_to_threads(p, stage, loops, channel, part.x, part.y, outer);
  } else {
    split_register_tile(p, stage, loops, p.vectorized_result, channel, part.x, part.y);
    split_blocks(p, stage, loops);
    map_to_threads(stage, loops, outer);
  }
  stage.fuse(loops.column_tile, loops.row_tile, loops.tile)
      .fuse(n, g, image)
      .gpu_blocks(loops.channel_tile, loops.tile, image);
  if (!pure) stage.allow_race_conditions();  // each pixel of a phase is written once, which Halide does not see

  const LoopLevel block(result, loops.channel_tile), thread(result, loops.channel_thread);
  if (!has_taps) {
    keep_in_registers(p, convolution.sum, thread);  // a phase without taps: zeros
  } else if (p.single_chunk()) {
    stage_all_taps(p, convolution, block);
    schedule_accumulators(p, convolution.sum, result, thread, convolution.patches, part.filter,
                          {taps.x, taps.y, taps.z});
  } else {
    sum_chunks(p, part, block, suffix);
  }
}

}  // namespace

int direct_gpu_block(const KernelKey &key) { return direct_gpu_parameters(key).block_channels(); }

void schedule_direct_gpu(const KernelKey &key, Func result, const std::vector<ResultPart> &parts) {
  const DirectGpuParameters parameters = direct_gpu_parameters(key);
  if (parts.front().update != kPureDefinition) {
    // Nothing is stored by a definition that leaves the result undefined, but on the host Halide would ask for host
    // memory.
    const Var c = result.args()[0], x = result.args()[1];
    result.gpu_blocks(x).gpu_threads(c);
  }
  for (const ResultPart &part : parts) schedule_part(parameters, result, part);
}

}  // namespace halconv::schedules
