/// Order statistics: what repeated measurements on a noisy machine support, whatever their distribution.
#ifndef HALCONV_BENCH_STATISTICS_H_
#define HALCONV_BENCH_STATISTICS_H_

#include <utility>
#include <vector>

namespace halconv::bench {

/// The value below which a share `q` of the values lies, 0 <= q <= 1; of at least one value.
double quantile(std::vector<double> values, double q);

inline double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

struct Interval {
  double low = 0, high = 0;

  /// Relative to its middle.
  double width() const { return 2 * (high - low) / (high + low); }
};

/// An interval that holds the median of the distribution that the values are drawn from with at least the probability
/// `confidence`: between two order statistics, symmetric, by the binomial distribution of how many values lie below the
/// median. All values, where they are too few for that. Source: H. A. David, H. N. Nagaraja, Order Statistics, 3rd ed.,
/// section 7.1.
Interval median_interval(std::vector<double> values, double confidence);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_STATISTICS_H_
