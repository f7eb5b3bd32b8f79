#include "backward_filter_cpu_parameters.h"

#include <algorithm>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "splits.h"
#include "tuned_table.h"

namespace halconv::schedules {
namespace {

/// What a generic kernel is tuned for.
constexpr Conv2dProblem kTypical = {.batch = 1,
                                    .in_channels = 128,
                                    .in_height = 28,
                                    .in_width = 28,
                                    .out_channels = 128,
                                    .out_height = 28,
                                    .out_width = 28,
                                    .filter_height = 1,
                                    .filter_width = 1};

/// Enough tasks that a few threads end at about the same time.
constexpr int kTasks = 4;

/// The share of `extent` in what tiles of `tile` compute of it.
double filled(int64_t extent, int64_t tile) {
  return static_cast<double>(extent) / static_cast<double>(ceil_divide(extent, tile) * tile);
}

/// The estimated share of FMA peak of a register tile: idle lanes and tails, FMAs waiting for one another, loads.
double estimate(const CpuMachine &machine, const Conv2dProblem &p, const BackwardFilterCpuParameters &tile) {
  const int fmas = tile.vectors * tile.channels * tile.columns, loads = tile.vectors + tile.channels * tile.columns;
  if (fmas + tile.vectors + 1 > machine.registers) return 0;
  const double useful = filled(p.out_channels, tile.vectors * machine.lanes) * filled(p.in_channels, tile.channels) *
                        filled(p.filter_width, tile.columns);
  // As many chains as latency times units are not quite enough: 2 x 4 AVX2 vectors reach 80 to 94 % of what 2 x 6 do, 2
  // x 5 reach 96 %.
  const double chains = std::min(1.0, fmas / (1.5 * machine.fma_latency * machine.fmas_per_cycle));
  const double ports = std::min(1.0, fmas * machine.loads_per_cycle / (loads * machine.fmas_per_cycle));
  return useful * chains * ports * (1 - 0.05 * static_cast<double>(loads) / fmas);
}

/// The register tiles of greatest estimated share, best first.
std::vector<BackwardFilterCpuParameters> best_tiles(const CpuMachine &machine, const Conv2dProblem &p, size_t count) {
  std::vector<std::pair<double, BackwardFilterCpuParameters>> tiles;
  for (int columns = 1; columns <= std::min<int64_t>(p.filter_width, machine.registers); ++columns) {
    for (int vectors = 1; vectors <= 4; ++vectors) {
      for (int channels = 1; channels <= 8; ++channels) {
        BackwardFilterCpuParameters tile;
        tile.vectors = vectors;
        tile.channels = channels;
        tile.columns = columns;
        if (const double share = estimate(machine, p, tile); share > 0) tiles.emplace_back(share, tile);
      }
    }
  }
  std::stable_sort(tiles.begin(), tiles.end(), [](const auto &a, const auto &b) { return a.first > b.first; });
  std::vector<BackwardFilterCpuParameters> best;
  for (const auto &[share, tile] : tiles) {
    if (best.size() < count) best.push_back(tile);
  }
  return best;
}

/// Input rows that `rows` output rows read.
int64_t rows_read(const Conv2dProblem &p, int64_t rows) {
  return (rows - 1) * p.stride_height + p.effective_filter_height();
}

/// Output rows whose block of d_dst and task's channels of src fit L1 together, evened out over the image, so that each
/// register tile finds both there: 1x1 64->64 @56 reaches 84 % of AVX2's peak with one row, 79 % with two, 70 % with
/// four (one core of a Xeon, Sapphire Rapids). 0, all, where a block of d_dst fills L1 twice at most.
int choose_rows(const CpuMachine &machine, const Conv2dProblem &p, const BackwardFilterCpuParameters &parameters) {
  const auto bytes = [&](int64_t rows) {
    const int64_t d_dst = rows * p.out_width * parameters.vectors * machine.lanes;
    const int64_t src = rows_read(p, rows) * p.in_width * parameters.channels_per_task;
    return (d_dst + src) * machine.lane_bytes;
  };
  const int64_t d_dst_block = p.batch * p.out_height * p.out_width * parameters.vectors * machine.lanes;
  if (d_dst_block * machine.lane_bytes <= 2 * machine.l1_bytes) return 0;
  int64_t rows = 1;
  while (rows < p.out_height && bytes(rows + 1) <= machine.l1_bytes) ++rows;
  return static_cast<int>(ceil_divide(p.out_height, ceil_divide(p.out_height, rows)));
}

/// What one task keeps in L2: its channels of src, and its part of the filter where the sum is in memory.
int64_t task_bytes(const CpuMachine &machine, const Conv2dProblem &p, const BackwardFilterCpuParameters &parameters,
                   int64_t block) {
  const int64_t rows = parameters.rows == 0 ? p.batch * p.in_height : rows_read(p, parameters.rows);
  const int64_t src = rows * p.in_width * parameters.channels_per_task;
  const int64_t filter = parameters.rows == 0 ? 0
                                              : parameters.blocks_per_task * block * parameters.channels_per_task *
                                                    p.filter_height * p.filter_width;
  return (src + filter) * machine.lane_bytes;
}

/// Elements that tasks copy, each its channels of src once and for these its channels of d_dst, and that they add to
/// sums in memory.
double elements_moved(const Conv2dProblem &p, const BackwardFilterCpuParameters &parameters, int64_t k_splits,
                      int64_t c_splits) {
  const int64_t src = p.batch * p.in_height * p.in_width * p.in_channels;
  const int64_t d_dst = p.batch * p.out_height * p.out_width * p.out_channels;
  const int64_t filter = p.filter_height * p.filter_width * p.in_channels * p.out_channels;
  const int64_t additions = parameters.rows == 0 ? 0 : p.batch * ceil_divide(p.out_height, parameters.rows);
  return static_cast<double>(src * k_splits) + static_cast<double>(d_dst * c_splits) +
         static_cast<double>(filter * additions);
}

/// The split of the filter into at least kTasks tasks that moves least. `p` is one of the `groups`, which are tasks of
/// their own.
void choose_tasks(const CpuMachine &machine, const Conv2dProblem &p, int64_t groups,
                  BackwardFilterCpuParameters *best) {
  const int64_t block = best->vectors * machine.lanes;
  const int64_t blocks = ceil_divide(p.out_channels, block), tiles = ceil_divide(p.in_channels, best->channels);
  const int64_t group_tasks = ceil_divide(kTasks, groups);
  if (blocks * tiles < group_tasks) best->filter_rows_per_task = 1;
  const int64_t least_tasks = std::min(group_tasks, blocks * tiles);
  double least_moved = 0;
  for (int64_t k_splits = 1; k_splits <= blocks; ++k_splits) {
    for (int64_t c_splits = 1; c_splits <= tiles; ++c_splits) {
      if (k_splits * c_splits < least_tasks) continue;
      BackwardFilterCpuParameters split = *best;
      split.blocks_per_task = static_cast<int>(ceil_divide(blocks, k_splits));
      split.channels_per_task = static_cast<int>(ceil_divide(tiles, c_splits)) * split.channels;
      split.rows = choose_rows(machine, p, split);
      const bool smallest = k_splits == blocks && c_splits == tiles;
      if (task_bytes(machine, p, split, block) > machine.l2_bytes / 2 && !smallest) continue;
      const double moved = elements_moved(p, split, k_splits, c_splits);
      if (least_moved == 0 || moved < least_moved) {
        least_moved = moved;
        *best = split;
      }
    }
  }
}

/// Tasks share the pixels where the filters that they sum into take little of L2 together. Of AVX2's peak, 1x1 256->128
/// @56, 512 KB, reaches 81 % so and 72 % by tasks that share the filter; 1x1 128->512 @28, 1 MB, 74 % and 83 % (one
/// core of a Xeon, Sapphire Rapids).
bool is_worth_partial_filters(const CpuMachine &machine, const Conv2dProblem &p) {
  const int64_t filter = p.filter_height * p.filter_width * p.in_channels * p.out_channels;
  return std::max(p.batch, p.out_height) >= kTasks && kTasks * filter * machine.lane_bytes <= machine.l2_bytes / 2;
}

/// A task for each of kTasks parts of the pixels, or none where all pixels are few enough to be summed in registers.
bool choose_pixel_tasks(const CpuMachine &machine, const Conv2dProblem &p, BackwardFilterCpuParameters *parameters) {
  if (!is_worth_partial_filters(machine, p)) return false;
  BackwardFilterCpuParameters whole = *parameters;
  whole.blocks_per_task = static_cast<int>(ceil_divide(p.out_channels, whole.vectors * machine.lanes));
  whole.channels_per_task = static_cast<int>(ceil_divide(p.in_channels, whole.channels) * whole.channels);
  whole.rows = choose_rows(machine, p, whole);
  if (whole.rows == 0) return false;
  whole.pixel_tasks = kTasks;
  *parameters = whole;
  return true;
}

BackwardFilterCpuParameters estimate_parameters(const KernelKey &key) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem whole = key.problem.value_or(kTypical), p = whole.group();
  BackwardFilterCpuParameters parameters = best_tiles(machine, p, 1).front();
  if (key.problem && whole.groups == 1 && choose_pixel_tasks(machine, p, &parameters)) return parameters;
  choose_tasks(machine, p, whole.groups, &parameters);
  if (!key.problem) parameters.rows = std::max(parameters.rows, 1);  // how many there are is not known
  return parameters;
}

/// As many blocks of d_dst, up to 4, as stay in L1 with what the tile reads of src. Their tiles store to neighbours in
/// memory, which saves misses of the TLB and lets the prefetcher fetch the filter's lines: 1 or 2 blocks, or 4 where
/// they are half as large, make 7x7 images 1.1 times as fast (AVX-512), 4 large ones 0.87 times (one core of a Xeon,
/// Sapphire Rapids).
int choose_blocks_at_once(const KernelKey &key, const BackwardFilterCpuParameters &parameters) {
  if (!key.problem || parameters.rows != 0) return 1;
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem &p = *key.problem;
  const int64_t block = p.batch * p.out_height * p.out_width * parameters.vectors * machine.lanes * machine.lane_bytes;
  int blocks = 4;
  while (blocks > 1 && blocks * block > machine.l1_bytes * 4 / 5) blocks /= 2;
  return blocks;
}

/// Tasks that share the pixels each sum a whole filter.
void check_holds_filter(const KernelKey &key, const BackwardFilterCpuParameters &p, const TunedRow &row) {
  const Conv2dProblem group = key.problem->group();
  const int64_t outputs = int64_t{p.blocks_per_task} * p.vectors * key.lanes();
  if (outputs >= group.out_channels && p.channels_per_task >= group.in_channels) return;
  row.fail("pixel_tasks is " + std::to_string(p.pixel_tasks) + " and a task holds " + std::to_string(outputs) + " x " +
           std::to_string(p.channels_per_task) + " channels, expected all " + std::to_string(group.out_channels) +
           " x " + std::to_string(group.in_channels));
}

ScheduleNumbers numbers_of(const BackwardFilterCpuParameters &p) {
  return {{"vectors", p.vectors},
          {"channels", p.channels},
          {"columns", p.columns},
          {"rows", p.rows},
          {"unroll", p.unroll},
          {"blocks_per_task", p.blocks_per_task},
          {"channels_per_task", p.channels_per_task},
          {"filter_rows_per_task", p.filter_rows_per_task},
          {"blocks_at_once", p.blocks_at_once},
          {"pixel_tasks", p.pixel_tasks}};
}

/// The ways to cut the work of one register tile into tasks: of the filter, so that they fit L2 twice or are the
/// smallest, or of the pixels.
void add_tasks(const CpuMachine &machine, const Conv2dProblem &problem, BackwardFilterCpuParameters p,
               std::vector<ScheduleNumbers> *space) {
  const int64_t block = p.vectors * machine.lanes;
  const std::vector<int64_t> blocks = halved_splits(ceil_divide(problem.out_channels, block), 1);
  const std::vector<int64_t> channels = halved_splits(problem.in_channels, p.channels);
  for (const int64_t blocks_per_task : blocks) {
    for (const int64_t channels_per_task : channels) {
      p.blocks_per_task = static_cast<int>(blocks_per_task);
      p.channels_per_task = static_cast<int>(channels_per_task);
      const bool smallest = blocks_per_task == blocks.back() && channels_per_task == channels.back();
      if (task_bytes(machine, problem, p, block) <= 2 * machine.l2_bytes || smallest) space->push_back(numbers_of(p));
    }
  }
  if (p.rows == 0 || std::max(problem.batch, problem.out_height) < kTasks) return;
  p.blocks_per_task = static_cast<int>(blocks.front());
  p.channels_per_task = static_cast<int>(channels.front());
  p.pixel_tasks = kTasks;
  space->push_back(numbers_of(p));
}

}  // namespace

std::vector<ScheduleNumbers> backward_filter_cpu_space(const KernelKey &key) {
  constexpr size_t kTiles = 16;
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem problem = key.problem->group();
  std::vector<int64_t> rows = halved_splits(problem.out_height, 1);
  rows.push_back(0);
  std::vector<ScheduleNumbers> space;
  for (BackwardFilterCpuParameters p : best_tiles(machine, problem, kTiles)) {
    for (const int64_t rows_of_tile : rows) {
      p.rows = static_cast<int>(rows_of_tile);
      for (p.unroll = 1; p.unroll <= 2; ++p.unroll) {
        for (const int filter_rows : {0, 1}) {
          if (filter_rows >= problem.filter_height) continue;
          p.filter_rows_per_task = filter_rows;
          p.blocks_at_once = choose_blocks_at_once(key, p);
          add_tasks(machine, problem, p, &space);
        }
      }
    }
  }
  return space;
}

BackwardFilterCpuParameters backward_filter_cpu_parameters(const KernelKey &key) {
  BackwardFilterCpuParameters p = estimate_parameters(key);
  std::optional<TunedRow> row = find_tuned_row(key);
  if (!row) {
    p.blocks_at_once = choose_blocks_at_once(key, p);
    return p;
  }
  row->read("vectors", 1, 32, &p.vectors);
  row->read("channels", 1, 32, &p.channels);
  row->read("columns", 1, 32, &p.columns);
  row->read("rows", key.problem ? 0 : 1, 1 << 16, &p.rows);
  row->read("unroll", 1, 32, &p.unroll);
  row->read("blocks_per_task", 1, 1 << 16, &p.blocks_per_task);
  row->read("channels_per_task", 1, 1 << 16, &p.channels_per_task);
  row->read("filter_rows_per_task", 0, 1 << 16, &p.filter_rows_per_task);
  p.blocks_at_once = choose_blocks_at_once(key, p);
  row->read("blocks_at_once", 1, 16, &p.blocks_at_once);
  row->read("pixel_tasks", 1, key.problem ? 64 : 1, &p.pixel_tasks);
  row->check_all_read();
  if (p.channels_per_task % p.channels != 0) {
    row->fail("channels_per_task is " + std::to_string(p.channels_per_task) + ", expected a multiple of channels, " +
              std::to_string(p.channels));
  }
  if (p.pixel_tasks > 1) check_holds_filter(key, p, *row);
  return p;
}

}  // namespace halconv::schedules
