#include "depthwise_planar_cpu_parameters.h"

#include <algorithm>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "depthwise_cpu_parameters.h"
#include "halconv/kernel_name.h"

namespace halconv::schedules {
namespace {

/// Elements of a plane that are computed at once, if there are as many: with what they read of the image, half of L1.
constexpr int64_t kBlockElements = 2048;

/// Enough tasks that a few threads end at about the same time.
constexpr int64_t kPlanarTasks = 16;
constexpr int kHeight = 4;  ///< rows of a tile: neighbours share most of the rows that they read

bool is_backward_filter(const KernelKey &key) { return key.operation.starts_with(kBackwardFilter); }

/// Whether the planes of the channels that are turned at once stay in L2.
bool fits_cache(const KernelKey &key) {
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const PlaneShape shape = plane_shape(key);
  const int64_t channels = 2 * machine.lanes, images = is_backward_filter(key) ? key.problem->batch : 1;
  const int64_t elements = shape.result_rows * shape.result_columns + shape.image_rows * shape.image_columns;
  return images * elements * channels * machine.lane_bytes <= machine.l2_bytes;
}

}  // namespace

PlaneShape plane_shape(const KernelKey &key) {
  const Conv2dProblem &p = *key.problem;
  if (is_depthwise_forward(key)) return {p.out_height, p.out_width, p.in_height, p.in_width};
  return {p.in_height, p.in_width, p.out_height, p.out_width};
}

int planar_channels_per_task(const KernelKey &key) {
  if (!key.problem) return DepthwisePlanarCpuParameters().channels_per_task;
  // Whole planes in as few tasks as keep threads busy: a 56x56 plane takes less than a microsecond.
  return static_cast<int>(ceil_divide(key.problem->groups, ceil_divide(kPlanarTasks, key.problem->batch)));
}

bool has_planar_taps_in_registers(const KernelKey &key) {
  constexpr int64_t kMostTaps = 12;
  return key.problem && key.problem->filter_height * key.problem->filter_width <= kMostTaps;
}

/// Measured as a share of NHWC's speed, turned and along the rows: backward_input at stride 2, 56x56 pixels, 0.63 and
/// 0.09; backward_filter 14x14 0.55 and 0.09, 7x7 0.40 and 0.05; forward 14x14 0.86 and 0.36, 7x7 0.52 and 0.21, but
/// 28x28 at stride 2 0.63 and 0.89 (AVX-512, one core of a Xeon, Sapphire Rapids).
bool turns_planes(const KernelKey &key) {
  constexpr int64_t kLeastChannels = 4, kShortRow = 16;
  if (!key.problem || !key.is_planar() || key.target.has_gpu_feature()) return false;
  const Conv2dProblem &p = *key.problem;
  if (p.groups < kLeastChannels || p.group().out_channels >= key.lanes() || !fits_cache(key)) return false;
  const bool strided = p.stride_height > 1 || p.stride_width > 1;
  return is_backward_filter(key) || (strided && !is_depthwise_forward(key)) ||
         plane_shape(key).result_columns <= kShortRow;
}

DepthwisePlanarCpuParameters depthwise_planar_cpu_parameters(const KernelKey &key) {
  DepthwisePlanarCpuParameters tile;
  tile.lanes = key.lanes();
  if (!key.problem) return tile;
  const Conv2dProblem &p = *key.problem;
  const auto [rows, columns, image_rows, image_columns] = plane_shape(key);
  const int64_t row_stride = is_depthwise_forward(key) ? 1 : p.stride_height;
  tile.column_stride = is_depthwise_forward(key) ? 1 : static_cast<int>(p.stride_width);
  tile.shifts = tile.column_stride == 1 && row_stride == 1;
  if (tile.shifts) tile.lanes = static_cast<int>(std::min<int64_t>(tile.lanes, columns));
  // A tile of a strided gradient begins at a multiple of the stride, so that the remainders are known in it.
  tile.height = static_cast<int>(tile.shifts ? std::min<int64_t>(kHeight, rows) : row_stride);
  const int64_t tiles = std::max<int64_t>(1, kBlockElements / columns / tile.height);
  tile.rows_per_block = static_cast<int>(std::min(ceil_divide(rows, tile.height), tiles)) * tile.height;
  tile.channels_per_task = planar_channels_per_task(key);
  if (tile.shifts) tile.rows_per_block = static_cast<int>(std::min<int64_t>(tile.rows_per_block, rows));
  return tile;
}

}  // namespace halconv::schedules
