#include "few_channels_cpu.h"

#include "cpu_machine.h"
#include "direct_cpu_parameters.h"
#include "few_channels_cpu_parameters.h"
#include "halconv/kernel_name.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

/// The image with columns innermost, as planes have them, so that neighbours in a row fill a vector.
void schedule_rows(Func image, bool planar, int64_t channels, int lanes, const Halide::LoopLevel &level) {
  constexpr int kSquare = 8;
  const Var block("block"), lane("lane"), tile("tile");
  Func rows = image.in();
  const Var c = rows.args()[0], x = rows.args()[1], y = rows.args()[2], n = rows.args()[3], g = rows.args()[4];
  rows.compute_at(level).reorder_storage(x, c, y, n, g);
  if (planar) {
    rows.split(x, tile, lane, lanes, TailStrategy::GuardWithIf).reorder(lane, tile, c, y, n, g).vectorize(lane);
    return;
  }
  if (channels % kSquare != 0) {
    rows.split(c, block, lane, lanes, TailStrategy::GuardWithIf)
        .split(x, tile, x, lanes, TailStrategy::GuardWithIf)
        .reorder(lane, x, block, tile, y, n, g)
        .vectorize(lane);
    return;
  }
  // Squares turn in registers: 3x3 64->3 @224 is 1.2 times as fast as by vectors of channels scattered to the rows
  // (AVX2, one core of an EPYC, Zen 3).
  rows.split(c, block, lane, kSquare)
      .split(x, tile, x, kSquare, TailStrategy::RoundUp)
      .reorder(x, lane, block, tile, y, n, g)
      .vectorize(x)
      .unroll(lane);
  const Var square_c = image.args()[0], square_x = image.args()[1];
  image.compute_at(rows, block)
      .store_in(Halide::MemoryType::Register)
      .bound_extent(square_c, kSquare)
      .bound_extent(square_x, kSquare)
      .reorder(square_c, square_x)
      .vectorize(square_c)
      .unroll(square_x);
}

void schedule_accumulators(const FewChannelsCpuParameters &tile, int channels, int lanes, Func sum,
                           const Halide::RDom &taps) {
  const Var c = sum.args()[0], x = sum.args()[1], y = sum.args()[2], n = sum.args()[3], g = sum.args()[4];
  const Var vector("vector"), lane("lane");
  sum.bound_extent(c, channels).bound_extent(x, tile.vectors * lanes).bound_extent(y, tile.rows);
  sum.reorder_storage(x, c, y, n, g);
  sum.split(x, vector, lane, lanes)
      .reorder(lane, vector, c, y, n, g)
      .vectorize(lane)
      .unroll(vector)
      .unroll(c)
      .unroll(y);
  sum.update()
      .split(x, vector, lane, lanes)
      .reorder(lane, vector, c, y, taps.y, taps.z, taps.x, n, g)
      .vectorize(lane)
      .unroll(vector)
      .unroll(c)
      .unroll(y)
      .unroll(taps.y);
}

/// Tasks of rows, from whose copy of the image all phases of the stride are computed while it is in L2: the 7x7/2 stem
/// reaches 52 % of AVX2's peak, 19 % by a copy of the whole image (one core of an EPYC, Zen 3).
Halide::LoopLevel schedule_tiles(const FewChannelsCpuParameters &p, const Conv2dProblem &problem, int lanes,
                                 Func result, const std::vector<ResultPart> &parts) {
  const Var c = result.args()[0], x = result.args()[1], y = result.args()[2], n = result.args()[3],
            g = result.args()[4];
  const Var column_tile("column_tile"), tile_x("tile_x"), phase_x("phase_x"), row_task("row_task"),
      row_tile("row_tile"), tile_y("tile_y"), phase_y("phase_y"), image("image");
  const int stride_x = static_cast<int>(problem.stride_width), stride_y = static_cast<int>(problem.stride_height);
  const TailStrategy guard = TailStrategy::GuardWithIf;
  result.split(x, column_tile, tile_x, p.vectors * lanes * stride_x, guard)
      .split(tile_x, tile_x, phase_x, stride_x, guard)
      .split(y, row_tile, tile_y, p.rows * stride_y, guard)
      .split(tile_y, tile_y, phase_y, stride_y, guard)
      .split(row_tile, row_task, row_tile, p.tiles_per_task, guard)
      .reorder({c, phase_x, tile_x, phase_y, tile_y, column_tile, row_tile, row_task, n, g})
      .unroll(c)
      .unroll(phase_x)
      .unroll(phase_y)
      .fuse(n, g, image)
      .parallel(image)
      .parallel(row_task);
  for (const ResultPart &part : parts) {
    Func(part.convolution.sum).compute_at(result, column_tile);
    schedule_accumulators(p, static_cast<int>(problem.group().in_channels), lanes, part.convolution.sum,
                          part.convolution.reduction);
  }
  return {result, row_task};
}

}  // namespace

bool has_few_channels(const KernelKey &key) {
  if (!key.problem || key.target.has_gpu_feature() || key.operation != kBackwardInput) return false;
  const DirectShape shape = direct_shape(key);
  const int lanes = key.lanes();
  // One tap uses each pixel too seldom to pay for turning it: 1x1 8->64 @56 would take 2.7 times as long (AVX-512). 3x3
  // 3->64 @224 is 2.2 times as fast, on AVX2 1.3 times; 8->64 @56 the same (one core of a Xeon, Sapphire Rapids).
  const bool is_reused = key.problem->stride_width > 1 || shape.tap_rows * shape.tap_columns > 1;
  return key.channels_per_product() == 1 && is_reused && shape.result_channels <= lanes / 2 && shape.columns >= lanes;
}

int few_channels_block(const KernelKey &key) { return static_cast<int>(direct_shape(key).result_channels); }

void schedule_few_channels_cpu(const KernelKey &key, Func result, const std::vector<ResultPart> &parts) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const FewChannelsCpuParameters p = estimate_few_channels_cpu_parameters(machine, direct_shape(key));
  result.bound(result.args()[0], 0, few_channels_block(key));
  schedule_rows(parts.front().convolution.image, key.is_planar(), direct_shape(key).reduced_channels, machine.lanes,
                schedule_tiles(p, *key.problem, machine.lanes, result, parts));
}

}  // namespace halconv::schedules
