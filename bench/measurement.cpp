#include "measurement.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "fma_peak.h"
#include "reference.h"

namespace halconv::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// The tensors of a problem; `result` is the one that the operation writes.
struct Tensors {
  std::vector<float> input, filter, output, result;
  Shape input_shape, filter_shape, output_shape, result_shape;
};

Tensors make_tensors(const Conv2dProblem &p, Operation operation) {
  Tensors t;
  t.input_shape = {p.batch, p.in_height, p.in_width, p.in_channels};
  t.filter_shape = {p.filter_height, p.filter_width, p.in_channels / p.groups, p.out_channels};
  t.output_shape = {p.batch, p.out_height, p.out_width, p.out_channels};
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  const auto fill = [&](std::vector<float> *values, int64_t elements) {
    values->resize(static_cast<size_t>(elements));
    for (float &value : *values) value = normal(generator);
  };
  fill(&t.input, p.input_elements().value());
  fill(&t.filter, p.filter_elements().value());
  fill(&t.output, p.output_elements().value());
  switch (operation) {
    case Operation::kForward:
      t.result_shape = t.output_shape;
      break;
    case Operation::kBackwardInput:
      t.result_shape = t.input_shape;
      break;
    case Operation::kBackwardFilter:
      t.result_shape = t.filter_shape;
      break;
  }
  t.result.resize(static_cast<size_t>(t.result_shape[0] * t.result_shape[1] * t.result_shape[2] * t.result_shape[3]));
  return t;
}

Status run(Plan *plan, Operation operation, Tensors *t, bool filter_prepared) {
  const ConstTensorView input{t->input.data(), t->input_shape}, output{t->output.data(), t->output_shape};
  std::optional<ConstTensorView> filter;
  if (!filter_prepared) filter = {t->filter.data(), t->filter_shape};
  const TensorView result{t->result.data(), t->result_shape};
  switch (operation) {
    case Operation::kForward:
      return plan->run(input, filter, result);
    case Operation::kBackwardInput:
      return plan->run(filter, output, result);
    case Operation::kBackwardFilter:
      break;
  }
  return plan->run(input, output, result);
}

reference::Sums reference_sums(const Conv2dProblem &p, Operation operation, const Tensors &t) {
  switch (operation) {
    case Operation::kForward:
      return reference::forward(p, t.input.data(), t.filter.data());
    case Operation::kBackwardInput:
      return reference::backward_input(p, t.filter.data(), t.output.data());
    case Operation::kBackwardFilter:
      break;
  }
  return reference::backward_filter(p, t.input.data(), t.output.data());
}

Status error(const std::string &message) {
  halconv_status status{HALCONV_INTERNAL, {}};
  std::strncpy(status.message, message.c_str(), sizeof status.message - 1);
  return status;
}

Status check(const std::vector<float> &result, const reference::Sums &expected) {
  for (size_t i = 0; i < result.size(); ++i) {
    const double distance = std::abs(static_cast<double>(result[i]) - expected.value[i]);
    if (!(distance <= reference::error_bound(expected, i))) {
      return error("element " + std::to_string(i) + " is " + std::to_string(result[i]) + ", expected " +
                   std::to_string(expected.value[i]) + " within " +
                   std::to_string(reference::error_bound(expected, i)));
    }
  }
  return {};
}

double seconds_of(const std::function<void()> &call, int calls) {
  const auto start = Clock::now();
  for (int i = 0; i < calls; ++i) call();
  return std::chrono::duration<double>(Clock::now() - start).count() / calls;
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1))];
}

/// Alternates peak, plan and one-shot calls, in turns of about a millisecond each.
void measure_in_turns(const Request &request, const std::function<void()> &plan, const std::function<void()> &one_shot,
                      Measurement *m) {
  constexpr double kTurn = 1e-3;
  constexpr int kLeastRounds = 15;
  const double flops = request.entry.problem.flops();
  const int calls = std::max(1, static_cast<int>(kTurn / seconds_of(plan, 3)));
  std::vector<double> peaks, plan_seconds, one_shot_seconds, shares;
  const auto start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  while (m->rounds < kLeastRounds || elapsed() < request.seconds) {
    peaks.push_back(measure_fma_peak(request.target, request.threads, kTurn));
    plan_seconds.push_back(seconds_of(plan, calls));
    one_shot_seconds.push_back(seconds_of(one_shot, calls));
    shares.push_back(peaks.back() > 0 ? flops / plan_seconds.back() / peaks.back() : 0);
    ++m->rounds;
  }
  m->plan_seconds = quantile(plan_seconds, 0.5);
  m->one_shot_seconds = quantile(one_shot_seconds, 0.5);
  m->best_seconds = quantile(plan_seconds, 0);
  m->spread = (quantile(plan_seconds, 0.75) - quantile(plan_seconds, 0.25)) / m->plan_seconds;
  m->gflops = flops / m->plan_seconds / 1e9;
  m->peak_share = quantile(shares, 0.5);
  const double best_peak = quantile(peaks, 1);
  m->best_peak_share = best_peak > 0 ? flops / m->best_seconds / best_peak : 0;
}

}  // namespace

Result<Measurement> measure(const Request &request) {
  const Conv2dProblem &p = request.entry.problem;
  Execution execution;
  execution.target = request.target;
  execution.threads = request.threads;
  Tensors tensors = make_tensors(p, request.operation);
  Result<Plan> one_shot = Plan::create(request.operation, to_string(p), execution);
  if (!one_shot.ok()) return one_shot.status();
  Result<Plan> plan = Plan::create(request.operation, to_string(p), execution);
  if (!plan.ok()) return plan.status();
  const bool prepared = request.operation != Operation::kBackwardFilter;
  if (prepared) {
    const Status status = plan->prepare_filter({tensors.filter.data(), tensors.filter_shape});
    if (!status.ok()) return status;
  }
  const reference::Sums expected = reference_sums(p, request.operation, tensors);
  for (const bool with_plan : {false, true}) {
    std::fill(tensors.result.begin(), tensors.result.end(), std::nanf(""));
    Status status = run(with_plan ? &*plan : &*one_shot, request.operation, &tensors, with_plan && prepared);
    if (status.ok()) status = check(tensors.result, expected);
    if (!status.ok()) return status;
  }
  Measurement measurement;
  measurement.kernel = plan->kernel();
  Status status;
  const auto keep_error = [&](const Status &call) {
    if (!call.ok()) status = call;
  };
  measure_in_turns(
      request, [&] { keep_error(run(&*plan, request.operation, &tensors, prepared)); },
      [&] { keep_error(run(&*one_shot, request.operation, &tensors, false)); }, &measurement);
  if (!status.ok()) return status;
  return measurement;
}

}  // namespace halconv::bench
