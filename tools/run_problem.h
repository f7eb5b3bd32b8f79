/// One kernel on one problem: is it right, and how fast is it?
#ifndef HALCONV_TOOLS_RUN_PROBLEM_H_
#define HALCONV_TOOLS_RUN_PROBLEM_H_

#include <string>

#include "halconv/conv2d_problem.h"
#include "halconv/halconv.hpp"

namespace halconv::tools {

/// What a plan computes: one of Operation, or the forward one with an epilogue.
enum class PlannedOperation { kForward, kForwardFused, kBackwardInput, kBackwardFilter };

/// Of kForwardFused.
struct EpilogueParts {
  bool has_bias = true, has_residual = true;
  Activation activation = Activation::kRelu;  ///< not kClamp
};

struct RunRequest {
  PlannedOperation operation;
  Conv2dProblem problem;
  DataFormat data_format = DataFormat::kNhwc;
  EpilogueParts epilogue;
  Execution execution;
};

struct RunReport {
  std::string kernel;
  /// The largest quotient of an element's error and its computed bound; at most 1 in a right result.
  double error_of_bound = 0;
  double max_error = 0;          ///< of any element, absolute
  double best_milliseconds = 0;  ///< of all timed runs
  double median_milliseconds = 0;
  int runs = 0;

  bool is_right() const { return error_of_bound <= 1; }
};

/// Runs a plan on random reals in [-1, 1) with the filter prepared where the operation reads one, compares the result
/// with plain loops in double precision, and times further runs for about a quarter of a second.
Result<RunReport> run_problem(const RunRequest &request);

}  // namespace halconv::tools

#endif  // HALCONV_TOOLS_RUN_PROBLEM_H_
