#include "depthwise_backward_filter_cpu_parameters.h"

#include <algorithm>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "number_choices.h"
#include "splits.h"
#include "tuned_table.h"

namespace halconv::schedules {
namespace {

constexpr int kAll = 1 << 16;

/// Enough tasks that a few threads end at about the same time.
constexpr int64_t kTasks = 8;

/// As many taps as leave two registers for the operands, whole rows of them where they fit.
void choose_taps(const CpuMachine &machine, const Conv2dProblem &p, DepthwiseBackwardFilterCpuParameters *t) {
  const int64_t room = std::max<int64_t>(1, (machine.registers - 2) / (t->vectors * t->multiplier));
  t->columns = static_cast<int>(std::min(p.filter_width, room));
  t->filter_rows = static_cast<int>(std::clamp<int64_t>(room / t->columns, 1, p.filter_height));
}

/// Tasks are blocks of channels; where there are too few for several threads, groups of rows as well, whose sums are
/// then added in their order.
void choose_tasks(const Conv2dProblem &p, DepthwiseBackwardFilterCpuParameters *t) {
  const int64_t blocks = ceil_divide(p.groups, t->lanes * t->vectors);
  t->blocks_per_task = static_cast<int>(ceil_divide(blocks, std::min(blocks, kTasks)));
  const int64_t row_tasks = kTasks / blocks;
  t->rows_per_task = row_tasks <= 1 ? 0 : static_cast<int>(ceil_divide(p.out_height, row_tasks));
}

/// A row in whole steps of up to 7 pixels, which share what their taps read: 1.2 to 1.5 times as fast as two pixels
/// (one core of a Xeon, Sapphire Rapids).
int unrolled_pixels(const Conv2dProblem &p) {
  int pixels = 7;
  while (p.out_width % pixels != 0) --pixels;
  return pixels;
}

DepthwiseBackwardFilterCpuParameters estimate_parameters(const KernelKey &key) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  DepthwiseBackwardFilterCpuParameters t;
  t.lanes = machine.lanes;
  if (!key.problem) {
    t.vectors = 2;
    t.columns = 3;
    t.rows_per_task = 8;
    return t;
  }
  const Conv2dProblem &p = *key.problem;
  while (t.lanes > p.groups) t.lanes /= 2;
  t.multiplier = machine.registers / 4;
  while (p.group().out_channels % t.multiplier != 0) --t.multiplier;
  const int64_t taps = p.filter_width * p.filter_height * t.multiplier;
  if (2 * taps + 3 <= machine.registers && p.groups % (2 * t.lanes) == 0) t.vectors = 2;
  choose_taps(machine, p, &t);
  t.unroll = unrolled_pixels(p);
  choose_tasks(p, &t);
  return t;
}

ScheduleNumbers numbers_of(const DepthwiseBackwardFilterCpuParameters &p) {
  return {{"vectors", p.vectors},
          {"multiplier", p.multiplier},
          {"columns", p.columns},
          {"filter_rows", p.filter_rows},
          {"unroll", p.unroll},
          {"rows_per_task", p.rows_per_task},
          {"blocks_per_task", p.blocks_per_task}};
}

}  // namespace

std::vector<ScheduleNumbers> depthwise_backward_filter_cpu_space(const KernelKey &key) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const DepthwiseBackwardFilterCpuParameters heuristic = estimate_parameters(key);
  const Conv2dProblem &problem = *key.problem;
  std::vector<int64_t> rows = halved_splits(problem.out_height, 1);
  rows.push_back(0);
  std::vector<ScheduleNumbers> space;
  DepthwiseBackwardFilterCpuParameters p = heuristic;
  for (p.vectors = 1; p.vectors <= 4 && p.vectors * p.lanes <= problem.groups; ++p.vectors) {
    choose_taps(machine, problem, &p);
    const int64_t blocks = ceil_divide(problem.groups, p.vectors * p.lanes);
    const std::vector<ScheduleNumbers> choices = combinations({{"vectors", {p.vectors}},
                                                               {"multiplier", {p.multiplier}},
                                                               {"columns", {p.columns}},
                                                               {"filter_rows", {p.filter_rows}},
                                                               {"unroll", divisors(problem.out_width, 14)},
                                                               {"rows_per_task", rows},
                                                               {"blocks_per_task", halved_splits(blocks, 1)}});
    space.insert(space.end(), choices.begin(), choices.end());
  }
  sort_by_difference(numbers_of(heuristic), &space);
  return space;
}

DepthwiseBackwardFilterCpuParameters depthwise_backward_filter_cpu_parameters(const KernelKey &key) {
  DepthwiseBackwardFilterCpuParameters p = estimate_parameters(key);
  std::optional<TunedRow> row = find_tuned_row(key);
  if (!row) return p;
  row->read("vectors", 1, 16, &p.vectors);
  row->read("multiplier", 1, 32, &p.multiplier);
  row->read("columns", 1, 32, &p.columns);
  row->read("filter_rows", 1, 32, &p.filter_rows);
  row->read("unroll", 1, 32, &p.unroll);
  row->read("rows_per_task", key.problem ? 0 : 1, kAll, &p.rows_per_task);
  row->read("blocks_per_task", 1, kAll, &p.blocks_per_task);
  row->check_all_read();
  if (key.problem && p.vectors * p.lanes > key.problem->groups) {
    row->fail("vectors is " + std::to_string(p.vectors) + ", expected at most what " +
              std::to_string(key.problem->groups) + " channels fill");
  }
  if (key.problem && key.problem->group().out_channels % p.multiplier != 0) {
    row->fail("multiplier is " + std::to_string(p.multiplier) + ", expected a divisor of " +
              std::to_string(key.problem->group().out_channels));
  }
  return p;
}

}  // namespace halconv::schedules
