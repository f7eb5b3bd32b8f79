#include "kernel_schedule.h"

#include "backward_filter_cpu.h"
#include "backward_filter_gpu.h"
#include "depthwise_backward_filter_cpu.h"
#include "depthwise_cpu.h"
#include "depthwise_cpu_parameters.h"
#include "depthwise_gpu.h"
#include "depthwise_planar_cpu.h"
#include "depthwise_planar_cpu_parameters.h"
#include "direct_cpu.h"
#include "direct_gpu.h"
#include "epilogue_backward_cpu.h"
#include "epilogue_backward_gpu.h"
#include "few_channels_cpu.h"
#include "filter_chunks_cpu.h"
#include "filter_chunks_cpu_parameters.h"
#include "reorder_filter_cpu.h"
#include "reorder_filter_gpu.h"
#include "reorder_filter_winograd_cpu.h"
#include "winograd_backward_filter_cpu.h"
#include "winograd_cpu.h"

namespace halconv::schedules {

int direct_block(const KernelKey &key) {
  if (has_few_channels(key)) return few_channels_block(key);
  return key.target.has_gpu_feature() ? direct_gpu_block(key) : direct_cpu_block(key);
}

bool reads_filter_in_chunks(const KernelKey &key) {
  return !key.target.has_gpu_feature() && reads_filter_in_chunks_cpu(key);
}

bool shares_image(const KernelKey &key) { return has_few_channels(key); }

std::vector<Prefetch> schedule_direct(const KernelKey &key, Halide::Func result, const std::vector<ResultPart> &parts) {
  if (has_few_channels(key)) {
    schedule_few_channels_cpu(key, result, parts);
  } else if (key.target.has_gpu_feature()) {
    schedule_direct_gpu(key, result, parts);
  } else if (reads_filter_in_chunks(key)) {
    return schedule_filter_chunks_cpu(key, result, parts.front());
  } else {
    return schedule_direct_cpu(key, result, parts);
  }
  return {};
}

int backward_filter_block(const KernelKey &key) {
  return key.target.has_gpu_feature() ? 0 : backward_filter_cpu_block(key);
}

std::vector<Prefetch> schedule_backward_filter(const KernelKey &key, Halide::Func result,
                                               const generators::FilterGradient &gradient) {
  if (!key.target.has_gpu_feature()) return schedule_backward_filter_cpu(key, result, gradient);
  schedule_backward_filter_gpu(key, result, gradient);
  return {};
}

int depthwise_pair_lanes(const KernelKey &key) { return computes_pairs(key) ? key.lanes() : 0; }

void schedule_depthwise(const KernelKey &key, Halide::Func result, const generators::Convolution &convolution) {
  if (key.target.has_gpu_feature()) {
    schedule_depthwise_gpu(key, result, convolution);
  } else if (turns_planes(key)) {
    schedule_depthwise_turned_cpu(key, result, convolution);
  } else if (key.is_planar()) {
    schedule_depthwise_planar_cpu(key, result, convolution);
  } else {
    schedule_depthwise_cpu(key, result, convolution);
  }
}

bool sums_rows_in_vectors(const KernelKey &key) {
  return key.is_planar() && !key.target.has_gpu_feature() && !turns_planes(key);
}

void schedule_depthwise_backward_filter(const KernelKey &key, Halide::Func result,
                                        const generators::FilterGradient &gradient) {
  if (key.target.has_gpu_feature()) {
    schedule_depthwise_backward_filter_gpu(key, result, gradient);
  } else if (sums_rows_in_vectors(key)) {
    schedule_depthwise_planar_backward_filter_cpu(key, result, gradient);
  } else {
    schedule_depthwise_backward_filter_cpu(key, result, gradient);
  }
}

int winograd_block(const KernelKey &key) { return winograd_cpu_block(key); }

std::vector<Prefetch> schedule_winograd(const KernelKey &key, Halide::Func result,
                                        const generators::WinogradConvolution &convolution) {
  return schedule_winograd_cpu(key, result, convolution);
}

void schedule_reorder_filter_winograd(const Halide::Target &target, Halide::Func packed, Halide::Func taps,
                                      const Halide::Var &contiguous, const generators::TransformedTiles &tiles) {
  schedule_reorder_filter_winograd_cpu(target, packed, taps, contiguous, tiles);
}

bool winograd_fits_d_dst(const KernelKey &key) { return winograd_fits_d_dst_cpu(key); }

void schedule_winograd_backward_filter(const KernelKey &key, Halide::Func result,
                                       const generators::WinogradFilterGradient &gradient) {
  schedule_winograd_backward_filter_cpu(key, result, gradient);
}

void schedule_epilogue_backward(const KernelKey &key, Halide::Func masked, Halide::Func bias_gradient,
                                const generators::BiasGradient &gradient) {
  if (key.target.has_gpu_feature()) {
    schedule_epilogue_backward_gpu(key, masked, bias_gradient, gradient);
  } else {
    schedule_epilogue_backward_cpu(key, masked, bias_gradient, gradient);
  }
}

void schedule_reorder_filter(const Halide::Target &target, Halide::Func packed, const Halide::Var &contiguous) {
  if (target.has_gpu_feature()) {
    schedule_reorder_filter_gpu(packed, contiguous);
  } else {
    schedule_reorder_filter_cpu(target, packed, contiguous);
  }
}

}  // namespace halconv::schedules
