/// The numbers of the depthwise loop nests over NCHW's planes on a CPU.
#ifndef HALCONV_SCHEDULES_DEPTHWISE_PLANAR_CPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_DEPTHWISE_PLANAR_CPU_PARAMETERS_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

/// Rows of a block of a generic kernel.
inline constexpr int kGenericPlaneRows = 16;

struct DepthwisePlanarCpuParameters {
  int lanes = 1;                      ///< of a vector along a row
  int column_stride = 1, height = 1;  ///< a tile: a vector for each remainder of the column stride, times rows
  int rows_per_block = kGenericPlaneRows;
  int channels_per_task = 8;
  bool shifts = false;  ///< the last tile is moved inwards: the result is at least as large
};

DepthwisePlanarCpuParameters depthwise_planar_cpu_parameters(const KernelKey &key);

/// Channels of a task of the filter's gradient.
int planar_channels_per_task(const KernelKey &key);

/// Whether a specialised kernel's register tile of the filter's gradient holds all taps, one vector each.
bool has_planar_taps_in_registers(const KernelKey &key);

/// Whether a specialised kernel brings the planes of a vector of channels into the order of pixels, channels innermost,
/// and computes as NHWC's does: where rows are short or a gradient is strided.
bool turns_planes(const KernelKey &key);

/// Extents of a specialised kernel's planes: dst, or d_src, and the image that it is computed from.
struct PlaneShape {
  int64_t result_rows, result_columns;
  int64_t image_rows, image_columns;
};
PlaneShape plane_shape(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DEPTHWISE_PLANAR_CPU_PARAMETERS_H_
