#include "reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "halconv/conv2d_problem.h"
#include "test_tensor.h"

namespace halconv {
namespace {

using Values = std::vector<double>;
using Counts = std::vector<int64_t>;

Conv2dProblem parse(const std::string &text) {
  const ParseResult<SuiteEntry> entry = parse_suite_entry(text);
  EXPECT_TRUE(entry.value) << text << ":" << entry.error.column << ": " << entry.error.message;
  return entry.value ? entry.value->problem : Conv2dProblem{};
}

/// x = 1 ... 9 on 3x3, w = 1 2 3 4 on 2x2, one channel, stride 1, VALID.
const std::vector<float> kInput3x3 = {1, 2, 3, 4, 5, 6, 7, 8, 9};
const std::vector<float> kFilter2x2 = {1, 2, 3, 4};

TEST(ReferenceForward, Valid) {
  const reference::Sums output =
      reference::forward(parse("mb1ic1ih3oc1oh2kh2ph0"), kInput3x3.data(), kFilter2x2.data());
  EXPECT_EQ(output.value, (Values{37, 47, 67, 77}));
  EXPECT_EQ(output.products, (Counts{4, 4, 4, 4}));
  EXPECT_EQ(output.magnitude, output.value);
}

TEST(ReferenceForward, PadsWithZerosThatAreNotCounted) {
  const reference::Sums output =
      reference::forward(parse("mb1ic1ih3oc1oh2kh2sh2ph1"), kInput3x3.data(), kFilter2x2.data());
  EXPECT_EQ(output.value, (Values{4, 2 * 3 + 3 * 4, 2 * 4 + 4 * 7, 77}));
  EXPECT_EQ(output.products, (Counts{1, 2, 2, 4}));
}

TEST(ReferenceForward, StridesAndDilationsOfTheirOwnPerAxis) {
  // 3 rows x 5 columns; rows {0, 2} of the input meet the two filter rows, columns {x, x + 2} the two filter columns.
  std::vector<float> input(15);
  for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i);
  const Conv2dProblem p = parse("mb1ic1ih3iw5oc1oh1ow2kh2kw2sh1sw2ph0pw0dh1dw1");
  const reference::Sums output = reference::forward(p, input.data(), kFilter2x2.data());
  EXPECT_EQ(output.value, (Values{0 * 1 + 2 * 2 + 10 * 3 + 12 * 4, 2 * 1 + 4 * 2 + 12 * 3 + 14 * 4}));
}

TEST(ReferenceForward, SumsOverInputChannelsIntoEachOutputChannel) {
  // One pixel: [1, 10] times [[1, 2, 3], [4, 5, 6]].
  const std::vector<float> input = {1, 10}, filter = {1, 2, 3, 4, 5, 6};
  const reference::Sums output = reference::forward(parse("mb1ic2ih1oc3oh1kh1ph0"), input.data(), filter.data());
  EXPECT_EQ(output.value, (Values{41, 52, 63}));
}

TEST(ReferenceForward, KeepsGroupsApart) {
  const std::vector<float> input = {1, 10}, filter = {2, 3};  // [r, s, c / g = 1, k = 2]
  const reference::Sums output = reference::forward(parse("g2mb1ic2ih1oc2oh1kh1ph0"), input.data(), filter.data());
  EXPECT_EQ(output.value, (Values{2, 30}));
}

TEST(ReferenceForward, MagnitudeIgnoresSigns) {
  const std::vector<float> input = {1, -1}, filter = {2, 2};
  const reference::Sums output = reference::forward(parse("mb1ic2ih1oc1oh1kh1ph0"), input.data(), filter.data());
  EXPECT_EQ(output.value, (Values{0}));
  EXPECT_EQ(output.magnitude, (Values{4}));
}

TEST(ReferenceBackwardInput, ScattersTheFilter) {
  const std::vector<float> out_backprop = {1, 0, 0, 10};
  const reference::Sums input_backprop =
      reference::backward_input(parse("mb1ic1ih3oc1oh2kh2ph0"), kFilter2x2.data(), out_backprop.data());
  EXPECT_EQ(input_backprop.value, (Values{1, 2, 0, 3, 4 + 10, 20, 0, 30, 40}));
  EXPECT_EQ(input_backprop.products, (Counts{1, 2, 1, 2, 4, 2, 1, 2, 1}));
}

TEST(ReferenceBackwardFilter, CorrelatesInputWithGradient) {
  const std::vector<float> out_backprop = {1, 0, 0, 10};
  const reference::Sums filter_backprop =
      reference::backward_filter(parse("mb1ic1ih3oc1oh2kh2ph0"), kInput3x3.data(), out_backprop.data());
  EXPECT_EQ(filter_backprop.value, (Values{1 + 50, 2 + 60, 4 + 80, 5 + 90}));
  EXPECT_EQ(filter_backprop.products, (Counts{4, 4, 4, 4}));
}

/// <conv2d(x, w), d> = <x, backward_input(w, d)> = <w, backward_filter(x, d)>: each gradient is the adjoint of the
/// forward map, which pins both down where no sum was written out above.
TEST(Reference, GradientsAreAdjointToForward) {
  for (const char *text : {"mb2ic3ih7iw6oc2oh4ow3kh3kw2sh2sw2ph1pw0", "mb1ic2ih9oc3oh3kh3sh2ph2dh1",
                           "mb1ic4ih5oc6oh3kh3sh2ph1", "g2mb2ic4ih5oc6oh5kh3ph1", "mb1ic2ih8oc1oh2kh2sh3ph0"}) {
    SCOPED_TRACE(text);
    const Conv2dProblem p = parse(text);
    std::mt19937 random(1);
    const auto tensor = [&](std::optional<int64_t> elements) {
      std::vector<float> values(static_cast<size_t>(*elements));
      testing::fill_integers(values, 3, random);
      return values;
    };
    const std::vector<float> x = tensor(p.input_elements()), w = tensor(p.filter_elements()),
                             d = tensor(p.output_elements());
    const auto inner = [](const std::vector<double> &a, const std::vector<float> &b) {
      double sum = 0;
      for (size_t i = 0; i < a.size(); ++i) sum += a[i] * static_cast<double>(b[i]);
      return sum;
    };
    const double forward = inner(reference::forward(p, x.data(), w.data()).value, d);
    EXPECT_NE(forward, 0);
    EXPECT_EQ(inner(reference::backward_input(p, w.data(), d.data()).value, x), forward);
    EXPECT_EQ(inner(reference::backward_filter(p, x.data(), d.data()).value, w), forward);
  }
}

TEST(ErrorBound, IsHighamsGamma) {
  const double unit_roundoff = std::ldexp(1.0, -24);
  EXPECT_DOUBLE_EQ(reference::error_bound(0, 0), 0);
  const auto gamma = [&](double n) { return n * unit_roundoff / (1 - n * unit_roundoff); };
  for (int64_t products : {1, 1000, 1 << 20}) {
    const double bound = reference::error_bound(products, 2);
    EXPECT_GE(bound, 2 * gamma(static_cast<double>(products)));
    EXPECT_LT(bound, 2 * gamma(static_cast<double>(products)) * (1 + std::ldexp(1.0, -20)));
  }
  EXPECT_EQ(reference::error_bound(int64_t{1} << 24, 1), std::numeric_limits<double>::infinity());
}

/// A float sum must obey the bound, and a sum of one rounding too many of this size must not pass for a small n.
TEST(ErrorBound, HoldsForFloatSumsAndIsTightForOneProduct) {
  std::mt19937 random(1);
  std::vector<float> a(5000), b(5000);
  testing::fill_reals(a, random);
  testing::fill_reals(b, random);
  const Conv2dProblem p = parse("mb1ic5000ih1oc1oh1kh1ph0");
  const reference::Sums sums = reference::forward(p, a.data(), b.data());
  float sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  EXPECT_LE(std::abs(static_cast<double>(sum) - sums.value[0]), reference::error_bound(sums, 0));
  EXPECT_NE(static_cast<double>(sum), sums.value[0]);
  const float product = std::nextafter(std::nextafter(1.0f, 2.0f), 2.0f);
  EXPECT_GT(static_cast<double>(product) - 1.0, reference::error_bound(1, 1));
}

TEST(ExactIntegerLimit, KeepsEveryPartialSumBelowTheSignificand) {
  EXPECT_EQ(testing::exact_integer_limit(HALCONV_FLOAT32, 1), 4096);
  EXPECT_EQ(testing::exact_integer_limit(HALCONV_FLOAT32, 9 * 512), 60);
  EXPECT_EQ(testing::exact_integer_limit(HALCONV_FLOAT32, int64_t{1} << 24), 1);
  EXPECT_EQ(testing::exact_integer_limit(HALCONV_FLOAT32, (int64_t{1} << 24) + 1), 0);
}

TEST(FillReals, UsesTheWholeSignificandAndNeverUnderflows) {
  std::vector<float> values(10000);
  std::mt19937 random(1);
  testing::fill_reals(values, random);
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  EXPECT_GE(*least, -1.0f);
  EXPECT_LT(*least, -0.99f);
  EXPECT_LT(*most, 1.0f);
  EXPECT_GT(*most, 0.99f);
}

class GuardedTensorDeathTest : public ::testing::TestWithParam<testing::Guard> {};

TEST_P(GuardedTensorDeathTest, FaultsOneElementTooFar) {
  testing::GuardedTensor tensor({1, 3, 5, 7}, GetParam());
  const std::span<std::byte> bytes = tensor.bytes();
  ASSERT_EQ(bytes.size(), 105 * sizeof(float));
  testing::fill_nan(&tensor);
  volatile std::byte *const outside =
      GetParam() == testing::Guard::kAfter ? bytes.data() + bytes.size() : bytes.data() - 1;
  EXPECT_DEATH(*outside = std::byte{0}, "");
}

INSTANTIATE_TEST_SUITE_P(BothSides, GuardedTensorDeathTest,
                         ::testing::Values(testing::Guard::kAfter, testing::Guard::kBefore),
                         [](const auto &guard) { return testing::to_string(guard.param); });

}  // namespace
}  // namespace halconv
