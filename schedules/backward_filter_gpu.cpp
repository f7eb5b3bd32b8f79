#include "backward_filter_gpu.h"

#include <string>
#include <utility>
#include <vector>

#include "backward_filter_gpu_parameters.h"
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

/// The loops of one stage over tiles of the filter. Fresh names for each, because Halide finds a compute_at level by
/// name over all stages of a Func.
struct FilterLoops {
  explicit FilterLoops(const std::string &stage)
      : k("k_" + stage),
        vector("vector_" + stage),
        lane("lane_" + stage),
        c("c_" + stage),
        s("s_" + stage),
        k_thread("k_thread_" + stage),
        c_thread("c_thread_" + stage),
        r_thread("r_thread_" + stage),
        thread("thread_" + stage),
        k_tile("k_tile_" + stage),
        c_tile("c_tile_" + stage),
        s_tile("s_tile_" + stage),
        r_tile("r_tile_" + stage),
        tile("tile_" + stage) {}
  Var k, vector, lane, c, s, k_thread, c_thread, r_thread, thread, k_tile, c_tile, s_tile, r_tile, tile;
};

/// Splits a thread's tile off and leaves loops over threads and tiles. Vectors are split off first and exactly, and
/// only the loops around them guarded: a guard that differed between the lanes of a vector could not be written in
/// OpenCL C.
void split_tiles(const BackwardFilterGpuParameters &p, Stage stage, const std::vector<Var> &filter,
                 const FilterLoops &l, bool vectorized) {
  const int lanes = vectorized && p.k % kAccessElements == 0 ? kAccessElements : 1;
  const TailStrategy guard = TailStrategy::GuardWithIf;
  stage.split(filter[0], l.k, l.lane, lanes, TailStrategy::RoundUp)
      .split(l.k, l.k_thread, l.vector, p.k / lanes, guard)
      .split(l.k_thread, l.k_tile, l.k_thread, p.k_threads, guard)
      .split(filter[1], l.c_thread, l.c, p.c, guard)
      .split(l.c_thread, l.c_tile, l.c_thread, p.c_threads, guard)
      .split(filter[2], l.s_tile, l.s, p.s, guard)
      .split(filter[3], l.r_tile, l.r_thread, p.r_threads, guard);
}

/// Puts the loops in order, register tile innermost, and maps those inside a block to its threads.
void map_to_threads(Stage stage, const FilterLoops &l, const std::vector<VarOrRVar> &outer) {
  std::vector<VarOrRVar> order = {l.lane, l.vector, l.c, l.s, l.k_thread, l.c_thread, l.r_thread};
  order.insert(order.end(), outer.begin(), outer.end());
  order.insert(order.end(), {l.k_tile, l.c_tile, l.s_tile, l.r_tile});
  stage.reorder(order)
      .fuse(l.c_thread, l.r_thread, l.thread)
      .vectorize(l.lane)
      .unroll(l.vector)
      .unroll(l.c)
      .unroll(l.s)
      .gpu_threads(l.k_thread, l.thread);
}

/// Maps the loops over tiles, over the convolution's groups `g`, and over what `groups` lists, to blocks. Loops are
/// fused in pairs where they can be: Halide takes the remainder of a remainder for any element of its range.
void map_to_blocks(Stage stage, const FilterLoops &l, const Var &g, const std::vector<Var> &groups) {
  stage.fuse(l.s_tile, l.r_tile, l.tile).fuse(l.c_tile, g, l.c_tile);
  for (const Var &group : groups) stage.fuse(l.tile, group, l.tile);
  stage.gpu_blocks(l.k_tile, l.c_tile, l.tile);
}

/// Fixes a Func over (k, c, s, r, ...) to a thread's tile and keeps it in registers.
void keep_in_registers(const BackwardFilterGpuParameters &p, Func tile, const LoopLevel &thread) {
  const std::vector<Var> filter = tile.args();
  tile.compute_at(thread)
      .store_in(MemoryType::Register)
      .bound_extent(filter[0], p.k)
      .bound_extent(filter[1], p.c)
      .bound_extent(filter[2], p.s)
      .unroll(filter[0])
      .unroll(filter[1])
      .unroll(filter[2]);
  for (size_t i = 3; i < filter.size(); ++i) tile.bound_extent(filter[i], 1);
}

/// Registers for what a thread reads of `source` in one iteration of `loop`: `extents` of it in the first dimensions.
void keep_operands_in_registers(Func source, Func accumulators, const RVar &loop, const std::vector<int> &extents) {
  Func operands = source.in(accumulators);
  operands.compute_at(accumulators, loop).store_in(MemoryType::Register);
  const std::vector<Var> dimensions = operands.args();
  if (extents[0] % kAccessElements == 0) operands.vectorize(dimensions[0], kAccessElements);
  for (size_t i = 0; i < dimensions.size(); ++i) {
    operands.bound_extent(dimensions[i], i < extents.size() ? extents[i] : 1).unroll(dimensions[i]);
  }
}

/// The threads of a block copy a chunk of pixels to shared memory, neighbouring threads neighbouring channels, or
/// columns where these are neighbours in memory. Fixed
/// extents make the size known at compile time.
void stage_in_shared_memory(const BackwardFilterGpuParameters &p, Func image, const LoopLevel &chunk, bool vectorized,
                            int channels, int width, int height) {
  const std::vector<Var> dimensions = image.args();
  const Var lane("lane"), item("item"), thread("thread"), k_thread("k_thread"), other_thread("other_thread");
  image.compute_at(chunk)
      .store_in(MemoryType::GPUShared)
      .bound_extent(dimensions[0], channels)
      .bound_extent(dimensions[1], width)
      .bound_extent(dimensions[2], height);
  for (size_t i = 3; i < dimensions.size(); ++i) image.bound_extent(dimensions[i], 1);
  image.split(dimensions[0], item, lane, vectorized ? kAccessElements : 1, TailStrategy::RoundUp);
  if (p.planar) {
    image.fuse(dimensions[1], dimensions[2], dimensions[1]).fuse(dimensions[1], item, item);
  } else {
    image.fuse(item, dimensions[1], item).fuse(item, dimensions[2], item);
  }
  image.split(item, item, thread, p.threads(), TailStrategy::GuardWithIf)
      .split(thread, other_thread, k_thread, p.k_threads, TailStrategy::RoundUp)
      .reorder(lane, k_thread, other_thread, item)
      .vectorize(lane)
      .gpu_threads(k_thread, other_thread);
}

/// The loops of the reduction: groups of rows and images, which different blocks sum over; in them chunks of pixels,
/// which a block stages one after the other; in these the pixels.
struct ReductionLoops {
  RVar row_group{"row_group"}, image_group{"image_group"};
  RVar column_chunk{"column_chunk"}, row_chunk{"row_chunk"}, image{"image"};
  RVar column{"column"}, row{"row"};
};

void split_pixels(const BackwardFilterGpuParameters &p, Stage stage, const Halide::RDom &pixels,
                  const ReductionLoops &l) {
  const TailStrategy guard = TailStrategy::GuardWithIf;
  stage.split(pixels.x, l.column_chunk, l.column, p.width, guard);
  stage.split(pixels.y, l.row_chunk, l.row, p.height, guard);
  if (p.row_groups.defined()) stage.split(l.row_chunk, l.row_chunk, l.row_group, p.row_groups, guard);
  if (p.images_per_group > 0) stage.split(pixels.z, l.image_group, l.image, p.images_per_group, guard);
}

/// The inner loop: a thread adds a chunk of pixels to its tile of the filter; FFMA is 0.88-0.94 of its instructions.
/// `accumulators` is read by `consumer` alone.
void schedule_accumulators(const BackwardFilterGpuParameters &p, Func accumulators, Func consumer,
                           const LoopLevel &thread, const generators::FilterGradient &gradient,
                           const ReductionLoops &l) {
  const std::vector<Var> filter = accumulators.args();
  keep_in_registers(p, accumulators, thread);
  // A vector store that read the accumulators would make LLVM keep them as vectors round the loop: pairs of moves and
  // 30 more registers. The copy between the two keeps them scalar.
  keep_in_registers(p, accumulators.in(consumer), thread);
  const RVar column_tile("column_tile");
  accumulators.update()
      .split(l.column, column_tile, l.column, p.unrolled_width, TailStrategy::GuardWithIf)
      .reorder(filter[0], filter[1], filter[2], l.column, column_tile, l.row)
      .unroll(filter[0])
      .unroll(filter[1])
      .unroll(filter[2])
      .unroll(l.column);
  if (p.s > 1) {  // neighbouring pixels share most of what their taps read
    keep_operands_in_registers(gradient.patches, accumulators, column_tile, {p.c, p.unrolled_width, 1, 1, p.s});
  } else {
    keep_operands_in_registers(gradient.patches, accumulators, l.column, {p.c});
  }
  keep_operands_in_registers(gradient.d_dst_padded, accumulators, l.column, {p.k});
}

/// A tile of the filter per block, summed over the block's pixels in shared memory, one chunk of them after the other:
/// what a thread accumulates in registers cannot outlive the barriers around a chunk. `consumer` reads `sum` and writes
/// it out.
void schedule_block_sum(const BackwardFilterGpuParameters &p, Func consumer, const std::vector<Var> &groups,
                        bool vectorized, Func sum, const generators::FilterGradient &gradient,
                        const ReductionLoops &pixels) {
  const FilterLoops result("result"), initial("initial"), adding("adding");
  split_tiles(p, consumer, consumer.args(), result, vectorized);
  map_to_threads(consumer, result, {});
  map_to_blocks(consumer, result, consumer.args()[4], groups);

  const std::vector<Var> filter = sum.args();
  sum.compute_at(consumer, result.k_tile)
      .store_in(MemoryType::GPUShared)
      .bound_extent(filter[0], p.block_k())
      .bound_extent(filter[1], p.block_c())
      .bound_extent(filter[2], p.s)
      .bound_extent(filter[3], p.r_threads);
  for (size_t i = 4; i < filter.size(); ++i) sum.bound_extent(filter[i], 1);
  split_tiles(p, sum, filter, initial, true);
  map_to_threads(sum, initial, {});

  const RVar image = p.images_per_group > 0 ? pixels.image : RVar(gradient.pixels.z);
  const Func partial = sum.update().rfactor({{pixels.column_chunk, Var("column_chunk_index")},
                                             {pixels.row_chunk, Var("row_chunk_index")},
                                             {image, Var("image_index")}});
  split_tiles(p, sum.update(), filter, adding, true);
  map_to_threads(sum.update(), adding, {pixels.column_chunk, pixels.row_chunk, image});

  const LoopLevel chunk(sum, pixels.column_chunk);
  stage_in_shared_memory(p, gradient.d_dst_padded, chunk, p.vectorized_d_dst, p.block_k(), p.width, p.height);
  stage_in_shared_memory(p, p.staged_by_tap ? gradient.patches : gradient.src_padded, chunk, p.vectorized_src,
                         p.block_c(), p.staged_width(), p.staged_height());
  schedule_accumulators(p, partial, sum, LoopLevel(sum, adding.k_thread), gradient, pixels);
}

/// The second kernel: a thread adds what all groups found for four elements of the filter.
void schedule_group_sum(const BackwardFilterGpuParameters &p, Func result, Func sum) {
  const std::vector<Var> filter = result.args();
  const Var lane("lane"), k("k_vector"), k_block("k_block"), k_thread("k_thread"), c_block("c_block"),
      c_thread("c_thread");
  const Var tap("tap");
  const int lanes = p.vectorized_result ? kAccessElements : 1;
  result.split(filter[0], k, lane, lanes, TailStrategy::RoundUp)
      .split(k, k_block, k_thread, 32, TailStrategy::GuardWithIf)
      .split(filter[1], c_block, c_thread, 4, TailStrategy::GuardWithIf)
      .reorder(lane, k_thread, c_thread, k_block, c_block, filter[2], filter[3], filter[4])
      .fuse(filter[2], filter[3], tap)
      .fuse(c_block, filter[4], c_block)
      .vectorize(lane)
      .gpu_blocks(k_block, c_block, tap)
      .gpu_threads(k_thread, c_thread);
  sum.compute_at(result, k_thread).store_in(MemoryType::Register).bound_extent(filter[0], lanes).vectorize(filter[0]);
  for (size_t i = 1; i < filter.size(); ++i) sum.bound_extent(filter[i], 1);
  sum.update().vectorize(filter[0]);
}

}  // namespace

void schedule_backward_filter_gpu(const KernelKey &key, Func result, const generators::FilterGradient &gradient) {
  const BackwardFilterGpuParameters p = backward_filter_gpu_parameters(key, result);
  const ReductionLoops pixels;
  Func sum = gradient.sum;
  split_pixels(p, sum.update(), gradient.pixels, pixels);
  if (!p.grouped()) return schedule_block_sum(p, result, {}, p.vectorized_result, sum, gradient, pixels);
  const Var row_group("row_group_index"), image_group("image_group_index");
  std::vector<std::pair<RVar, Var>> kept;
  std::vector<Var> groups;
  std::vector<Halide::Expr> counts;
  const auto keep = [&](const RVar &loop, const Var &group, const Halide::Expr &count) {
    kept.emplace_back(loop, group);
    groups.push_back(group);
    counts.push_back(count);
  };
  if (p.row_groups.defined()) keep(pixels.row_group, row_group, p.row_groups);
  if (p.images_per_group > 0) {
    keep(pixels.image_group, image_group, (gradient.pixels.z.extent() + p.images_per_group - 1) / p.images_per_group);
  }
  Func group_sum = sum.update().rfactor(kept);
  schedule_group_sum(p, result, sum);
  Func group_result = group_sum.in(sum);
  group_result.compute_root();
  for (int i = 0; i < 5; ++i) {
    const Halide::Expr extent = result.output_buffer().dim(i).extent();
    const int unit = i == 0 ? kAccessElements : 1;  // whole vectors, what is beyond the filter is not read
    group_result.bound(group_result.args()[i], 0, (extent + unit - 1) / unit * unit);
  }
  for (size_t i = 0; i < groups.size(); ++i) group_result.bound(groups[i], 0, counts[i]);
  schedule_block_sum(p, group_result, groups, true, group_sum, gradient, pixels);
}

}  // namespace halconv::schedules
