#include "few_channels_cpu.h"

#include <string>

#include "cpu_machine.h"
#include "direct_cpu_parameters.h"
#include "few_channels_cpu_parameters.h"
#include "halconv/kernel_name.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::RVar;
using Halide::Stage;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

/// The image with columns innermost, as planes have them, so that neighbours in a row fill a vector.
void schedule_rows(Func image, bool planar, int lanes) {
  const Var c = image.args()[0], x = image.args()[1], y = image.args()[2], n = image.args()[3], g = image.args()[4];
  const Var block("block"), lane("lane"), tile("tile");
  image.reorder_storage(x, c, y, n, g);
  if (planar) {
    image.split(x, tile, lane, lanes, TailStrategy::GuardWithIf).reorder(lane, tile, c, y, n, g).vectorize(lane);
    return;
  }
  image.split(c, block, lane, lanes, TailStrategy::GuardWithIf)
      .split(x, tile, x, lanes, TailStrategy::GuardWithIf)
      .reorder(lane, x, block, tile, y, n, g)
      .vectorize(lane);
}

/// Where the copy of the image is made: all of it where phases share it, else a task's rows, which stay in L2.
void place_image(Func image, Func result, const std::vector<ResultPart> &parts, const VarOrRVar &row_tile) {
  if (parts.size() == 1) {
    image.compute_at(Halide::LoopLevel(result, row_tile));
  } else {
    image.compute_root().parallel(image.args()[2]);
  }
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

/// A loop over pixels of a part, which are Vars of a whole result and RVars of a phase.
VarOrRVar pixel_loop(const std::string &name, const VarOrRVar &like) {
  return like.is_rvar ? VarOrRVar(RVar(name)) : VarOrRVar(Var(name));
}

/// Returns the loop over tiles of rows.
VarOrRVar schedule_part(const FewChannelsCpuParameters &tile, int channels, int lanes, Func result,
                        const ResultPart &part) {
  const bool is_whole = part.update == kPureDefinition;
  const std::string suffix = is_whole ? "" : std::to_string(part.update);
  const Var c = result.args()[0], n = result.args()[3], g = result.args()[4], image("image" + suffix);
  const VarOrRVar column_tile = pixel_loop("column_tile" + suffix, part.x),
                  tile_x = pixel_loop("tile_x" + suffix, part.x), row_tile = pixel_loop("row_tile" + suffix, part.y),
                  tile_y = pixel_loop("tile_y" + suffix, part.y);
  Stage stage = is_whole ? Stage(result) : result.update(part.update);
  stage.split(part.x, column_tile, tile_x, tile.vectors * lanes, TailStrategy::GuardWithIf)
      .split(part.y, row_tile, tile_y, tile.rows, TailStrategy::GuardWithIf)
      .reorder({c, tile_x, tile_y, column_tile, row_tile, n, g})
      .unroll(c)
      .fuse(n, g, image)
      .parallel(image)
      .parallel(row_tile);
  Func(part.convolution.sum).compute_at(Halide::LoopLevel(result, column_tile));
  schedule_accumulators(tile, channels, lanes, part.convolution.sum, part.convolution.reduction);
  return row_tile;
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
  const DirectShape shape = direct_shape(key);
  const FewChannelsCpuParameters tile = estimate_few_channels_cpu_parameters(machine, shape);
  const int channels = static_cast<int>(shape.result_channels);
  result.bound(result.args()[0], 0, channels);
  VarOrRVar row_tile = Var("row_tile");
  for (const ResultPart &part : parts) row_tile = schedule_part(tile, channels, machine.lanes, result, part);
  const Func image = parts.front().convolution.image;
  schedule_rows(image, key.is_planar(), machine.lanes);
  place_image(image, result, parts, row_tile);
}

}  // namespace halconv::schedules
