#include "direct_gpu_parameters.h"

#include <algorithm>
#include <numeric>

#include "ceil_divide.h"
#include "gpu_machine.h"

namespace halconv::schedules {
namespace {

constexpr int kThreads = 128;  // of a block
constexpr int kLeastChunk = 8;
constexpr int kMostUnrolledColumns = 16;  // of the filter

/// A convolution in the terms of its result.
struct Extents {
  int64_t channels, reduced, width, height;
};

Extents forward_extents(const Conv2dProblem &p, DirectGpuParameters *parameters) {
  parameters->stride_width = static_cast<int>(p.stride_width);
  parameters->stride_height = static_cast<int>(p.stride_height);
  parameters->dilation_width = static_cast<int>(p.dilation_width);
  parameters->dilation_height = static_cast<int>(p.dilation_height);
  parameters->filter_width = static_cast<int>(p.filter_width);
  parameters->filter_height = static_cast<int>(p.filter_height);
  return {p.out_channels, p.in_channels, p.out_width, p.out_height};
}

/// Those of the largest phase.
Extents backward_input_extents(const Conv2dProblem &p, DirectGpuParameters *parameters) {
  const int64_t common_width = std::gcd(p.stride_width, p.dilation_width);
  const int64_t common_height = std::gcd(p.stride_height, p.dilation_height);
  parameters->dilation_width = static_cast<int>(p.dilation_width / common_width);
  parameters->dilation_height = static_cast<int>(p.dilation_height / common_height);
  parameters->filter_width = static_cast<int>(ceil_divide(p.filter_width * common_width, p.stride_width));
  parameters->filter_height = static_cast<int>(ceil_divide(p.filter_height * common_height, p.stride_height));
  return {p.in_channels, p.out_channels, ceil_divide(p.in_width, p.stride_width),
          ceil_divide(p.in_height, p.stride_height)};
}

/// The most pixels of a thread: their accumulators of 8 channels take half the registers that it may have.
int most_pixels(const DirectGpuParameters &p) { return 32 / p.element_bytes; }

/// Pixels of a thread: most of them in a row, as few as can be outside the image.
void choose_pixels(const Extents &e, DirectGpuParameters *p) {
  p->width = static_cast<int>(std::min<int64_t>(e.width, most_pixels(*p)));
  for (int width = p->width; width >= 5; --width) {
    if (ceil_divide(e.width, width) * width < ceil_divide(e.width, p->width) * p->width) p->width = width;
  }
  p->height = static_cast<int>(std::min<int64_t>(e.height, std::max(1, most_pixels(*p) / p->width)));
}

void choose_threads(const Extents &e, DirectGpuParameters *p) {
  p->channels = e.channels <= 4 ? 4 : 8;
  p->channel_threads = 1;
  while (p->channel_threads < 8 && p->channel_threads * p->channels < e.channels) p->channel_threads *= 2;
  const int pixel_threads = kThreads / p->channel_threads;
  p->column_threads = 1;
  while (p->column_threads < 4 && p->column_threads * p->width < e.width) p->column_threads *= 2;
  p->row_threads = pixel_threads / p->column_threads;
  while (p->row_threads > 1 && (p->row_threads / 2) * p->height >= e.height && p->threads() > kWarp) {
    p->row_threads /= 2;
  }
}

/// The largest divisor of the reduced channels that is at most `limit`.
int largest_divisor(int64_t reduced, int64_t limit) {
  int64_t divisor = std::max<int64_t>(1, std::min(limit, reduced));
  while (reduced % divisor != 0) --divisor;
  return static_cast<int>(divisor);
}

int shared_elements(const DirectGpuParameters &p) { return kSharedBytes / p.element_bytes; }

/// What is left of shared memory beside the sums.
int free_elements(const DirectGpuParameters &p) {
  return shared_elements(p) - p.threads() * p.channels * p.width * p.height;
}

int staged_pixels(const DirectGpuParameters &p) {
  return p.staged_width(p.filter_width) * p.staged_height(p.filter_height);
}

/// As many channels as fit; all of them where they are few, as then the sums need no shared memory. Taps are staged one
/// by one where all of them together read much that none does, or more than fits, and where there are too many to
/// unroll.
void choose_chunk(const Extents &e, DirectGpuParameters *p) {
  const int least = static_cast<int>(std::min<int64_t>(e.reduced, kLeastChunk));
  const bool pointwise = p->filter_width * p->filter_height == 1;
  const auto all_fit = [&] {
    const int available = p->planar ? free_elements(*p) : shared_elements(*p);
    return e.reduced <= 16 && e.reduced * staged_pixels(*p) <= available;
  };
  const auto least_fits = [&] { return least * staged_pixels(*p) <= free_elements(*p); };
  while (!all_fit() && !least_fits() && p->row_threads > 1 && p->threads() > 2 * kWarp) p->row_threads /= 2;
  p->staged_by_tap = (pointwise && p->stride_width * p->stride_height > 1) || p->filter_width > kMostUnrolledColumns ||
                     (!all_fit() && !least_fits());
  if (p->staged_by_tap) {
    p->chunk = largest_divisor(e.reduced, std::min(32, free_elements(*p) / (p->block_width() * p->block_height())));
  } else if (all_fit()) {
    p->chunk = static_cast<int>(e.reduced);
  } else {
    p->chunk = largest_divisor(e.reduced, std::min(pointwise ? 32 : 16, free_elements(*p) / staged_pixels(*p)));
  }
  p->chunks = static_cast<int>(e.reduced / p->chunk);
  // With four channels unrolled, three columns need more than the 170 registers at which three blocks share a
  // multiprocessor.
  p->unrolled_chunk = largest_divisor(p->chunk, p->staged_by_tap || p->filter_width <= 2 ? 4 : 2);
}

}  // namespace

DirectGpuParameters direct_gpu_parameters(const KernelKey &key) {
  DirectGpuParameters parameters;
  parameters.element_bytes = key.accumulator().bytes();
  parameters.planar = key.is_planar();
  if (!key.problem) {
    parameters.width = most_pixels(parameters);
    return parameters;
  }
  const Conv2dProblem group = key.problem->group();
  const Extents extents = key.operation == "conv2d_forward" ? forward_extents(group, &parameters)
                                                            : backward_input_extents(group, &parameters);
  choose_pixels(extents, &parameters);
  choose_threads(extents, &parameters);
  choose_chunk(extents, &parameters);
  parameters.vectorized_result = !parameters.planar && extents.channels % 4 == 0;
  parameters.vectorized_chunk = !parameters.planar && extents.reduced % 4 == 0 && parameters.chunk % 4 == 0;
  return parameters;
}

}  // namespace halconv::schedules
