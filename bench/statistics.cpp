#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace halconv::bench {

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

Interval median_interval(std::vector<double> values, double confidence) {
  std::sort(values.begin(), values.end());
  const size_t count = values.size();
  const auto n = static_cast<double>(count);
  // How many order statistics, counted from either end, still cut off at most (1 - confidence) / 2.
  size_t outside = 0;
  double tail = 0;
  while (2 * outside + 2 < count) {
    const auto k = static_cast<double>(outside);
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::log(2.0));
    if (tail > (1 - confidence) / 2) break;
    ++outside;
  }
  const size_t first = outside == 0 ? 0 : outside - 1;
  return {values[first], values[count - 1 - first]};
}

}  // namespace halconv::bench
