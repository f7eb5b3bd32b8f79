/// The depthwise functions, on TensorFlow's filters [r, s, c, m].
#include <gtest/gtest.h>

#include <string>

#include "convolution.h"
#include "halconv/halconv.h"
#include "problem_list.h"

namespace halconv::testing {
namespace {

/// A filter of the grouped problem, [r, s, 1, c * m], as [r, s, c, m].
halconv_tensor depthwise(halconv_tensor filter, const Conv2dProblem &problem) {
  filter.shape[2] = problem.in_channels;
  filter.shape[3] = problem.out_channels / problem.in_channels;
  return filter;
}

halconv_status run(const Convolution &convolution, GuardedTensor *result) {
  const Conv2dProblem &problem = convolution.problem();
  const halconv_conv2d_attributes attributes = attributes_of(problem).value();
  const halconv_tensor first = convolution.first(), second = convolution.second();
  halconv_tensor view = result->view();
  switch (convolution.operation()) {
    case HALCONV_FORWARD: {
      const halconv_tensor filter = depthwise(second, problem);
      return halconv_depthwise_conv2d(&first, &filter, &attributes, nullptr, &view);
    }
    case HALCONV_FORWARD_FUSED: {
      const halconv_tensor filter = depthwise(second, problem);
      const Convolution::EpilogueView epilogue(convolution);
      return halconv_fused_depthwise_conv2d(&first, &filter, &attributes, &epilogue.view, nullptr, &view);
    }
    case HALCONV_BACKWARD_INPUT: {
      const halconv_tensor filter = depthwise(first, problem);
      return halconv_depthwise_conv2d_backprop_input(&filter, &second, &attributes, nullptr, &view);
    }
    case HALCONV_BACKWARD_FILTER:
      break;
  }
  view = depthwise(view, problem);
  return halconv_depthwise_conv2d_backprop_filter(&first, &second, &attributes, nullptr, &view);
}

TEST(Depthwise, IsExactOnIntegers) {
  int checked = 0;
  for (const Conv2dProblem &problem : read_problems("generic_cases.txt")) {
    if (problem.groups != problem.in_channels || !attributes_of(problem)) continue;
    for (const halconv_operation operation :
         {HALCONV_FORWARD, HALCONV_FORWARD_FUSED, HALCONV_BACKWARD_INPUT, HALCONV_BACKWARD_FILTER}) {
      SCOPED_TRACE(to_string(problem));
      const Convolution convolution(operation, problem, Fill::kExactIntegers, Guard::kAfter);
      GuardedTensor result = convolution.make_result();
      ASSERT_TRUE(ok(run(convolution, &result)));
      EXPECT_TRUE(convolution.is_exact(result));
      ++checked;
    }
  }
  EXPECT_GT(checked, 10);
}

TEST(Depthwise, RefusesAFilterOfAnotherDepth) {
  const Convolution convolution(HALCONV_FORWARD, parse_problem("g4mb1ic4ih5oc8kh3ph1"), Fill::kExactIntegers,
                                Guard::kAfter);
  const halconv_tensor input = convolution.first(), filter = convolution.second();
  const halconv_conv2d_attributes attributes = attributes_of(convolution.problem()).value();
  GuardedTensor result = convolution.make_result();
  halconv_tensor output = result.view();
  const halconv_status status = halconv_depthwise_conv2d(&input, &filter, &attributes, nullptr, &output);
  EXPECT_EQ(status.code, HALCONV_INVALID_ARGUMENT);
  EXPECT_TRUE(std::string(status.message).starts_with("input and filter must have the same depth: 4 vs 1"))
      << status.message;
  EXPECT_EQ(halconv_depthwise_conv2d(&input, nullptr, &attributes, nullptr, &output).code, HALCONV_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace halconv::testing
