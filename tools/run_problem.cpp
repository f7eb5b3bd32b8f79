#include "run_problem.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "halconv/kernel_name.h"
#include "halconv/tensor_functions.hpp"
#include "reference.h"
#include "winograd_error.h"

namespace halconv::tools {

namespace {

struct Operands {
  HostTensor first, second, result;
};

HostTensor random_tensor(const Shape &shape, uint32_t seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> distribution(-1, 1);
  HostTensor tensor(shape);
  for (float &element : tensor.data) element = distribution(generator);
  return tensor;
}

Operands make_operands(Operation operation, const Conv2dProblem &p) {
  const Shape input{p.batch, p.in_height, p.in_width, p.in_channels};
  const Shape filter{p.filter_height, p.filter_width, p.in_channels / p.groups, p.out_channels};
  const Shape output{p.batch, p.out_height, p.out_width, p.out_channels};
  const auto operands = [](const Shape &first, const Shape &second, const Shape &result) {
    Operands tensors{random_tensor(first, 1), random_tensor(second, 2), HostTensor(result)};
    // What a kernel does not write shows up as wrong.
    std::fill(tensors.result.data.begin(), tensors.result.data.end(), std::numeric_limits<float>::quiet_NaN());
    return tensors;
  };
  switch (operation) {
    case Operation::kForward:
      return operands(input, filter, output);
    case Operation::kBackwardInput:
      return operands(filter, output, input);
    case Operation::kBackwardFilter:
      break;
  }
  return operands(input, output, filter);
}

reference::Sums expected_sums(Operation operation, const Conv2dProblem &problem, const Operands &operands) {
  const float *const first = operands.first.data.data(), *const second = operands.second.data.data();
  switch (operation) {
    case Operation::kForward:
      return reference::forward(problem, first, second);
    case Operation::kBackwardInput:
      return reference::backward_input(problem, first, second);
    case Operation::kBackwardFilter:
      break;
  }
  return reference::backward_filter(problem, first, second);
}

/// How far each element may lie from its sum, by the algorithm of the kernel that computed it.
std::vector<double> error_bounds(Operation operation, const Conv2dProblem &problem, const std::string &kernel,
                                 const Operands &operands, const reference::Sums &expected) {
  const std::string algorithm = parse_kernel_name(kernel).value.value_or(KernelName{}).algorithm;
  if (is_winograd(algorithm)) {
    return reference::WinogradError(static_cast<halconv_operation>(operation), algorithm, problem)
        .bounds(operands.first.data.data(), operands.second.data.data());
  }
  std::vector<double> bounds(expected.value.size());
  for (size_t i = 0; i < bounds.size(); ++i) bounds[i] = reference::error_bound(expected, i);
  return bounds;
}

void compare(const HostTensor &result, const reference::Sums &expected, const std::vector<double> &bounds,
             RunReport *report) {
  for (size_t i = 0; i < result.data.size(); ++i) {
    const double error = std::abs(static_cast<double>(result.data[i]) - expected.value[i]);
    const double quotient = error == 0 ? 0 : error / bounds[i];
    report->max_error = error <= report->max_error ? report->max_error : error;  // a NaN stays
    report->error_of_bound = quotient <= report->error_of_bound ? report->error_of_bound : quotient;
  }
  if (!std::isfinite(report->error_of_bound)) report->error_of_bound = std::numeric_limits<double>::infinity();
}

template <typename Run>
Status time_runs(Run run, RunReport *report) {
  using Clock = std::chrono::steady_clock;
  using Milliseconds = std::chrono::duration<double, std::milli>;
  constexpr Milliseconds kLongEnough{250};
  constexpr size_t kFewestRuns = 3;
  std::vector<double> times;
  const Clock::time_point begin = Clock::now();
  while (times.size() < kFewestRuns || Clock::now() - begin < kLongEnough) {
    const Clock::time_point start = Clock::now();
    if (Status status = run(); !status.ok()) return status;
    times.push_back(Milliseconds(Clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  report->runs = static_cast<int>(times.size());
  report->best_milliseconds = times.front();
  report->median_milliseconds = times[times.size() / 2];
  return {};
}

}  // namespace

Result<RunReport> run_problem(Operation operation, const Conv2dProblem &problem, const Execution &execution) {
  Result<Plan> plan = Plan::create(operation, to_string(problem), execution);
  if (!plan.ok()) return plan.status();
  Operands operands = make_operands(operation, problem);
  std::optional<ConstTensorView> first = operands.first.view(), second = operands.second.view();
  if (operation != Operation::kBackwardFilter) {
    std::optional<ConstTensorView> &filter = operation == Operation::kForward ? second : first;
    if (Status status = plan->prepare_filter(*filter); !status.ok()) return status;
    filter.reset();
  }
  const auto run = [&] { return plan->run(first, second, operands.result.view()); };
  if (Status status = run(); !status.ok()) return status;
  RunReport report;
  report.kernel = plan->kernel();
  const reference::Sums expected = expected_sums(operation, problem, operands);
  compare(operands.result, expected, error_bounds(operation, problem, report.kernel, operands, expected), &report);
  if (Status status = time_runs(run, &report); !status.ok()) return status;
  return report;
}

}  // namespace halconv::tools
