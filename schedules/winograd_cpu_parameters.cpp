#include "winograd_cpu_parameters.h"

#include <algorithm>
#include <string>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "filter_prefetch.h"
#include "halconv/kernel_name.h"
#include "halconv/winograd.h"
#include "number_choices.h"
#include "register_tiles.h"
#include "splits.h"
#include "tuned_table.h"

namespace halconv::schedules {
namespace {

/// Tasks that a convolution is cut into at least, so that several threads have work.
constexpr int64_t kWinogradTasks = 8;

/// Cycles of all products of one element of the transformed tiles, for one channel of the image and `tiles` tiles. What
/// overhangs, channels or tiles, is computed too.
double cycles(const CpuMachine &machine, const WinogradShape &s, int64_t tiles, const RegisterTile &tile) {
  const double multiply_adds = tile.vectors * tile.scalars, loads = tile.vectors + tile.scalars;
  // As many chains as latency times units are not quite enough, and where loads come near the number that the ports
  // take, multiply-adds wait for some of them.
  const double busy = std::max(multiply_adds / machine.fmas_per_cycle, 1.15 * machine.fma_latency);
  const double load_cycles = loads / machine.loads_per_cycle;
  const double share = load_cycles / busy;
  const double step = std::max(busy, load_cycles) + 0.3 * load_cycles * share * share;
  const double first_and_last = 2 * multiply_adds / static_cast<double>(s.image_channels);
  return (step + first_and_last) * static_cast<double>(ceil_divide(s.result_channels, tile.vectors * machine.lanes) *
                                                       ceil_divide(tiles, tile.scalars));
}

/// For tasks of `tiles` tiles, which are the scalars.
std::vector<RegisterTile> task_register_tiles(const CpuMachine &machine, const WinogradShape &s, int64_t tiles) {
  return register_tiles(machine, tiles, [&](const RegisterTile &tile) { return cycles(machine, s, tiles, tile); });
}

int64_t filter_bytes(const CpuMachine &machine, const WinogradShape &s) {
  return s.points() * s.image_channels * s.result_channels * machine.lane_bytes;
}

/// Rows of tiles, evened out over the image. The transformed filter is read once for every task: while it stays in L2,
/// tasks are so small that their tiles stay there too. Where it does not, its way from L3 is shared by more tiles than
/// L2 holds, which is read through once for each element of the transformed tiles: tasks of 5 MB instead of 2 gain 16 %
/// on 512->512 @28, 8 % on 256->256 @56 (AVX-512, one core of a Xeon, Emerald Rapids). All rows are one task, or an
/// even number that two threads can share.
int task_tile_rows(const CpuMachine &machine, const WinogradShape &s) {
  const int64_t channels = s.image_channels + s.result_channels;
  const int64_t row_bytes = s.points() * s.tile_columns * channels * machine.lane_bytes;
  const int64_t bytes = filter_bytes(machine, s) <= machine.l2_bytes ? machine.l2_bytes / 4 : 5 * machine.l2_bytes;
  const int64_t rows = std::clamp<int64_t>(bytes / row_bytes, 1, s.tile_rows);
  const int64_t tasks = rows == s.tile_rows ? 1 : even_tasks(s.tile_rows, rows);
  return static_cast<int>(ceil_divide(s.tile_rows, tasks));
}

/// Blocks of the result's channels. Tasks hold whole blocks of the packed filter, as many each: a task that overhangs
/// would read behind the last.
int64_t result_blocks(const KernelKey &key, int vectors) {
  return ceil_divide(winograd_shape(key).result_channels, vectors * key.lanes());
}

/// Channels summed per iteration, where that needs no register that a sum could have. By 4 channels the loop's own
/// three instructions, and what finds the line to fetch, do not matter: 3x3 512->512 @14 reaches 167 % of AVX2's peak,
/// 153 % by two, 111 % by one (F(2x2), the filter fetched ahead; one core of a virtual EPYC, Zen 3). With AVX-512 it
/// was not measured.
int unrolled_channels(const CpuMachine &machine, const WinogradShape &s, const RegisterTile &tile) {
  if (!machine.fetches_blocks_ahead || tile.vectors == 1) return 1;
  int channels = 4;
  while (s.image_channels % channels != 0) channels /= 2;
  return channels;
}

/// Whether a filter from beyond L2 is fetched an element of the transformed tiles ahead, where it takes several
/// register tiles to go over a task's. Of AVX2's peak, 3x3 512->512 @7 reaches 130 % so, 86 % without, @14 167 and 150
/// %, @28 169 and 148 % (F(2x2), 4 or 8 channels an iteration; one core of a virtual EPYC, Zen 3). F(4x4) @7, whose
/// four tiles read the filter once, would be 0.86 to 0.92 times as fast as with channels fetched ahead.
bool fetches_next_point(const CpuMachine &machine, const WinogradShape &s, int64_t tile_rows,
                        const RegisterTile &tile) {
  return machine.fetches_blocks_ahead && is_beyond_l2(machine, filter_bytes(machine, s)) &&
         tile_rows * s.tile_columns > tile.scalars;
}

/// Channels by which the transformed filter is fetched ahead elsewhere. The first channels of every block are not, and
/// what the last fetch is not read: with AVX-512 it pays from 512 channels on (F(2x2) @14: 8 %, @28: 0; F(4x4): 17 %
/// and 9 %; but 256 channels lose 2 to 4 %), with AVX2 always (512 @14: 12 %, @28: 5 %, 256 @14 and 128 @28: 3 to 4 %;
/// one core of a Xeon, Emerald Rapids).
int prefetched_filter(const CpuMachine &machine, const WinogradShape &s, const RegisterTile &tile) {
  const bool pays = s.image_channels >= 512 || machine.lanes * machine.lane_bytes < 64;
  if (!pays) return 0;
  return prefetched_channels(machine, filter_bytes(machine, s), int64_t{tile.vectors} * tile.scalars);
}

WinogradCpuParameters estimate_winograd(const KernelKey &key) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const WinogradShape s = winograd_shape(key);
  const int tile_rows = task_tile_rows(machine, s);
  const RegisterTile tile = task_register_tiles(machine, s, tile_rows * s.tile_columns).front();
  WinogradCpuParameters p;
  p.vectors = tile.vectors;
  p.tiles = tile.scalars;
  p.tile_rows_per_task = tile_rows;
  const int64_t blocks = result_blocks(key, p.vectors);
  const int64_t tasks = s.batch * ceil_divide(s.tile_rows, p.tile_rows_per_task);
  p.blocks_per_task = static_cast<int>(ceil_divide(blocks, std::min(blocks, ceil_divide(kWinogradTasks, tasks))));
  while (blocks % p.blocks_per_task != 0) --p.blocks_per_task;
  p.unroll = unrolled_channels(machine, s, tile);
  p.next_point = fetches_next_point(machine, s, tile_rows, tile) ? 1 : 0;
  p.prefetch = p.next_point != 0 ? 0 : prefetched_filter(machine, s, tile);
  return p;
}

ScheduleNumbers numbers_of(const WinogradCpuParameters &p) {
  return {{"vectors", p.vectors},
          {"tiles", p.tiles},
          {"unroll", p.unroll},
          {"tile_rows_per_task", p.tile_rows_per_task},
          {"images_per_task", p.images_per_task},
          {"blocks_per_task", p.blocks_per_task},
          {"prefetch", p.prefetch},
          {"next_point", p.next_point}};
}

}  // namespace

WinogradShape winograd_shape(const KernelKey &key) {
  const Conv2dProblem &p = *key.problem;
  const int tile = key.operation.ends_with(kWinograd2) ? 2 : 4;
  if (key.operation.starts_with(kBackwardInput)) {
    return {tile,
            p.out_channels,
            p.in_channels,
            p.in_width,
            ceil_divide(p.in_height, tile),
            ceil_divide(p.in_width, tile),
            p.batch};
  }
  return {tile,
          p.in_channels,
          p.out_channels,
          p.out_width,
          ceil_divide(p.out_height, tile),
          ceil_divide(p.out_width, tile),
          p.batch};
}

std::vector<ScheduleNumbers> winograd_cpu_space(const KernelKey &key) {
  constexpr size_t kRegisterTiles = 12;
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const WinogradShape s = winograd_shape(key);
  const WinogradCpuParameters heuristic = estimate_winograd(key);
  std::vector<ScheduleNumbers> space;
  for (const int64_t tile_rows : halved_splits(s.tile_rows, 1)) {
    std::vector<RegisterTile> tiles = task_register_tiles(machine, s, tile_rows * s.tile_columns);
    tiles.resize(std::min(tiles.size(), kRegisterTiles));
    for (const RegisterTile &tile : tiles) {
      const int64_t blocks = result_blocks(key, tile.vectors);
      const bool next_point = fetches_next_point(machine, s, tile_rows, tile);
      const int prefetch = next_point ? 0 : prefetched_filter(machine, s, tile);
      const std::vector<ScheduleNumbers> choices = combinations({{"vectors", {tile.vectors}},
                                                                 {"tiles", {tile.scalars}},
                                                                 {"unroll", divisors(s.image_channels, 4)},
                                                                 {"tile_rows_per_task", {tile_rows}},
                                                                 {"images_per_task", {1}},
                                                                 {"blocks_per_task", divisors(blocks, blocks)},
                                                                 {"prefetch", {prefetch}},
                                                                 {"next_point", {next_point}}});
      space.insert(space.end(), choices.begin(), choices.end());
    }
  }
  sort_by_difference(numbers_of(heuristic), &space);
  return space;
}

WinogradCpuParameters winograd_cpu_parameters(const KernelKey &key) {
  WinogradCpuParameters p = estimate_winograd(key);
  std::optional<TunedRow> row = find_tuned_row(key);
  if (!row) return p;
  constexpr int kMost = 1 << 16;
  row->read("vectors", 1, 16, &p.vectors);
  row->read("tiles", 1, 64, &p.tiles);
  row->read("unroll", 1, 16, &p.unroll);
  row->read("tile_rows_per_task", 1, kMost, &p.tile_rows_per_task);
  row->read("images_per_task", 1, kMost, &p.images_per_task);
  row->read("blocks_per_task", 1, kMost, &p.blocks_per_task);
  row->read("prefetch", 0, kMost, &p.prefetch);
  row->read("next_point", 0, 1, &p.next_point);
  row->check_all_read();
  if (const int64_t blocks = result_blocks(key, p.vectors); blocks % p.blocks_per_task != 0) {
    row->fail("blocks_per_task is " + std::to_string(p.blocks_per_task) + ", expected a divisor of " +
              std::to_string(blocks) + ", the blocks of the result's channels");
  }
  return p;
}

}  // namespace halconv::schedules
