/// A program that links the AVX2 library alone, run on a CPU without AVX2: errors, not illegal instructions.
#include <gtest/gtest.h>

#include <string>

#include "convolution.h"
#include "halconv/halconv.h"

namespace halconv::testing {
namespace {

TEST(UnsupportedCpu, LeavesNoKernel) {
  for (halconv_operation operation : {HALCONV_FORWARD, HALCONV_BACKWARD_INPUT, HALCONV_BACKWARD_FILTER}) {
    const Convolution convolution(operation, parse_problem("mb1ic3ih5oc4kh3ph1"), Fill::kReals, Guard::kAfter);
    GuardedTensor result = convolution.make_result();
    const halconv_status status = convolution.run_once({}, &result);
    EXPECT_EQ(status.code, HALCONV_NOT_FOUND) << status.message;
    EXPECT_NE(std::string(status.message).find("does not support avx2"), std::string::npos) << status.message;
    EXPECT_TRUE(same_bits(result, convolution.make_result())) << "written by a call that failed";
  }
}

TEST(UnsupportedCpu, RefusesTheForcedTarget) {
  halconv_execution execution{};
  execution.target = "avx2";
  halconv_plan *plan = nullptr;
  const halconv_status status = halconv_plan_create(HALCONV_FORWARD, "mb1ic3ih5oc4kh3ph1", nullptr, &execution, &plan);
  const Plan owner(plan);
  EXPECT_EQ(status.code, HALCONV_UNAVAILABLE) << status.message;
  EXPECT_NE(std::string(status.message).find("available here: none"), std::string::npos) << status.message;
}

}  // namespace
}  // namespace halconv::testing
