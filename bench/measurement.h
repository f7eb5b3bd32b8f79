/// Times of one kernel, taken in turns with the machine's peak.
#ifndef HALCONV_BENCH_MEASUREMENT_H_
#define HALCONV_BENCH_MEASUREMENT_H_

#include <string>

#include "halconv/conv2d_problem.h"
#include "halconv/halconv.hpp"

namespace halconv::bench {

struct Request {
  Operation operation;
  SuiteEntry entry;
  std::string target;
  int threads = 1;
  double seconds = 0.5;  ///< how long to measure
};

/// Seconds are those of one call.
struct Measurement {
  std::string kernel;           ///< what ran
  int rounds = 0;               ///< how often each of the following was measured, in turns
  double plan_seconds = 0;      ///< median, with the filter prepared
  double one_shot_seconds = 0;  ///< median, the filter reordered in every call
  double best_seconds = 0;      ///< the least of the plan's
  double spread = 0;            ///< interquartile range of the plan's over their median
  double gflops = 0;            ///< of the plan's median; the padding's zeros count, as in benchdnn
  double peak_share = 0;        ///< median over the rounds of the plan's rate over the peak measured beside it
  double best_peak_share = 0;   ///< the plan's best rate over the best peak
};

/// Checks the kernel against plain loops in double precision, then measures it. An error if a result lies outside its
/// bound, or the target cannot run.
Result<Measurement> measure(const Request &request);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_MEASUREMENT_H_
