#include "transformed_tiles_cpu.h"

namespace halconv::schedules {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

void schedule_in_registers(Func stage, const Var &vectorized, int lanes, const Unrolled &inner, const Unrolled &outer) {
  stage.bound_extent(inner.dimension, inner.extent).bound_extent(outer.dimension, outer.extent);
  stage.reorder(vectorized, inner.dimension, outer.dimension)
      .vectorize(vectorized, lanes, TailStrategy::RoundUp)
      .unroll(inner.dimension)
      .unroll(outer.dimension);
}

void schedule_transformed_image(const generators::TransformedTiles &tiles, int channels, int lanes) {
  Func image = tiles.transformed, columns = tiles.columns;
  const std::vector<Var> d = image.args();
  const Var vector("vector"), lane("lane");
  // One cache line more than the channels: elements a power of two apart would all fall into the same few sets of L1,
  // which costs up to 1.3 times the time.
  image.align_storage(d[0], channels + 16).bound_extent(d[1], tiles.size).bound_extent(d[2], tiles.size);
  image.split(d[0], vector, lane, lanes, TailStrategy::ShiftInwards)
      .reorder({lane, d[1], d[2], vector, d[3], d[4], d[5]})
      .vectorize(lane)
      .unroll(d[1])
      .unroll(d[2]);
  columns.compute_at(image, vector);
  const std::vector<Var> e = columns.args();
  schedule_in_registers(columns, e[0], lanes, {e[1], tiles.size}, {e[2], tiles.pixels});
}

}  // namespace halconv::schedules
