/// The numbers of direct_gpu.cpp's loop nest.
#ifndef HALCONV_SCHEDULES_DIRECT_GPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_DIRECT_GPU_PARAMETERS_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

/// Extents of the tiles. Pixels are the result's; the reduced channels are those summed over.
struct DirectGpuParameters {
  int element_bytes = 4;                                         ///< of what registers and shared memory hold
  int channels = 8, width = 8, height = 1;                       ///< a thread's accumulators: 140-180 registers in all
  int channel_threads = 8, column_threads = 1, row_threads = 8;  ///< a block of threads
  int chunk = 16;          ///< reduced channels that are staged in shared memory at once
  int chunks = 0;          ///< how many chunks there are; 0: known at run time
  int unrolled_chunk = 4;  ///< channels of a chunk that the inner loop holds
  /// Stage what one tap reads, whose size depends on no stride, dilation or filter; else what all taps read.
  bool staged_by_tap = true;
  bool planar = false;                      ///< NCHW: neighbouring threads access neighbours of a row
  bool vectorized_result = false;           ///< result channels are a multiple of 4: stored as vectors
  bool vectorized_chunk = false;            ///< reduced channels are a multiple of 4: staged as vectors
  int filter_width = 1, filter_height = 1;  ///< where known
  /// Columns and rows between what neighbouring pixels, and neighbouring taps, read; where known.
  int stride_width = 1, stride_height = 1, dilation_width = 1, dilation_height = 1;

  int threads() const { return channel_threads * column_threads * row_threads; }
  int block_channels() const { return channels * channel_threads; }
  int block_width() const { return width * column_threads; }
  int block_height() const { return height * row_threads; }
  int staged_width(int columns) const {
    return (block_width() - 1) * stride_width + (columns - 1) * dilation_width + 1;
  }
  int staged_height(int rows) const { return (block_height() - 1) * stride_height + (rows - 1) * dilation_height + 1; }
  /// Sums need no shared memory, unless it brings them into the order of planes.
  bool single_chunk() const { return chunks == 1 && !staged_by_tap && !planar; }
};

DirectGpuParameters direct_gpu_parameters(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DIRECT_GPU_PARAMETERS_H_
