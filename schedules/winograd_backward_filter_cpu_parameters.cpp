#include "winograd_backward_filter_cpu_parameters.h"

#include <algorithm>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "halconv/winograd.h"
#include "number_choices.h"
#include "register_tiles.h"
#include "splits.h"
#include "tuned_table.h"

namespace halconv::schedules {
namespace {

/// Enough tasks that a few threads end at about the same time.
constexpr int64_t kWinogradBackwardFilterTasks = 4;

/// An odd number: rows of channels of a power of two of them would fall into the same few sets of L1.
constexpr int64_t kMostTilesInSequence = 63;

/// Cycles for one tile and all channels. What overhangs is computed too.
double cycles(const CpuMachine &machine, const Conv2dProblem &problem, const RegisterTile &tile) {
  const double multiply_adds = tile.vectors * tile.scalars, loads = tile.vectors + tile.scalars;
  // As many chains as latency times units are not quite enough: 2 x 5 AVX2 vectors reach 105 % of the peak where 2 x 6
  // reach 111 % (F(2x2), 512->512 @28, one core of a virtual EPYC, Zen 3).
  const double busy = std::max(multiply_adds / machine.fmas_per_cycle, 1.5 * machine.fma_latency);
  const double step = std::max(busy, loads / machine.loads_per_cycle) * (1 + 0.05 * loads / multiply_adds);
  return step * static_cast<double>(ceil_divide(problem.out_channels, tile.vectors * machine.lanes) *
                                    ceil_divide(problem.in_channels, tile.scalars));
}

/// A task's part of the filter: as square as can be, as a task reads all tiles of its channels on both sides, and those
/// of a large image come from L3. Its products take a quarter of L2.
void choose_task(const CpuMachine &machine, const Conv2dProblem &problem, int tile,
                 WinogradBackwardFilterCpuParameters *best) {
  const int64_t block = best->vectors * machine.lanes, points = (tile + 2) * (tile + 2);
  const int64_t blocks = ceil_divide(problem.out_channels, block);
  const int64_t c_tiles = ceil_divide(problem.in_channels, best->channels);
  const int64_t most = machine.l2_bytes / 4 / (points * machine.lane_bytes);  // products
  const int64_t tasks = std::min(kWinogradBackwardFilterTasks, blocks * c_tiles);
  int64_t least = 0;
  for (int64_t k = 1; k <= blocks; ++k) {
    for (int64_t c = 1; c <= c_tiles; ++c) {
      const bool is_small = k == 1 && c == 1;
      if (!is_small && k * block * c * best->channels > most) break;
      const int64_t count = ceil_divide(blocks, k) * ceil_divide(c_tiles, c);
      if (!is_small && count < tasks) break;
      const int64_t reads = count * (k * block + c * best->channels);
      if (least != 0 && reads >= least) continue;
      least = reads;
      best->blocks_per_task = static_cast<int>(k);
      best->channels_per_task = static_cast<int>(c) * best->channels;
    }
  }
}

int64_t tiles_of_image(const Conv2dProblem &problem, int tile) {
  return ceil_divide(problem.out_height, tile) * ceil_divide(problem.out_width, tile);
}

/// Of a transformed tile, both images' channels.
int64_t tile_bytes(const CpuMachine &machine, const Conv2dProblem &problem, int tile) {
  return (problem.in_channels + problem.out_channels) * (tile + 2) * (tile + 2) * machine.lane_bytes;
}

/// Of the tiles of all images.
int64_t all_tiles_bytes(const CpuMachine &machine, const Conv2dProblem &problem, int tile) {
  return problem.batch * tiles_of_image(problem, tile) * tile_bytes(machine, problem, tile);
}

/// Whether L2 holds the products of the filter, but not the tiles.
bool l2_holds_products_but_not_tiles(const CpuMachine &machine, const Conv2dProblem &problem, int tile) {
  const int64_t products = problem.in_channels * problem.out_channels * (tile + 2) * (tile + 2);
  return all_tiles_bytes(machine, problem, tile) > machine.l2_bytes &&
         products * machine.lane_bytes <= machine.l2_bytes;
}

/// Tiles that take less than so many L2s are stored.
constexpr int64_t kStreamedL2s = 8;

/// Of tiles that are stored: those of a register tile's channels stay in L1 from one to the next.
constexpr int64_t kMostStoredTilesInSequence = 25;

/// Tiles in sequence, at most half of an image's: a single sum of them all errs up to 4 % more than the direct sum in
/// sequence does, sums of blocks less.
int sequence(int64_t tiles, int64_t most) {
  const int64_t blocks = std::min(tiles, std::max<int64_t>(2, ceil_divide(tiles, most)));
  return static_cast<int>(ceil_divide(tiles, blocks));
}

/// Tiles of all channels from beyond L2, of a filter whose products L2 holds, are transformed by every task for itself
/// where they take 8 times L2 and more. Below they are stored, 25 in sequence: of AVX-512's peak, so and streamed,
/// F(2x2) 128->128 @20 177 and 153 %, 64->64 @28 154 and 147 %, of AVX2's 193 and 160, 182 and 167, 128->128 @28 192
/// and 179 % (one core of an EPYC, Zen 5).
void choose_tiles(const CpuMachine &machine, const Conv2dProblem &problem, int tile,
                  WinogradBackwardFilterCpuParameters *best) {
  best->streams_tiles = l2_holds_products_but_not_tiles(machine, problem, tile) &&
                        all_tiles_bytes(machine, problem, tile) >= kStreamedL2s * machine.l2_bytes;
  int64_t most = kMostStoredTilesInSequence;
  if (best->streams_tiles != 0) {
    const int64_t task_channels = best->channels_per_task + best->blocks_per_task * best->vectors * machine.lanes;
    const int64_t task_bytes = task_channels * (tile + 2) * (tile + 2) * machine.lane_bytes;
    most = std::clamp<int64_t>(machine.l2_bytes / 4 / task_bytes, 8, kMostTilesInSequence);
  }
  best->tiles_in_sequence = sequence(tiles_of_image(problem, tile), most);
}

/// Tasks that share the tiles, each with products of the whole filter, where these are little beside the tiles, which
/// tasks that share the filter each transform anew. Of AVX2's peak, so and by parts of the filter: F(2x2) 64->64 @224
/// 107 and 71 %, 64->128 @112 111 and 92 %, 128->128 @112 118 and 85 %, 64->64 @56 105 and 98 %, but 128->128 @28 83
/// and 106 % (one core of a virtual EPYC, Zen 3); of AVX-512's, 64->64 @224 125 and 97 %, @56 159 and 145 %, 128->128
/// @112 146 and 134 % (one core of an EPYC, Zen 5).
void share_tiles(const CpuMachine &machine, const Conv2dProblem &problem, int tile,
                 WinogradBackwardFilterCpuParameters *best) {
  constexpr int64_t kPasses = 3;  // zeros, sums, and what adds them up
  if (!l2_holds_products_but_not_tiles(machine, problem, tile)) return;
  const int64_t image_tiles = tiles_of_image(problem, tile);
  const int64_t channels = problem.in_channels + problem.out_channels;
  const int64_t products = problem.in_channels * problem.out_channels;
  if (kWinogradBackwardFilterTasks * kPasses * products >= problem.batch * image_tiles * channels) return;
  const int64_t most =
      std::clamp<int64_t>(machine.l2_bytes / 2 / tile_bytes(machine, problem, tile), 8, kMostTilesInSequence);
  best->tiles_in_sequence = static_cast<int>(ceil_divide(image_tiles, ceil_divide(image_tiles, most))) | 1;  // odd
  best->streams_tiles = 1;
  best->tile_tasks = kWinogradBackwardFilterTasks;
}

/// Tasks of a quarter of a large filter each, whose sums go from and to memory with every block of tiles, where that
/// moves less than all tasks' reading of stored tiles, channel after channel far apart. Of AVX2's peak, so and with
/// stored tiles: F(2x2) 256->256 @56 140 and 75 %, 256->512 @28 135 and 97 %, 512->512 @28 140 and 105 %, but 256->256
/// @14 97 and 115 %; F(4x4) 256->256 @56 203 and 127 %, 512->512 @14 84 and 121 % (one core of a virtual EPYC, Zen 3).
/// Of AVX-512's, F(2x2) 256->256 @56 188 and 108 %, 128->256 @56 180 and 125 %, F(4x4) 128->128 @112 257 and 120 %, but
/// 128->128 @28, whose stored tiles take 1.8 MB, 222 and 270 % (AVX2: 260 and 312 %; one core of an EPYC, Zen 5).
void stream_large_filter(const CpuMachine &machine, const Conv2dProblem &problem, int tile,
                         WinogradBackwardFilterCpuParameters *best) {
  if (best->streams_tiles != 0) return;
  const int64_t image_tiles = tiles_of_image(problem, tile), channels = problem.in_channels + problem.out_channels;
  if (all_tiles_bytes(machine, problem, tile) < kStreamedL2s * machine.l2_bytes) return;
  const int64_t block = best->vectors * machine.lanes, blocks = ceil_divide(problem.out_channels, block);
  const int64_t c_tiles = ceil_divide(problem.in_channels, best->channels);
  const int64_t sequences = std::max<int64_t>(2, ceil_divide(image_tiles, kMostTilesInSequence));
  const int64_t tasks =
      ceil_divide(blocks, best->blocks_per_task) * ceil_divide(problem.in_channels, best->channels_per_task);
  const int64_t task_channels = best->blocks_per_task * block + best->channels_per_task;
  const int64_t stored = image_tiles * (2 * channels + tasks * task_channels);
  if (2 * sequences * problem.in_channels * problem.out_channels >= stored) return;
  best->streams_tiles = 1;
  best->blocks_per_task = static_cast<int>(ceil_divide(blocks, 2));
  best->channels_per_task = static_cast<int>(ceil_divide(c_tiles, 2)) * best->channels;
  best->tiles_in_sequence = static_cast<int>(ceil_divide(image_tiles, sequences));
}

/// Input channels are the scalars.
std::vector<RegisterTile> filter_register_tiles(const CpuMachine &machine, const Conv2dProblem &problem) {
  return register_tiles(machine, machine.registers,
                        [&](const RegisterTile &tile) { return cycles(machine, problem, tile); });
}

WinogradBackwardFilterCpuParameters estimate_winograd_backward_filter(const KernelKey &key) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const RegisterTile tile = filter_register_tiles(machine, *key.problem).front();
  WinogradBackwardFilterCpuParameters best;
  best.vectors = tile.vectors;
  best.channels = tile.scalars;
  choose_task(machine, *key.problem, winograd_backward_filter_tile(key), &best);
  choose_tiles(machine, *key.problem, winograd_backward_filter_tile(key), &best);
  share_tiles(machine, *key.problem, winograd_backward_filter_tile(key), &best);
  stream_large_filter(machine, *key.problem, winograd_backward_filter_tile(key), &best);
  return best;
}

ScheduleNumbers numbers_of(const WinogradBackwardFilterCpuParameters &p) {
  return {{"vectors", p.vectors},
          {"channels", p.channels},
          {"unroll", p.unroll},
          {"blocks_per_task", p.blocks_per_task},
          {"channels_per_task", p.channels_per_task},
          {"tiles_in_sequence", p.tiles_in_sequence},
          {"streams_tiles", p.streams_tiles},
          {"tile_tasks", p.tile_tasks}};
}

}  // namespace

int winograd_backward_filter_tile(const KernelKey &key) { return key.operation.ends_with(kWinograd2) ? 2 : 4; }

std::vector<ScheduleNumbers> winograd_backward_filter_cpu_space(const KernelKey &key) {
  constexpr size_t kRegisterTiles = 8;
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem &problem = *key.problem;
  const WinogradBackwardFilterCpuParameters heuristic = estimate_winograd_backward_filter(key);
  std::vector<RegisterTile> tiles = filter_register_tiles(machine, problem);
  tiles.resize(std::min(tiles.size(), kRegisterTiles));
  std::vector<ScheduleNumbers> space;
  const std::vector<int64_t> sequences = {heuristic.tiles_in_sequence, ceil_divide(heuristic.tiles_in_sequence, 2)};
  const auto add = [&](const RegisterTile &tile, const std::vector<int64_t> &blocks,
                       const std::vector<int64_t> &channels, const std::vector<int64_t> &streams, int64_t tile_tasks) {
    const std::vector<ScheduleNumbers> choices = combinations({{"vectors", {tile.vectors}},
                                                               {"channels", {tile.scalars}},
                                                               {"unroll", {1, 2}},
                                                               {"blocks_per_task", blocks},
                                                               {"channels_per_task", channels},
                                                               {"tiles_in_sequence", sequences},
                                                               {"streams_tiles", streams},
                                                               {"tile_tasks", {tile_tasks}}});
    space.insert(space.end(), choices.begin(), choices.end());
  };
  for (const RegisterTile &tile : tiles) {
    const std::vector<int64_t> blocks =
        halved_splits(ceil_divide(problem.out_channels, tile.vectors * machine.lanes), 1);
    const std::vector<int64_t> channels = halved_splits(problem.in_channels, tile.scalars);
    add(tile, blocks, channels, {0, 1}, 1);
    add(tile, {blocks.back()}, {channels.back()}, {1}, kWinogradBackwardFilterTasks);
  }
  sort_by_difference(numbers_of(heuristic), &space);
  return space;
}

WinogradBackwardFilterCpuParameters winograd_backward_filter_cpu_parameters(const KernelKey &key) {
  WinogradBackwardFilterCpuParameters p = estimate_winograd_backward_filter(key);
  std::optional<TunedRow> row = find_tuned_row(key);
  if (!row) return p;
  row->read("vectors", 1, 32, &p.vectors);
  row->read("channels", 1, 32, &p.channels);
  row->read("unroll", 1, 32, &p.unroll);
  row->read("blocks_per_task", 1, 1 << 16, &p.blocks_per_task);
  row->read("channels_per_task", 1, 1 << 16, &p.channels_per_task);
  row->read("tiles_in_sequence", 1, 64, &p.tiles_in_sequence);
  row->read("streams_tiles", 0, 1, &p.streams_tiles);
  if (p.streams_tiles == 0) p.tile_tasks = 1;
  row->read("tile_tasks", 1, p.streams_tiles != 0 ? 64 : 1, &p.tile_tasks);
  row->check_all_read();
  return p;
}

}  // namespace halconv::schedules
