#include "reorder_filter_winograd_cpu.h"

#include <algorithm>
#include <vector>

#include "transformed_tiles_cpu.h"

namespace halconv::schedules {
namespace {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

/// Channels that are transformed before they are stored, and those that turn in registers.
constexpr int kTogether = 8;

/// Reads the taps of kTogether x `lanes` channels along q, in which the filter is contiguous, and turns them.
void turn_taps(Func taps, const Halide::LoopLevel &level, int lanes, int size) {
  const std::vector<Var> d = taps.args();  // channel, s, r, q, block, g
  const Var block("turned_block"), lane("turned_lane");
  Func turned = taps.in(), rows = taps.in(turned);
  turned.compute_at(level)
      .reorder_storage(d[0], d[3], d[1], d[2], d[4], d[5])
      .bound_extent(d[0], lanes)
      .bound_extent(d[1], size)
      .bound_extent(d[2], size)
      .bound_extent(d[3], kTogether)
      .split(d[0], block, lane, std::min(lanes, kTogether))
      .reorder({lane, d[3], block, d[1], d[2]})
      .vectorize(lane)
      .unroll(d[3])
      .partition(block, Halide::Partition::Never);
  rows.compute_at(turned, block)
      .store_in(Halide::MemoryType::Register)
      .bound_extent(d[0], std::min(lanes, kTogether))
      .bound_extent(d[3], kTogether)
      .reorder_storage(d[0], d[3])
      .reorder(d[3], d[0])
      .vectorize(d[3])
      .unroll(d[0]);
}

}  // namespace

void schedule_reorder_filter_winograd_cpu(const Halide::Target &target, Func packed, Func taps, const Var &contiguous,
                                          const generators::TransformedTiles &tiles) {
  const int lanes = target.natural_vector_size(packed.type());
  const std::vector<Var> d = packed.args();  // channel, q, j, i, block, g
  const Var vector("vector"), lane("lane"), q_block("q_block");
  Halide::OutputImageParam filter = packed.output_buffer();
  filter.dim(0).set_extent(filter.dim(0).extent() / lanes * lanes);
  // Elements of a transformed tile lie far apart, often by a power of two, which fall into the same few sets of L1:
  // they are stored from a copy, some channels of each at a time. Tasks read columns of the filter, or of
  // backward_input's all of some rows, and write each element's part of a block in sequence.
  packed.split(d[0], vector, lane, lanes)
      .split(d[1], q_block, d[1], kTogether, TailStrategy::GuardWithIf)
      .reorder({lane, d[1], d[2], d[3], vector, q_block, d[4], d[5]})
      .vectorize(lane)
      .parallel(d[4])
      .parallel(d[5]);
  Func transformed = tiles.transformed, columns = tiles.columns;
  const std::vector<Var> t = transformed.args();  // channel, j, i, q, block, g
  transformed.compute_at(packed, vector)
      .reorder_storage(t[0], t[3], t[1], t[2], t[4], t[5])
      .bound_extent(t[0], lanes)
      .bound_extent(t[1], tiles.size)
      .bound_extent(t[2], tiles.size)
      .bound_extent(t[3], kTogether)
      .reorder({t[0], t[1], t[2], t[3]})
      .vectorize(t[0])
      .unroll(t[1])
      .unroll(t[2])
      .partition(t[3], Halide::Partition::Never);
  columns.compute_at(transformed, t[3]);
  const std::vector<Var> e = columns.args();  // channel, j, tap row, q, block, g
  schedule_in_registers(columns, e[0], lanes, {e[1], tiles.size}, {e[2], tiles.pixels});
  if (contiguous.name() != d[0].name()) turn_taps(taps, {packed, vector}, lanes, tiles.pixels);
}

}  // namespace halconv::schedules
