/// A program that links the baseline library alone.
#include <gtest/gtest.h>

#include <string>

#include "convolution.h"
#include "halconv/halconv.h"

namespace halconv::testing {
namespace {

const Conv2dProblem kProblem = parse_problem("mb1ic3ih5oc4kh3ph1");

TEST(UnlinkedTarget, IsNotFound) {
  for (const char *target : {"avx2", "avx512", "cuda", "opencl"}) {
    halconv_execution execution{};
    execution.target = target;
    halconv_plan *plan = nullptr;
    const halconv_status status =
        halconv_plan_create(HALCONV_FORWARD, to_string(kProblem).c_str(), nullptr, &execution, &plan);
    const Plan owner(plan);
    EXPECT_EQ(status.code, HALCONV_NOT_FOUND) << status.message;
    const std::string message = status.message;
    EXPECT_NE(message.find(target), std::string::npos) << message;
    EXPECT_NE(message.find("available here: x86_64"), std::string::npos) << message;
  }
}

TEST(UnlinkedTarget, LeavesTheLinkedOne) {
  EXPECT_EQ(halconv_target_count(), 1);
  const Convolution convolution(HALCONV_FORWARD, kProblem, Fill::kExactIntegers, Guard::kAfter);
  GuardedTensor result = convolution.make_result();
  ASSERT_TRUE(ok(convolution.run_once({}, &result)));
  EXPECT_TRUE(convolution.is_exact(result));
}

}  // namespace
}  // namespace halconv::testing
