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

constexpr int64_t kLineBytes = 64;

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

/// What a step from one row of d_dst to the next reads.
struct RowReads {
  int64_t pixels;        ///< of both images
  int64_t vector_bytes;  ///< of a pixel's vector of channels
};

RowReads row_reads(const KernelKey &key, const DepthwiseBackwardFilterCpuParameters &t) {
  const Conv2dProblem &p = *key.problem;
  return {p.filter_height * p.in_width + p.group().out_channels * p.out_width, t.lanes * key.element.bytes()};
}

/// Whether register tiles sum one row at a time, and add it to sums in memory. A vector of channels that goes through
/// whole images reads a part of one cache line of each pixel: the next vector finds the rest of a line gone, and no
/// prefetcher follows pixels that lie pages apart. Where vectors fill lines, tasks of all rows read each line once, and
/// need not leave their sums; groups of rows have all channels to go through. On MobileNet-V2's layers 1.1 to 2.9 times
/// as fast (AVX2), 1.0 to 1.3 times (AVX-512; one core of a Xeon, Sapphire Rapids).
bool sums_by_rows(const KernelKey &key, const DepthwiseBackwardFilterCpuParameters &t) {
  return !key.is_planar() && (t.rows_per_task > 0 || row_reads(key, t).vector_bytes < kLineBytes);
}

/// Channels of whole lines whose rows stay in L1 until the next row of d_dst. Images that L2 does not hold are read
/// through once: tasks are groups of rows.
void choose_tasks_by_rows(const CpuMachine &machine, const KernelKey &key, DepthwiseBackwardFilterCpuParameters *t) {
  const Conv2dProblem &p = *key.problem;
  const RowReads reads = row_reads(key, *t);
  const int64_t block_bytes = t->vectors * reads.vector_bytes;
  const int64_t blocks = ceil_divide(p.groups, t->lanes * t->vectors);
  const int64_t most_blocks = p.groups / (t->lanes * t->vectors);
  const int64_t line_blocks = std::clamp<int64_t>(kLineBytes / block_bytes, 1, most_blocks);
  const int64_t image_pixels = p.in_height * p.in_width + p.group().out_channels * p.out_height * p.out_width;
  t->rows_per_block = 1;
  int64_t blocks_per_task = most_blocks;
  if (t->rows_per_task > 0 || p.groups * key.element.bytes() * image_pixels > 2 * machine.l2_bytes) {
    t->rows_per_task = static_cast<int>(ceil_divide(p.out_height, ceil_divide(kTasks, p.batch)));
  } else {
    const int64_t task_lines = ceil_divide(ceil_divide(blocks, kTasks), line_blocks);
    const int64_t l1_lines = std::max<int64_t>(1, machine.l1_bytes / (reads.pixels * block_bytes * line_blocks));
    blocks_per_task = std::min(most_blocks, std::min(task_lines, l1_lines) * line_blocks);
  }
  t->blocks_per_task = static_cast<int>(least_repeated_part(blocks, line_blocks, blocks_per_task));
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
  choose_tasks(p, &t);
  if (sums_by_rows(key, t)) {
    // A row whose lines do not stay in L1 is read by whole lines.
    if (2 * row_reads(key, t).pixels * kLineBytes > machine.l1_bytes && p.groups % (2 * t.lanes) == 0) t.vectors = 2;
    choose_tasks_by_rows(machine, key, &t);
  }
  choose_taps(machine, p, &t);
  t.unroll = unrolled_pixels(p);
  return t;
}

ScheduleNumbers numbers_of(const DepthwiseBackwardFilterCpuParameters &p) {
  return {{"vectors", p.vectors},
          {"multiplier", p.multiplier},
          {"columns", p.columns},
          {"filter_rows", p.filter_rows},
          {"unroll", p.unroll},
          {"rows_per_block", p.rows_per_block},
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
    const int64_t block_channels = p.vectors * p.lanes;
    for (p.rows_per_block = 0; p.rows_per_block <= (key.is_planar() ? 0 : 2); ++p.rows_per_block) {
      const int64_t blocks =
          p.rows_per_block > 0 ? problem.groups / block_channels : ceil_divide(problem.groups, block_channels);
      const std::vector<ScheduleNumbers> choices = combinations({{"vectors", {p.vectors}},
                                                                 {"multiplier", {p.multiplier}},
                                                                 {"columns", {p.columns}},
                                                                 {"filter_rows", {p.filter_rows}},
                                                                 {"unroll", divisors(problem.out_width, 14)},
                                                                 {"rows_per_block", {p.rows_per_block}},
                                                                 {"rows_per_task", rows},
                                                                 {"blocks_per_task", halved_splits(blocks, 1)}});
      space.insert(space.end(), choices.begin(), choices.end());
    }
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
  row->read("rows_per_block", 0, key.problem && !key.is_planar() ? kAll : 0, &p.rows_per_block);
  row->read("rows_per_task", key.problem ? 0 : 1, kAll, &p.rows_per_task);
  row->read("blocks_per_task", 1, kAll, &p.blocks_per_task);
  row->check_all_read();
  if (key.problem && p.vectors * p.lanes > key.problem->groups) {
    row->fail("vectors is " + std::to_string(p.vectors) + ", expected at most what " +
              std::to_string(key.problem->groups) + " channels fill");
  }
  if (p.rows_per_block > 0 && int64_t{p.blocks_per_task} * p.vectors * p.lanes > key.problem->groups) {
    row->fail("blocks_per_task is " + std::to_string(p.blocks_per_task) + ", expected at most what " +
              std::to_string(key.problem->groups) + " channels fill, as rows_per_block is not 0");
  }
  if (key.problem && key.problem->group().out_channels % p.multiplier != 0) {
    row->fail("multiplier is " + std::to_string(p.multiplier) + ", expected a divisor of " +
              std::to_string(key.problem->group().out_channels));
  }
  return p;
}

}  // namespace halconv::schedules
