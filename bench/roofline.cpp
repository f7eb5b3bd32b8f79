#include "roofline.h"

#include <algorithm>

#include "fma_peak.h"

namespace halconv::bench {
namespace {

/// Rows (columns) of the input that some tap of some output row (column) reads.
int64_t rows_used(int64_t in, int64_t out, int64_t filter, int64_t stride, int64_t dilation, int64_t pad) {
  std::vector<bool> used(static_cast<size_t>(in));
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t tap = 0; tap < filter; ++tap) {
      const int64_t i = stride * o + dilation * tap - pad;
      if (i >= 0 && i < in) used[static_cast<size_t>(i)] = true;
    }
  }
  return std::count(used.begin(), used.end(), true);
}

double input_elements_used(const Conv2dProblem &p) {
  return static_cast<double>(p.batch * p.in_channels) *
         static_cast<double>(
             rows_used(p.in_height, p.out_height, p.filter_height, p.stride_height, p.dilation_height, p.pad_top)) *
         static_cast<double>(
             rows_used(p.in_width, p.out_width, p.filter_width, p.stride_width, p.dilation_width, p.pad_left));
}

}  // namespace

Traffic least_traffic(const Case &c) {
  const Conv2dProblem &p = c.problem;
  const auto size = static_cast<double>(dtype_info(c.dtype).bytes);
  const double used = size * input_elements_used(p);
  const auto bytes = [size](std::optional<int64_t> elements) { return size * static_cast<double>(elements.value()); };
  const double input = bytes(p.input_elements()), filter = bytes(p.filter_elements());
  const double output = bytes(p.output_elements());
  switch (c.operation) {
    case Operation::kForward:
      return {used + filter, output};
    case Operation::kBackwardInput:
      return {filter + output, input};
    case Operation::kBackwardFilter:
      break;
  }
  return {used + output, filter};
}

Roof find_roof(const Case &c, double peak, const std::vector<Bandwidth> &bandwidths) {
  const Traffic traffic = least_traffic(c);
  const double bytes = (traffic.read + traffic.written) / c.threads;
  const auto level = std::find_if(bandwidths.begin(), bandwidths.end() - 1, [&](const Bandwidth &bandwidth) {
    return bytes <= static_cast<double>(bandwidth.bytes);
  });
  const double moving = traffic.read / level->read + traffic.written / level->write;
  const double computing = peak > 0 ? c.problem.flops() / peak : 0;
  const double computing_inside = peak > 0 ? c.problem.flops_inside() / peak : 0;
  const bool is_memory = moving > computing;
  return {is_memory ? level->level : std::string(fma_peak_name(c.target, c.dtype)), is_memory,
          std::max(computing, moving), std::max(computing_inside, moving)};
}

}  // namespace halconv::bench
