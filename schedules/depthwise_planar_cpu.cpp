#include "depthwise_planar_cpu.h"

#include <algorithm>

#include "ceil_divide.h"
#include "depthwise_cpu_parameters.h"
#include "halconv/kernel_name.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::LoopLevel;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

/// Elements of a plane that are computed at once, if there are as many: with what they read of the image, half of L1.
constexpr int64_t kBlockElements = 2048;
constexpr int kGenericRows = 16;     ///< the same of a generic kernel
constexpr int kGenericChannels = 8;  ///< in a task of a generic kernel

/// Enough tasks that a few threads end at about the same time.
constexpr int64_t kTasks = 16;
constexpr int kHeight = 4;  ///< rows of a tile: neighbours share most of the rows that they read

/// Taps that a specialised kernel's register tile of the filter's gradient may have, one vector each.
constexpr int64_t kMostTapsInRegisters = 12;

struct PlaneTile {
  int lanes;                          ///< of a vector along a row
  int column_stride = 1, height = 1;  ///< a tile: a vector for each remainder of the column stride, times rows
  int rows_per_block = kGenericRows, channels_per_task = kGenericChannels;
  bool shifts = false;  ///< the last tile is moved inwards: the result is at least as large
};

/// Whole planes in as few tasks as keep threads busy: a 56x56 plane takes less than a microsecond.
int channels_per_task(const KernelKey &key) {
  if (!key.problem) return kGenericChannels;
  return static_cast<int>(ceil_divide(key.problem->groups, ceil_divide(kTasks, key.problem->batch)));
}

PlaneTile plane_tile(const KernelKey &key) {
  PlaneTile tile{key.lanes()};
  if (!key.problem) return tile;
  const Conv2dProblem &p = *key.problem;
  const bool forward = is_forward(key);
  const int64_t rows = forward ? p.out_height : p.in_height, columns = forward ? p.out_width : p.in_width;
  const int64_t row_stride = forward ? 1 : p.stride_height;
  tile.column_stride = forward ? 1 : static_cast<int>(p.stride_width);
  tile.shifts = tile.column_stride == 1 && row_stride == 1;
  if (tile.shifts) tile.lanes = static_cast<int>(std::min<int64_t>(tile.lanes, columns));
  // A tile of a strided gradient begins at a multiple of the stride, so that the remainders are known in it.
  tile.height = static_cast<int>(tile.shifts ? std::min<int64_t>(kHeight, rows) : row_stride);
  const int64_t tiles = std::max<int64_t>(1, kBlockElements / columns / tile.height);
  tile.rows_per_block = static_cast<int>(std::min(ceil_divide(rows, tile.height), tiles)) * tile.height;
  tile.channels_per_task = channels_per_task(key);
  if (tile.shifts) tile.rows_per_block = static_cast<int>(std::min<int64_t>(tile.rows_per_block, rows));
  return tile;
}

/// A block's part of an image of `columns`, with the zeros around it, `left` of them in front: rows as they lie in
/// memory. Where rows are long enough for it to pay, vectors begin where the image does, so that but for the last they
/// hold nothing but the image, or zeros.
void schedule_rows(const KernelKey &key, Func image, int64_t columns, int64_t left) {
  const Var x = image.args()[1];
  const int lanes = std::min(key.lanes(), 8);  // shorter ones leave less of a row to the last one
  if (key.problem && columns >= 4 * lanes) {
    image.align_bounds(x, lanes, static_cast<int>(left % lanes)).vectorize(x, lanes);
  } else {
    image.vectorize(x, key.lanes(), TailStrategy::RoundUp);
  }
}

void schedule_src(const KernelKey &key, Func padded) {
  schedule_rows(key, padded, key.problem ? key.problem->in_width : 0, key.problem ? key.problem->pad_left : 0);
}

void schedule_dst(const KernelKey &key, Func padded) {
  schedule_rows(key, padded, key.problem ? key.problem->out_width : 0, 0);
}

}  // namespace

/// Vectors along the rows: the image is read and the result written as they lie in memory, and a tap is one element of
/// the filter for the whole plane. What a block reads of the image is copied once, with the zeros around it, so that no
/// tap is at an edge. On 56x56 planes that reaches 0.6 of the speed of NHWC's schedule; on 7x7 planes, whose rows are
/// shorter than a vector, 0.2 to 0.4; a strided gradient, whose columns the remainders scatter, 0.1 (AVX-512, one core
/// of a Xeon, Sapphire Rapids).
void schedule_depthwise_planar_cpu(const KernelKey &key, Func result, const generators::Convolution &convolution) {
  const PlaneTile tile = plane_tile(key);
  const Var channel_in_group = result.args()[0], x = result.args()[1], y = result.args()[2], n = result.args()[3],
            g = result.args()[4];
  const Var channel_task("channel_task"), channel("channel"), row_block("row_block"), row("row"), row_tile("row_tile"),
      tile_y("tile_y"), column_tile("column_tile"), tile_x("tile_x"), vector("vector"), lane("lane");
  const TailStrategy tail = tile.shifts ? TailStrategy::ShiftInwards : TailStrategy::GuardWithIf;
  result.split(g, channel_task, channel, tile.channels_per_task, TailStrategy::GuardWithIf)
      .split(x, column_tile, tile_x, tile.lanes * tile.column_stride, tail)
      .split(tile_x, vector, lane, tile.lanes)
      .split(y, row_block, row, tile.rows_per_block, tail)
      .split(row, row_tile, tile_y, tile.height, tail)
      .reorder({lane, vector, tile_y, column_tile, row_tile, channel_in_group, row_block, channel, channel_task, n})
      .vectorize(lane)
      .unroll(vector)
      .unroll(tile_y)
      .parallel(n)
      .parallel(channel_task);
  Func padded = convolution.padded;
  padded.compute_at(LoopLevel(result, row_block)).hoist_storage(LoopLevel(result, channel_task));
  is_forward(key) ? schedule_src(key, padded) : schedule_dst(key, padded);

  Func sum = convolution.sum;
  const Halide::RDom &taps = convolution.reduction;
  const Var sum_x = sum.args()[1], sum_y = sum.args()[2], step("step"), remainder("remainder");
  sum.compute_at(LoopLevel(result, column_tile))
      .bound_extent(sum_x, tile.lanes * tile.column_stride)
      .bound_extent(sum_y, tile.height)
      .align_bounds(sum_x, tile.column_stride);
  for (Halide::Stage stage : {Halide::Stage(sum), sum.update()}) {
    stage.split(sum_x, step, remainder, tile.column_stride).vectorize(step).unroll(remainder).unroll(sum_y);
  }
  sum.reorder(step, remainder, sum_y);
  sum.update().reorder(step, remainder, sum_y, taps.y, taps.z, taps.x);
  if (key.problem) {
    sum.update().unroll(taps.y).unroll(taps.z);
  } else if (is_forward(key)) {
    result.specialize(convolution.column_stride == 1);
  } else {
    result.specialize(result.output_buffer().dim(1).stride() == 1);
  }
}

/// Vectors of pixels, each lane with sums of its own for every tap, which are added up at last, always in the same
/// order. On 56x56 planes that reaches 0.6 of the speed of NHWC's schedule, under a stride 0.9, and on 7x7 planes,
/// where adding up takes most of the time, 0.05 (as above).
void schedule_depthwise_planar_backward_filter_cpu(const KernelKey &key, Func result,
                                                   const generators::FilterGradient &gradient) {
  const int lanes = key.lanes();
  const Var k = result.args()[0], c = result.args()[1], s = result.args()[2], r = result.args()[3],
            g = result.args()[4];
  const Var channel_task("channel_task"), channel("channel");
  result.split(g, channel_task, channel, channels_per_task(key), TailStrategy::GuardWithIf)
      .reorder(s, r, k, c, channel, channel_task)
      .parallel(channel_task);
  Func sum = gradient.sum;
  const RVar vector("vector"), lane("lane"), row_block("row_block"), row("row");
  const Var lane_index("lane_index");
  sum.update().split(gradient.pixels.x, vector, lane, lanes, TailStrategy::GuardWithIf);
  Func partial = sum.update().rfactor(lane, lane_index);
  sum.compute_at(result, k);
  sum.update().reorder(lane, s, r).atomic().vectorize(lane);
  partial.compute_at(result, k).reorder_storage(lane_index, partial.args()[0]).vectorize(lane_index);
  const Var tile_s = partial.args()[2], tile_r = partial.args()[3];
  const bool in_registers =
      key.problem && key.problem->filter_height * key.problem->filter_width <= kMostTapsInRegisters;
  partial.update().split(gradient.pixels.y, row_block, row, kGenericRows, TailStrategy::GuardWithIf);
  if (in_registers) {
    partial.reorder(lane_index, tile_s, tile_r).unroll(tile_s).unroll(tile_r);
    partial.update()
        .reorder({lane_index, tile_s, tile_r, vector, row, row_block, gradient.pixels.z})
        .unroll(tile_s)
        .unroll(tile_r);
  } else {
    partial.update().reorder({lane_index, vector, row, tile_s, tile_r, row_block, gradient.pixels.z});
  }
  partial.update().vectorize(lane_index);
  schedule_src(key, gradient.src_padded);
  schedule_dst(key, gradient.d_dst_padded);
  for (Func image : {gradient.src_padded, gradient.d_dst_padded}) {
    image.compute_at(partial, row_block).hoist_storage(LoopLevel(result, channel_task));
  }
}

}  // namespace halconv::schedules
