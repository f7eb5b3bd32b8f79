#include "winograd_backward_filter_cpu_parameters.h"

#include <algorithm>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "halconv/winograd.h"
#include "tuned_table.h"

namespace halconv::schedules {
namespace {

/// Enough tasks that a few threads end at about the same time.
constexpr int64_t kTasks = 8;

/// Cycles for one tile and all channels. What overhangs is computed too.
double cycles(const CpuMachine &machine, const Conv2dProblem &problem, const WinogradBackwardFilterCpuParameters &p) {
  const double multiply_adds = p.vectors * p.channels, loads = p.vectors + p.channels;
  // As many chains as latency times units are not quite enough.
  const double busy = std::max(multiply_adds / machine.fmas_per_cycle, 1.2 * machine.fma_latency);
  const double step = std::max(busy, loads / machine.loads_per_cycle) * (1 + 0.05 * loads / multiply_adds);
  return step * static_cast<double>(ceil_divide(problem.out_channels, p.vectors * machine.lanes) *
                                    ceil_divide(problem.in_channels, p.channels));
}

WinogradBackwardFilterCpuParameters estimate_parameters(const KernelKey &key) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem &problem = *key.problem;
  WinogradBackwardFilterCpuParameters best, p;
  double least = 0;
  for (p.vectors = 1; p.vectors <= 4; ++p.vectors) {
    for (p.channels = 1; p.vectors * p.channels + p.vectors + 1 <= machine.registers; ++p.channels) {
      const double time = cycles(machine, problem, p);
      if (least == 0 || time < 0.999 * least) {
        least = time;
        best = p;
      }
    }
  }
  // A task's products take an eighth of L2, which also holds the tiles they are made of.
  const int size = (key.operation.ends_with(kWinograd2) ? 2 : 4) + 2;
  const int64_t channel_bytes = size * size * best.vectors * machine.lanes * machine.lane_bytes;
  const int64_t blocks = ceil_divide(problem.out_channels, best.vectors * machine.lanes);
  const int64_t splits = ceil_divide(kTasks, blocks);
  const int64_t channels = std::min(machine.l2_bytes / 8 / channel_bytes, ceil_divide(problem.in_channels, splits));
  best.channels_per_task = static_cast<int>(std::max<int64_t>(1, channels / best.channels)) * best.channels;
  return best;
}

}  // namespace

WinogradBackwardFilterCpuParameters winograd_backward_filter_cpu_parameters(const KernelKey &key) {
  WinogradBackwardFilterCpuParameters p = estimate_parameters(key);
  std::optional<TunedRow> row = find_tuned_row(key);
  if (!row) return p;
  row->read("vectors", 1, 32, &p.vectors);
  row->read("channels", 1, 32, &p.channels);
  row->read("unroll", 1, 32, &p.unroll);
  row->read("blocks_per_task", 1, 1 << 16, &p.blocks_per_task);
  row->read("channels_per_task", 1, 1 << 16, &p.channels_per_task);
  row->check_all_read();
  return p;
}

}  // namespace halconv::schedules
