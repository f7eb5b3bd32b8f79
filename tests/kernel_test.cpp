/// Every convolution kernel of the linked libraries, by name: forced, checked to be the one that ran, and compared with
/// the reference on its own problem, or a generic kernel on those of suites/generic_cases.txt.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "allocation_count.h"
#include "convolution.h"
#include "counting_allocator.h"
#include "halconv/halconv.h"
#include "halconv/kernel_name.h"
#include "halconv/winograd.h"
#include "problem_list.h"
#include "required_target.h"

namespace halconv::testing {
namespace {

/// The linked kernels that compute a convolution, and that a test is for; the others convert layouts for them.
std::vector<std::string> convolution_kernels(bool (*is_wanted)(const KernelName &)) {
  std::vector<std::string> names;
  for (int32_t i = 0; i < halconv_kernel_count(); ++i) {
    halconv_kernel_info info{};
    if (halconv_kernel(i, &info).code != HALCONV_OK || !std::string_view(info.operation).starts_with("conv2d_"))
      continue;
    const ParseResult<KernelName> name = parse_kernel_name(info.name);
    if (!name.value || is_wanted(*name.value)) names.emplace_back(info.name);
  }
  return names;
}

bool is_any(const KernelName &) { return true; }
bool is_fused(const KernelName &kernel) { return kernel.operation == kForwardFused; }
bool is_on_cpu(const KernelName &kernel) { return find_target(kernel.target)->kind == TargetKind::kCpu; }

bool has_16_bits(const KernelName &kernel) { return find_dtype(kernel.dtype)->bytes == 2; }

/// On a GPU nothing but a clamp or a conversion could lose it.
bool may_lose_nan(const KernelName &kernel) {
  if (kernel.dtype == find_dtype(HALCONV_INT32)->name) return false;
  return is_fused(kernel) || has_16_bits(kernel) || is_on_cpu(kernel);
}

/// Winograd's algorithm spreads it over tiles, and an epilogue may clamp it.
bool keeps_infinity(const KernelName &kernel) {
  return kernel.dtype != find_dtype(HALCONV_INT32)->name && !is_winograd(kernel.algorithm) && !is_fused(kernel);
}

bool converts(const KernelName &kernel) {
  return has_16_bits(kernel) && kernel.operation == kForward && !kernel.problem;
}

/// Elsewhere the filter is the result, or read as it is.
bool keeps_filter(const KernelName &kernel) {
  return kernel.operation != kBackwardFilter && kernel.algorithm != kAutodiff;
}

/// Generic kernels of planes, but what is derived, which is stored whole, and what runs where scratch is not to be
/// seen.
bool stages_planes(const KernelName &kernel) {
  return kernel.data_format == HALCONV_NCHW && !kernel.problem && kernel.algorithm != kAutodiff && is_on_cpu(kernel);
}

/// To other kernels a group is an iteration of a loop, with a whole register tile for its channel: up to 9 of them say
/// what more would. All problems of one channel a group took half of an interpreted GPU's time.
bool is_only_for_depthwise_kernels(const Conv2dProblem &problem) {
  return problem.is_depthwise() && problem.groups > 9;
}

/// The most floating-point operations that a test's problem may have: the environment variable HALCONV_MAX_FLOPS, for
/// processors that are emulated.
double max_flops() {
  const char *const text = std::getenv("HALCONV_MAX_FLOPS");
  return text == nullptr ? std::numeric_limits<double>::infinity() : std::strtod(text, nullptr);
}

class KernelTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const ParseResult<KernelName> name = parse_kernel_name(GetParam());
    ASSERT_TRUE(name.value) << GetParam() << ":" << name.error.column << ": " << name.error.message;
    kernel_ = *name.value;
    HALCONV_SKIP_UNLESS_RUNNABLE(kernel_.target);
    problems_ = kernel_.problem ? std::vector{*kernel_.problem} : read_problems("generic_cases.txt");
    if (kernel_.algorithm == kDepthwise) {
      std::erase_if(problems_, [](const Conv2dProblem &problem) { return !problem.is_depthwise(); });
    } else if (!kernel_.problem) {
      std::erase_if(problems_, is_only_for_depthwise_kernels);
    }
    ASSERT_FALSE(problems_.empty());
    std::erase_if(problems_, [](const Conv2dProblem &problem) { return problem.flops() > max_flops(); });
    if (problems_.empty()) {
      GTEST_SKIP() << "more than " << max_flops() << " operations: left to processors that are not emulated";
    }
  }

  halconv_dtype dtype() const { return find_dtype(kernel_.dtype)->value; }
  bool is_cpu() const { return find_target(kernel_.target)->kind == TargetKind::kCpu; }

  halconv_execution execution(int32_t threads = 0) const {
    halconv_execution execution{};
    execution.kernel = GetParam().c_str();
    execution.threads = threads;
    return execution;
  }

  Convolution convolution(const Conv2dProblem &problem, Fill fill, Guard guard = Guard::kAfter,
                          const EpilogueCase &epilogue = kWholeEpilogue) const {
    return Convolution(operation_of(kernel_), problem, fill, guard, dtype(), kernel_.algorithm, epilogue,
                       kernel_.data_format);
  }

  /// A plan that runs this kernel and no other.
  Plan plan(const Conv2dProblem &problem, const halconv_execution &execution) const {
    Plan plan = create_plan(operation_of(kernel_), problem, execution, {dtype(), HALCONV_HOST, kernel_.data_format});
    if (plan != nullptr) {
      EXPECT_EQ(halconv_plan_kernel(plan.get()), GetParam());
    }
    return plan;
  }

  /// By a plan. After a failure of the test nobody may have written the result.
  GuardedTensor run(const Convolution &convolution) const {
    GuardedTensor result = convolution.make_result();
    const Plan plan = this->plan(convolution.problem(), execution());
    EXPECT_TRUE(plan && ok(convolution.run(plan.get(), &result)));
    return result;
  }

  /// Of integers. The numbers that transform tiles of 4x4 pixels are no fractions.
  ::testing::AssertionResult is_right(const Convolution &convolution, const GuardedTensor &result) const {
    return kernel_.algorithm == kWinograd4 ? convolution.is_within_error_bound(result) : convolution.is_exact(result);
  }

  KernelName kernel_;
  std::vector<Conv2dProblem> problems_;
};

TEST_P(KernelTest, IsExactOnIntegersBetweenProtectedPages) {
  for (const Conv2dProblem &problem : problems_) {
    std::vector<GuardedTensor> results;
    for (Guard guard : {Guard::kAfter, Guard::kBefore, Guard::kMisaligned}) {
      if (guard != Guard::kAfter && !is_cpu()) break;  // a GPU's kernel sees a copy
      const Convolution convolution = this->convolution(problem, Fill::kExactIntegers, guard);
      SCOPED_TRACE(convolution.repro(GetParam()));
      results.push_back(run(convolution));
      // The reference takes longer than the kernel, above all where it is emulated.
      EXPECT_TRUE(guard == Guard::kAfter ? is_right(convolution, results.front())
                                         : same_bits(results.front(), results.back()));
    }
  }
}

TEST_P(KernelTest, IsWithinTheErrorBoundOnReals) {
  for (const Conv2dProblem &problem : problems_) {
    const Convolution convolution = this->convolution(problem, Fill::kReals);
    SCOPED_TRACE(convolution.repro(GetParam()));
    EXPECT_TRUE(convolution.is_within_error_bound(run(convolution)));
  }
}

class FusedKernelTest : public KernelTest {};

TEST_P(FusedKernelTest, IsExactWithEveryEpilogue) {
  constexpr EpilogueCase kCases[] = {{false, false, HALCONV_NO_ACTIVATION},
                                     {true, false, HALCONV_NO_ACTIVATION},
                                     {true, false, HALCONV_RELU},
                                     {true, true, HALCONV_RELU6},
                                     {false, true, HALCONV_CLAMP}};
  // A generic kernel's problems take turns with them.
  for (size_t i = 0; i < std::max(std::size(kCases), problems_.size()); ++i) {
    const Conv2dProblem &problem = problems_[i % problems_.size()];
    const EpilogueCase &epilogue = kCases[i % std::size(kCases)];
    const Convolution convolution = this->convolution(problem, Fill::kExactIntegers, Guard::kAfter, epilogue);
    SCOPED_TRACE(convolution.repro(GetParam()) + ", activation " + std::to_string(epilogue.activation));
    EXPECT_TRUE(is_right(convolution, run(convolution)));
  }
}

class NaNKernelTest : public KernelTest {};

TEST_P(NaNKernelTest, LetsNaNThrough) {
  for (const Conv2dProblem &problem : problems_) {
    const Convolution convolution = this->convolution(problem, Fill::kNaN);
    SCOPED_TRACE(convolution.repro(GetParam()));
    EXPECT_TRUE(convolution.is_nan(run(convolution)));
  }
}

class InfinityKernelTest : public KernelTest {};

/// No zero beside the pixels, and no pixel beside a product's, is multiplied with infinity.
TEST_P(InfinityKernelTest, KeepsInfinityToItsProducts) {
  for (const Conv2dProblem &problem : problems_) {
    const Convolution convolution = this->convolution(problem, Fill::kInfinite);
    SCOPED_TRACE(convolution.repro(GetParam()));
    EXPECT_TRUE(convolution.is_infinite_where_expected(run(convolution)));
  }
}

class ConvertingKernelTest : public KernelTest {};

/// Every number of 16 bits through a filter of one tap, which leaves it, rounds every product, makes the least ones
/// subnormal or zero, or the largest infinite.
TEST_P(ConvertingKernelTest, ConvertsEveryNumberOf16Bits) {
  const Conv2dProblem problem =
      parse_problem(kernel_.algorithm == kDepthwise ? "g64mb1ic64oc64ih32kh1" : "mb1ic1oc1ih256kh1");
  GuardedTensor input(image_shape(input_shape(problem), kernel_.data_format), Guard::kAfter, dtype());
  auto *const numbers = reinterpret_cast<uint16_t *>(input.bytes().data());
  for (size_t i = 0; i < input.size(); ++i) numbers[i] = static_cast<uint16_t>(i);
  const Plan plan = this->plan(problem, execution());
  ASSERT_TRUE(plan);
  for (double factor : {1.0, 1 + std::ldexp(1, 1 - format_of(dtype()).digits), 0x1p-10, 0x1p10}) {
    GuardedTensor filter(filter_shape(problem), Guard::kAfter, dtype());
    for (size_t i = 0; i < filter.size(); ++i) filter.set(i, factor);
    GuardedTensor output(image_shape(output_shape(problem), kernel_.data_format), Guard::kAfter, dtype());
    fill_nan(&output);
    const halconv_tensor a = input.view(), b = filter.view();
    halconv_tensor result = output.view();
    ASSERT_TRUE(ok(halconv_plan_run(plan.get(), &a, &b, &result)));
    size_t wrong = 0;
    for (size_t i = 0; i < output.size(); ++i) {
      const double product = input.at(i) * factor, value = output.at(i);
      if (std::isnan(product) ? std::isnan(value) : value == rounded(dtype(), product)) continue;
      // Dot products of bf16, and f32 on some devices, have no subnormal numbers.
      const double smallest = std::min(std::abs(input.at(i)), std::abs(product));
      if (value == 0 && smallest < std::numeric_limits<float>::min()) continue;
      if (wrong++ < 5) ADD_FAILURE() << input.at(i) << " (" << numbers[i] << ") times " << factor << " is " << value;
    }
    EXPECT_EQ(wrong, 0U);
  }
}

TEST_P(KernelTest, GivesTheSameBitsOnAnyNumberOfThreads) {
  for (const Conv2dProblem &problem : problems_) {
    const Convolution convolution = this->convolution(problem, Fill::kReals);
    SCOPED_TRACE(convolution.repro(GetParam()));
    std::vector<GuardedTensor> results;
    for (int32_t threads : {1, 2, 7}) {
      if (threads > 2 && !is_cpu()) break;  // a GPU's own threads are what could differ from run to run
      const Plan plan = this->plan(problem, execution(threads));
      ASSERT_TRUE(plan);
      results.push_back(convolution.make_result());
      ASSERT_TRUE(ok(convolution.run(plan.get(), &results.back())));
      EXPECT_TRUE(same_bits(results.front(), results.back())) << threads << " threads";
    }
  }
}

TEST_P(KernelTest, GivesTheSameBitsOnceAsByAPlan) {
  for (const Conv2dProblem &problem : problems_) {
    if (!attributes_of(problem)) continue;  // only a plan can crop
    const Convolution convolution = this->convolution(problem, Fill::kReals);
    SCOPED_TRACE(convolution.repro(GetParam()));
    const Plan plan = this->plan(problem, execution());
    ASSERT_TRUE(plan);
    GuardedTensor planned = convolution.make_result(), once = convolution.make_result();
    ASSERT_TRUE(ok(convolution.run(plan.get(), &planned)));
    ASSERT_TRUE(ok(convolution.run_once(execution(), &once, kernel_.algorithm)));
    EXPECT_TRUE(same_bits(planned, once));
  }
}

class FilterKeepingKernelTest : public KernelTest {};

TEST_P(FilterKeepingKernelTest, GivesTheSameBitsWithAPreparedFilter) {
  for (const Conv2dProblem &problem : problems_) {
    const Convolution convolution = this->convolution(problem, Fill::kReals);
    SCOPED_TRACE(convolution.repro(GetParam()));
    const Plan plan = this->plan(problem, execution());
    ASSERT_TRUE(plan);
    GuardedTensor unprepared = convolution.make_result(), prepared = convolution.make_result();
    ASSERT_TRUE(ok(convolution.run(plan.get(), &unprepared)));
    const halconv_tensor filter = convolution.filter();
    ASSERT_TRUE(ok(halconv_plan_prepare_filter(plan.get(), &filter)));
    ASSERT_TRUE(ok(convolution.run_prepared(plan.get(), &prepared)));
    EXPECT_TRUE(same_bits(unprepared, prepared));
  }
}

TEST_P(KernelTest, AllocatesNothingFromTheSecondRunOn) {
  for (const Conv2dProblem &problem : problems_) {
    const Convolution convolution = this->convolution(problem, Fill::kReals);
    SCOPED_TRACE(convolution.repro(GetParam()));
    CountingAllocator scratch;
    {
      const halconv_allocator allocator = scratch.view();
      halconv_execution execution = this->execution();
      execution.allocator = &allocator;
      const Plan plan = this->plan(problem, execution);
      ASSERT_TRUE(plan);
      GuardedTensor result = convolution.make_result();
      ASSERT_TRUE(ok(convolution.run(plan.get(), &result)));
      const int64_t requests = scratch.requests(), allocations = allocation_count();
      ASSERT_TRUE(ok(convolution.run(plan.get(), &result)));
      EXPECT_EQ(scratch.requests(), requests);
      // A GPU's driver allocates on the host as it likes.
      if (is_cpu()) {
        EXPECT_EQ(allocation_count(), allocations);
      }
    }
    EXPECT_EQ(scratch.live_blocks(), 0) << scratch.live_bytes() << " bytes";
  }
}

class PlanesKernelTest : public KernelTest {};

/// A kernel of NCHW images brings parts of them into the order that it computes in, never a whole one.
TEST_P(PlanesKernelTest, StagesPartsOfPlanes) {
  const Conv2dProblem problem =
      parse_problem(kernel_.algorithm == kDepthwise ? "g16mb1ic16oc16ih256kh3ph1" : "mb1ic16oc16ih256kh1");
  const Convolution convolution = this->convolution(problem, Fill::kExactIntegers);
  SCOPED_TRACE(convolution.repro(GetParam()));
  CountingAllocator scratch;
  const halconv_allocator allocator = scratch.view();
  halconv_execution execution = this->execution(1);
  execution.allocator = &allocator;
  const Plan plan = this->plan(problem, execution);
  ASSERT_TRUE(plan);
  GuardedTensor result = convolution.make_result();
  ASSERT_TRUE(ok(convolution.run(plan.get(), &result)));
  EXPECT_TRUE(convolution.is_exact(result));
  EXPECT_LT(scratch.peak_bytes(), problem.input_elements().value() * find_dtype(kernel_.dtype)->bytes / 2);
}

std::string name_of(const ::testing::TestParamInfo<std::string> &kernel) { return kernel.param; }

INSTANTIATE_TEST_SUITE_P(Kernels, KernelTest, ::testing::ValuesIn(convolution_kernels(is_any)), name_of);
// None of the others where no such kernel was planned.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NaNKernelTest);
INSTANTIATE_TEST_SUITE_P(Kernels, NaNKernelTest, ::testing::ValuesIn(convolution_kernels(may_lose_nan)), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(InfinityKernelTest);
INSTANTIATE_TEST_SUITE_P(Kernels, InfinityKernelTest, ::testing::ValuesIn(convolution_kernels(keeps_infinity)),
                         name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FilterKeepingKernelTest);
INSTANTIATE_TEST_SUITE_P(Kernels, FilterKeepingKernelTest, ::testing::ValuesIn(convolution_kernels(keeps_filter)),
                         name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FusedKernelTest);
INSTANTIATE_TEST_SUITE_P(Kernels, FusedKernelTest, ::testing::ValuesIn(convolution_kernels(is_fused)), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ConvertingKernelTest);
INSTANTIATE_TEST_SUITE_P(Kernels, ConvertingKernelTest, ::testing::ValuesIn(convolution_kernels(converts)), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PlanesKernelTest);
INSTANTIATE_TEST_SUITE_P(Kernels, PlanesKernelTest, ::testing::ValuesIn(convolution_kernels(stages_planes)), name_of);

}  // namespace
}  // namespace halconv::testing
