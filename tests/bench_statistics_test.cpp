/// What the bench's verdicts rest on: order statistics, and the check that contenders compute the right thing.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "agreement.h"
#include "problem_list.h"
#include "reference.h"
#include "statistics.h"

namespace halconv::bench {
namespace {

std::vector<double> one_to(int last) {
  std::vector<double> values;
  for (int i = last; i >= 1; --i) values.push_back(i);
  return values;
}

TEST(Statistics, QuantilesLieBetweenNeighbours) {
  EXPECT_EQ(quantile({3}, 0.5), 3);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(quantile(one_to(11), 0.0), 1);
  EXPECT_EQ(quantile(one_to(11), 0.25), 3.5);
  EXPECT_EQ(quantile(one_to(11), 1.0), 11);
}

/// The ranks in printed tables of the binomial distribution, e.g. 2nd and 9th of 10 at 97.9 %.
TEST(Statistics, MedianIntervalHasTheTabulatedRanks) {
  struct {
    int count, low, high;
  } const rows[] = {{5, 1, 5}, {6, 1, 6}, {8, 1, 8}, {9, 2, 8}, {10, 2, 9}, {15, 4, 12}, {20, 6, 15}, {100, 40, 61}};
  for (const auto &row : rows) {
    const Interval interval = median_interval(one_to(row.count), 0.95);
    EXPECT_EQ(interval.low, row.low) << row.count;
    EXPECT_EQ(interval.high, row.high) << row.count;
  }
}

TEST(Statistics, MedianIntervalHoldsTheMedianAsOftenAsItSays) {
  std::mt19937 generator(1);
  std::exponential_distribution<double> skewed;
  const double truth = std::log(2.0);
  int held = 0;
  constexpr int kTrials = 4000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> values(15);
    for (double &value : values) value = skewed(generator);
    const Interval interval = median_interval(values, 0.95);
    held += interval.low <= truth && truth <= interval.high;
  }
  EXPECT_GE(held, kTrials * 95 / 100);
}

constexpr Operation kOperations[] = {Operation::kForward, Operation::kBackwardInput, Operation::kBackwardFilter};

Elements reference_result(const Case &c) {
  const Tensors &t = *c.tensors;
  const reference::Sums sums = c.operation == Operation::kForward
                                   ? reference::forward(c.problem, t.input.data(), t.filter.data())
                               : c.operation == Operation::kBackwardInput
                                   ? reference::backward_input(c.problem, t.filter.data(), t.output.data())
                                   : reference::backward_filter(c.problem, t.input.data(), t.output.data());
  return Elements(sums.value.begin(), sums.value.end());
}

TEST(Agreement, TakesTheReferenceForRight) {
  for (const Conv2dProblem &problem : testing::read_problems("generic_cases.txt")) {
    for (const Operation operation : kOperations) {
      const Tensors tensors = make_integer_tensors(problem, operation);
      const Case c{operation, problem, "x86_64", 1, &tensors};
      EXPECT_NO_THROW(check_sample(c, reference_result(c), "reference")) << to_string(problem);
    }
  }
}

TEST(Agreement, NoticesAnElementThatIsWrongOrMissing) {
  const Conv2dProblem problem = parse_suite_entry("g2mb1_ic4oc6_ih5oh3kh3sh2ph1").value->problem;
  for (const Operation operation : kOperations) {
    const Tensors tensors = make_integer_tensors(problem, operation);
    const Case c{operation, problem, "x86_64", 1, &tensors};
    const Elements right = reference_result(c);
    Elements wrong = right;
    for (const float error : {1.0f, -1.0f, std::nanf("")}) {
      wrong[3] = right[3] + error;
      EXPECT_THROW(check_sample(c, wrong, "wrong"), Disagreement);
      EXPECT_THROW(check_same(wrong, "wrong", right, "right"), Disagreement);
    }
    wrong[3] = right[3] + 0.25f;  // an algorithm that multiplies with fractions
    EXPECT_NO_THROW(check_sample(c, wrong, "rounded"));
    EXPECT_NO_THROW(check_same(right, "right", wrong, "rounded"));
  }
}

TEST(Agreement, RoundsSumsOnceToSixteenBits) {
  const Elements sums = {515, -1027}, nearest = {516, -1024}, other = {512, -1024};  // bf16 has 8 digits
  EXPECT_NO_THROW(check_same(nearest, "bf16", sums, "f32", Dtype::kBfloat16));
  EXPECT_NO_THROW(check_same(sums, "f32", nearest, "bf16", Dtype::kBfloat16));
  EXPECT_THROW(check_same(other, "bf16", sums, "f32", Dtype::kBfloat16), Disagreement);
  EXPECT_THROW(check_same(nearest, "bf16", sums, "f32"), Disagreement);
  EXPECT_THROW(check_same(nearest, "f16", sums, "f32", Dtype::kFloat16), Disagreement);
}

}  // namespace
}  // namespace halconv::bench
