/// Tensors without elements, on every target: a result without elements is left alone, sums without terms are zero, and
/// nothing beside the tensors is touched.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "convolution.h"
#include "halconv/halconv.h"
#include "required_target.h"

namespace halconv::testing {
namespace {

constexpr halconv_conv2d_attributes kValid{{1, {1}}, {1, {1}}, HALCONV_VALID, {}, HALCONV_NHWC},
    kSame{{1, {1}}, {1, {1}}, HALCONV_SAME, {}, HALCONV_NHWC},
    kPadded{{1, {1}}, {1, {1}}, HALCONV_EXPLICIT, {8, {0, 0, 2, 1, 0, 0, 0, 0}}, HALCONV_NHWC},
    kStride3{{1, {3}}, {1, {1}}, HALCONV_VALID, {}, HALCONV_NHWC};

/// Shapes of which at least one has no elements.
struct Case {
  const char *name;
  Shape input, filter, output;
  halconv_conv2d_attributes attributes = kValid;
};

void PrintTo(const Case &c, std::ostream *out) { *out << c.name; }

const Case kCases[] = {
    {"no_batch", {0, 5, 5, 2}, {3, 3, 2, 4}, {0, 3, 3, 4}},
    {"no_rows_same", {1, 0, 5, 2}, {3, 3, 2, 4}, {1, 0, 5, 4}, kSame},
    {"no_rows_but_padding", {1, 0, 5, 2}, {3, 3, 2, 4}, {1, 1, 3, 4}, kPadded},
    {"filter_larger_than_input", {2, 2, 5, 2}, {3, 3, 2, 4}, {2, 0, 3, 4}},
    {"filter_far_larger_than_strided_input", {2, 5, 1, 2}, {3, 6, 2, 4}, {2, 1, 0, 4}, kStride3},
    {"no_output_channels", {1, 5, 5, 2}, {3, 3, 2, 0}, {1, 3, 3, 0}},
};

bool is_zero(const GuardedTensor &tensor) {
  const std::vector<double> values = tensor.values();
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0; });
}

GuardedTensor ones(const Shape &shape) {
  GuardedTensor tensor(shape, Guard::kAfter);
  for (size_t i = 0; i < tensor.size(); ++i) tensor.set(i, 1);
  return tensor;
}

/// The convolution's three tensors between guard pages; what only is read is read-only.
class ZeroSizeTest : public ::testing::TestWithParam<std::tuple<std::string, Case>> {
 protected:
  void SetUp() override { HALCONV_SKIP_UNLESS_RUNNABLE(target()); }

  const std::string &target() const { return std::get<0>(GetParam()); }
  const Case &shapes() const { return std::get<1>(GetParam()); }

  static GuardedTensor operand(const Shape &shape) {
    GuardedTensor tensor = ones(shape);
    if (tensor.size() > 0) tensor.make_read_only();
    return tensor;
  }

  using Function = halconv_status (*)(const halconv_tensor *, const halconv_tensor *, const halconv_conv2d_attributes *,
                                      const halconv_execution *, halconv_tensor *);

  void expect_zeros(Function function, const Shape &first, const Shape &second, const Shape &result) const {
    const GuardedTensor a = operand(first), b = operand(second);
    halconv_execution execution{};
    execution.target = target().c_str();
    for (Guard guard : {Guard::kAfter, Guard::kBefore}) {
      GuardedTensor c(result, guard);
      fill_nan(&c);
      const halconv_tensor a_view = a.view(), b_view = b.view();
      halconv_tensor c_view = c.view();
      ASSERT_TRUE(ok(function(&a_view, &b_view, &shapes().attributes, &execution, &c_view)));
      EXPECT_TRUE(is_zero(c));
    }
  }
};

TEST_P(ZeroSizeTest, Forward) {
  const auto &[name, input, filter, output, attributes] = shapes();
  expect_zeros(halconv_conv2d, input, filter, output);
}

TEST_P(ZeroSizeTest, BackpropInput) {
  const auto &[name, input, filter, output, attributes] = shapes();
  expect_zeros(halconv_conv2d_backprop_input, filter, output, input);
}

TEST_P(ZeroSizeTest, BackpropFilter) {
  const auto &[name, input, filter, output, attributes] = shapes();
  expect_zeros(halconv_conv2d_backprop_filter, input, output, filter);
}

TEST_P(ZeroSizeTest, Transpose) {
  const auto &[name, input, filter, output, attributes] = shapes();
  expect_zeros(halconv_conv2d_transpose, output, filter, input);
}

std::vector<std::string> linked_targets() {
  std::vector<std::string> names;
  char reason[HALCONV_MESSAGE_SIZE];
  const char *name = nullptr;
  for (int32_t i = 0; halconv_target(i, &name, reason, sizeof reason).code == HALCONV_OK; ++i) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Targets, ZeroSizeTest,
                         ::testing::Combine(::testing::ValuesIn(linked_targets()), ::testing::ValuesIn(kCases)),
                         [](const auto &test) { return std::get<0>(test.param) + "_" + std::get<1>(test.param).name; });

/// TensorFlow's gradient of the input, other than its forward operation, takes a filter without rows. The operands are
/// unmapped by then: nobody may read them.
TEST(ZeroSize, BackpropInputOfAFilterWithoutRows) {
  const GuardedTensor gradient = ones({1, 5, 5, 5});
  const halconv_tensor filter = ones({0, 3, 5, 2}).view(), out_backprop = ones({1, 6, 3, 2}).view();
  halconv_tensor result = gradient.view();
  ASSERT_TRUE(ok(halconv_conv2d_backprop_input(&filter, &out_backprop, &kValid, nullptr, &result)));
  EXPECT_TRUE(is_zero(gradient));
}

/// As in TensorFlow, the depth of an input without channels is a multiple of every filter's. The operands are unmapped
/// by then.
TEST(ZeroSize, ForwardOfAnInputWithoutChannels) {
  const GuardedTensor output = ones({1, 3, 3, 2});
  const halconv_tensor input = ones({1, 5, 5, 0}).view(), filter = ones({3, 3, 1, 2}).view();
  halconv_tensor result = output.view();
  ASSERT_TRUE(ok(halconv_conv2d(&input, &filter, &kValid, nullptr, &result)));
  EXPECT_TRUE(is_zero(output));
}

TEST(ZeroSize, ChecksTheArgumentsAllTheSame) {
  const GuardedTensor weights = ones({3, 3, 1, 1});
  halconv_tensor input{nullptr, HALCONV_FLOAT32, HALCONV_HOST, 4, {0, 5, 5, 1}}, filter = weights.view();
  halconv_tensor output{nullptr, HALCONV_FLOAT32, HALCONV_HOST, 4, {0, 3, 3, 1}};
  EXPECT_TRUE(ok(halconv_conv2d(&input, &filter, &kValid, nullptr, &output)));
  halconv_execution unknown_target{};
  unknown_target.target = "mmx";
  EXPECT_EQ(halconv_conv2d(&input, &filter, &kValid, &unknown_target, &output).code, HALCONV_INVALID_ARGUMENT);
  output.shape[1] = 2;
  EXPECT_EQ(halconv_conv2d(&input, &filter, &kValid, nullptr, &output).code, HALCONV_INVALID_ARGUMENT);
  output.shape[1] = 3;
  filter.data = nullptr;
  EXPECT_EQ(halconv_conv2d(&input, &filter, &kValid, nullptr, &output).code, HALCONV_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace halconv::testing
