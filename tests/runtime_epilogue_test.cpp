/// The fused functions' epilogue: what callers get wrong, and tensors without elements.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "convolution.h"
#include "halconv/halconv.h"

namespace halconv::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

halconv_tensor channels_of(const GuardedTensor &tensor) {
  halconv_tensor channels = tensor.view();
  channels.rank = 1;
  channels.shape[0] = channels.shape[3];
  return channels;
}

::testing::AssertionResult fails_with(const halconv_status &status, halconv_status_code code, const std::string &text) {
  if (status.code == code && std::string(status.message).find(text) != std::string::npos) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << "code " << status.code << ", expected " << code << " with \"" << text
                                       << "\": " << status.message;
}

/// A fused convolution of [1, 5, 5, 2] into [1, 5, 5, 3] with all that an epilogue can have.
class BadEpilogueTest : public ::testing::Test {
 protected:
  BadEpilogueTest() {
    for (GuardedTensor *tensor : {&input_, &filter_, &bias_, &residual_}) fill_integers(tensor, 3, random_);
  }

  /// The fused function and the plan's, which refuse the same.
  void expect_failure(const halconv_epilogue &epilogue, halconv_status_code code, const std::string &text) {
    const Plan plan = create_plan(HALCONV_FORWARD_FUSED, problem_, {});
    ASSERT_TRUE(plan);
    fill_nan(&output_);
    const GuardedTensor untouched = filled_with_nan();
    halconv_tensor output = output_.view();
    EXPECT_TRUE(fails_with(halconv_fused_conv2d(&x_, &w_, &attributes_, &epilogue, nullptr, &output), code, text));
    EXPECT_TRUE(fails_with(halconv_plan_run_fused(plan.get(), &x_, &w_, &epilogue, &output), code, text));
    EXPECT_TRUE(same_bits(output_, untouched)) << "written by a call that failed";
    EXPECT_TRUE(ok(halconv_fused_conv2d(&x_, &w_, &attributes_, &epilogue_, nullptr, &output)));
  }

  GuardedTensor filled_with_nan() const {
    GuardedTensor tensor(output_shape(problem_), Guard::kAfter);
    fill_nan(&tensor);
    return tensor;
  }

  std::mt19937 random_{test_seed()};
  const Conv2dProblem problem_ = parse_problem("mb1ic2ih5oc3kh3ph1");
  const halconv_conv2d_attributes attributes_ = attributes_of(problem_).value();
  GuardedTensor input_{input_shape(problem_), Guard::kAfter}, filter_{filter_shape(problem_), Guard::kAfter};
  GuardedTensor bias_{{1, 1, 1, 3}, Guard::kAfter}, residual_{output_shape(problem_), Guard::kAfter};
  GuardedTensor output_{output_shape(problem_), Guard::kAfter};
  const halconv_tensor x_ = input_.view(), w_ = filter_.view(), b_ = channels_of(bias_), r_ = residual_.view();
  const halconv_epilogue epilogue_{&b_, &r_, HALCONV_CLAMP, -1, 1};
};

TEST_F(BadEpilogueTest, Bias) {
  const auto expect = [&](void (*spoil)(halconv_tensor *), const std::string &text) {
    halconv_tensor bias = b_;
    spoil(&bias);
    expect_failure({&bias, &r_, HALCONV_RELU, 0, 0}, HALCONV_INVALID_ARGUMENT, text);
  };
  expect([](halconv_tensor *bias) { bias->rank = 4; }, "bias must be 1-dimensional (bias has rank 4)");
  expect([](halconv_tensor *bias) { bias->shape[0] = 4; }, "bias has shape [4], expected [3]");
  expect([](halconv_tensor *bias) { bias->shape[0] = -1; }, "bias");
  expect([](halconv_tensor *bias) { bias->data = nullptr; }, "bias->data is null");
  expect([](halconv_tensor *bias) { bias->dtype = HALCONV_FLOAT64; }, "bias f64, expected all tensors of one dtype");
  expect([](halconv_tensor *bias) { bias->dtype = std::bit_cast<halconv_dtype>(7); }, "bias->dtype is 7");
  expect([](halconv_tensor *bias) { bias->device = HALCONV_CUDA; }, "expected all tensors on one device");
  expect([](halconv_tensor *bias) { bias->data = static_cast<char *>(bias->data) + 1; }, "bias->data is 0x");
  halconv_tensor overlapping = channels_of(output_);
  overlapping.shape[0] = 3;
  expect_failure({&overlapping, nullptr, HALCONV_RELU, 0, 0}, HALCONV_INVALID_ARGUMENT, "output overlaps bias");
}

TEST_F(BadEpilogueTest, Residual) {
  const auto expect = [&](void (*spoil)(halconv_tensor *), const std::string &text) {
    halconv_tensor residual = r_;
    spoil(&residual);
    expect_failure({&b_, &residual, HALCONV_RELU, 0, 0}, HALCONV_INVALID_ARGUMENT, text);
  };
  expect([](halconv_tensor *residual) { residual->rank = 3; }, "residual must be 4-dimensional");
  expect([](halconv_tensor *residual) { residual->shape[1] = 4; },
         "residual has shape [1, 4, 5, 3], expected [1, 5, 5, 3]");
  expect([](halconv_tensor *residual) { residual->data = nullptr; }, "residual->data is null");
  expect([](halconv_tensor *residual) { residual->dtype = HALCONV_INT32; }, "expected all tensors of one dtype");
  expect([](halconv_tensor *residual) { residual->device = HALCONV_OPENCL; }, "expected all tensors on one device");
  // Tiles at an edge may be computed twice, and would add what they added before.
  const halconv_tensor in_place = output_.view();
  expect_failure({&b_, &in_place, HALCONV_RELU, 0, 0}, HALCONV_INVALID_ARGUMENT, "output overlaps residual");
}

TEST_F(BadEpilogueTest, Activation) {
  expect_failure({nullptr, nullptr, std::bit_cast<halconv_activation>(4), 0, 0}, HALCONV_INVALID_ARGUMENT,
                 "epilogue->activation is 4, expected HALCONV_NO_ACTIVATION (0)");
  expect_failure({nullptr, nullptr, HALCONV_CLAMP, 1, 0}, HALCONV_INVALID_ARGUMENT,
                 "epilogue->lower is 1 and epilogue->upper 0, expected lower <= upper");
  for (const auto &[lower, upper] : {std::pair(std::nan(""), 1.0), std::pair(0.0, std::nan(""))}) {
    expect_failure({nullptr, nullptr, HALCONV_CLAMP, lower, upper}, HALCONV_INVALID_ARGUMENT, "no NaN");
  }
}

TEST_F(BadEpilogueTest, Plan) {
  const Plan forward = create_plan(HALCONV_FORWARD, problem_, {});
  ASSERT_TRUE(forward);
  halconv_tensor output = output_.view();
  EXPECT_TRUE(fails_with(halconv_plan_run_fused(forward.get(), &x_, &w_, &epilogue_, &output), HALCONV_INVALID_ARGUMENT,
                         "expected one of HALCONV_FORWARD_FUSED"));
  EXPECT_TRUE(fails_with(halconv_plan_run_fused(nullptr, &x_, &w_, &epilogue_, &output), HALCONV_INVALID_ARGUMENT,
                         "plan is null"));
}

TEST_F(BadEpilogueTest, Gradient) {
  GuardedTensor masked = filled_with_nan(), d_bias({1, 1, 1, 3}, Guard::kAfter);
  const halconv_tensor y = output_.view(), d_y = residual_.view();
  halconv_tensor d_sum = masked.view(), d_b = channels_of(d_bias);
  const halconv_epilogue relu{nullptr, nullptr, HALCONV_RELU, 0, 0};
  const auto expect = [&](const halconv_tensor *output, const halconv_tensor *out_backprop, halconv_tensor *sum,
                          halconv_tensor *bias, const std::string &text) {
    EXPECT_TRUE(fails_with(
        halconv_fused_conv2d_backprop_epilogue(output, out_backprop, &relu, HALCONV_NHWC, nullptr, sum, bias),
        HALCONV_INVALID_ARGUMENT, text));
  };
  expect(nullptr, &d_y, &d_sum, &d_b, "output is null");
  expect(&y, nullptr, &d_sum, &d_b, "out_backprop is null");
  expect(&y, &d_y, nullptr, &d_b, "masked_out_backprop is null");
  halconv_tensor spoiled = y;
  spoiled.shape[2] = 4;
  expect(&spoiled, &d_y, &d_sum, &d_b, "output has shape [1, 5, 4, 3], expected [1, 5, 5, 3]");
  expect(&y, &d_y, &spoiled, &d_b, "masked_out_backprop has shape");
  spoiled = d_b;
  spoiled.shape[0] = 2;
  expect(&y, &d_y, &d_sum, &spoiled, "bias_backprop has shape [2], expected [3]");
  spoiled = d_y;
  expect(&y, &d_y, &spoiled, &d_b, "masked_out_backprop overlaps out_backprop");
  spoiled = d_b;
  spoiled.data = masked.view().data;
  expect(&y, &d_y, &d_sum, &spoiled, "overlaps");
  halconv_tensor integers[] = {y, d_y, d_sum};
  for (halconv_tensor &tensor : integers) tensor.dtype = HALCONV_INT32;
  EXPECT_TRUE(fails_with(halconv_fused_conv2d_backprop_epilogue(&integers[0], &integers[1], &relu, HALCONV_NHWC,
                                                                nullptr, &integers[2], nullptr),
                         HALCONV_UNIMPLEMENTED, "i32, which has no gradients"));
  EXPECT_TRUE(same_bits(masked, filled_with_nan())) << "written by a call that failed";
  EXPECT_TRUE(ok(halconv_fused_conv2d_backprop_epilogue(&y, &d_y, &relu, HALCONV_NHWC, nullptr, &d_sum, &d_b)));
}

/// In NCHW bias and residual are held to the channels where that has them.
TEST(Epilogue, OfPlanes) {
  const Conv2dProblem problem = parse_problem("mb2ic2ih5iw4oc3kh3ph1pw1");
  const halconv_conv2d_attributes attributes = attributes_of(problem, HALCONV_NCHW).value();
  const GuardedTensor input({2, 2, 5, 4}, Guard::kAfter), filter({3, 3, 2, 3}, Guard::kAfter);
  const GuardedTensor bias({1, 1, 1, 3}, Guard::kAfter), residual({2, 3, 5, 4}, Guard::kAfter);
  const GuardedTensor output({2, 3, 5, 4}, Guard::kAfter), masked({2, 3, 5, 4}, Guard::kAfter);
  const halconv_tensor x = input.view(), w = filter.view(), b = channels_of(bias), r = residual.view();
  halconv_tensor y = output.view(), d_sum = masked.view(), d_b = b, of_columns = b, nhwc = r;
  of_columns.shape[0] = 4;
  std::rotate(nhwc.shape + 1, nhwc.shape + 2, nhwc.shape + 4);
  const auto run = [&](const halconv_tensor *bias_of_run, const halconv_tensor *residual_of_run) {
    const halconv_epilogue epilogue{bias_of_run, residual_of_run, HALCONV_RELU, 0, 0};
    return halconv_fused_conv2d(&x, &w, &attributes, &epilogue, nullptr, &y);
  };
  EXPECT_TRUE(fails_with(run(&of_columns, nullptr), HALCONV_INVALID_ARGUMENT, "bias has shape [4], expected [3]"));
  EXPECT_TRUE(fails_with(run(&b, &nhwc), HALCONV_INVALID_ARGUMENT, "expected [2, 3, 5, 4]"));
  EXPECT_TRUE(ok(run(&b, &r)));
  const halconv_epilogue relu{nullptr, nullptr, HALCONV_RELU, 0, 0};
  const auto differentiate = [&](halconv_data_format data_format, halconv_tensor *d_bias) {
    return halconv_fused_conv2d_backprop_epilogue(&y, &r, &relu, data_format, nullptr, &d_sum, d_bias);
  };
  EXPECT_TRUE(fails_with(differentiate(HALCONV_NCHW, &of_columns), HALCONV_INVALID_ARGUMENT, "expected [3]"));
  EXPECT_TRUE(fails_with(differentiate(HALCONV_NHWC, &d_b), HALCONV_INVALID_ARGUMENT, "expected [4]"));
  EXPECT_TRUE(fails_with(differentiate(std::bit_cast<halconv_data_format>(2), &d_b), HALCONV_INVALID_ARGUMENT,
                         "data_format is 2"));
  EXPECT_TRUE(ok(differentiate(HALCONV_NCHW, &d_b)));
}

/// A sum without terms is zero, and the epilogue goes on with it.
class EpilogueWithoutProducts : public ::testing::TestWithParam<halconv_data_format> {};

TEST_P(EpilogueWithoutProducts, ReachesTheResult) {
  const auto image = [](const Shape &nhwc) { return GuardedTensor(image_shape(nhwc, GetParam()), Guard::kAfter); };
  halconv_conv2d_attributes padded{{1, {1}}, {1, {1}}, HALCONV_EXPLICIT, {8, {}}, GetParam()};
  int64_t *const rows = padded.explicit_paddings.values + 2 * find_data_format(GetParam())->height;
  rows[0] = 2;
  rows[1] = 1;
  const GuardedTensor input = image({1, 0, 6, 2}), filter({3, 3, 2, 3}, Guard::kAfter);
  GuardedTensor bias({1, 1, 1, 3}, Guard::kAfter), residual = image({1, 1, 4, 3}), output = image({1, 1, 4, 3});
  std::mt19937 random(test_seed());
  fill_integers(&bias, 9, random);
  fill_integers(&residual, 9, random);
  const halconv_tensor x = input.view(), w = filter.view(), b = channels_of(bias), r = residual.view();
  halconv_tensor y = output.view();
  for (const bool has_residual : {false, true}) {
    const halconv_epilogue epilogue{&b, has_residual ? &r : nullptr, HALCONV_CLAMP, -4, 7};
    fill_nan(&output);
    ASSERT_TRUE(ok(halconv_fused_conv2d(&x, &w, &padded, &epilogue, nullptr, &y)));
    for (size_t i = 0; i < output.size(); ++i) {
      const size_t channel = GetParam() == HALCONV_NCHW ? i / 4 : i % 3;
      const double sum = bias.at(channel) + (has_residual ? residual.at(i) : 0);
      EXPECT_EQ(output.at(i), std::min(std::max(sum, -4.0), 7.0)) << "element " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(DataFormats, EpilogueWithoutProducts, ::testing::Values(HALCONV_NHWC, HALCONV_NCHW),
                         [](const auto &format) { return std::string(find_data_format(format.param)->name); });

TEST(Epilogue, LeavesAResultWithoutElementsAlone) {
  const halconv_conv2d_attributes valid{{1, {1}}, {1, {1}}, HALCONV_VALID, {}, HALCONV_NHWC};
  const GuardedTensor input({0, 5, 5, 2}, Guard::kAfter), filter({3, 3, 2, 3}, Guard::kAfter),
      bias({1, 1, 1, 3}, Guard::kAfter), output({0, 3, 3, 3}, Guard::kAfter);
  const halconv_tensor x = input.view(), w = filter.view(), b = channels_of(bias);
  halconv_tensor y = output.view();
  const halconv_epilogue epilogue{&b, &y, HALCONV_RELU, 0, 0};
  EXPECT_TRUE(ok(halconv_fused_conv2d(&x, &w, &valid, &epilogue, nullptr, &y)));
}

TEST(Epilogue, GradientOfNoPixelsIsZero) {
  const GuardedTensor pixels({2, 0, 5, 3}, Guard::kAfter), masked({2, 0, 5, 3}, Guard::kAfter);
  GuardedTensor bias({1, 1, 1, 3}, Guard::kAfter);
  fill_nan(&bias);
  const halconv_tensor y = pixels.view();
  halconv_tensor d_sum = masked.view(), d_b = channels_of(bias);
  const halconv_epilogue relu{nullptr, nullptr, HALCONV_RELU, 0, 0};
  ASSERT_TRUE(ok(halconv_fused_conv2d_backprop_epilogue(&y, &y, &relu, HALCONV_NHWC, nullptr, &d_sum, &d_b)));
  for (size_t k = 0; k < bias.size(); ++k) EXPECT_EQ(bias.at(k), 0);
  EXPECT_TRUE(ok(halconv_fused_conv2d_backprop_epilogue(&y, &y, &relu, HALCONV_NHWC, nullptr, &d_sum, nullptr)));
}

/// Bounds of integers are the integers between.
TEST(Epilogue, ClampsIntegersBetweenTheBounds) {
  const halconv_conv2d_attributes valid{{1, {1}}, {1, {1}}, HALCONV_VALID, {}, HALCONV_NHWC};
  const int32_t input[] = {-1000, -3, 2, 1000}, filter[] = {1};
  int32_t output[4];
  const auto tensor = [](const int32_t *data, int64_t width) {
    return halconv_tensor{const_cast<int32_t *>(data), HALCONV_INT32, HALCONV_HOST, 4, {1, 1, width, 1}};
  };
  const halconv_tensor x = tensor(input, 4), w = tensor(filter, 1);
  halconv_tensor y = tensor(output, 4);
  const auto run = [&](double lower, double upper) {
    const halconv_epilogue epilogue{nullptr, nullptr, HALCONV_CLAMP, lower, upper};
    return halconv_fused_conv2d(&x, &w, &valid, &epilogue, nullptr, &y);
  };
  if (run(0, 1).code == HALCONV_NOT_FOUND) GTEST_SKIP() << "no kernels of int32 are linked";
  ASSERT_TRUE(ok(run(-2.5, 1.5)));
  EXPECT_EQ(std::vector<int32_t>(output, output + 4), (std::vector<int32_t>{-2, -2, 1, 1}));
  ASSERT_TRUE(ok(run(-kInfinity, 1e300)));
  EXPECT_EQ(std::vector<int32_t>(output, output + 4), (std::vector<int32_t>{-1000, -3, 2, 1000}));
  EXPECT_TRUE(fails_with(run(0.25, 0.75), HALCONV_INVALID_ARGUMENT, "expected an integer between them"));
}

}  // namespace
}  // namespace halconv::testing
