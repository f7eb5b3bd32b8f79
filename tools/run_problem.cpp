#include "run_problem.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "halconv/kernel_name.h"
#include "halconv/tensor_functions.hpp"
#include "reference.h"
#include "winograd_error.h"

namespace halconv::tools {

namespace {

/// Images in NHWC, as the reference takes them.
struct Operands {
  HostTensor first, second, bias, residual;
  Shape result;
};

HostTensor random_tensor(const Shape &shape, uint32_t seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> distribution(-1, 1);
  HostTensor tensor(shape);
  for (float &element : tensor.data) element = distribution(generator);
  return tensor;
}

Operands make_operands(const RunRequest &request) {
  const Conv2dProblem &p = request.problem;
  const Shape input{p.batch, p.in_height, p.in_width, p.in_channels};
  const Shape filter{p.filter_height, p.filter_width, p.in_channels / p.groups, p.out_channels};
  const Shape output{p.batch, p.out_height, p.out_width, p.out_channels};
  const auto operands = [](const Shape &first, const Shape &second, const Shape &result) {
    return Operands{random_tensor(first, 1), random_tensor(second, 2), {}, {}, result};
  };
  switch (request.operation) {
    case PlannedOperation::kForwardFused: {
      Operands fused = operands(input, filter, output);
      if (request.epilogue.has_bias) fused.bias = random_tensor({1, 1, 1, p.out_channels}, 3);
      if (request.epilogue.has_residual) fused.residual = random_tensor(output, 4);
      return fused;
    }
    case PlannedOperation::kForward:
      return operands(input, filter, output);
    case PlannedOperation::kBackwardInput:
      return operands(filter, output, input);
    case PlannedOperation::kBackwardFilter:
      break;
  }
  return operands(input, output, filter);
}

reference::Sums fused_sums(const RunRequest &request, const Operands &operands) {
  const auto values = [](const HostTensor &tensor) {
    return std::vector<double>(tensor.data.begin(), tensor.data.end());
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Activation activation = request.epilogue.activation;
  const double lower = activation == Activation::kNone ? -kInfinity : 0;
  const double upper = activation == Activation::kRelu6 ? 6 : kInfinity;
  return reference::fused(reference::forward(request.problem, operands.first.data.data(), operands.second.data.data()),
                          values(operands.bias), values(operands.residual), lower, upper);
}

reference::Sums expected_sums(const RunRequest &request, const Operands &operands) {
  const float *const first = operands.first.data.data(), *const second = operands.second.data.data();
  switch (request.operation) {
    case PlannedOperation::kForwardFused:
      return fused_sums(request, operands);
    case PlannedOperation::kForward:
      return reference::forward(request.problem, first, second);
    case PlannedOperation::kBackwardInput:
      return reference::backward_input(request.problem, first, second);
    case PlannedOperation::kBackwardFilter:
      break;
  }
  return reference::backward_filter(request.problem, first, second);
}

/// How far each element may lie from its sum, by the algorithm of the kernel that computed it.
std::vector<double> error_bounds(const RunRequest &request, const std::string &kernel, const Operands &operands,
                                 const reference::Sums &expected) {
  const KernelName name = parse_kernel_name(kernel).value.value_or(KernelName{});
  std::vector<double> bounds(expected.value.size());
  if (!is_winograd(name.algorithm)) {
    for (size_t i = 0; i < bounds.size(); ++i) bounds[i] = reference::error_bound(expected, i);
    return bounds;
  }
  const halconv_operation operation = is_forward(name.operation)         ? HALCONV_FORWARD
                                      : name.operation == kBackwardInput ? HALCONV_BACKWARD_INPUT
                                                                         : HALCONV_BACKWARD_FILTER;
  bounds = reference::WinogradError(operation, name.algorithm, request.problem)
               .bounds(operands.first.data.data(), operands.second.data.data());
  if (name.operation != kForwardFused) return bounds;
  for (size_t i = 0; i < bounds.size(); ++i) {
    bounds[i] += reference::error_bound(2, expected.magnitude[i] + bounds[i]);  // two additions
  }
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

Result<Plan> create_plan(const RunRequest &request) {
  const std::string problem = to_string(request.problem);
  const TensorFormat format{.data_format = request.data_format};
  switch (request.operation) {
    case PlannedOperation::kForwardFused:
      return Plan::create_fused(problem, request.execution, format);
    case PlannedOperation::kForward:
      return Plan::create(Operation::kForward, problem, request.execution, format);
    case PlannedOperation::kBackwardInput:
      return Plan::create(Operation::kBackwardInput, problem, request.execution, format);
    case PlannedOperation::kBackwardFilter:
      break;
  }
  return Plan::create(Operation::kBackwardFilter, problem, request.execution, format);
}

/// The operands as the kernel takes them, images in its data format.
class KernelRun {
 public:
  KernelRun(const RunRequest &request, const Operands &operands)
      : planar_(request.data_format == DataFormat::kNchw),
        fused_(request.operation == PlannedOperation::kForwardFused),
        reads_filter_(request.operation != PlannedOperation::kBackwardFilter),
        filter_is_first_(request.operation == PlannedOperation::kBackwardInput),
        first_(filter_is_first_ ? operands.first : in_format(operands.first)),
        second_(reads_filter_ && !filter_is_first_ ? operands.second : in_format(operands.second)),
        bias_(operands.bias),
        residual_(in_format(operands.residual)),
        result_(reads_filter_ ? in_format(HostTensor(operands.result)) : HostTensor(operands.result)) {
    if (!bias_.data.empty()) epilogue_.bias = ConstTensorView(bias_.data.data(), {bias_.shape[3]});
    if (!residual_.data.empty()) epilogue_.residual = std::as_const(residual_).view();
    epilogue_.activation = request.epilogue.activation;
    // What a kernel does not write shows up as wrong.
    std::fill(result_.data.begin(), result_.data.end(), std::numeric_limits<float>::quiet_NaN());
  }

  Status prepare(Plan *plan) const {
    return reads_filter_ ? plan->prepare_filter(filter_is_first_ ? first_.view() : second_.view()) : Status();
  }

  Status run(Plan *plan) {
    std::optional<ConstTensorView> first = std::as_const(first_).view(), second = std::as_const(second_).view();
    if (reads_filter_) (filter_is_first_ ? first : second).reset();
    if (fused_) return plan->run_fused(*first, second, epilogue_, result_.view());
    return plan->run(first, second, result_.view());
  }

  /// An image in NHWC.
  HostTensor result() const { return reads_filter_ && planar_ ? nchw_to_nhwc(result_) : result_; }

 private:
  HostTensor in_format(const HostTensor &image) const { return planar_ ? nhwc_to_nchw(image) : image; }

  bool planar_, fused_, reads_filter_, filter_is_first_;
  HostTensor first_, second_, bias_, residual_, result_;
  Epilogue epilogue_;
};

}  // namespace

Result<RunReport> run_problem(const RunRequest &request) {
  Result<Plan> plan = create_plan(request);
  if (!plan.ok()) return plan.status();
  const Operands operands = make_operands(request);
  KernelRun kernel(request, operands);
  if (Status status = kernel.prepare(&*plan); !status.ok()) return status;
  const auto run = [&] { return kernel.run(&*plan); };
  if (Status status = run(); !status.ok()) return status;
  RunReport report;
  report.kernel = plan->kernel();
  const reference::Sums expected = expected_sums(request, operands);
  compare(kernel.result(), expected, error_bounds(request, report.kernel, operands, expected), &report);
  if (Status status = time_runs(run, &report); !status.ok()) return status;
  return report;
}

}  // namespace halconv::tools
