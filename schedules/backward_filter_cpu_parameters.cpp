#include "backward_filter_cpu_parameters.h"

#include <algorithm>

#include "cpu_machine.h"
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
constexpr int64_t kTasks = 4;

int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

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
  const double chains = std::min(1.0, fmas / (machine.fma_latency * machine.fmas_per_cycle));
  const double ports = std::min(1.0, fmas * machine.loads_per_cycle / (loads * machine.fmas_per_cycle));
  return useful * chains * ports * (1 - 0.05 * static_cast<double>(loads) / fmas);
}

void choose_register_tile(const CpuMachine &machine, const Conv2dProblem &p, BackwardFilterCpuParameters *best) {
  double best_estimate = 0;
  for (const int64_t columns : {int64_t{1}, std::min<int64_t>(p.filter_width, machine.registers)}) {
    for (int vectors = 1; vectors <= 4; ++vectors) {
      for (int channels = 1; channels <= 8; ++channels) {
        BackwardFilterCpuParameters tile;
        tile.vectors = vectors;
        tile.channels = channels;
        tile.columns = static_cast<int>(columns);
        const double share = estimate(machine, p, tile);
        if (share > best_estimate) {
          best_estimate = share;
          *best = tile;
        }
      }
    }
  }
}

/// The rows of d_dst that one block of output channels can stage in `bytes`, evened out over the image; 0 if all of it.
int rows_in(int64_t bytes, int64_t block, const Conv2dProblem &p) {
  const int64_t row = block * p.out_width * static_cast<int64_t>(sizeof(float));
  if (p.batch * p.out_height * row <= 2 * bytes) return 0;
  const int64_t rows = std::clamp<int64_t>(bytes / row, 1, p.out_height);
  return static_cast<int>(ceil_divide(p.out_height, ceil_divide(p.out_height, rows)));
}

/// Tasks hold what fits half of L2, at least kTasks of them where the filter is large enough.
void choose_tasks(const CpuMachine &machine, const Conv2dProblem &p, BackwardFilterCpuParameters *parameters) {
  const int64_t block = parameters->vectors * machine.lanes;
  const int64_t rows = parameters->rows == 0 ? p.batch * p.in_height
                                             : (parameters->rows - 1) * p.stride_height + p.effective_filter_height();
  const int64_t column_bytes = std::max<int64_t>(1, rows * p.in_width * static_cast<int64_t>(sizeof(float)));
  const int64_t groups = ceil_divide(p.in_channels, parameters->channels);
  int64_t groups_per_task = std::clamp<int64_t>(machine.l2_bytes / 4 / column_bytes / parameters->channels, 1, groups);
  groups_per_task = std::min(groups_per_task, std::max<int64_t>(1, 256 / parameters->channels));
  const int64_t blocks = ceil_divide(p.out_channels, block);
  int64_t blocks_per_task = std::min<int64_t>(blocks, 8);
  const auto tasks = [&] { return ceil_divide(groups, groups_per_task) * ceil_divide(blocks, blocks_per_task); };
  while (tasks() < kTasks && groups_per_task > 4) groups_per_task = ceil_divide(groups_per_task, 2);
  while (tasks() < kTasks && blocks_per_task > 1) blocks_per_task = ceil_divide(blocks_per_task, 2);
  while (tasks() < kTasks && groups_per_task > 1) groups_per_task = ceil_divide(groups_per_task, 2);
  if (tasks() < kTasks) parameters->filter_rows_per_task = 1;
  parameters->channels_per_task = static_cast<int>(groups_per_task) * parameters->channels;
  parameters->blocks_per_task = static_cast<int>(blocks_per_task);
}

BackwardFilterCpuParameters estimate_parameters(const KernelKey &key) {
  const CpuMachine machine = cpu_machine(key.target);
  const Conv2dProblem p = key.problem.value_or(kTypical);
  BackwardFilterCpuParameters parameters;
  choose_register_tile(machine, p, &parameters);
  parameters.rows = rows_in(machine.l1_bytes / 2, parameters.vectors * machine.lanes, p);
  if (!key.problem) parameters.rows = std::max(parameters.rows, 1);  // how many there are is not known
  choose_tasks(machine, p, &parameters);
  return parameters;
}

}  // namespace

BackwardFilterCpuParameters backward_filter_cpu_parameters(const KernelKey &key) {
  BackwardFilterCpuParameters p = estimate_parameters(key);
  std::optional<TunedRow> row = find_tuned_row(key);
  if (!row) return p;
  row->read("vectors", 1, 32, &p.vectors);
  row->read("channels", 1, 32, &p.channels);
  row->read("columns", 1, 32, &p.columns);
  row->read("rows", key.problem ? 0 : 1, 1 << 16, &p.rows);
  row->read("unroll", 1, 32, &p.unroll);
  row->read("blocks_per_task", 1, 1 << 16, &p.blocks_per_task);
  row->read("channels_per_task", 1, 1 << 16, &p.channels_per_task);
  row->read("filter_rows_per_task", 0, 1 << 16, &p.filter_rows_per_task);
  row->check_all_read();
  if (p.channels_per_task % p.channels != 0) {
    row->fail("channels_per_task is " + std::to_string(p.channels_per_task) + ", expected a multiple of channels, " +
              std::to_string(p.channels));
  }
  return p;
}

}  // namespace halconv::schedules
