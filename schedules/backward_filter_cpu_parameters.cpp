#include "backward_filter_cpu_parameters.h"

#include <algorithm>
#include <cmath>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "filter_prefetch.h"
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
constexpr int kPixelTasks = 4;

/// The share of `extent` in what tiles of `tile` compute of it.
double filled(int64_t extent, int64_t tile) {
  return static_cast<double>(extent) / static_cast<double>(ceil_divide(extent, tile) * tile);
}

/// Whether register tiles may read src where it is: each element as it lies in memory, by one tap.
bool may_read_src(const KernelKey &key) {
  if (!key.problem || key.copies_image() || key.problem->is_padded()) return false;
  return key.problem->filter_height == 1 && key.problem->filter_width == 1;
}

/// Whether they may read d_dst where it is: whole vectors.
bool may_read_d_dst(const KernelKey &key, const BackwardFilterCpuParameters &p) {
  return key.problem && !key.copies_image() && key.problem->group().out_channels % (p.vectors * key.lanes()) == 0;
}

/// The estimated share of FMA peak of a register tile: idle lanes and tails, FMAs waiting for one another, loads. Tiles
/// that overhang the channels multiply zeros of a copy, but nothing where src is not copied.
double estimate(const CpuMachine &machine, const Conv2dProblem &p, const BackwardFilterCpuParameters &tile) {
  const int fmas = tile.vectors * tile.channels * tile.columns, loads = tile.vectors + tile.channels * tile.columns;
  // Where pixels are unrolled, LLVM holds broadcast elements of the next one: 3 x 9 AVX-512 vectors spill.
  const int elements = machine.registers == 32 && p.filter_width == 1 ? 3 : 1;
  if (fmas + tile.vectors + elements > machine.registers) return 0;
  const double channels = tile.copies_src
                              ? filled(p.in_channels, tile.channels)
                              : std::min(1.0, static_cast<double>(p.in_channels) / static_cast<double>(tile.channels));
  const double outputs = filled(p.out_channels, tile.vectors * machine.lanes);
  const double useful = outputs * channels * filled(p.filter_width, tile.columns);
  // Blocks that overhang d_dst's channels read a copy of it: 3 channels' 3x3 @224 reaches 36 % of AVX2's peak by 3 x 3
  // x 1, 63 % by 1 x 3 x 3 (one core of an EPYC, Zen 3).
  const double in_place = outputs == 1 ? 1 : 0.9;
  // As many chains as latency times units are not quite enough: 2 x 4 AVX2 vectors reach 80 to 94 % of what 2 x 6 do, 2
  // x 5 reach 96 %.
  const double chains = std::cbrt(std::min(1.0, fmas / (1.5 * machine.fma_latency * machine.fmas_per_cycle)));
  const double ports = std::min(1.0, fmas * machine.loads_per_cycle / (loads * machine.fmas_per_cycle));
  // Of AVX-512's peak, 1x1 256->64 @56 reaches 88 % by 4 x 6 vectors, 82 % by 2 x 12, 78 % by 4 x 4 (one core of a
  // Xeon, Sapphire Rapids).
  const double step = fmas / (fmas + 1.5);
  return useful * in_place * chains * ports * step * (1 - 0.05 * static_cast<double>(loads) / fmas);
}

/// The register tiles of greatest estimated share, best first.
std::vector<BackwardFilterCpuParameters> best_tiles(const CpuMachine &machine, const Conv2dProblem &p, bool copies_src,
                                                    size_t count) {
  std::vector<std::pair<double, BackwardFilterCpuParameters>> tiles;
  for (int columns = 1; columns <= std::min<int64_t>(p.filter_width, machine.registers); ++columns) {
    for (int vectors = 1; vectors <= 4; ++vectors) {
      for (int channels = 1; channels <= 12; ++channels) {
        BackwardFilterCpuParameters tile;
        tile.vectors = vectors;
        tile.channels = channels;
        tile.columns = columns;
        tile.copies_src = copies_src;
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

/// Input channels that a task's copy holds: whole vectors. Tasks of 16 channels, not of 20 which are copied as 32, take
/// 3x3 128->128 @28 from 83 to 92 % of AVX-512's peak, and from 72 to 90 % of that of its dot products (one core of an
/// EPYC, Zen 5).
int64_t copied_channels(const CpuMachine &machine, const BackwardFilterCpuParameters &parameters) {
  return ceil_divide(parameters.channels_per_task, machine.lanes) * machine.lanes;
}

/// Input rows that `rows` output rows read.
int64_t rows_read(const Conv2dProblem &p, int64_t rows) {
  return (rows - 1) * p.stride_height + p.effective_filter_height();
}

/// Bytes from the first to the last pixel of a register tile that reads an image where it is: what 32 pages hold. Of
/// AVX-512's peak, 1x1 512->128 @28 reaches 82 % with 2 rows, 112 KB, 78 % with 4 (one core of a Xeon, Sapphire
/// Rapids).
constexpr int64_t kTileSpan = 128 << 10;

/// Pixels of such a tile, few enough that its block of d_dst stays in L1: 256->64 @56 reaches 82 % with 112, 70 % with
/// 224 (likewise).
constexpr int64_t kTilePixels = 112;

/// Bytes from the first to the last pixel of `rows` output rows, of the image where that is more.
int64_t span(const CpuMachine &machine, const Conv2dProblem &p, int64_t rows) {
  return rows * p.out_width * std::max(p.in_channels * p.stride_width, p.out_channels) * machine.lane_bytes;
}

/// Output rows whose block of d_dst and task's channels of src fit L1 together, evened out over the image, so that each
/// register tile finds both there: 1x1 64->64 @56 reaches 84 % of AVX2's peak with one row, 79 % with two, 70 % with
/// four (one core of a Xeon, Sapphire Rapids). 0, all, where a block of d_dst fills L1 twice at most.
int choose_rows(const CpuMachine &machine, const Conv2dProblem &p, const BackwardFilterCpuParameters &parameters) {
  const auto bytes = [&](int64_t rows) {
    const int64_t d_dst = rows * p.out_width * parameters.vectors * machine.lanes;
    const int64_t src = rows_read(p, rows) * p.in_width * copied_channels(machine, parameters);
    return (d_dst + src) * machine.lane_bytes;
  };
  const int64_t pixels = p.batch * p.out_height * p.out_width;
  const int64_t d_dst_block = pixels * parameters.vectors * machine.lanes * machine.lane_bytes;
  if (d_dst_block <= 2 * machine.l1_bytes && (parameters.copies_src || pixels <= 2 * kTilePixels)) return 0;
  const auto fits = [&](int64_t rows) {
    if (parameters.copies_src) return bytes(rows) <= machine.l1_bytes;
    return rows * p.out_width <= kTilePixels && span(machine, p, rows) <= kTileSpan;
  };
  int64_t rows = 1;
  while (rows < p.out_height && fits(rows + 1)) ++rows;
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

/// Whether register tiles had better read a copy of an image whose pixels lie so far apart. The prefetchers follow the
/// copy, which reads rows through, and not tiles that read a few channels of one pixel after the other. Of AVX2's peak,
/// 1x1 128->512 @28 reaches 83 % by copies of both images, 55 % where they are, 512->256 @28 72 and 50 %, 256->1024 @14
/// 59 and 52 %, but 64->64 @56 67 and 72 % (one core of an EPYC, Zen 3). With AVX-512, 512->128 @28 takes 1.25 times as
/// long by copies (one core of a Xeon, Sapphire Rapids).
bool prefers_copy(const CpuMachine &machine, int64_t channels) {
  return machine.fetches_blocks_ahead && channels * machine.lane_bytes >= 512;
}

/// Copies of d_dst where all tiles of a task sum all pixels, and of src then where its pixels lie in more pages than
/// the TLB has: 1x1 2048->512 @7 is 1.16 times as fast with a copy of src (AVX-512, one core of a Xeon, Sapphire
/// Rapids).
void choose_copies(const KernelKey &key, BackwardFilterCpuParameters *parameters) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem p = key.problem.value_or(kTypical).group();
  parameters->copies_d_dst =
      parameters->rows == 0 || !may_read_d_dst(key, *parameters) || prefers_copy(machine, p.out_channels);
  parameters->copies_src = !may_read_src(key) || prefers_copy(machine, p.in_channels);
  if (parameters->copies_src || parameters->rows > 0) return;
  const int64_t pixel = p.in_channels * p.stride_width * machine.lane_bytes;
  parameters->copies_src = p.batch * p.out_height * p.out_width * pixel > 2 * kTileSpan;
}

/// Elements that tasks read or copy, each its channels of src once and for these its channels of d_dst, and that they
/// add to sums in memory. Few of a pixel's channels read in place cost as much as 256 of them, which the prefetcher
/// fetches: 1x1 512->128 @28 is 1.13 times as fast by tasks of 258 channels as by 132 (AVX-512, one core of a Xeon,
/// Sapphire Rapids).
double elements_moved(const CpuMachine &machine, const Conv2dProblem &p, const BackwardFilterCpuParameters &parameters,
                      int64_t k_splits, int64_t c_splits) {
  const double channels = parameters.channels_per_task;
  const double in_place = parameters.rows == 0 ? 1 : std::max(1.0, 256 / channels);
  const double copied = static_cast<double>(copied_channels(machine, parameters)) / channels;
  const double fetched = parameters.copies_src ? copied : in_place;
  const int64_t src = p.batch * p.in_height * p.in_width * p.in_channels;
  const int64_t d_dst = p.batch * p.out_height * p.out_width * p.out_channels;
  const int64_t filter = p.filter_height * p.filter_width * p.in_channels * p.out_channels;
  const int64_t additions = parameters.rows == 0 ? 0 : p.batch * ceil_divide(p.out_height, parameters.rows);
  return fetched * static_cast<double>(src * k_splits) + static_cast<double>(d_dst * c_splits) +
         static_cast<double>(filter * additions);
}

/// The split of the filter into at least kPixelTasks tasks that moves least.
void choose_tasks(const KernelKey &key, const Conv2dProblem &whole, BackwardFilterCpuParameters *best) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem p = whole.group();  // groups are tasks of their own
  const int64_t block = best->vectors * machine.lanes;
  const int64_t blocks = ceil_divide(p.out_channels, block), tiles = ceil_divide(p.in_channels, best->channels);
  const int64_t group_tasks = ceil_divide(kPixelTasks, whole.groups);
  if (blocks * tiles < group_tasks) best->filter_rows_per_task = 1;
  const int64_t least_tasks = std::min(group_tasks, blocks * tiles);
  const BackwardFilterCpuParameters tile = *best;
  double least_moved = 0;
  for (int64_t k_splits = 1; k_splits <= blocks; ++k_splits) {
    for (int64_t c_splits = 1; c_splits <= tiles; ++c_splits) {
      if (k_splits * c_splits < least_tasks) continue;
      BackwardFilterCpuParameters split = tile;
      split.blocks_per_task = static_cast<int>(ceil_divide(blocks, k_splits));
      split.channels_per_task = static_cast<int>(ceil_divide(tiles, c_splits)) * split.channels;
      split.rows = choose_rows(machine, p, split);
      choose_copies(key, &split);
      const bool smallest = k_splits == blocks && c_splits == tiles;
      if (task_bytes(machine, p, split, block) > machine.l2_bytes / 2 && !smallest) continue;
      const double moved = elements_moved(machine, p, split, k_splits, c_splits);
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
  return std::max(p.batch, p.out_height) >= kPixelTasks &&
         kPixelTasks * filter * machine.lane_bytes <= machine.l2_bytes / 2;
}

/// A task for each of kPixelTasks parts of the pixels, or none where all pixels are few enough to be summed in
/// registers.
bool choose_pixel_tasks(const CpuMachine &machine, const Conv2dProblem &p, BackwardFilterCpuParameters *parameters) {
  if (!is_worth_partial_filters(machine, p)) return false;
  BackwardFilterCpuParameters whole = *parameters;
  whole.blocks_per_task = static_cast<int>(ceil_divide(p.out_channels, whole.vectors * machine.lanes));
  whole.channels_per_task = static_cast<int>(ceil_divide(p.in_channels, whole.channels) * whole.channels);
  whole.rows = choose_rows(machine, p, whole);
  if (whole.rows == 0) return false;
  whole.pixel_tasks = kPixelTasks;
  *parameters = whole;
  return true;
}

/// A row in whole steps of up to 8 pixels, where registers hold the sums and what neighbouring pixels share. Of
/// AVX-512, 1x1 256->64 @56 is 1.16 times as fast as by single pixels, 512->128 @28 1.11 times (one core of a Xeon,
/// Sapphire Rapids); of AVX2's peak, 3x3/2 256->256 @28 reaches 77 and 66 %, 512->512 @14 78 and 70 %. At stride 1,
/// where pixels share most, two where the sums leave a third of the registers, four where they leave half: 64->64 @56,
/// 2 x 2 x 3, reaches 84 % by single pixels, 39 % by two (one core of an EPYC, Zen 3).
int unrolled_pixels(const KernelKey &key, const CpuMachine &machine, const BackwardFilterCpuParameters &tile) {
  if (!key.problem || key.channels_per_product() > 1) return 1;
  const int sums = tile.vectors * tile.channels * tile.columns;
  int pixels = 8;
  if (key.problem->filter_width > 1 && key.problem->stride_width == 1) {
    pixels = 2 * sums <= machine.registers ? 4 : 3 * sums <= 2 * machine.registers ? 2 : 1;
  } else if (key.problem->filter_width > 1) {
    const int64_t shared = tile.channels * std::max<int64_t>(0, tile.columns - key.problem->stride_width);
    if (sums + tile.vectors + shared > machine.registers) pixels = 1;
  }
  while (key.problem->out_width % pixels != 0) --pixels;
  return pixels;
}

BackwardFilterCpuParameters estimate_backward_filter(const KernelKey &key) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem whole = key.problem.value_or(kTypical), p = whole.group();
  BackwardFilterCpuParameters parameters = best_tiles(machine, p, !may_read_src(key), 1).front();
  parameters.unroll = unrolled_pixels(key, machine, parameters);
  if (key.problem && whole.groups == 1 && choose_pixel_tasks(machine, p, &parameters)) return parameters;
  choose_tasks(key, whole, &parameters);
  if (!key.problem) parameters.rows = std::max(parameters.rows, 1);  // how many there are is not known
  return parameters;
}

/// Blocks of d_dst that tiles of the same input channels go over, one after the other. They store to neighbours in
/// memory, which saves misses of the TLB and lets the prefetcher fetch the filter's lines.
///
/// Where the filter takes more than a quarter of L2 itself, as many, up to 16, as take as much. Of AVX2's peak, 16
/// reach, and 2 to 4: 1x1 256->1024 @14 75 % and 57 %, 512->2048 @7 73 % and 69 %, 2048->512 @7 75 % and 69 %, 3x3
/// 512->512 @7 58 % and 53 % (one core of a virtual EPYC, Zen 3). Elsewhere up to 4 that stay in L1 with what the tile
/// reads of src: 1 or 2 blocks, or 4 where they are half as large, make 7x7 images 1.1 times as fast (AVX-512), 4 large
/// ones 0.87 times (one core of a Xeon, Sapphire Rapids).
int choose_blocks_at_once(const KernelKey &key, const BackwardFilterCpuParameters &parameters) {
  if (!key.problem || parameters.rows != 0) return 1;
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem &p = *key.problem;
  const int64_t block = p.batch * p.out_height * p.out_width * parameters.vectors * machine.lanes * machine.lane_bytes;
  const int64_t filter = p.filter_height * p.filter_width * p.group().in_channels * p.out_channels * machine.lane_bytes;
  const bool is_far = machine.fetches_blocks_ahead && filter > machine.l2_bytes / 4;
  const int64_t most_bytes = is_far ? machine.l2_bytes / 4 : machine.l1_bytes * 4 / 5;
  int blocks = is_far ? 16 : 4;
  while (blocks > 1 && blocks * block > most_bytes) blocks /= 2;
  return blocks;
}

/// Tasks that share the pixels each sum a whole filter, in memory.
void check_partial_filters(const KernelKey &key, const BackwardFilterCpuParameters &p, const TunedRow &row) {
  const Conv2dProblem group = key.problem->group();
  const int64_t outputs = int64_t{p.blocks_per_task} * p.vectors * key.lanes();
  if (outputs < group.out_channels || p.channels_per_task < group.in_channels) {
    row.fail("pixel_tasks is " + std::to_string(p.pixel_tasks) + " and a task holds " + std::to_string(outputs) +
             " x " + std::to_string(p.channels_per_task) + " channels, expected all " +
             std::to_string(group.out_channels) + " x " + std::to_string(group.in_channels));
  }
  if (p.rows == 0) row.fail("rows is 0 and pixel_tasks is " + std::to_string(p.pixel_tasks) + ", expected 1");
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
          {"pixel_tasks", p.pixel_tasks},
          {"copies_src", p.copies_src},
          {"copies_d_dst", p.copies_d_dst},
          {"next_rows", p.next_rows},
          {"next_tile", p.next_tile}};
}

/// Images from beyond L2 are fetched ahead: 1x1 256->64 @56 reaches 64 % of the peak, 50 % without. Tasks that read
/// parts of the pixels, several columns of them at once, lose by it: 3x3 128->128 @112 50 and 61 %, 256->256 @56 47 and
/// 55 % (AVX2, one core of an EPYC, Zen 3).
int choose_next_rows(const KernelKey &key, const BackwardFilterCpuParameters &p) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  if (!fetches_rows(key, p) || !machine.fetches_blocks_ahead) return 0;
  const Conv2dProblem &problem = *key.problem;
  const int64_t src = problem.in_height * problem.in_width * problem.in_channels;
  const int64_t d_dst = problem.out_height * problem.out_width * problem.out_channels;
  if (problem.filter_width > 1 && p.pixel_tasks == 1) return 0;
  return (src + d_dst) * key.element.bytes() > machine.l2_bytes ? 1 : 0;
}

/// A filter beyond L2 is stored to faster when its lines have been fetched; 1x1 kernels, whose tiles store to more
/// lines one after the other, gain nothing that is not noise.
int choose_next_tile(const KernelKey &key, const BackwardFilterCpuParameters &p) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  if (!fetches_tiles(key, p) || !machine.fetches_blocks_ahead || key.problem->filter_width == 1) return 0;
  const Conv2dProblem &problem = *key.problem;
  const int64_t filter = problem.filter_height * problem.filter_width * problem.in_channels * problem.out_channels;
  return is_beyond_l2(machine, filter * key.element.bytes()) ? 1 : 0;
}

/// The numbers with the copies that the heuristic would make for them, and with other choices.
void add_copies(const KernelKey &key, BackwardFilterCpuParameters p, std::vector<ScheduleNumbers> *space) {
  choose_copies(key, &p);
  p.next_rows = choose_next_rows(key, p);
  p.next_tile = choose_next_tile(key, p);
  space->push_back(numbers_of(p));
  if (!may_read_src(key)) return;
  p.copies_src = 1 - p.copies_src;
  space->push_back(numbers_of(p));
  if (p.rows == 0 || !may_read_d_dst(key, p)) return;
  p.copies_d_dst = 1 - p.copies_d_dst;
  space->push_back(numbers_of(p));
}

/// The ways to cut the work of one register tile into tasks: of the filter, so that they fit L2 twice or are the
/// smallest, or of the pixels.
void add_tasks(const KernelKey &key, BackwardFilterCpuParameters p, std::vector<ScheduleNumbers> *space) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem problem = key.problem->group();
  const int64_t block = p.vectors * machine.lanes;
  const std::vector<int64_t> blocks = halved_splits(ceil_divide(problem.out_channels, block), 1);
  const std::vector<int64_t> channels = halved_splits(problem.in_channels, p.channels);
  for (const int64_t blocks_per_task : blocks) {
    for (const int64_t channels_per_task : channels) {
      p.blocks_per_task = static_cast<int>(blocks_per_task);
      p.channels_per_task = static_cast<int>(channels_per_task);
      const bool smallest = blocks_per_task == blocks.back() && channels_per_task == channels.back();
      if (task_bytes(machine, problem, p, block) <= 2 * machine.l2_bytes || smallest) add_copies(key, p, space);
    }
  }
  if (p.rows == 0 || std::max(problem.batch, problem.out_height) < kPixelTasks) return;
  p.blocks_per_task = static_cast<int>(blocks.front());
  p.channels_per_task = static_cast<int>(channels.front());
  p.pixel_tasks = kPixelTasks;
  add_copies(key, p, space);
}

}  // namespace

std::vector<ScheduleNumbers> backward_filter_cpu_space(const KernelKey &key) {
  constexpr size_t kTiles = 16;
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const Conv2dProblem problem = key.problem->group();
  std::vector<int64_t> rows = halved_splits(problem.out_height, 1);
  rows.push_back(0);
  std::vector<ScheduleNumbers> space;
  for (BackwardFilterCpuParameters p : best_tiles(machine, problem, !may_read_src(key), kTiles)) {
    const int unrolled = unrolled_pixels(key, machine, p);
    for (const int64_t rows_of_tile : rows) {
      p.rows = static_cast<int>(rows_of_tile);
      for (const int unroll : {unrolled, unrolled == 1 ? 2 : 1}) {
        p.unroll = unroll;
        for (const int filter_rows : {0, 1}) {
          if (filter_rows >= problem.filter_height) continue;
          p.filter_rows_per_task = filter_rows;
          p.blocks_at_once = choose_blocks_at_once(key, p);
          add_tasks(key, p, &space);
        }
      }
    }
  }
  return space;
}

bool fetches_rows(const KernelKey &key, const BackwardFilterCpuParameters &p) {
  return key.problem && !key.is_planar() && key.problem->groups == 1 && key.problem->batch == 1 && p.rows > 0 &&
         key.problem->stride_height == 1 && key.problem->stride_width == 1;
}

bool fetches_tiles(const KernelKey &key, const BackwardFilterCpuParameters &p) {
  return key.problem && key.problem->groups == 1 && p.rows == 0;
}

BackwardFilterCpuParameters backward_filter_cpu_parameters(const KernelKey &key) {
  BackwardFilterCpuParameters p = estimate_backward_filter(key);
  std::optional<TunedRow> row = find_tuned_row(key);
  if (!row) {
    p.blocks_at_once = choose_blocks_at_once(key, p);
    choose_copies(key, &p);
    p.next_rows = choose_next_rows(key, p);
    p.next_tile = choose_next_tile(key, p);
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
  choose_copies(key, &p);
  row->read("copies_src", may_read_src(key) ? 0 : 1, 1, &p.copies_src);
  row->read("copies_d_dst", may_read_d_dst(key, p) ? 0 : 1, 1, &p.copies_d_dst);
  p.next_rows = choose_next_rows(key, p);
  row->read("next_rows", 0, fetches_rows(key, p) ? 1 : 0, &p.next_rows);
  p.next_tile = choose_next_tile(key, p);
  row->read("next_tile", 0, fetches_tiles(key, p) ? 1 : 0, &p.next_tile);
  row->check_all_read();
  if (p.channels_per_task % p.channels != 0) {
    row->fail("channels_per_task is " + std::to_string(p.channels_per_task) + ", expected a multiple of channels, " +
              std::to_string(p.channels));
  }
  if (p.pixel_tasks > 1) check_partial_filters(key, p, *row);
  return p;
}

}  // namespace halconv::schedules
