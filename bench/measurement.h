/// One row of the bench: halconv and its peers in turns on one case.
#ifndef HALCONV_BENCH_MEASUREMENT_H_
#define HALCONV_BENCH_MEASUREMENT_H_

#include <optional>
#include <string>
#include <vector>

#include "bandwidth.h"
#include "contender.h"
#include "peer.h"
#include "roofline.h"
#include "statistics.h"

namespace halconv::bench {

struct Effort {
  double precision = 0.04;  ///< measure until every ratio's 95 % interval is that narrow, relative to the ratio ...
  double seconds = 4;       ///< ... or that long; the rounds that are least are measured however long they take
};

/// Seconds of a call.
struct Times {
  double median = 0, least = 0;
  double spread = 0;      ///< interquartile range over the median
  double cold = 0;        ///< median of calls that find the caches full of other data
  double first_call = 0;  ///< of a new contender: with all that it prepares
};

/// A peer's time over that of halconv's counterpart: above 1 halconv is faster.
struct Ratio {
  double median = 0;  ///< of the ratios of the rounds
  Interval interval;  ///< of that median, 95 %
  double cold = 0;
};

struct PeerResult {
  std::string name, implementation;
  std::string left_out;  ///< why the peer computes nothing here; the rest is empty then
  Times times;
  Ratio ratio;
};

struct Measurement {
  std::string kernel;  ///< that the plan runs
  int rounds = 0;
  Times plan, one_shot;
  std::optional<Ratio> scaling;  ///< the plan on one thread over the plan on all, where there are several
  std::vector<PeerResult> peers;
  double peak = 0;  ///< median rate of multiply-adds in registers, in FLOP/s, measured in every round; 0: not measured
  double peak_drift = 0;  ///< the second half of the rounds over the first, minus 1: the clock changed
  double peak_share =
      0;      ///< median over the rounds of the plan's rate, padding's zeros counted, over the peak beside it
  Roof roof;  ///< at that peak
  std::vector<std::string> doubts;  ///< why the row may not be trusted
};

/// Measures in turns, after every result was found to be the same and right. Throws Disagreement, and CannotCompute
/// where halconv itself cannot.
Measurement measure(const Case &c, const std::vector<Peer> &peers, const std::vector<Bandwidth> &bandwidths,
                    const Effort &effort);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_MEASUREMENT_H_
