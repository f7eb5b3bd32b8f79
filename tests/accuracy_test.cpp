/// What each accuracy that a caller may ask for promises.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "convolution.h"
#include "halconv/halconv.h"
#include "halconv/kernel_name.h"
#include "reference.h"
#include "required_target.h"

namespace halconv::testing {
namespace {

/// But fused ones, whose sums are forward's.
std::vector<std::string> winograd_kernels(std::initializer_list<std::string_view> algorithms) {
  std::vector<std::string> names;
  for (int32_t i = 0; i < halconv_kernel_count(); ++i) {
    halconv_kernel_info info{};
    if (halconv_kernel(i, &info).code != HALCONV_OK) continue;
    const ParseResult<KernelName> name = parse_kernel_name(info.name);
    if (!name.value || name.value->operation == kForwardFused) continue;
    const bool is_wanted = std::find(algorithms.begin(), algorithms.end(), name.value->algorithm) != algorithms.end();
    if (is_wanted && name.value->operation.starts_with("conv2d_")) {
      names.emplace_back(info.name);
    }
  }
  return names;
}

/// The largest distance of a result from the exact sums; NaN if it holds one.
double largest_error(const std::vector<double> &result, const std::vector<double> &expected) {
  double largest = 0;
  for (size_t i = 0; i < result.size(); ++i) {
    const double error = std::abs(result[i] - expected[i]);
    largest = error <= largest ? largest : error;
  }
  return largest;
}

/// The largest absolute value.
double largest(const std::vector<double> &values) {
  double largest = 0;
  for (double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

/// What straightforward loops in float give: each element's products are added one after another. `first` and `second`
/// hold floats.
std::vector<double> sums_in_sequence(halconv_operation operation, const Conv2dProblem &p,
                                     const std::vector<double> &first, const std::vector<double> &second) {
  const std::vector<float> a(first.begin(), first.end()), b(second.begin(), second.end());
  const int64_t elements = operation == HALCONV_FORWARD          ? p.output_elements().value()
                           : operation == HALCONV_BACKWARD_INPUT ? p.input_elements().value()
                                                                 : p.filter_elements().value();
  std::vector<float> sums(static_cast<size_t>(elements));
  reference::detail::for_each_channel_run(p, [&](int64_t input, int64_t filter, int64_t output) {
    float *const sum = sums.data();
    for (int64_t k = 0; k < p.out_channels; ++k) {
      if (operation == HALCONV_FORWARD) sum[output + k] += a[input] * b[filter + k];
      if (operation == HALCONV_BACKWARD_INPUT) sum[input] += a[filter + k] * b[output + k];
      if (operation == HALCONV_BACKWARD_FILTER) sum[filter + k] += a[input] * b[output + k];
    }
  });
  return {sums.begin(), sums.end()};
}

class WinogradAccuracyTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    kernel_ = parse_kernel_name(GetParam()).value.value();
    HALCONV_SKIP_UNLESS_RUNNABLE(kernel_.target);
  }

  Convolution convolution(Fill fill) const {
    return Convolution(operation_of(kernel_), *kernel_.problem, fill, Guard::kAfter, HALCONV_FLOAT32, kernel_.algorithm,
                       kWholeEpilogue, kernel_.data_format);
  }

  GuardedTensor run(const Convolution &convolution) const {
    halconv_execution execution{};
    execution.kernel = GetParam().c_str();
    const Plan plan = create_plan(convolution.operation(), convolution.problem(), execution,
                                  {HALCONV_FLOAT32, HALCONV_HOST, kernel_.data_format});
    GuardedTensor result = convolution.make_result();
    EXPECT_TRUE(plan && ok(convolution.run(plan.get(), &result)));
    return result;
  }

  KernelName kernel_;
};

TEST_P(WinogradAccuracyTest, KeepsItsBoundsOnBadlyScaledData) {
  const Convolution convolution = this->convolution(Fill::kBadlyScaled);
  SCOPED_TRACE(convolution.repro(GetParam()));
  const GuardedTensor result = run(convolution);
  EXPECT_TRUE(convolution.is_within_error_bound(result));
  const reference::WinogradError error(convolution.operation(), kernel_.algorithm, convolution.problem());
  EXPECT_LE(largest_error(convolution.result_values(result), convolution.expected().value),
            error.bound(largest(convolution.first_values()), largest(convolution.second_values())));
}

/// Of what accuracy standard may run.
class StandardAccuracyTest : public WinogradAccuracyTest {};

TEST_P(StandardAccuracyTest, TilesOf2x2ErrNoMoreThanALoopInSequence) {
  for (Fill fill : {Fill::kNormal, Fill::kRectified}) {
    const Convolution convolution = this->convolution(fill);
    SCOPED_TRACE(convolution.repro(GetParam()));
    const std::vector<double> &expected = convolution.expected().value;
    const std::vector<double> sequence = sums_in_sequence(convolution.operation(), convolution.problem(),
                                                          convolution.first_values(), convolution.second_values());
    EXPECT_LE(largest_error(convolution.result_values(run(convolution)), expected), largest_error(sequence, expected));
  }
}

// None where no kernel was planned for the algorithm.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WinogradAccuracyTest);
INSTANTIATE_TEST_SUITE_P(Kernels, WinogradAccuracyTest, ::testing::ValuesIn(winograd_kernels({kWinograd2, kWinograd4})),
                         [](const auto &kernel) { return kernel.param; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StandardAccuracyTest);
INSTANTIATE_TEST_SUITE_P(Kernels, StandardAccuracyTest, ::testing::ValuesIn(winograd_kernels({kWinograd2})),
                         [](const auto &kernel) { return kernel.param; });

/// A constant of a bound, rounded up as the documentation states it.
TEST(WinogradErrorTest, GrowthIsAsDocumented) {
  const Conv2dProblem problem = parse_problem("mb1ic16ih8oc16kh3ph1");
  const auto growth = [&](halconv_operation operation, std::string_view algorithm) {
    return std::ceil(reference::WinogradError(operation, algorithm, problem).growth());
  };
  EXPECT_EQ(growth(HALCONV_FORWARD, kWinograd2), 81);
  EXPECT_EQ(growth(HALCONV_FORWARD, kWinograd4), 3080);
  EXPECT_EQ(growth(HALCONV_BACKWARD_INPUT, kWinograd2), 81);
  EXPECT_EQ(growth(HALCONV_BACKWARD_INPUT, kWinograd4), 3080);
  EXPECT_EQ(growth(HALCONV_BACKWARD_FILTER, kWinograd2), 64);
  EXPECT_EQ(growth(HALCONV_BACKWARD_FILTER, kWinograd4), 9784);
}

TEST(StrictAccuracyTest, PutsInfinitiesAndNansWhereTheSumsHaveThem) {
  const Conv2dProblem p = parse_problem("mb1_ic64oc64_ih28kh3ph1");
  constexpr double kInfinity = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();
  std::mt19937 random(test_seed());
  for (halconv_operation operation : {HALCONV_FORWARD, HALCONV_BACKWARD_INPUT, HALCONV_BACKWARD_FILTER}) {
    GuardedTensor first(operation == HALCONV_BACKWARD_INPUT ? filter_shape(p) : input_shape(p), Guard::kAfter);
    GuardedTensor second(operation == HALCONV_FORWARD ? filter_shape(p) : output_shape(p), Guard::kAfter);
    for (GuardedTensor *operand : {&first, &second}) fill_reals(operand, random);
    GuardedTensor &image = operation == HALCONV_BACKWARD_INPUT ? second : first;
    const size_t row = 28 * 64, pixel = 64;
    image.set(5 * row + 7 * pixel + 3, kInfinity);
    image.set(12 * row + 20 * pixel + 60, -kInfinity);
    image.set(27 * row + 27 * pixel, kNan);

    halconv_execution execution{};
    execution.accuracy = HALCONV_ACCURACY_STRICT;
    const Plan plan = create_plan(operation, p, execution);
    ASSERT_TRUE(plan);
    GuardedTensor result(operation == HALCONV_FORWARD          ? output_shape(p)
                         : operation == HALCONV_BACKWARD_INPUT ? input_shape(p)
                                                               : filter_shape(p),
                         Guard::kAfter);
    const halconv_tensor a = first.view(), b = second.view();
    halconv_tensor view = result.view();
    ASSERT_TRUE(ok(halconv_plan_run(plan.get(), &a, &b, &view)));

    const std::vector<double> expected = sums_in_sequence(operation, p, first.values(), second.values());
    for (size_t i = 0; i < expected.size(); ++i) {
      const double actual = result.at(i);
      ASSERT_EQ(std::isnan(actual), std::isnan(expected[i])) << i;
      ASSERT_EQ(std::isfinite(actual), std::isfinite(expected[i])) << i;
      ASSERT_TRUE(!std::isinf(actual) || actual == expected[i]) << i;
    }
  }
}

}  // namespace
}  // namespace halconv::testing
