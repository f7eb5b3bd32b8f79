/// The C++ API's fused functions.
#include <gtest/gtest.h>

#include <vector>

#include "halconv/halconv.hpp"

namespace halconv {
namespace {

TEST(CppApi, RunsTheFusedEpilogueAndItsGradient) {
  const std::vector<float> input = {1, -2, 3}, filter = {2, -1}, bias = {1, 10}, residual = {0, 1, 2, 3, 4, -50};
  std::vector<float> output(6), planned(6), masked(6), bias_gradient(2);
  const ConstTensorView x(input.data(), {1, 1, 3, 1}), w(filter.data(), {1, 1, 1, 2});
  const Epilogue epilogue{.bias = ConstTensorView(bias.data(), {2}),
                          .residual = ConstTensorView(residual.data(), {1, 1, 3, 2}),
                          .activation = Activation::kRelu};
  const TensorView y(output.data(), {1, 1, 3, 2});
  ASSERT_TRUE(fused_conv2d(x, w, {}, epilogue, y).ok());
  EXPECT_EQ(output, (std::vector<float>{3, 10, 0, 15, 11, 0}));
  Result<Plan> plan = Plan::create_fused("mb1ic1ih1iw3oc2oh1ow3kh1");
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  ASSERT_TRUE(plan->run_fused(x, w, epilogue, TensorView(planned.data(), {1, 1, 3, 2})).ok());
  EXPECT_EQ(planned, output);
  ASSERT_TRUE(fused_conv2d_backprop_epilogue(y, ConstTensorView(residual.data(), {1, 1, 3, 2}), epilogue,
                                             TensorView(masked.data(), {1, 1, 3, 2}),
                                             TensorView(bias_gradient.data(), {2}))
                  .ok());
  EXPECT_EQ(masked, (std::vector<float>{0, 1, 0, 3, 4, 0}));
  EXPECT_EQ(bias_gradient, (std::vector<float>{4, 4}));
  const ConstTensorView planes(output.data(), {1, 2, 1, 3}), d_planes(residual.data(), {1, 2, 1, 3});
  ASSERT_TRUE(fused_conv2d_backprop_epilogue(planes, d_planes, epilogue, TensorView(masked.data(), {1, 2, 1, 3}),
                                             TensorView(bias_gradient.data(), {2}), {}, DataFormat::kNchw)
                  .ok());
  EXPECT_EQ(bias_gradient, (std::vector<float>{1, 7}));
}

}  // namespace
}  // namespace halconv
