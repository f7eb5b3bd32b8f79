#include "direct_cpu.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "direct_cpu_parameters.h"
#include "halconv/kernel_name.h"
#include "planes_cpu.h"

namespace halconv::schedules {
namespace {

using generators::Convolution;
using Halide::Func;
using Halide::RVar;
using Halide::Stage;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

/// Loops of one part; names of their own, because Halide finds a compute_at level by name over all stages of the
/// result.
struct PartLoops {
  explicit PartLoops(const ResultPart &part)
      : suffix(part.update == kPureDefinition ? "" : std::to_string(part.update)),
        image("image" + suffix),
        channel_task("channel_task" + suffix),
        channel_block("channel_block" + suffix),
        channel("channel" + suffix),
        vector("vector" + suffix),
        lane("lane" + suffix),
        row_task(pixel("row_task", part.y)),
        row(pixel("row", part.y)),
        row_tile(pixel("row_tile", part.y)),
        tile_y(pixel("tile_y", part.y)),
        column_tile(pixel("column_tile", part.x)),
        tile_x(pixel("tile_x", part.x)) {}

  std::string suffix;
  Var image, channel_task, channel_block, channel, vector, lane;
  VarOrRVar row_task, row, row_tile, tile_y, column_tile, tile_x;

 private:
  VarOrRVar pixel(const std::string &name, const VarOrRVar &like) const {
    return like.is_rvar ? VarOrRVar(RVar(name + suffix)) : VarOrRVar(Var(name + suffix));
  }
};

/// Rows and columns that a part computes; nothing for a generic kernel.
struct PartExtents {
  std::optional<int64_t> columns, rows;
};

PartExtents extents_of(const KernelKey &key, const ResultPart &part) {
  if (part.update != kPureDefinition) {
    return {Halide::Internal::as_const_int(part.x.rvar.extent()), Halide::Internal::as_const_int(part.y.rvar.extent())};
  }
  if (!key.problem) return {};
  const DirectShape shape = direct_shape(key);
  return {shape.columns, shape.rows};
}

/// Whether the part is more than zeros, as a phase of a gradient whose stride is longer than the filter is not.
bool has_taps(const ResultPart &part) {
  const Halide::RDom &reduction = part.convolution.reduction;
  return !Halide::Internal::is_const_zero(reduction.y.extent() * reduction.z.extent());
}

/// The loops of register tiles inside a task; `channel` counts those of a block.
void schedule_tiles(const DirectCpuParameters &p, int lanes, Stage stage, const Var &channel, const VarOrRVar &x,
                    const VarOrRVar &row, TailStrategy tail, const PartLoops &loops) {
  stage.split(channel, loops.vector, loops.lane, lanes, TailStrategy::GuardWithIf)
      .split(x, loops.column_tile, loops.tile_x, p.width, tail)
      .split(row, loops.row_tile, loops.tile_y, p.height, tail)
      .vectorize(loops.lane)
      .unroll(loops.vector)
      .unroll(loops.tile_x)
      .unroll(loops.tile_y);
}

/// Whether a tile at an edge may move inwards. An update may not compute a pixel twice.
bool computes_pixels_twice(const PartExtents &extents, const ResultPart &part) {
  return extents.columns && part.update == kPureDefinition;
}

/// The loops around the planes of NCHW.
void schedule_planes(const DirectCpuParameters &p, int lanes, const PartExtents &extents, Func result, Stage stage,
                     const ResultPart &part, const PartLoops &loops) {
  const Var n = result.args()[3], g = result.args()[4];
  stage.split(loops.row, loops.row_tile, loops.tile_y, p.height, TailStrategy::GuardWithIf);
  if (computes_pixels_twice(extents, part)) {
    stage.reorder({part.x, loops.channel, loops.tile_y, loops.row_tile, loops.channel_block, loops.channel_task,
                   loops.row_task, n, g});
    return;
  }
  stage.split(part.x, loops.column_tile, loops.tile_x, lanes, TailStrategy::GuardWithIf)
      .reorder({loops.tile_x, loops.column_tile, loops.channel, loops.tile_y, loops.row_tile, loops.channel_block,
                loops.channel_task, loops.row_task, n, g})
      .vectorize(loops.tile_x);
}

/// A row of register tiles, channels innermost as it leaves the registers, that schedule_planes' loops then store plane
/// by plane: p.vectors vectors of channels x columns x p.height, 7 KB for 4 AVX-512 vectors and 28 columns. Registers
/// scattered to the planes at once would touch a page for every channel, and one set of L1 where planes are a power of
/// two apart. With the copy of the image, both transposed, it reaches 0.91 to 0.95 of the speed of NHWC's kernels on
/// 3x3 and 7x7 filters, 0.82 on 1x1 512->128 @28, and 0.63 on 1x1 256->64 @56, where each element is used least
/// (AVX-512, one core of a Xeon, Sapphire Rapids). Returns where the accumulators are computed.
Halide::LoopLevel schedule_block(const DirectCpuParameters &p, int lanes, Func result, Func sum,
                                 const PartLoops &outer) {
  Func block = sum.in(result);
  const Var channel = block.args()[0], x = block.args()[1], y = block.args()[2], n = block.args()[3],
            g = block.args()[4];
  const PartLoops loops({kPureDefinition, x, y, {}, {}});
  block.compute_at(Halide::LoopLevel(result, outer.row_tile))
      .hoist_storage(Halide::LoopLevel(result, outer.channel_task))
      .bound_extent(channel, p.vectors * lanes);
  schedule_tiles(p, lanes, block, channel, x, y, TailStrategy::GuardWithIf, loops);
  block.reorder({loops.lane, loops.vector, loops.tile_x, loops.tile_y, loops.column_tile, loops.row_tile, n, g});
  return {block, loops.column_tile};
}

}  // namespace

void transpose_packed_filter(const KernelKey &key, const generators::PackedFilter &filter) {
  constexpr int kSquare = 4;
  Func packed = filter.packed;
  const Var result_channel = packed.args()[0], summed_channel = packed.args()[1];
  const Var lane("lane"), vector("vector"), summed("summed"), square_of_line("square_of_line"), line("line");
  const TailStrategy guard = TailStrategy::GuardWithIf;
  packed.split(result_channel, vector, lane, kSquare)
      .split(summed_channel, line, square_of_line, kLineBytes / key.element.bytes(), guard)
      .split(square_of_line, square_of_line, summed, kSquare, guard)
      .reorder(lane, summed, square_of_line, vector, line)
      .vectorize(lane)
      .unroll(summed);
  Func square = Func(filter.blocked).in(packed);
  square.compute_at(packed, square_of_line)
      .reorder_storage(square.args()[1], square.args()[0])
      .reorder(square.args()[1], square.args()[0])
      .vectorize(square.args()[1], kSquare, guard)
      .unroll(square.args()[0]);
}

namespace {

/// Packs a block of the filter where a task needs it. It stays in L2, where the whole filter, packed before, would go
/// to memory and back: a call with 3x3 512->512 @7 takes 1/1.4 of the time on AVX2 and 1/1.5 on AVX-512 (forward),
/// 1/1.7 on both (backward_input); @14 1/1.1, @28 the same (one core of a Xeon, Sapphire Rapids).
void schedule_packed_filter(const KernelKey &key, const generators::PackedFilter &filter,
                            const Halide::LoopLevel &block) {
  Func packed = filter.packed;
  packed.compute_at(block);
  if (!is_forward(key.operation)) return transpose_packed_filter(key, filter);
  packed.vectorize(packed.args()[0], key.lanes());
}

void schedule_part(const KernelKey &key, DirectCpuParameters p, Func result, const ResultPart &part) {
  const int lanes = key.lanes();
  const PartLoops loops(part);
  const Var c = result.args()[0], n = result.args()[3], g = result.args()[4];
  Stage stage = part.update == kPureDefinition ? Stage(result) : result.update(part.update);
  const PartExtents extents = extents_of(key, part);
  if (extents.columns) {
    p.width = static_cast<int>(std::min<int64_t>(p.width, *extents.columns));
    p.height = static_cast<int>(std::min<int64_t>(p.height, *extents.rows));
    p.rows_per_task = static_cast<int>(std::min<int64_t>(p.rows_per_task, *extents.rows));
  }
  const Convolution &convolution = part.convolution;
  // Zeros: a register tile would only be more code.
  if (!has_taps(part)) p.width = p.height = 1;
  // Accumulators beyond the result read pixels beyond the image, which only a copy has. Without one a tile at the edge
  // moves inwards and computes some pixels twice, which an update cannot; with one it leaves out what lies beyond,
  // which pays: 3x3, 7x7 pixels, tiles of 7x2: 11 % faster.
  const bool exact = extents.columns && *extents.columns % p.width == 0 && *extents.rows % p.rows_per_task == 0 &&
                     p.rows_per_task % p.height == 0;
  const bool shifts = computes_pixels_twice(extents, part);
  const bool in_place = convolution.inside && (exact || shifts);
  const TailStrategy tail = in_place && shifts ? TailStrategy::ShiftInwards : TailStrategy::GuardWithIf;
  stage.split(c, loops.channel_block, loops.channel, p.vectors * lanes, TailStrategy::GuardWithIf)
      .split(loops.channel_block, loops.channel_task, loops.channel_block, p.blocks_per_task, TailStrategy::GuardWithIf)
      .split(part.y, loops.row_task, loops.row, p.rows_per_task, tail);
  Halide::LoopLevel tile(result, loops.column_tile);
  if (key.is_planar()) {
    schedule_planes(p, lanes, extents, result, stage, part, loops);
    tile = schedule_block(p, lanes, result, convolution.sum, loops);
    if (shifts) {
      const bool has_block = key.channels_per_product() > 1;  // by which the filter of dot products is blocked
      scatter_planes(result, Func(convolution.sum).in(result), PlaneChannels::kOfGroup, part.x.var, loops.channel,
                     *extents.columns, lanes, has_block ? p.vectors * lanes : plane_block(lanes));
    }
  } else {
    schedule_tiles(p, lanes, stage, loops.channel, part.x, loops.row, tail, loops);
    stage.reorder({loops.lane, loops.vector, loops.tile_x, loops.tile_y, loops.column_tile, loops.row_tile,
                   loops.channel_block, loops.channel_task, loops.row_task, n, g});
  }
  if (!key.problem) {
    // A row of tiles is long beside the question whether it is one of the result's; code for rows of which that is
    // known would be a third of what there is to compile.
    stage.partition(loops.row_task, Halide::Partition::Never).partition(loops.row_tile, Halide::Partition::Never);
  }
  stage.fuse(n, g, loops.image).parallel(loops.image).parallel(loops.row_task).parallel(loops.channel_task);
  if (key.packs_filter) schedule_packed_filter(key, convolution.filter, {result, loops.channel_block});
  Func(convolution.sum).compute_at(tile);
  schedule_accumulators(p, lanes, key.channels_per_product(), convolution.sum);
  if (!in_place) schedule_padded(key, convolution, {result, loops.row_task});
}

/// Columns and rows of the filter that a part of a specialised kernel reads.
std::pair<int64_t, int64_t> taps_of(const KernelKey &key, const ResultPart &part) {
  if (part.update == kPureDefinition) return {direct_shape(key).tap_columns, direct_shape(key).tap_rows};
  const Halide::RDom &reduction = part.convolution.reduction;
  return {Halide::Internal::as_const_int(reduction.y.extent()).value(),
          Halide::Internal::as_const_int(reduction.z.extent()).value()};
}

/// Where a filter's block lies: bytes from one block, tap row and tap column to the next, and the pieces of a tap.
struct FilterLayout {
  int64_t block, row, column;
  std::vector<EvenlySpaced> pieces;
  int64_t piece_bytes;
};

FilterLayout filter_layout(const KernelKey &key, const DirectCpuParameters &p, const ResultPart &part) {
  const Conv2dProblem &problem = *key.problem;
  const int64_t element = part.filter.type().bytes(), block_channels = p.vectors * key.lanes();
  if (!key.packs_filter) {
    const int64_t column = direct_shape(key).reduced_channels * block_channels * element;
    const int64_t row = problem.filter_width * column;
    return {problem.filter_height * row, row, column, {}, column};
  }
  const int64_t channel = problem.out_channels * element, column = problem.in_channels * channel;
  const int64_t row = problem.filter_width * column;
  if (!is_forward(key.operation)) return {block_channels * channel, row, column, {}, block_channels * channel};
  return {block_channels * element, row, column, {{problem.in_channels, channel}}, block_channels * element};
}

/// The next block of the filter, its taps that the part reads, fetched while a task's pixels are multiplied with the
/// block before. Kernels that pack a block first read rows of it that lie a page apart: of AVX2's peak, 1x1 2048->512
/// @7 reaches 55 % so, 36 % without, 512->2048 @7 59 and 36 %, 3x3 512->512 @7 41 and 37 % (forward; one core of a
/// virtual EPYC, Zen 3).
BlockPrefetch next_filter_block(const KernelKey &key, const DirectCpuParameters &p, const ResultPart &part) {
  const PartLoops loops(part);
  const Halide::RDom &reduction = part.convolution.reduction;
  const auto [tap_columns, tap_rows] = taps_of(key, part);
  const auto [columns, rows] = extents_of(key, part);
  const int64_t channels = direct_shape(key).reduced_channels;
  const FilterLayout filter = filter_layout(key, p, part);
  BlockPrefetch prefetch = {
      .function = part.convolution.sum.name(),
      .tensor = "filter",
      .blocks = {{loops.channel_task.name(), filter.block * p.blocks_per_task},
                 {loops.channel_block.name(), filter.block}},
      .first = filter.block + part.taps.first_row * filter.row + part.taps.first_column * filter.column,
      .pieces = {{tap_rows, part.taps.row_step * filter.row}, {tap_columns, part.taps.column_step * filter.column}},
      .bytes = filter.piece_bytes,
      .iterations = {{loops.row_tile.name(), ceil_divide(std::min<int64_t>(p.rows_per_task, *rows), p.height)},
                     {loops.column_tile.name(), ceil_divide(*columns, p.width)},
                     {reduction.z.name(), tap_rows},
                     {reduction.y.name(), tap_columns},
                     {reduction.x.name(), channels / std::max(p.unroll, key.channels_per_product())}}};
  prefetch.pieces.insert(prefetch.pieces.end(), filter.pieces.begin(), filter.pieces.end());
  return prefetch;
}

/// The next task's rows of the image, fetched while all blocks of the filter are multiplied with a task's.
BlockPrefetch next_image_rows(const KernelKey &key, const DirectCpuParameters &p, const ResultPart &part) {
  const PartLoops loops(part);
  const DirectShape shape = direct_shape(key);
  const int64_t rows = p.rows_per_task * shape.columns * shape.reduced_channels * key.element.bytes();
  const int64_t blocks = ceil_divide(shape.result_channels, p.vectors * key.lanes());
  return {.function = part.convolution.sum.name(),
          .tensor = is_forward(key.operation) ? "src" : "d_dst",
          .blocks = {{loops.row_task.name(), rows}},
          .first = rows,
          .bytes = rows,
          .iterations = {{loops.channel_task.name(), ceil_divide(blocks, p.blocks_per_task)},
                         {loops.channel_block.name(), std::min<int64_t>(blocks, p.blocks_per_task)},
                         {loops.row_tile.name(), ceil_divide(p.rows_per_task, p.height)},
                         {loops.column_tile.name(), ceil_divide(shape.columns, p.width)},
                         {part.convolution.reduction.x.name(),
                          shape.reduced_channels / std::max(p.unroll, key.channels_per_product())}}};
}

/// Where the filter comes from beyond L2, each part's sum fetches it ahead: the hardware's prefetchers start anew at
/// every page, of 32 channels for 2 AVX-512 vectors.
std::vector<Prefetch> prefetches_of(const KernelKey &key, const DirectCpuParameters &p,
                                    const std::vector<ResultPart> &parts) {
  const int iterations = p.prefetch / std::max(p.unroll, key.channels_per_product());
  std::vector<Prefetch> prefetches;
  for (const ResultPart &part : parts) {
    if (!has_taps(part)) continue;
    if (p.prefetch > 0) prefetches.push_back(VectorPrefetch{part.convolution.sum.name(), "filter", iterations});
    if (p.next_block != 0) prefetches.push_back(next_filter_block(key, p, part));
    if (p.next_rows != 0) prefetches.push_back(next_image_rows(key, p, part));
  }
  return prefetches;
}

}  // namespace

void schedule_accumulators(const DirectCpuParameters &p, int lanes, int together, Func sum) {
  const Var channel = sum.args()[0], x = sum.args()[1], y = sum.args()[2];
  const Var vector("vector"), lane("lane");
  sum.bound_extent(channel, p.vectors * lanes).bound_extent(x, p.width).bound_extent(y, p.height);
  sum.split(channel, vector, lane, lanes)
      .reorder(lane, vector, x, y)
      .vectorize(lane)
      .unroll(vector)
      .unroll(x)
      .unroll(y);
  std::vector<RVar> summed = sum.rvars(0);  // channels innermost
  Stage update = sum.update();
  update.split(channel, vector, lane, lanes);
  if (together > 1) {
    const RVar products("products"), member("member");
    update.split(summed.front(), products, member, together).reorder(member, lane).atomic().vectorize(member);
    summed.front() = products;
  }
  std::vector<VarOrRVar> order = {lane, vector, x, y};
  order.insert(order.end(), summed.begin(), summed.end());
  update.reorder(order).vectorize(lane).unroll(vector).unroll(x).unroll(y);
  if (p.unroll > together) update.unroll(summed.front(), p.unroll / together);
}

void schedule_padded(const KernelKey &key, const Convolution &convolution, const Halide::LoopLevel &level) {
  Func padded = convolution.padded;
  const int lanes = key.lanes();
  const Var channel = padded.args()[0], x = padded.args()[1];
  const int64_t known = key.problem ? direct_shape(key).reduced_channels : 0;
  if (known > 0 && known < lanes / 2) {
    const TailStrategy tail = convolution.inside ? TailStrategy::GuardWithIf : TailStrategy::RoundUp;
    padded.compute_at(level).reorder(channel, x).unroll(channel).vectorize(x, lanes, tail);
    return;
  }
  if (key.is_planar()) {
    return gather_planes(padded, PlaneChannels::kOfGroup, level,
                         {key.problem ? std::optional(known) : std::nullopt, {}}, lanes);
  }
  padded.compute_at(level).vectorize(channel, lanes, TailStrategy::GuardWithIf);
  // One cache line more than the channels: pixels a power of two apart would all fall into the same few sets of L1.
  if (known % 256 == 0) padded.align_storage(channel, convolution.reduction.x.extent() + 16);
}

int direct_cpu_block(const KernelKey &key) { return direct_cpu_parameters(key).vectors * key.lanes(); }

std::vector<Prefetch> schedule_direct_cpu(const KernelKey &key, Func result, const std::vector<ResultPart> &parts) {
  const DirectCpuParameters parameters = direct_cpu_parameters(key);
  for (const ResultPart &part : parts) schedule_part(key, parameters, result, part);
  // A phase's columns lie the stride apart; without one they are stored as vectors.
  if (key.is_planar() && !key.problem && key.operation == kBackwardInput) {
    result.specialize(result.output_buffer().dim(1).stride() == 1);
  }
  return prefetches_of(key, parameters, parts);
}

}  // namespace halconv::schedules
