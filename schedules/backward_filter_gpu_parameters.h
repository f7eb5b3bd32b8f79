/// The numbers of backward_filter_gpu.cpp's loop nest.
#ifndef HALCONV_SCHEDULES_BACKWARD_FILTER_GPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_BACKWARD_FILTER_GPU_PARAMETERS_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

/// Extents of the tiles. k are output, c input channels; s and r are the filter's columns and rows.
struct BackwardFilterGpuParameters {
  int element_bytes = 4;                            ///< of what registers and shared memory hold
  int k = 8, c = 8, s = 1;                          ///< a thread's accumulators
  int k_threads = 8, c_threads = 8, r_threads = 1;  ///< a block of threads
  int width = 8, height = 4;                        ///< pixels of d_dst that are staged in shared memory at once
  int unrolled_width = 4;                           ///< of which the inner loop holds so many
  /// In how many blocks share a sum, because the filter alone has too few tiles to fill a GPU: each takes every so
  /// many-th chunk of rows (undefined: all) and so many images (0: all). A second kernel adds what they found, always
  /// in the same order.
  Halide::Expr row_groups;
  int images_per_group = 0;
  /// Stage what one tap reads, whose size depends on no stride, dilation or filter; else what all taps of a thread
  /// block read.
  bool staged_by_tap = true;
  bool planar = false;                                    ///< NCHW: neighbouring threads stage neighbours of a row
  bool vectorized_result = false;                         ///< whether K is a multiple of 4
  bool vectorized_d_dst = false, vectorized_src = false;  ///< whether tiles of channels are whole: staged as vectors
  int stride_width = 1, stride_height = 1, dilation_width = 1, dilation_height = 1;  ///< where known

  bool grouped() const { return row_groups.defined() || images_per_group > 0; }
  int block_k() const { return k * k_threads; }
  int block_c() const { return c * c_threads; }
  int threads() const { return k_threads * c_threads * r_threads; }
  int staged_width() const { return staged_by_tap ? width : (width - 1) * stride_width + (s - 1) * dilation_width + 1; }
  int staged_height() const {
    return staged_by_tap ? height : (height - 1) * stride_height + (r_threads - 1) * dilation_height + 1;
  }
  int shared_bytes() const {
    const int elements = block_k() * block_c() * s * r_threads + block_k() * width * height +
                         block_c() * staged_width() * staged_height();
    return elements * element_bytes;
  }
};

/// A generic kernel goes by the run-time sizes of `result`, the gradient.
BackwardFilterGpuParameters backward_filter_gpu_parameters(const KernelKey &key, Halide::Func result);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_BACKWARD_FILTER_GPU_PARAMETERS_H_
