#include "few_channels_cpu_parameters.h"

#include <algorithm>
#include <limits>

#include "ceil_divide.h"

namespace halconv::schedules {
namespace {

/// Cycles for one channel of the image and all taps of a tile. Rows of the image come from L2, a line in two cycles or
/// three: on the 7x7/2 stem tiles of 7 rows of one vector, which share most of theirs, reach 40 % of the AVX-512 peak,
/// tiles of one row of 7 vectors 32 % (one core of a Xeon, Sapphire Rapids).
double tile_cycles(const CpuMachine &machine, const DirectShape &shape, const FewChannelsCpuParameters &tile) {
  constexpr double kLineRefill = 2.5;
  constexpr double kCacheLine = 64;
  const auto accumulators = static_cast<double>(tile.vectors * tile.rows * shape.result_channels);
  const auto taps = static_cast<double>(shape.tap_rows * shape.tap_columns);
  const double chains = 1.5 * machine.fma_latency;
  const double lines = static_cast<double>(tile.vectors * machine.lanes * machine.lane_bytes) / kCacheLine *
                       static_cast<double>(tile.rows + shape.tap_rows - 1);
  return std::max(accumulators / machine.fmas_per_cycle, chains) * taps + kLineRefill * lines;
}

/// Tasks that a convolution is cut into at least, so that several threads have work.
constexpr int64_t kFewChannelsTasks = 8;

/// As many as have their copy of the image in half of L2. Each task turns the rows anew that it shares with the next.
int choose_tiles_per_task(const CpuMachine &machine, const DirectShape &shape, int64_t rows) {
  const int64_t row_bytes = (shape.columns + shape.tap_columns - 1) * shape.reduced_channels * machine.lane_bytes;
  const int64_t fitting = (machine.l2_bytes / 2 / row_bytes - (shape.tap_rows - 1)) / rows;
  return static_cast<int>(
      std::clamp<int64_t>(shape.images * shape.rows / rows / kFewChannelsTasks, 1, std::max<int64_t>(1, fitting)));
}

}  // namespace

FewChannelsCpuParameters estimate_few_channels_cpu_parameters(const CpuMachine &machine, const DirectShape &shape) {
  FewChannelsCpuParameters best;
  double least = std::numeric_limits<double>::max();
  // LLVM keeps an element of the filter for each channel, where AVX-512 broadcasts it from memory.
  const int64_t broadcasts = machine.registers == 32 ? 1 : shape.result_channels;
  for (int vectors = 1; vectors <= 8; ++vectors) {
    for (int rows = 1; rows <= 8; ++rows) {
      const FewChannelsCpuParameters tile = {.vectors = vectors, .rows = rows};
      if (vectors * (rows * shape.result_channels + 1) + broadcasts > machine.registers) continue;
      const int64_t tiles = ceil_divide(shape.columns, vectors * machine.lanes) * ceil_divide(shape.rows, rows);
      const double cycles = static_cast<double>(tiles) * tile_cycles(machine, shape, tile);
      if (cycles < least) {
        least = cycles;
        best = tile;
      }
    }
  }
  best.tiles_per_task = choose_tiles_per_task(machine, shape, best.rows);
  return best;
}

}  // namespace halconv::schedules
