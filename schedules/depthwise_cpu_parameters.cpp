#include "depthwise_cpu_parameters.h"

#include <algorithm>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "halconv/kernel_name.h"
#include "number_choices.h"
#include "splits.h"
#include "tuned_table.h"

namespace halconv::schedules {
namespace {

/// Enough tasks that a few threads end at about the same time.
constexpr int64_t kDepthwiseTasks = 8;

/// The result: dst, or d_src.
struct ResultShape {
  int64_t rows, columns, stride;
};

ResultShape result_shape(const KernelKey &key) {
  const Conv2dProblem &p = *key.problem;
  if (is_depthwise_forward(key)) return {p.out_height, p.out_width, 1};
  return {p.in_height, p.in_width, std::max(p.stride_height, p.stride_width)};
}

int64_t source_columns(const KernelKey &key) {
  return is_depthwise_forward(key) ? key.problem->in_width : key.problem->out_width;
}

bool has_many_registers(const CpuMachine &machine) { return machine.registers == 32; }

/// What a vector goes along.
int64_t channels(const KernelKey &key, const DepthwiseCpuParameters &p) {
  return p.across_multiplier ? key.problem->group().out_channels : key.problem->groups;
}

/// The widest vectors that the channels fill; a last one that is not full is moved inwards.
int fitting_lanes(int lanes, int64_t channels) {
  while (lanes > channels) lanes /= 2;
  return lanes;
}

/// Columns of a tile. With AVX-512 (one core of an EPYC, Zen 5) four of a long row are 1.05 times as fast as eight, of
/// 112 columns and of 56, in f32, and 1.0 to 1.18 times in f16 and bf16; with a stride a row of 14 whole is 1.2 to 1.28
/// times as fast as in parts in f32, 0.97 to 1.2 times in bf16.
int64_t choose_columns(const ResultShape &shape, bool strided, bool many_registers) {
  if (strided ? many_registers && shape.columns <= 14 : !many_registers && shape.columns <= 32) return shape.columns;
  if (!strided && many_registers && shape.columns > 32) return 4;
  return shape.stride > 1 ? 4 * shape.stride : 8;
}

/// A few pixels of all channels one after the other, so that rows of the image are read through once: on 112x112 pixels
/// 1.4 (AVX-512) to 1.8 (AVX2) times as fast as a row of tiles for each vector of channels. A second row, or a small
/// image whole, where there are registers for what both read; else whole rows, up to some length, whose code knows the
/// padding at both ends: 1.1 (forward) and 1.2 times (backward_input) as fast as a whole image of 7x7 pixels, 1.3 times
/// as 7 of 14 columns (AVX2). Fewer pixels where each reads columns of its own. (One core of a Xeon, Sapphire Rapids.)
/// Multiples of the stride, so that the remainders of a strided gradient are known for each pixel of a tile.
void choose_tile(const CpuMachine &machine, const KernelKey &key, const ResultShape &shape, DepthwiseCpuParameters *p) {
  const bool many_registers = has_many_registers(machine);
  const bool strided_forward =
      is_depthwise_forward(key) && (key.problem->stride_width > 1 || key.problem->stride_height > 1);
  const bool shares_rows = many_registers && shape.stride == 1 && !strided_forward;
  if (shape.rows * shape.columns <= 49 && (shares_rows || shape.stride > 1)) {
    p->width = static_cast<int>(least_repeated_part(shape.columns, shape.stride, shape.columns));
    p->height = static_cast<int>(shape.rows);
    return;
  }
  const int64_t columns = choose_columns(shape, strided_forward || shape.stride > 1, many_registers);
  const int64_t rows = shares_rows ? 2 : shape.stride;
  p->width = static_cast<int>(least_repeated_part(shape.columns, shape.stride, columns));
  p->height = static_cast<int>(least_repeated_part(shape.rows, shape.stride, rows));
}

/// A generic kernel knows no tile of the image, one of planes copies them anyway, and vectors of filters share pixels.
bool can_copy(const KernelKey &key, const DepthwiseCpuParameters &p) {
  return key.problem && !key.is_planar() && !p.across_multiplier;
}

/// All, or where a tile is a whole row those of whole cache lines whose rows stay in half of L1 until the next row.
/// With AVX-512 so for all tiles that are not an image, but not where a pixel is two lines, which come together:
/// MobileNet-V2's layers of 14x14 pixels are 1.25 to 1.49 times as fast, of 56x56 and 28x28 1.02 to 1.17 times, with a
/// stride 0.97 to 1.16 times (one core of an EPYC, Zen 5); with AVX2, of 112x112, 0.87 to 0.97 times.
int64_t choose_task_blocks(const CpuMachine &machine, const KernelKey &key, const ResultShape &shape, int64_t blocks,
                           const DepthwiseCpuParameters &p) {
  const int64_t block_bytes = p.vectors * p.lanes * key.element.bytes();
  const bool splits_any_tile = has_many_registers(machine) && blocks * block_bytes > 2 * kLineBytes;
  if (p.width != shape.columns && !splits_any_tile) return blocks;
  if (p.height == shape.rows || p.across_multiplier) return blocks;
  const Conv2dProblem &problem = *key.problem;
  const int64_t row_bytes = (problem.filter_height * source_columns(key) + shape.columns) * block_bytes;
  const int64_t line_blocks = std::clamp<int64_t>(kLineBytes / block_bytes, 1, blocks);
  return least_repeated_part(blocks, line_blocks, std::max(line_blocks, machine.l1_bytes / 2 / row_bytes));
}

/// Whether no two tasks compute the same row, whose bits could differ where one has it at an edge: a last tile of
/// several rows is moved inwards, one of a single row is left out.
bool keeps_tasks_apart(const ResultShape &shape, int64_t height, int64_t rows_per_task) {
  return height == 1 || shape.rows % rows_per_task == 0;
}

/// As many rows as `least`, or the next that keep tasks apart.
int64_t choose_task_rows(const ResultShape &shape, int64_t height, int64_t least) {
  for (int64_t rows = least; rows < shape.rows; rows += height) {
    if (keeps_tasks_apart(shape, height, rows)) return rows;
  }
  return shape.rows;
}

/// Blocks of channels in a task with the rows that are chosen, so that there are enough tasks.
int64_t most_task_blocks(const KernelKey &key, const ResultShape &shape, const DepthwiseCpuParameters &p) {
  const int64_t blocks = ceil_divide(channels(key, p), p.vectors * p.lanes);
  const int64_t tasks = key.problem->batch * ceil_divide(shape.rows, p.rows_per_task);
  return ceil_divide(blocks, std::min(blocks, ceil_divide(kDepthwiseTasks, tasks)));
}

/// Some rows of some blocks of channels.
void choose_tasks(const CpuMachine &machine, const KernelKey &key, const ResultShape &shape,
                  DepthwiseCpuParameters *p) {
  const int64_t batch = key.problem->batch, blocks = ceil_divide(channels(key, *p), p->vectors * p->lanes);
  const int64_t task_blocks = choose_task_blocks(machine, key, shape, blocks, *p);
  const int64_t channel_tasks = ceil_divide(blocks, task_blocks);
  const int64_t row_tiles = ceil_divide(shape.rows, p->height);
  const int64_t row_tasks = std::clamp<int64_t>(ceil_divide(kDepthwiseTasks, batch * channel_tasks), 1, row_tiles);
  p->rows_per_task =
      static_cast<int>(choose_task_rows(shape, p->height, ceil_divide(row_tiles, row_tasks) * p->height));
  // The taps of a single block would wait in registers from tile to tile, and AVX-512's do not hold them all.
  const int64_t least = has_many_registers(machine) && task_blocks < blocks ? 2 : 1;
  p->blocks_per_task = static_cast<int>(std::min(task_blocks, std::max(least, most_task_blocks(key, shape, *p))));
}

/// f16 is one instruction where the CPU has it.
bool conversion_is_long(const KernelKey &key) {
  if (generators::copy_type(key.element) == key.element) return false;
  return key.element.is_bfloat() || !key.target.has_feature(Halide::Target::F16C);
}

/// Rows of the result that read as much as L1 holds of a copy of a tile's channels.
int64_t rows_of_copy(const CpuMachine &machine, const KernelKey &key, const ResultShape &shape, int64_t vectors) {
  const Conv2dProblem &p = *key.problem;
  const int64_t elements = source_columns(key) * (is_depthwise_forward(key) ? 1 : p.group().out_channels);
  const int64_t row_bytes = elements * vectors * machine.lanes * machine.lane_bytes;
  return machine.l1_bytes / row_bytes * shape.stride - p.filter_height + 1;
}

/// Of bf16: tasks of fewer rows convert too many of them twice.
constexpr int64_t kLeastCopiedRows = 14;

/// Of a row that is copied by one piece of code, which knows the padding at its ends.
constexpr int64_t kMostCopiedColumns = 128;

/// A tile whose sums and filters stay in registers, and tasks of all of a block's rows, or as many as stay in L1. A
/// strided forward reads most elements once. In turns with kernels without a copy, bf16 is 1.1 to 2.1 times as fast at
/// stride 1, from 14x14 to 112x112 pixels, 1.0 to 1.2 times in backward_input at stride 2, and 1.13 (forward) and 1.03
/// times at 7x7; f16 that is converted by arithmetic on integers 2.1 (14x14) and 2.6 times (28x28; one core of an EPYC,
/// Zen 3).
void choose_copy(const CpuMachine &machine, const KernelKey &key, const ResultShape &shape, DepthwiseCpuParameters *p) {
  const Conv2dProblem &problem = *key.problem;
  const bool strided_forward = is_depthwise_forward(key) && (problem.stride_width > 1 || problem.stride_height > 1);
  if (strided_forward || source_columns(key) > kMostCopiedColumns) return;
  p->copies_image = true;
  p->channel_loop = ChannelLoop::kTask;
  p->height = static_cast<int>(std::min(shape.rows, shape.stride));
  const int64_t filters = is_depthwise_forward(key) ? problem.group().out_channels : 1;
  const int64_t columns = std::max(shape.stride, (machine.registers - p->vectors) / (p->vectors * filters * p->height));
  p->width = static_cast<int>(least_repeated_part(shape.columns, shape.stride, columns));
  const int64_t rows = std::max(kLeastCopiedRows, rows_of_copy(machine, key, shape, p->vectors));
  p->rows_per_task =
      static_cast<int>(choose_task_rows(shape, p->height, least_repeated_part(shape.rows, p->height, rows)));
  p->blocks_per_task = static_cast<int>(most_task_blocks(key, shape, *p));
}

/// With 16 registers the sums leave none for operands from memory to gain by: a converted filter takes bf16 0.98
/// to 1.01 times as long (AVX2). With 32, bf16 whose filter is converted and whose image is not copied is 1.15
/// (forward) and 1.25 times (backward_input) as fast as by copies and pairs, f16, with the same image, 1.03 and 1.06
/// times (geometric means of MobileNet-V2's layers, one core of an EPYC, Zen 5).
bool converts_filter(const CpuMachine &machine, const KernelKey &key) {
  return has_many_registers(machine) && generators::copy_type(key.element) != key.element;
}

DepthwiseCpuParameters estimate_depthwise(const KernelKey &key) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  DepthwiseCpuParameters p;
  p.lanes = machine.lanes;
  if (!key.problem) {
    p.width = 4;
    p.rows_per_task = 4;
    p.blocks_per_task = kAll;
    p.channel_loop = ChannelLoop::kTask;
    return p;
  }
  const Conv2dProblem &problem = *key.problem;
  const int64_t multiplier = problem.group().out_channels;
  p.across_multiplier = is_depthwise_forward(key) && multiplier >= machine.lanes && multiplier > problem.groups;
  p.lanes = fitting_lanes(machine.lanes, channels(key, p));
  const ResultShape shape = result_shape(key);
  choose_tile(machine, key, shape, &p);
  if (computes_pairs(key)) p.vectors = 2;
  choose_tasks(machine, key, shape, &p);
  p.converts_filter = converts_filter(machine, key);
  if (!p.converts_filter && conversion_is_long(key) && can_copy(key, p)) choose_copy(machine, key, shape, &p);
  return p;
}

ScheduleNumbers numbers_of(const DepthwiseCpuParameters &p) {
  return {{"vectors", p.vectors},
          {"width", p.width},
          {"height", p.height},
          {"channel_loop", static_cast<int>(p.channel_loop)},
          {"rows_per_task", p.rows_per_task},
          {"blocks_per_task", p.blocks_per_task}};
}

/// Extents of a tile along an axis: the whole, and those of which least is computed twice.
std::vector<int64_t> tile_extents(int64_t extent, int64_t stride) {
  std::vector<int64_t> extents;
  for (int64_t steps = 1; steps <= 14; ++steps) {
    const int64_t tile = least_repeated_part(extent, stride, steps * stride);
    if (std::find(extents.begin(), extents.end(), tile) == extents.end()) extents.push_back(tile);
  }
  return extents;
}

}  // namespace

std::vector<ScheduleNumbers> depthwise_cpu_space(const KernelKey &key) {
  const DepthwiseCpuParameters heuristic = estimate_depthwise(key);
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const ResultShape shape = result_shape(key);
  std::vector<ScheduleNumbers> space;
  for (int64_t vectors = 1; vectors <= 2 && vectors * heuristic.lanes <= channels(key, heuristic); ++vectors) {
    const int64_t blocks = ceil_divide(channels(key, heuristic), vectors * heuristic.lanes);
    for (const int64_t width : tile_extents(shape.columns, shape.stride)) {
      for (const int64_t height : tile_extents(shape.rows, shape.stride)) {
        // Twice the registers: the sums of a tile that spill are few, and neighbours share what they read.
        if (vectors * width * height > 2 * machine.registers) continue;
        const std::vector<ScheduleNumbers> tasks = combinations({{"vectors", {vectors}},
                                                                 {"width", {width}},
                                                                 {"height", {height}},
                                                                 {"channel_loop", {0, 1, 2}},
                                                                 {"rows_per_task", halved_splits(shape.rows, height)},
                                                                 {"blocks_per_task", halved_splits(blocks, 1)}});
        space.insert(space.end(), tasks.begin(), tasks.end());
      }
    }
  }
  std::erase_if(space, [&](const ScheduleNumbers &numbers) {
    const int64_t height = numbers[2].second, rows = numbers[4].second;
    return rows > shape.rows || !keeps_tasks_apart(shape, height, rows);
  });
  sort_by_difference(numbers_of(heuristic), &space);
  return space;
}

bool computes_pairs(const KernelKey &key) {
  if (!key.problem || key.is_planar() || key.target.has_gpu_feature() || !key.element.is_bfloat()) return false;
  if (has_many_registers(cpu_machine(key.target, key.accumulator()))) return false;
  return key.problem->group().out_channels == 1 && key.problem->groups % (2 * key.lanes()) == 0;
}

bool is_depthwise_forward(const KernelKey &key) { return key.operation.starts_with(kForward); }

DepthwiseCpuParameters depthwise_cpu_parameters(const KernelKey &key) {
  DepthwiseCpuParameters p = estimate_depthwise(key);
  std::optional<TunedRow> row = find_tuned_row(key);
  if (!row) return p;
  const int most_columns = key.problem ? static_cast<int>(result_shape(key).columns) : kAll;
  const int most_rows = key.problem ? static_cast<int>(result_shape(key).rows) : kAll;
  int channel_loop = static_cast<int>(p.channel_loop);
  row->read("vectors", 1, 16, &p.vectors);
  row->read("width", 1, most_columns, &p.width);
  row->read("height", 1, most_rows, &p.height);
  row->read("channel_loop", 0, 2, &channel_loop);
  row->read("rows_per_task", 1, most_rows, &p.rows_per_task);
  row->read("blocks_per_task", 1, kAll, &p.blocks_per_task);
  row->check_all_read();
  p.channel_loop = static_cast<ChannelLoop>(channel_loop);
  if (p.vectors * p.width * p.height > 128) {
    row->fail("vectors * width * height is " + std::to_string(p.vectors * p.width * p.height) +
              ", expected at most 128");
  }
  if (key.problem && p.vectors * p.lanes > channels(key, p)) {
    row->fail("vectors is " + std::to_string(p.vectors) + ", expected at most what " +
              std::to_string(channels(key, p)) + " channels fill");
  }
  if (p.rows_per_task < p.height) {
    row->fail("rows_per_task is " + std::to_string(p.rows_per_task) + ", expected at least the height, " +
              std::to_string(p.height));
  }
  if (key.problem && !keeps_tasks_apart(result_shape(key), p.height, p.rows_per_task)) {
    row->fail("rows_per_task is " + std::to_string(p.rows_per_task) + ", expected a divisor of the " +
              std::to_string(result_shape(key).rows) + " rows, as the height is not 1");
  }
  return p;
}

}  // namespace halconv::schedules
