/// Which kernel runs: by the machine, the caller's wish, the environment and the problem; and what explain says of it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convolution.h"
#include "halconv/halconv.h"
#include "halconv/kernel_name.h"
#include "halconv/targets.h"
#include "halconv/winograd.h"
#include "required_target.h"

namespace halconv::testing {
namespace {

/// Sets an environment variable, or with null removes it, until the end of the scope.
class ScopedEnvironment {
 public:
  ScopedEnvironment(const char *name, const char *value) : name_(name) {
    if (const char *const before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~ScopedEnvironment() { set(before_ ? before_->c_str() : nullptr); }
  ScopedEnvironment(const ScopedEnvironment &) = delete;
  ScopedEnvironment &operator=(const ScopedEnvironment &) = delete;

 private:
  void set(const char *value) {
    if (value == nullptr) unsetenv(name_);
    if (value != nullptr) setenv(name_, value, 1);
  }
  const char *name_;
  std::optional<std::string> before_;
};

std::vector<KernelName> linked_kernels() {
  std::vector<KernelName> kernels;
  for (int32_t i = 0; i < halconv_kernel_count(); ++i) {
    halconv_kernel_info info{};
    EXPECT_TRUE(ok(halconv_kernel(i, &info)));
    const ParseResult<KernelName> name = parse_kernel_name(info.name);
    EXPECT_TRUE(name.value) << info.name << ":" << name.error.column << ": " << name.error.message;
    if (name.value) kernels.push_back(*name.value);
  }
  return kernels;
}

std::vector<std::string> linked_targets() {
  std::vector<std::string> targets;
  for (int32_t i = 0; i < halconv_target_count(); ++i) {
    const char *name = nullptr;
    char reason[HALCONV_MESSAGE_SIZE];
    EXPECT_TRUE(ok(halconv_target(i, &name, reason, sizeof reason)));
    targets.emplace_back(name);
  }
  return targets;
}

/// The best target that this machine runs f32 kernels of on tensors of the host; HALCONV_EXPECTED_TARGET where the
/// caller of the test knows it, as under an emulated CPU.
std::string best_cpu_target() {
  if (const char *const expected = std::getenv("HALCONV_EXPECTED_TARGET")) return expected;
  for (const std::string &name : linked_targets()) {
    const TargetInfo *const target = find_target(name);
    const bool computes = target->kind == TargetKind::kCpu && has_kernels(*target, "f32");
    if (computes && missing_cpu_feature(*target).empty()) return name;
  }
  return "";
}

/// No kernel was generated for it.
const Conv2dProblem kUnusual = parse_problem("mb1ic7ih11iw5oc9oh4ow6kh3kw2sh3sw1ph1pw1dh1dw0");

TEST(Machine, RunsTheTargetsThatItHasTo) {
  for (const std::string &target : targets_of_environment("HALCONV_REQUIRED_TARGETS")) {
    EXPECT_EQ(unavailable_reason(target), "") << target;
  }
}

TEST(Machine, LacksTheTargetsThatItCannotRun) {
  for (const std::string &target : targets_of_environment("HALCONV_UNAVAILABLE_TARGETS")) {
    EXPECT_NE(unavailable_reason(target), "") << target;
  }
}

class DispatchTest : public ::testing::Test {
 protected:
  /// The kernel that runs, or an empty name after a failure of the test.
  static KernelName chosen(halconv_operation operation, const Conv2dProblem &problem,
                           const halconv_execution &execution = {}, halconv_dtype dtype = HALCONV_FLOAT32,
                           halconv_data_format data_format = HALCONV_NHWC) {
    const Plan plan = create_plan(operation, problem, execution, {dtype, HALCONV_HOST, data_format});
    if (plan == nullptr) return {};
    const ParseResult<KernelName> name = parse_kernel_name(halconv_plan_kernel(plan.get()));
    EXPECT_TRUE(name.value) << halconv_plan_kernel(plan.get());
    return name.value.value_or(KernelName{});
  }

  static halconv_status try_create(const halconv_execution &execution, halconv_device device = HALCONV_HOST) {
    const halconv_tensor_format format = {HALCONV_FLOAT32, device, HALCONV_NHWC};
    halconv_plan *plan = nullptr;
    const halconv_status status =
        halconv_plan_create(HALCONV_FORWARD, to_string(kUnusual).c_str(), &format, &execution, &plan);
    halconv_plan_destroy(plan);
    return status;
  }

  static std::string explanation(halconv_operation operation, const Conv2dProblem &problem,
                                 const halconv_execution &execution = {}, const halconv_tensor_format &format = {}) {
    std::string text(1 << 20, '\0');
    EXPECT_TRUE(ok(halconv_explain(operation, to_string(problem).c_str(), &format, &execution, text.data(), text.size(),
                                   nullptr)));
    return text.c_str();
  }

  static std::vector<std::string> lines(const std::string &text) {
    std::vector<std::string> lines;
    for (size_t start = 0; start < text.size();) {
      const size_t end = std::min(text.find('\n', start), text.size());
      lines.push_back(text.substr(start, end - start));
      start = end + 1;
    }
    return lines;
  }

  static bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

  // What a test does not set itself must not come from outside.
  ScopedEnvironment no_target_{"HALCONV_TARGET", nullptr};
};

TEST_F(DispatchTest, ListsLinkedTargetsBestFirst) {
  std::vector<std::string> expected;
  const std::vector<KernelName> kernels = linked_kernels();
  for (const TargetInfo &target : kTargets) {
    const auto of_target = [&](const KernelName &kernel) { return kernel.target == target.name; };
    if (std::any_of(kernels.begin(), kernels.end(), of_target)) expected.emplace_back(target.name);
  }
  EXPECT_EQ(linked_targets(), expected);
}

TEST_F(DispatchTest, KernelsRunnableExactlyWhereTheirTargetIs) {
  for (int32_t i = 0; i < halconv_kernel_count(); ++i) {
    halconv_kernel_info info{};
    ASSERT_TRUE(ok(halconv_kernel(i, &info)));
    EXPECT_EQ(info.runnable != 0, unavailable_reason(info.target).empty()) << info.name;
    EXPECT_TRUE(contains(info.name, std::string("__") + info.problem + "__" + info.dtype + "__"));
    EXPECT_TRUE(std::string_view(info.name).ends_with(std::string("__") + info.target));
    EXPECT_EQ(contains(info.name, "__nchw__"), std::string_view(info.data_format) == "nchw") << info.name;
  }
}

TEST_F(DispatchTest, TakesTheBestCpuTargetForHostTensors) {
  for (halconv_operation operation : {HALCONV_FORWARD, HALCONV_BACKWARD_INPUT, HALCONV_BACKWARD_FILTER}) {
    EXPECT_EQ(chosen(operation, kUnusual).target, best_cpu_target());
  }
}

TEST_F(DispatchTest, TakesEachForcedTarget) {
  for (const std::string &target : linked_targets()) {
    const bool has_floats = has_kernels(*find_target(target), "f32");
    halconv_execution execution{};
    execution.target = target.c_str();
    const std::string reason = unavailable_reason(target);
    if (reason.empty()) {
      EXPECT_EQ(chosen(HALCONV_FORWARD, kUnusual, execution, has_floats ? HALCONV_FLOAT32 : HALCONV_BFLOAT16).target,
                target);
      continue;
    }
    const halconv_status status = try_create(execution);
    EXPECT_EQ(status.code, HALCONV_UNAVAILABLE) << status.message;
    EXPECT_TRUE(contains(status.message, target)) << status.message;
    EXPECT_TRUE(contains(status.message, reason)) << status.message;
    EXPECT_TRUE(contains(status.message, "x86_64")) << "what is available: " << status.message;
  }
}

TEST_F(DispatchTest, TakesTheTargetOfTheEnvironment) {
  const ScopedEnvironment environment("HALCONV_TARGET", "x86_64");
  EXPECT_EQ(chosen(HALCONV_FORWARD, kUnusual).target, "x86_64");
  halconv_execution execution{};
  const std::string best = best_cpu_target();
  execution.target = best.c_str();
  EXPECT_EQ(chosen(HALCONV_FORWARD, kUnusual, execution).target, best) << "the argument goes before the environment";
}

TEST_F(DispatchTest, RefusesAnUnknownTargetOfTheEnvironment) {
  const ScopedEnvironment environment("HALCONV_TARGET", "sse9");
  const halconv_status status = try_create({});
  EXPECT_EQ(status.code, HALCONV_INVALID_ARGUMENT);
  EXPECT_TRUE(contains(status.message, "HALCONV_TARGET")) << status.message;
  EXPECT_TRUE(contains(status.message, "sse9")) << status.message;
  EXPECT_TRUE(contains(status.message, best_cpu_target())) << "what is available: " << status.message;
}

TEST_F(DispatchTest, PrefersTheKernelOfTheProblem) {
  int checked = 0;
  for (const KernelName &kernel : linked_kernels()) {
    if (!kernel.problem || is_winograd(kernel.algorithm) || !unavailable_reason(kernel.target).empty()) continue;
    halconv_execution execution{};
    execution.target = kernel.target.c_str();
    execution.accuracy = HALCONV_ACCURACY_STRICT;
    execution.filter_changes = kernel.algorithm == kPlainFilter;
    const halconv_dtype dtype = find_dtype(kernel.dtype)->value;
    EXPECT_EQ(to_string(chosen(operation_of(kernel), *kernel.problem, execution, dtype, kernel.data_format)),
              to_string(kernel));
    Conv2dProblem other = *kernel.problem;
    ++other.batch;
    const KernelName for_other = chosen(operation_of(kernel), other, execution, dtype, kernel.data_format);
    EXPECT_NE(for_other, kernel);
    EXPECT_EQ(for_other.target, kernel.target);
    ++checked;
  }
  EXPECT_GT(checked, 0) << "no library holds a kernel of one problem";
}

TEST_F(DispatchTest, TakesDepthwiseKernelsForGroupsOfOneInputChannel) {
  for (const halconv_operation operation : {HALCONV_FORWARD, HALCONV_BACKWARD_INPUT, HALCONV_BACKWARD_FILTER}) {
    const auto algorithm = [&](const char *problem) { return chosen(operation, parse_problem(problem), {}).algorithm; };
    EXPECT_EQ(algorithm("g6mb1ic6ih9oc12kh3"), kDepthwise);
    EXPECT_EQ(algorithm("g3mb1ic6ih9oc12kh3"), "");
    EXPECT_EQ(algorithm("g1mb1ic1ih9oc12kh3"), "") << "a single channel fills no vector";
  }
}

TEST_F(DispatchTest, SaysWhyADepthwiseKernelIsNotTaken) {
  const std::string text = explanation(HALCONV_FORWARD, parse_problem("g3mb1ic6ih9oc12kh3"));
  EXPECT_TRUE(contains(text, "algorithm depthwise is for groups of one input channel each: g is 3, ic 6")) << text;
  const std::string name = "conv2d_forward_depthwise__generic__f32__" + best_cpu_target();
  halconv_execution execution{};
  execution.kernel = name.c_str();
  EXPECT_EQ(try_create(execution).code, HALCONV_NOT_FOUND);
}

TEST_F(DispatchTest, TakesAKernelOfTheDtype) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const KernelName &kernel : linked_kernels()) {
    if (kernel.operation != kForward || !seen.insert({kernel.dtype, kernel.target}).second) continue;
    if (!unavailable_reason(kernel.target).empty()) continue;
    halconv_execution execution{};
    execution.target = kernel.target.c_str();
    EXPECT_EQ(chosen(HALCONV_FORWARD, kUnusual, execution, find_dtype(kernel.dtype)->value).dtype, kernel.dtype);
  }
}

TEST_F(DispatchTest, TakesDotProductsUnaskedWhereTheyAreFast) {
  const std::vector<std::string> linked = linked_targets();
  if (std::find(linked.begin(), linked.end(), "avx512_bf16") == linked.end()) GTEST_SKIP() << "not linked";
  HALCONV_SKIP_UNLESS_RUNNABLE("avx512_bf16");
  const std::string expected = __builtin_cpu_is("amd") ? "avx512_bf16" : best_cpu_target();
  EXPECT_EQ(chosen(HALCONV_FORWARD, kUnusual, {}, HALCONV_BFLOAT16).target, expected);
}

TEST_F(DispatchTest, RefusesAKernelOfAnotherDtype) {
  const std::string name = "conv2d_forward__generic__f32__x86_64";
  halconv_execution execution{};
  execution.kernel = name.c_str();
  const halconv_tensor_format format = {HALCONV_FLOAT64, HALCONV_HOST, HALCONV_NHWC};
  halconv_plan *plan = nullptr;
  const halconv_status status =
      halconv_plan_create(HALCONV_FORWARD, to_string(kUnusual).c_str(), &format, &execution, &plan);
  EXPECT_EQ(status.code, HALCONV_NOT_FOUND);
  EXPECT_TRUE(contains(status.message, name + ": it is made for f32, the tensors hold f64")) << status.message;
}

TEST_F(DispatchTest, TakesAKernelOfTheDataFormat) {
  for (const halconv_operation operation : {HALCONV_FORWARD, HALCONV_BACKWARD_INPUT, HALCONV_BACKWARD_FILTER}) {
    for (const halconv_data_format format : {HALCONV_NHWC, HALCONV_NCHW}) {
      for (const char *const problem : {"g1mb1ic6ih9oc12kh3", "g6mb1ic6ih9oc12kh3"}) {
        EXPECT_EQ(chosen(operation, parse_problem(problem), {}, HALCONV_FLOAT32, format).data_format, format);
      }
    }
  }
}

TEST_F(DispatchTest, RefusesAKernelOfAnotherDataFormat) {
  const std::string name = "conv2d_forward__generic__f32__nchw__" + best_cpu_target();
  halconv_execution execution{};
  execution.kernel = name.c_str();
  EXPECT_EQ(try_create(execution).code, HALCONV_NOT_FOUND);
  const std::string text = explanation(HALCONV_FORWARD, kUnusual, execution);
  EXPECT_TRUE(contains(text, name + ": it is made for NCHW, the images are NHWC")) << text;
}

TEST_F(DispatchTest, RefusesAKernelOfAnotherProblem) {
  for (const KernelName &kernel : linked_kernels()) {
    if (!kernel.problem || kernel.operation != kForward) continue;
    const std::string name = to_string(kernel);
    halconv_execution execution{};
    execution.kernel = name.c_str();
    const halconv_status status = try_create(execution);
    EXPECT_NE(status.code, HALCONV_OK);
    EXPECT_TRUE(contains(status.message, name)) << status.message;
  }
}

TEST_F(DispatchTest, ExplainsCandidatesInTheOrderTried) {
  for (halconv_operation operation : {HALCONV_FORWARD, HALCONV_BACKWARD_INPUT, HALCONV_BACKWARD_FILTER}) {
    const std::string text = explanation(operation, kUnusual);
    SCOPED_TRACE(text);
    const std::string chosen_name = to_string(chosen(operation, kUnusual));
    std::vector<int> ranks;
    int chosen_lines = 0;
    for (const std::string &line : lines(text)) {
      const std::string name = line.substr(0, line.find_first_of(": "));
      const ParseResult<KernelName> kernel = parse_kernel_name(name);
      ASSERT_TRUE(kernel.value) << line;
      EXPECT_EQ(operation_of(*kernel.value), operation) << line;
      EXPECT_GT(line.size(), name.size() + 2) << "no reason: " << line;
      EXPECT_EQ(contains(line.substr(name.size()), "chosen"), name == chosen_name) << line;
      chosen_lines += name == chosen_name;
      ranks.push_back(find_target(kernel.value->target)->rank);
      if (kernel.value->algorithm == kDepthwise) {
        EXPECT_TRUE(contains(line, "groups of one input channel")) << line;
      } else if (find_target(kernel.value->target)->kind == TargetKind::kCpu) {
        EXPECT_TRUE(contains(line, unavailable_reason(kernel.value->target))) << line;
      } else {
        EXPECT_TRUE(contains(line, "the tensors are on the host")) << line;
      }
    }
    EXPECT_EQ(chosen_lines, 1);
    EXPECT_TRUE(std::is_sorted(ranks.rbegin(), ranks.rend())) << "a worse target before a better one";
  }
}

TEST_F(DispatchTest, ExplainsAForcedTarget) {
  halconv_execution execution{};
  execution.target = "x86_64";
  const std::string text = explanation(HALCONV_FORWARD, kUnusual, execution);
  EXPECT_TRUE(contains(text, "conv2d_forward__generic__f32__x86_64: chosen")) << text;
}

TEST_F(DispatchTest, TakesTheAlgorithmsThatTheAccuracyAllows) {
  int checked = 0;
  for (const KernelName &kernel : linked_kernels()) {
    if (!kernel.problem || !is_winograd(kernel.algorithm) || !unavailable_reason(kernel.target).empty()) continue;
    SCOPED_TRACE(to_string(kernel));
    halconv_execution execution{};
    execution.target = kernel.target.c_str();
    const auto algorithm = [&](halconv_accuracy accuracy) {
      execution.accuracy = accuracy;
      return chosen(operation_of(kernel), *kernel.problem, execution, HALCONV_FLOAT32, kernel.data_format).algorithm;
    };
    const auto explained = [&] {
      return explanation(operation_of(kernel), *kernel.problem, execution,
                         {HALCONV_FLOAT32, HALCONV_HOST, kernel.data_format});
    };
    EXPECT_EQ(algorithm(HALCONV_ACCURACY_STRICT), "");
    EXPECT_NE(algorithm(HALCONV_ACCURACY_STANDARD), kWinograd4);
    EXPECT_TRUE(contains(explained(), "accuracy standard does not allow " + kernel.operation + "_winograd4"));
    execution.accuracy = HALCONV_ACCURACY_STRICT;
    EXPECT_TRUE(contains(explained(), to_string(kernel) + ": accuracy strict allows the direct sum only"));
    ++checked;
  }
  if (checked == 0) GTEST_SKIP() << "no library for this CPU holds a kernel by Winograd's algorithm";
}

TEST_F(DispatchTest, PacksTheFilterInTheKernelWhereItChanges) {
  int checked = 0;
  for (const KernelName &kernel : linked_kernels()) {
    if (kernel.algorithm != kPlainFilter || !unavailable_reason(kernel.target).empty()) continue;
    SCOPED_TRACE(to_string(kernel));
    halconv_execution execution{};
    execution.target = kernel.target.c_str();
    EXPECT_TRUE(contains(explanation(operation_of(kernel), *kernel.problem, execution),
                         to_string(kernel) + ": it packs the filter in every run, and the plan prepares it once"));
    execution.filter_changes = 1;
    execution.accuracy = HALCONV_ACCURACY_STRICT;
    EXPECT_EQ(chosen(operation_of(kernel), *kernel.problem, execution), kernel);
    ++checked;
  }
  if (checked == 0) GTEST_SKIP() << "no library for this CPU holds a kernel that packs its filter";
}

/// Problems of the default suite that are large enough for a transform to pay once, but not in every call.
TEST_F(DispatchTest, WeighsTheFiltersTransform) {
  const bool is_intel_avx512 = best_cpu_target() == "avx512" && __builtin_cpu_is("intel");
  const Conv2dProblem problem = parse_problem(is_intel_avx512 ? "mb1_ic64oc64_ih28kh3ph1" : "mb2_ic164oc128_ih9kh3ph1");
  const std::string algorithm(is_intel_avx512 ? kWinograd4 : kWinograd2);
  const KernelName kernel{std::string(kBackwardInput), algorithm, problem, "f32", best_cpu_target()};
  const std::vector<KernelName> kernels = linked_kernels();
  if (std::find(kernels.begin(), kernels.end(), kernel) == kernels.end()) {
    GTEST_SKIP() << to_string(kernel) << " is not linked";
  }
  halconv_execution execution{};
  EXPECT_EQ(chosen(HALCONV_BACKWARD_INPUT, problem, execution).algorithm, kWinograd2);
  execution.accuracy = HALCONV_ACCURACY_FAST;
  EXPECT_EQ(chosen(HALCONV_BACKWARD_INPUT, problem, execution).algorithm, algorithm);
  execution.filter_changes = 1;
  const std::string_view other = is_intel_avx512 ? kWinograd2 : "";
  EXPECT_EQ(chosen(HALCONV_BACKWARD_INPUT, problem, execution).algorithm, other);
  EXPECT_TRUE(contains(explanation(HALCONV_BACKWARD_INPUT, problem, execution),
                       to_string(kernel) + ": with a filter that changes it pays from "));
}

TEST_F(DispatchTest, RunsRightOnTheTargetTaken) {
  for (halconv_operation operation : {HALCONV_FORWARD, HALCONV_BACKWARD_INPUT, HALCONV_BACKWARD_FILTER}) {
    const Convolution convolution(operation, kUnusual, Fill::kExactIntegers, Guard::kAfter);
    GuardedTensor result = convolution.make_result();
    ASSERT_TRUE(ok(convolution.run_once({}, &result)));
    EXPECT_TRUE(convolution.is_exact(result));
  }
}

}  // namespace
}  // namespace halconv::testing
