/// Numbers for problems that no table has a row for: the register tile of least estimated time, and tasks whose image
/// and filter stay in L2.
#include <algorithm>
#include <limits>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "direct_cpu_parameters.h"
#include "filter_prefetch.h"
#include "splits.h"

namespace halconv::schedules {
namespace {

/// Tasks that a convolution is cut into at least, so that several threads have work.
constexpr int64_t kDirectTasks = 8;

struct Tile {
  int64_t vectors, width, height;
  int64_t pixels() const { return width * height; }
  int64_t accumulators() const { return vectors * pixels(); }
};

/// Accumulators, the filter's vectors and one broadcast pixel. AVX-512 could broadcast from memory, but LLVM does not
/// where several vectors share the pixel: 4 x 7 vectors, without a register to spare, spill one.
bool fits_registers(const CpuMachine &machine, const Tile &tile) {
  return tile.accumulators() + tile.vectors + 1 <= machine.registers;
}

/// Cycles that a tile takes for one channel of one tap. The constants are fitted to a Sapphire Rapids core:
/// multiply-adds hide nearly all loads while there are few (2 x 6 AVX2 vectors, 8 loads for 12 multiply-adds: 94 % of
/// peak) and not when there are as many (1 x 14: 75 %); as many chains as latency times ports are not quite enough (2 x
/// 4: 80 %).
double cycles_per_product(const CpuMachine &machine, const Tile &tile, bool filter_in_l1) {
  const double multiply_adds = static_cast<double>(tile.accumulators());
  const bool broadcast_in_register = tile.accumulators() + tile.vectors < machine.registers;
  const double loads =
      static_cast<double>((broadcast_in_register ? tile.pixels() : tile.accumulators()) + tile.vectors);
  const double busy = std::max(multiply_adds / machine.fmas_per_cycle, 1.15 * machine.fma_latency);
  const double load_cycles = loads / machine.loads_per_cycle;
  const double exposed = 0.3 * load_cycles * (load_cycles / busy) * (load_cycles / busy);
  // A cache line of the filter that comes from L2.
  const double refill =
      filter_in_l1 ? 0 : 0.2 * static_cast<double>(tile.vectors * machine.lanes * machine.lane_bytes) / 64;
  return std::max(busy, load_cycles) + exposed + refill;
}

/// Pixels of the image along one axis that `results` pixels of the result read.
int64_t pixels_read(int64_t results, int64_t stride, int64_t taps) {
  return results * std::min(stride, taps) + std::max<int64_t>(0, taps - stride);
}

/// Cycles that all channels of the result take for one tile of pixels. A last block of fewer vectors computes only
/// those.
double pixel_tile_cycles(const CpuMachine &machine, const DirectShape &s, const Tile &tile) {
  const double products = static_cast<double>(s.reduced_channels * s.tap_rows * s.tap_columns);
  // Square tiles share more of the image between taps: 3x3, 128 channels, 28x28: tiles of 7x2 are 2 % faster than 14x1.
  const double image_refill =
      0.5 / 64 * static_cast<double>(machine.lane_bytes) *
      static_cast<double>(pixels_read(tile.width, s.stride_columns, s.tap_columns) *
                          pixels_read(tile.height, s.stride_rows, s.tap_rows) * s.reduced_channels);
  const auto block = [&](int64_t vectors) {
    const Tile part = {vectors, tile.width, tile.height};
    const bool in_l1 = products * static_cast<double>(vectors * machine.lanes * machine.lane_bytes) <
                       static_cast<double>(machine.l1_bytes / 2);
    // Zeroing, storing, and a mispredicted exit of the channel loop at every tap.
    const double overhead =
        2.0 * static_cast<double>(part.accumulators()) + 20.0 * static_cast<double>(s.tap_rows * s.tap_columns);
    return products * cycles_per_product(machine, part, in_l1) + overhead + image_refill;
  };
  const int64_t vectors = ceil_divide(s.result_channels, machine.lanes);
  const int64_t rest = vectors % tile.vectors;
  return static_cast<double>(vectors / tile.vectors) * block(tile.vectors) + (rest != 0 ? block(rest) : 0);
}

/// Cycles of the whole convolution. What remains at the edges is computed as a smaller tile, or in place as a whole
/// one.
double cycles(const CpuMachine &machine, const DirectShape &s, const Tile &tile) {
  double sum = 0;
  for (const bool last_row : {false, true}) {
    const int64_t height = last_row ? s.rows % tile.height : tile.height;
    const int64_t row_tiles = last_row ? (height > 0) : s.rows / tile.height;
    for (const bool last_column : {false, true}) {
      const int64_t width = last_column ? s.columns % tile.width : tile.width;
      const int64_t column_tiles = last_column ? (width > 0) : s.columns / tile.width;
      if (row_tiles * column_tiles == 0) continue;
      const Tile part = s.in_place ? tile : Tile{tile.vectors, width, height};
      sum += static_cast<double>(row_tiles * column_tiles) * pixel_tile_cycles(machine, s, part);
    }
  }
  return sum;
}

/// Every tile that fits the registers and the result.
std::vector<Tile> fitting_tiles(const CpuMachine &machine, const DirectShape &s) {
  std::vector<Tile> tiles;
  for (int64_t vectors = 1; vectors <= std::min<int64_t>(4, ceil_divide(s.result_channels, machine.lanes)); ++vectors) {
    for (int64_t height = 1; height <= std::min<int64_t>(4, s.rows); ++height) {
      for (int64_t width = 1; width <= s.columns; ++width) {
        const Tile tile = {vectors, width, height};
        if (!fits_registers(machine, tile)) break;
        tiles.push_back(tile);
      }
    }
  }
  return tiles;
}

Tile best_tile(const CpuMachine &machine, const DirectShape &s) {
  Tile best = {1, 1, 1};
  double least = cycles(machine, s, best);
  for (const Tile &tile : fitting_tiles(machine, s)) {
    if (const double time = cycles(machine, s, tile); time < 0.999 * least) {
      best = tile;
      least = time;
    }
  }
  return best;
}

int64_t filter_bytes(const CpuMachine &machine, const DirectShape &s) {
  return s.reduced_channels * s.tap_rows * s.tap_columns * s.result_channels * machine.lane_bytes;
}

/// Rows of a task: all, or those that waste least among the multiples of the tile's height that need at most `bytes` of
/// the image. The last task computes as many rows as the others, whatever is left; each reads the filter and its halo
/// anew. Of the peak of two threads, backward_input of 1x1 64->64 @56 reaches 84 % by seven tasks and 92 % by eight;
/// but of seven rows, the pixels of 1x1 at 14x14, one thread would compute eight by four tasks of two: 86 and 98 %
/// (AVX-512, two cores of an EPYC, Zen 5).
int64_t task_rows(const CpuMachine &machine, const DirectShape &s, int64_t height, int64_t bytes) {
  const int64_t row_bytes =
      pixels_read(s.columns, s.stride_columns, s.tap_columns) * s.reduced_channels * machine.lane_bytes;
  const int64_t most = bytes / (row_bytes * std::min(s.stride_rows, s.tap_rows));
  if (most >= s.rows) return s.rows;
  int64_t best = std::min(height, s.rows);
  double least = std::numeric_limits<double>::max();
  for (int64_t rows = best; rows <= std::max(best, most); rows += height) {
    const double tasks = static_cast<double>(2 * ceil_divide(s.rows, rows) + even_tasks(s.rows, rows));
    const double cost = tasks * (static_cast<double>(rows) + 0.1 * static_cast<double>(s.tap_rows));
    if (cost <= least) {
      least = cost;
      best = rows;
    }
  }
  return best;
}

/// Blocks of the thread that has more of them, where two take turns at the tasks; the last task may have fewer.
int64_t longer_half(int64_t blocks, int64_t blocks_per_task) {
  const int64_t tasks = ceil_divide(blocks, blocks_per_task), last = blocks - (tasks - 1) * blocks_per_task;
  return tasks % 2 == 0 ? tasks / 2 * blocks_per_task : tasks / 2 * blocks_per_task + last;
}

/// Blocks of a task, so that there are `tasks` or up to twice as many, which two threads share best: of 43 blocks,
/// eight tasks of six leave one thread with 24 and the other with 19.
int64_t task_blocks(int64_t blocks, int64_t tasks) {
  int64_t best = ceil_divide(blocks, tasks);
  if (tasks == 1) return best;
  for (int64_t less = best - 1; less > 0 && ceil_divide(blocks, less) <= 2 * tasks; --less) {
    if (longer_half(blocks, less) < longer_half(blocks, best)) best = less;
  }
  return best;
}

void choose_tasks(const CpuMachine &machine, const DirectShape &s, DirectCpuParameters *p) {
  // Few rows a task keep image and result near while the filter comes from L2 (3x3, 64 channels, 56x56: 4 to 7 rows are
  // 4 % faster than 14); a filter that does not stay there is read once per task, which then is as many rows as it can
  // be.
  const int64_t image_bytes = is_beyond_l2(machine, filter_bytes(machine, s)) ? machine.l2_bytes : machine.l2_bytes / 8;
  const int64_t blocks = ceil_divide(s.result_channels, p->vectors * machine.lanes);
  const int64_t rows = task_rows(machine, s, p->height, image_bytes);
  const int64_t channel_tasks = ceil_divide(kDirectTasks, s.images * ceil_divide(s.rows, rows));
  p->rows_per_task = static_cast<int>(rows);
  p->blocks_per_task = static_cast<int>(task_blocks(blocks, std::min(blocks, channel_tasks)));
}

/// Registers beside the sums, a step's filter and a pixel without which LLVM spills for an unrolled loop: 2 x 14
/// AVX-512 vectors, 1 x 14 AVX2 vectors; 1 x 12 of these in a strided gradient's phases, as each product of a single
/// vector holds its pixel in a register that a sum could have. 3 x 4 AVX2 vectors do with none.
int64_t spare_registers_to_unroll(const CpuMachine &machine, const Tile &tile) {
  if (machine.registers > 16) return 2;
  return tile.vectors == 1 ? 3 : 0;
}

/// Unrolling the channels amortises the loop's own three instructions; beyond some 100 multiply-adds it buys nothing.
/// By 4 channels 3 x 4 AVX2 vectors are 1.02 times as fast as by one (median of ResNet-50's forward and backward_input,
/// 0.97 to 1.06; one core of a Xeon, Emerald Rapids).
int unrolled_channels(const CpuMachine &machine, const DirectShape &s, const Tile &tile) {
  const int64_t spare = machine.registers - (tile.accumulators() + tile.vectors + 1);
  if (spare < spare_registers_to_unroll(machine, tile)) return 1;
  if (s.reduced_channels <= 4) return static_cast<int>(s.reduced_channels);
  for (int unroll : {4, 2}) {
    if (s.reduced_channels % unroll == 0 && unroll * tile.accumulators() <= 112) return unroll;
  }
  return 1;
}

/// Any shape: the tiles that lose least on ResNet-50's layers, whose widths are multiples of 7 and channels of 64. At
/// the edges a tile whose shape is not known computes all of itself: 3 x 4 AVX2 vectors do 81 to 85 % of their work for
/// the result, 2 x 6 only 55 % where 7 columns are left.
DirectCpuParameters generic_parameters(const CpuMachine &machine) {
  DirectCpuParameters p;
  p.vectors = machine.registers == 32 ? 4 : 3;
  p.width = machine.registers == 32 ? 7 : 4;
  p.rows_per_task = 8;
  p.blocks_per_task = 1 << 16;
  return p;
}

FilterPrefetch filter_prefetch(const KernelKey &key, const CpuMachine &machine, const DirectShape &s,
                               const Tile &tile) {
  const int64_t blocks = fetches_blocks(key) ? ceil_divide(s.result_channels, tile.vectors * machine.lanes) : 1;
  return choose_filter_prefetch(machine, filter_bytes(machine, s), tile.accumulators(), blocks);
}

/// Images from beyond L2 are fetched a task of `rows` ahead: 1x1 256->64 @56 reaches 80 % of the peak, 71 % without
/// (AVX2, one core of an EPYC, Zen 3). A filter from there is fetched in their place.
int choose_next_rows(const KernelKey &key, const CpuMachine &machine, const DirectShape &s, int64_t rows,
                     const FilterPrefetch &filter) {
  const int64_t image_bytes = s.rows * s.columns * s.reduced_channels * machine.lane_bytes;
  const bool pays = machine.fetches_blocks_ahead && filter.next_block == 0 && image_bytes > machine.l2_bytes;
  return pays && fetches_image_rows(key) && rows < s.rows ? 1 : 0;
}

/// The tiles of least estimated time, best first.
std::vector<Tile> best_tiles(const CpuMachine &machine, const DirectShape &s, size_t count) {
  std::vector<std::pair<double, Tile>> tiles;
  for (const Tile &tile : fitting_tiles(machine, s)) tiles.emplace_back(cycles(machine, s, tile), tile);
  std::stable_sort(tiles.begin(), tiles.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
  std::vector<Tile> best;
  for (const auto &[time, tile] : tiles) {
    if (best.size() < count) best.push_back(tile);
  }
  return best;
}

/// Channels summed per iteration: the divisors that a loop's overhead can want.
std::vector<int64_t> unroll_factors(const DirectShape &s) {
  std::vector<int64_t> factors;
  for (int64_t unroll = 1; unroll <= 4; ++unroll) {
    if (s.reduced_channels % unroll == 0) factors.push_back(unroll);
  }
  return factors;
}

/// Whether the rows of the image that a task reads fit L2 twice, or the task is the smallest.
bool fits_cache(const CpuMachine &machine, const DirectShape &s, const Tile &tile, int64_t rows) {
  const int64_t bytes = pixels_read(rows, s.stride_rows, s.tap_rows) *
                        pixels_read(s.columns, s.stride_columns, s.tap_columns) * s.reduced_channels *
                        machine.lane_bytes;
  return bytes <= 2 * machine.l2_bytes || rows <= tile.height;
}

/// Dot products take no pixel broadcast from memory, and LLVM holds a second one while the first is multiplied: 1 x 30
/// vectors spill.
CpuMachine tile_machine(const KernelKey &key) {
  CpuMachine machine = cpu_machine(key.target, key.accumulator());
  if (key.channels_per_product() > 1) --machine.registers;
  return machine;
}

}  // namespace

std::vector<ScheduleNumbers> direct_cpu_space(const KernelKey &key) {
  constexpr size_t kTiles = 24;
  const CpuMachine machine = tile_machine(key);
  const DirectShape s = direct_shape(key);
  std::vector<ScheduleNumbers> space;
  const auto add = [&](const Tile &tile, int64_t unroll, int64_t rows, int64_t blocks) {
    const auto number = [](int64_t value) { return static_cast<int>(value); };
    const FilterPrefetch prefetch = filter_prefetch(key, machine, s, tile);
    space.push_back({{"vectors", number(tile.vectors)},
                     {"width", number(tile.width)},
                     {"height", number(tile.height)},
                     {"unroll", number(unroll)},
                     {"rows_per_task", number(rows)},
                     {"blocks_per_task", number(blocks)},
                     {"prefetch", prefetch.channels},
                     {"next_block", prefetch.next_block},
                     {"next_rows", choose_next_rows(key, machine, s, rows, prefetch)}});
  };
  for (const Tile &tile : best_tiles(machine, s, kTiles)) {
    const int64_t all_blocks = ceil_divide(s.result_channels, tile.vectors * machine.lanes);
    for (const int64_t unroll : unroll_factors(s)) {
      for (const int64_t rows : halved_splits(s.rows, tile.height)) {
        if (!fits_cache(machine, s, tile, rows)) continue;
        for (const int64_t blocks : halved_splits(all_blocks, 1)) add(tile, unroll, rows, blocks);
      }
    }
  }
  return space;
}

DirectCpuParameters estimate_direct_cpu_parameters(const KernelKey &key) {
  if (!key.problem) return generic_parameters(cpu_machine(key.target, key.accumulator()));
  const CpuMachine machine = tile_machine(key);
  const DirectShape shape = direct_shape(key);
  const Tile tile = best_tile(machine, shape);
  DirectCpuParameters p;
  p.vectors = static_cast<int>(tile.vectors);
  p.width = static_cast<int>(tile.width);
  p.height = static_cast<int>(tile.height);
  p.unroll = unrolled_channels(machine, shape, tile);
  const FilterPrefetch prefetch = filter_prefetch(key, machine, shape, tile);
  p.prefetch = prefetch.channels;
  p.next_block = prefetch.next_block;
  choose_tasks(machine, shape, &p);
  p.next_rows = choose_next_rows(key, machine, shape, p.rows_per_task, prefetch);
  return p;
}

}  // namespace halconv::schedules
