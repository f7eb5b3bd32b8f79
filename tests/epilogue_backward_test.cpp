/// Every epilogue_backward kernel of the linked libraries, by name: forced, and compared with plain loops.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "convolution.h"
#include "halconv/halconv.h"
#include "halconv/kernel_name.h"
#include "reference.h"
#include "required_target.h"

namespace halconv::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity(), kNotANumber = std::nan("");

std::vector<std::string> epilogue_backward_kernels() {
  std::vector<std::string> names;
  for (int32_t i = 0; i < halconv_kernel_count(); ++i) {
    halconv_kernel_info info{};
    if (halconv_kernel(i, &info).code == HALCONV_OK && info.operation == kEpilogueBackward)
      names.emplace_back(info.name);
  }
  return names;
}

halconv_tensor channels_of(const GuardedTensor &tensor) {
  halconv_tensor channels = tensor.view();
  channels.rank = 1;
  channels.shape[0] = channels.shape[3];
  return channels;
}

class EpilogueBackwardTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    kernel_ = parse_kernel_name(GetParam()).value.value();
    HALCONV_SKIP_UNLESS_RUNNABLE(kernel_.target);
  }

  halconv_dtype dtype() const { return find_dtype(kernel_.dtype)->value; }

  halconv_execution execution(int32_t threads = 0) const {
    halconv_execution execution{};
    execution.kernel = GetParam().c_str();
    execution.threads = threads;
    return execution;
  }

  halconv_status run(const GuardedTensor &output, const GuardedTensor &out_backprop, const halconv_epilogue &epilogue,
                     GuardedTensor *masked, GuardedTensor *bias, int32_t threads = 0) const {
    const halconv_execution execution = this->execution(threads);
    const halconv_tensor y = output.view(), d_y = out_backprop.view();
    halconv_tensor d_sum = masked->view(), d_bias = bias == nullptr ? halconv_tensor{} : channels_of(*bias);
    return halconv_fused_conv2d_backprop_epilogue(&y, &d_y, &epilogue, kernel_.data_format, &execution, &d_sum,
                                                  bias == nullptr ? nullptr : &d_bias);
  }

  GuardedTensor image(const Shape &nhwc, Guard guard = Guard::kAfter) const {
    return GuardedTensor(image_shape(nhwc, kernel_.data_format), guard, dtype());
  }
  GuardedTensor channels(const Shape &nhwc, Guard guard = Guard::kAfter) const {
    return GuardedTensor({1, 1, 1, nhwc[3]}, guard, dtype());
  }

  /// The channel of element `i` of an image.
  size_t channel_of(size_t i, const Shape &nhwc) const {
    const auto channels = static_cast<size_t>(nhwc[3]), pixels = static_cast<size_t>(nhwc[1] * nhwc[2]);
    return kernel_.data_format == HALCONV_NCHW ? i / pixels % channels : i % channels;
  }

  KernelName kernel_;
};

/// Shapes [n, h, w, c] with channels that fill vectors and that do not, of less pixels than a task has, and of more.
constexpr Shape kShapes[] = {{1, 1, 1, 1}, {2, 5, 3, 7}, {1, 8, 8, 64}, {3, 7, 9, 40}, {1, 3, 4, 130}, {2, 35, 31, 3}};

constexpr halconv_epilogue kEpilogues[] = {{nullptr, nullptr, HALCONV_NO_ACTIVATION, 0, 0},
                                           {nullptr, nullptr, HALCONV_RELU, 0, 0},
                                           {nullptr, nullptr, HALCONV_RELU6, 0, 0},
                                           {nullptr, nullptr, HALCONV_CLAMP, -3, 2}};

bool passes(const halconv_epilogue &epilogue, double output) {
  switch (epilogue.activation) {
    case HALCONV_NO_ACTIVATION:
      return true;
    case HALCONV_RELU:
      return output > 0;
    case HALCONV_RELU6:
      return output > 0 && output < 6;
    case HALCONV_CLAMP:
      break;
  }
  return output > epilogue.lower && output < epilogue.upper;
}

/// Every result that the activation's cases differ in, at places that no task or vector repeats at.
void fill_outputs(GuardedTensor *output) {
  constexpr double kOutputs[] = {0, 1, 6, -3, 2, 5, -2, -0.0, 7, kInfinity, -kInfinity, kNotANumber, 3};
  for (size_t i = 0; i < output->size(); ++i) output->set(i, kOutputs[i % std::size(kOutputs)]);
}

TEST_P(EpilogueBackwardTest, MasksAndSumsExactly) {
  std::mt19937 random(test_seed());
  for (const Shape &shape : kShapes) {
    for (Guard guard : {Guard::kAfter, Guard::kBefore, Guard::kMisaligned}) {
      for (const halconv_epilogue &epilogue : kEpilogues) {
        GuardedTensor output = image(shape, guard), out_backprop = image(shape, guard);
        fill_outputs(&output);
        fill_integers(&out_backprop, 4, random);
        output.make_read_only();
        out_backprop.make_read_only();
        GuardedTensor masked = image(shape, guard), bias = channels(shape, guard);
        fill_nan(&masked);
        fill_nan(&bias);
        ASSERT_TRUE(ok(run(output, out_backprop, epilogue, &masked, &bias)));
        std::vector<double> sums(bias.size());
        for (size_t i = 0; i < masked.size(); ++i) {
          const double expected = passes(epilogue, output.at(i)) ? out_backprop.at(i) : 0;
          ASSERT_EQ(masked.at(i), expected) << "element " << i << ", activation " << epilogue.activation;
          sums[channel_of(i, shape)] += expected;
        }
        for (size_t k = 0; k < sums.size(); ++k) {
          ASSERT_EQ(bias.at(k), rounded(dtype(), sums[k])) << "channel " << k << ", activation " << epilogue.activation;
        }
      }
    }
  }
}

TEST_P(EpilogueBackwardTest, SumsWithinTheErrorBound) {
  const Shape shape = {2, 28, 28, 24};
  std::mt19937 random(test_seed());
  GuardedTensor output = image(shape), out_backprop = image(shape);
  fill_reals(&output, random);
  fill_reals(&out_backprop, random);
  GuardedTensor masked = image(shape), bias = channels(shape);
  ASSERT_TRUE(ok(run(output, out_backprop, kEpilogues[1], &masked, &bias)));
  const Format format = format_of(dtype());
  std::vector<double> sums(bias.size()), magnitudes(bias.size());
  for (size_t i = 0; i < masked.size(); ++i) {
    sums[channel_of(i, shape)] += masked.at(i);
    magnitudes[channel_of(i, shape)] += std::abs(masked.at(i));
  }
  for (size_t k = 0; k < bias.size(); ++k) {
    const double sum = sums[k], magnitude = magnitudes[k];
    const auto terms = static_cast<int64_t>(masked.size() / bias.size());
    const double sum_error = reference::error_bound(terms, magnitude, unit_roundoff(format.sum_digits));
    const double rounding = format.digits == format.sum_digits ? 0 : unit_roundoff(format.digits);
    EXPECT_LE(std::abs(bias.at(k) - sum), sum_error + rounding * (std::abs(sum) + sum_error)) << "channel " << k;
  }
}

TEST_P(EpilogueBackwardTest, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Shape shape = {2, 14, 14, 37};
  std::mt19937 random(test_seed());
  GuardedTensor output = image(shape), out_backprop = image(shape);
  fill_reals(&output, random);
  fill_reals(&out_backprop, random);
  std::vector<GuardedTensor> biases;
  for (int32_t threads : {1, 2, 7}) {
    GuardedTensor masked = image(shape);
    biases.push_back(channels(shape));
    ASSERT_TRUE(ok(run(output, out_backprop, kEpilogues[2], &masked, &biases.back(), threads)));
    EXPECT_TRUE(same_bits(biases.front(), biases.back())) << threads << " threads";
  }
}

TEST_P(EpilogueBackwardTest, MasksWithoutABias) {
  const Shape shape = {2, 5, 3, 7};
  std::mt19937 random(test_seed());
  GuardedTensor output = image(shape), out_backprop = image(shape);
  fill_outputs(&output);
  fill_reals(&out_backprop, random);
  GuardedTensor with = image(shape), without = image(shape), bias = channels(shape);
  ASSERT_TRUE(ok(run(output, out_backprop, kEpilogues[1], &with, &bias)));
  ASSERT_TRUE(ok(run(output, out_backprop, kEpilogues[1], &without, nullptr)));
  EXPECT_TRUE(same_bits(with, without));
}

INSTANTIATE_TEST_SUITE_P(Kernels, EpilogueBackwardTest, ::testing::ValuesIn(epilogue_backward_kernels()),
                         [](const auto &kernel) { return kernel.param; });

}  // namespace
}  // namespace halconv::testing
