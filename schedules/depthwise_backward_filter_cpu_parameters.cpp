#include "depthwise_backward_filter_cpu_parameters.h"

#include <algorithm>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "number_choices.h"
#include "splits.h"
#include "tuned_table.h"

namespace halconv::schedules {
namespace {

/// Enough tasks that a few threads end at about the same time.
constexpr int64_t kDepthwiseBackwardFilterTasks = 8;

/// Of images in L2, whose tasks are short.
constexpr int64_t kTasksInL2 = 4;

/// Of a row that is one piece of code.
constexpr int kMostUnrolledPixels = 32;

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
  t->blocks_per_task = static_cast<int>(ceil_divide(blocks, std::min(blocks, kDepthwiseBackwardFilterTasks)));
  const int64_t row_tasks = kDepthwiseBackwardFilterTasks / blocks;
  t->rows_per_task = row_tasks <= 1 ? 0 : static_cast<int>(ceil_divide(p.out_height, row_tasks));
}

/// What a step from one row of d_dst to the next reads of both images.
int64_t pixels_of_row(const Conv2dProblem &p) {
  return p.filter_height * p.in_width + p.group().out_channels * p.out_width;
}

/// Images that are little larger than L2 mostly stay there.
bool fits_l2(const CpuMachine &machine, const KernelKey &key) {
  const Conv2dProblem &p = *key.problem;
  const int64_t pixels = p.in_height * p.in_width + p.group().out_channels * p.out_height * p.out_width;
  return p.batch * p.groups * pixels * key.element.bytes() <= 2 * machine.l2_bytes;
}

/// Whether register tiles sum one row at a time, and add it to sums in memory.
///
/// A vector that is less than a cache line, and goes through whole images, reads a part of a line of each pixel: the
/// next vector finds the rest of a line gone, and no prefetcher follows pixels that lie pages apart. Groups of rows are
/// read with all of their channels. Other sums leave their registers where a row is one piece of code, which has no
/// branches for the padding at its ends, and long enough to outweigh the additions in memory. On MobileNet-V2's layers
/// this is 1.0 to 3 times as fast with AVX2, 1.0 to 1.3 times with AVX-512 (one core of a Xeon, Sapphire Rapids).
bool sums_by_rows(const CpuMachine &machine, const KernelKey &key, const DepthwiseBackwardFilterCpuParameters &t) {
  if (key.is_planar()) return false;
  if (t.rows_per_task > 0 || t.lanes * key.element.bytes() < kLineBytes) return true;
  const int64_t columns = key.problem->out_width;
  return columns > 7 && columns <= kMostUnrolledPixels && fits_l2(machine, key);
}

/// Tasks have channels of whole lines, which stay in L1 from one row of d_dst to the next, and stretch over several for
/// the prefetchers. Images that L2 does not hold are read through once, by groups of rows.
void choose_tasks_by_rows(const CpuMachine &machine, const KernelKey &key, DepthwiseBackwardFilterCpuParameters *t) {
  const Conv2dProblem &p = *key.problem;
  const int64_t row_lines = pixels_of_row(p) * kLineBytes;
  // A row whose lines do not stay in L1 from one vector to the next.
  t->vectors = 2 * row_lines > machine.l1_bytes && p.groups % (2 * t->lanes) == 0 ? 2 : 1;
  t->rows_per_block = 1;
  const int64_t block_channels = t->vectors * t->lanes;
  const int64_t blocks = ceil_divide(p.groups, block_channels);
  int64_t most_blocks = p.groups / block_channels;
  const int64_t line_blocks = std::clamp<int64_t>(kLineBytes / (block_channels * key.element.bytes()), 1, most_blocks);
  if (t->rows_per_task > 0 || !fits_l2(machine, key)) {
    t->rows_per_task = static_cast<int>(ceil_divide(p.out_height, ceil_divide(kDepthwiseBackwardFilterTasks, p.batch)));
  } else {
    t->rows_per_task = 0;
    const int64_t task_lines = ceil_divide(ceil_divide(blocks, kTasksInL2), line_blocks);
    const int64_t l1_lines = std::max<int64_t>(1, machine.l1_bytes / row_lines);
    most_blocks = std::min(most_blocks, std::min(task_lines, l1_lines) * line_blocks);
  }
  t->blocks_per_task = static_cast<int>(least_repeated_part(blocks, line_blocks, most_blocks));
}

/// What neighbouring pixels' taps share is read once by an iteration of several: 1.2 to 1.5 times as fast as two pixels
/// (one core of a Xeon, Sapphire Rapids).
int unrolled_pixels(const Conv2dProblem &p, bool by_rows) {
  if (by_rows && p.out_width <= kMostUnrolledPixels) return static_cast<int>(p.out_width);
  int pixels = 7;
  while (p.out_width % pixels != 0) --pixels;
  return pixels;
}

DepthwiseBackwardFilterCpuParameters estimate_depthwise_backward_filter(const KernelKey &key) {
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
  const bool by_rows = sums_by_rows(machine, key, t);
  if (by_rows) choose_tasks_by_rows(machine, key, &t);
  choose_taps(machine, p, &t);
  t.unroll = unrolled_pixels(p, by_rows);
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
  const DepthwiseBackwardFilterCpuParameters heuristic = estimate_depthwise_backward_filter(key);
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
      const std::vector<ScheduleNumbers> choices =
          combinations({{"vectors", {p.vectors}},
                        {"multiplier", {p.multiplier}},
                        {"columns", {p.columns}},
                        {"filter_rows", {p.filter_rows}},
                        {"unroll", divisors(problem.out_width, kMostUnrolledPixels)},
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
  DepthwiseBackwardFilterCpuParameters p = estimate_depthwise_backward_filter(key);
  std::optional<TunedRow> row = find_tuned_row(key);
  if (!row) return p;
  row->read("vectors", 1, 16, &p.vectors);
  row->read("multiplier", 1, 32, &p.multiplier);
  row->read("columns", 1, 32, &p.columns);
  row->read("filter_rows", 1, 32, &p.filter_rows);
  row->read("unroll", 1, kMostUnrolledPixels, &p.unroll);
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
