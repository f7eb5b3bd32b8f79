#include "planes_cpu.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace halconv::schedules {

using Halide::Func;
using Halide::LoopLevel;
using Halide::MemoryType;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

namespace {

Var channel_of(const Func &func, PlaneChannels channels) { return func.args()[static_cast<size_t>(channels)]; }

/// Puts the loops that channel and x have become inside all others.
void put_inside(Func func, PlaneChannels channels, std::vector<VarOrRVar> loops) {
  for (size_t i = 0; i < func.args().size(); ++i) {
    if (i != 1 && i != static_cast<size_t>(channels)) loops.emplace_back(func.args()[i]);
  }
  func.reorder(loops);
}

}  // namespace

int plane_block(int lanes) { return std::min(lanes, 8); }

void gather_planes(Func image, PlaneChannels channels, const LoopLevel &level, const PlaneExtents &extents, int lanes) {
  const Var channel = channel_of(image, channels), x = image.args()[1];
  const Var column_block("column_block"), column("column"), channel_block("channel_block"), plane("plane");
  const int planes = plane_block(lanes);
  if (!extents.channels || *extents.channels < planes) {
    // Loads are dense, stores scatter to the L1 lines of a few pixels.
    image.compute_at(level).split(x, column_block, column, lanes, TailStrategy::RoundUp).vectorize(column);
    return put_inside(image, channels, {column, channel, column_block});
  }
  const auto columns = static_cast<uint64_t>(extents.columns.value_or(planes));
  const int width = std::min(planes, static_cast<int>(std::bit_floor(columns)));
  Func pixels = image.in(), rows = image.in(pixels);
  pixels.compute_at(level)
      .split(x, column_block, column, width, extents.columns ? TailStrategy::ShiftInwards : TailStrategy::RoundUp)
      .split(channel, channel_block, plane, planes, TailStrategy::ShiftInwards)
      .vectorize(plane)
      .unroll(column)
      .reorder_storage(channel, x);
  put_inside(pixels, channels, {plane, column, channel_block, column_block});
  // One cache line more than the channels: pixels a power of two apart would all fall into the same few sets of L1.
  if (channels == PlaneChannels::kOfGroup && *extents.channels % 256 == 0) {
    pixels.align_storage(channel, static_cast<int>(*extents.channels) + 16);
  }
  rows.compute_at(pixels, channel_block)
      .store_in(MemoryType::Register)
      .bound_extent(channel, planes)
      .bound_extent(x, width)
      .reorder_storage(channel, x)
      .reorder(x, channel)
      .vectorize(x)
      .unroll(channel);
}

void scatter_planes(Func result, Func block, PlaneChannels channels, const Var &x, const Var &channel, int64_t columns,
                    int lanes, int together) {
  const int planes = plane_block(lanes), width = static_cast<int>(std::min<int64_t>(planes, columns));
  const Var column_block("plane_column_block"), column("plane_column"), channel_block("plane_block"), plane("plane");
  result.split(x, column_block, column, width, TailStrategy::ShiftInwards)
      .split(channel, channel_block, plane, planes)
      .reorder(column, plane, channel_block, column_block)
      .vectorize(column)
      .unroll(plane);
  Func rows = block.in(result);
  const Var rows_channel = channel_of(rows, channels), rows_x = rows.args()[1];
  rows.compute_at(result, together > planes ? column_block : channel_block)
      .store_in(MemoryType::Register)
      .bound_extent(rows_channel, together)
      .bound_extent(rows_x, width)
      .reorder_storage(rows_x, rows_channel)
      .split(rows_channel, channel_block, plane, planes)
      .reorder(plane, rows_x, channel_block)
      .vectorize(plane)
      .unroll(rows_x);
}

}  // namespace halconv::schedules
