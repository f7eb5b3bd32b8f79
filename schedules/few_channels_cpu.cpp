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
using Halide::TailStrategy;
using Halide::Var;

/// The image with columns innermost, as planes have them, so that neighbours in a row fill a vector.
void schedule_rows(Func image, bool planar, int lanes) {
  const Var c = image.args()[0], x = image.args()[1], y = image.args()[2], n = image.args()[3], g = image.args()[4];
  const Var block("block"), lane("lane"), tile("tile");
  image.compute_root().reorder_storage(x, c, y, n, g);
  if (planar) {
    image.split(x, tile, lane, lanes, TailStrategy::GuardWithIf)
        .reorder(lane, tile, c, y, n, g)
        .vectorize(lane)
        .parallel(y);
    return;
  }
  image.split(c, block, lane, lanes, TailStrategy::GuardWithIf)
      .split(x, tile, x, lanes, TailStrategy::GuardWithIf)
      .reorder(lane, x, block, tile, y, n, g)
      .vectorize(lane)
      .parallel(y);
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

void schedule_part(const FewChannelsCpuParameters &tile, int channels, int lanes, Func result, const ResultPart &part) {
  const std::string suffix = std::to_string(part.update);
  const Var c = result.args()[0], n = result.args()[3], g = result.args()[4], image("image" + suffix);
  const RVar column_tile("column_tile" + suffix), tile_x("tile_x" + suffix), row_tile("row_tile" + suffix),
      tile_y("tile_y" + suffix);
  result.update(part.update)
      .split(part.x.rvar, column_tile, tile_x, tile.vectors * lanes, TailStrategy::GuardWithIf)
      .split(part.y.rvar, row_tile, tile_y, tile.rows, TailStrategy::GuardWithIf)
      .reorder({c, tile_x, tile_y, column_tile, row_tile, n, g})
      .unroll(c)
      .fuse(n, g, image)
      .parallel(image)
      .parallel(row_tile);
  Func(part.convolution.sum).compute_at(result, column_tile);
  schedule_accumulators(tile, channels, lanes, part.convolution.sum, part.convolution.reduction);
}

}  // namespace

bool has_few_channels(const KernelKey &key) {
  if (!key.problem || key.target.has_gpu_feature() || key.operation != kBackwardInput) return false;
  const DirectShape shape = direct_shape(key);
  const int lanes = key.lanes();
  return key.channels_per_product() == 1 && key.problem->stride_width > 1 && shape.result_channels <= lanes / 2 &&
         shape.columns >= lanes;
}

int few_channels_block(const KernelKey &key) { return static_cast<int>(direct_shape(key).result_channels); }

void schedule_few_channels_cpu(const KernelKey &key, Func result, const std::vector<ResultPart> &parts) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const DirectShape shape = direct_shape(key);
  const FewChannelsCpuParameters tile = estimate_few_channels_cpu_parameters(machine, shape);
  const int channels = static_cast<int>(shape.result_channels);
  result.bound(result.args()[0], 0, channels);
  for (const ResultPart &part : parts) schedule_part(tile, channels, machine.lanes, result, part);
  schedule_rows(parts.front().convolution.image, key.is_planar(), machine.lanes);
}

}  // namespace halconv::schedules
