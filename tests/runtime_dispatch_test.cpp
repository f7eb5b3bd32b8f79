/// The order in which kernels are tried, with rows that stand for kernels and are never called.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "dispatch.h"
#include "halconv/kernel_registry.h"
#include "kernel_table.h"
#include "target_support.h"

namespace halconv::runtime {
namespace {

int never_called(void **) { return -1; }
const halide_filter_metadata_t *no_metadata() { return nullptr; }

/// No suite has this problem, so that other libraries linked with the test have only generic kernels for it.
constexpr const char *kSpecialised = "conv2d_forward__g1mb1_ic7oc13_ih29oh29kh3sh1ph1__f32__x86_64";
constexpr const char *kWithAlgorithm = "conv2d_forward_imaginary__g1mb1_ic7oc13_ih29oh29kh3sh1ph1__f32__x86_64";
constexpr const char *kGeneric = "conv2d_forward__generic__f32__x86_64";
constexpr const char *kOpenCl = "conv2d_forward__g1mb1_ic7oc13_ih29oh29kh3sh1ph1__f32__opencl";
constexpr const char *kDifferentiated = "conv2d_backward_input_autodiff__generic__f32__x86_64";
/// Of 8x8 = 64 and 6x6 = 36 pixels, and the other way round.
constexpr const char *kShrinking = "conv2d_forward_winograd2__g1mb1_ic7oc13_ih8oh6kh3sh1ph0__f32__x86_64";
constexpr const char *kShrinkingGradient =
    "conv2d_backward_input_winograd2__g1mb1_ic7oc13_ih8oh6kh3sh1ph0__f32__x86_64";
constexpr const char *kGrowing = "conv2d_forward_winograd2__g1mb1_ic7oc13_ih6oh8kh3sh1ph2__f32__x86_64";
constexpr const char *kGrowingGradient = "conv2d_backward_input_winograd2__g1mb1_ic7oc13_ih6oh8kh3sh1ph2__f32__x86_64";
constexpr const char *kMalformed = "conv2d_sideways__generic__f32__x86_64";

const halconv_kernel_row kRows[] = {
    {kOpenCl, never_called, no_metadata},         {kGeneric, never_called, no_metadata},
    {kWithAlgorithm, never_called, no_metadata},  {kSpecialised, never_called, no_metadata},
    {kDifferentiated, never_called, no_metadata}, {kMalformed, never_called, no_metadata},
    {kShrinking, never_called, no_metadata},      {kShrinkingGradient, never_called, no_metadata},
    {kGrowing, never_called, no_metadata},        {kGrowingGradient, never_called, no_metadata},
};

class RuntimeDispatchTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { halconv_register_kernels(kRows, static_cast<int32_t>(std::size(kRows))); }

  RuntimeDispatchTest() {
    request_.operation = kForward;
    request_.problem = parse_kernel_name(kSpecialised).value->problem.value();
    request_.format.device = HALCONV_HOST;
    execution_.target_source = "execution->target";
  }

  std::vector<std::string> candidate_names() const {
    std::vector<std::string> names;
    for (const Candidate &candidate : rank_candidates(request_, execution_)) names.push_back(candidate.kernel->text);
    return names;
  }

  std::string rejection(const std::string &kernel) const {
    for (const Candidate &candidate : rank_candidates(request_, execution_)) {
      if (candidate.kernel->text == kernel) return candidate.rejection;
    }
    return "not a candidate";
  }

  std::string selected() const {
    const Kernel *kernel = nullptr;
    const Status status = select_kernel(request_, execution_, &kernel);
    return is_ok(status) ? kernel->text : status.message;
  }

  KernelRequest request_;
  Execution execution_;
};

TEST_F(RuntimeDispatchTest, TriesTargetsBestFirstAndSpecialisedBeforeGeneric) {
  const std::vector<std::string> names = candidate_names();
  const auto position = [&](const char *name) { return std::find(names.begin(), names.end(), name) - names.begin(); };
  EXPECT_LT(position(kOpenCl), position(kSpecialised)) << "a better target goes first";
  EXPECT_LT(position(kSpecialised), position(kWithAlgorithm));
  EXPECT_LT(position(kWithAlgorithm), position(kGeneric));
  EXPECT_LT(position(kGeneric), static_cast<ptrdiff_t>(names.size()));
}

TEST_F(RuntimeDispatchTest, TakesTheSpecialisedKernelOfTheTarget) {
  execution_.target = "x86_64";
  EXPECT_EQ(selected(), kSpecialised);
  EXPECT_EQ(rejection(kGeneric), std::string(kSpecialised) + " comes first");
  EXPECT_EQ(rejection(kOpenCl), "target x86_64 is asked for");
  EXPECT_EQ(rejection(kWithAlgorithm), "algorithm imaginary is used only when the kernel is asked for by name");
}

TEST_F(RuntimeDispatchTest, TakesTheGenericKernelForAnotherProblem) {
  execution_.target = "x86_64";
  ++request_.problem.batch;
  EXPECT_EQ(selected(), kGeneric);
  EXPECT_EQ(rejection(kSpecialised), "not a candidate");
}

TEST_F(RuntimeDispatchTest, TakesTheKernelAskedFor) {
  execution_.kernel = kWithAlgorithm;
  EXPECT_EQ(selected(), kWithAlgorithm);
  EXPECT_EQ(rejection(kSpecialised), std::string("kernel ") + kWithAlgorithm + " is asked for");
  ++request_.problem.batch;
  EXPECT_EQ(rejection(kWithAlgorithm).substr(0, 14), "it is made for");
}

TEST_F(RuntimeDispatchTest, LeavesHostTensorsToTheCpuUnlessAsked) {
  EXPECT_EQ(rejection(kOpenCl), "the tensors are on the host and the target is not asked for");
  execution_.target = "opencl";
  EXPECT_EQ(rejection(kOpenCl), unavailable_reason(*find_target("opencl")));
}

TEST_F(RuntimeDispatchTest, LeavesDeviceTensorsToTheirDevice) {
  request_.format.device = HALCONV_CUDA;
  EXPECT_EQ(rejection(kSpecialised), "the tensors are on the CUDA device");
  EXPECT_EQ(rejection(kOpenCl), "the tensors are on the CUDA device");
  request_.format.device = HALCONV_OPENCL;
  EXPECT_EQ(rejection(kSpecialised), "the tensors are on the OpenCL device");
}

TEST_F(RuntimeDispatchTest, DifferentiatesOnlyOnRequest) {
  request_.operation = kBackwardInput;
  EXPECT_EQ(rejection(kDifferentiated), "not a candidate");
  request_.algorithm = kAutodiff;
  execution_.target = "x86_64";
  EXPECT_EQ(selected(), kDifferentiated);
}

/// From 49 pixels of the result on, which is the output, or the input's gradient.
TEST_F(RuntimeDispatchTest, CountsTheResultsPixelsForWinograd) {
  execution_.target = "x86_64";
  const auto request = [&](const char *kernel) {
    const KernelName name = parse_kernel_name(kernel).value.value();
    request_.operation = name.operation == kForward ? kForward : kBackwardInput;
    request_.problem = name.problem.value();
  };
  for (const char *kernel : {kShrinkingGradient, kGrowing}) {
    request(kernel);
    EXPECT_EQ(selected(), kernel);
  }
  for (const char *kernel : {kShrinking, kGrowingGradient}) {
    request(kernel);
    EXPECT_EQ(rejection(kernel), "with a filter prepared once it pays from 49 pixels on, and the result has 36");
  }
  execution_.filter_changes = true;
  request(kGrowing);
  EXPECT_EQ(rejection(kGrowing), "with a filter that changes it pays from 196 pixels on, and the result has 64");
  request(kShrinkingGradient);
  EXPECT_EQ(rejection(kShrinkingGradient),
            "with a filter that changes it pays from 196 pixels on, and the result has 64");
}

TEST_F(RuntimeDispatchTest, NamesWhatIsWrongWithATarget) {
  execution_.target = "mmx";
  EXPECT_NE(
      selected().find("execution->target is \"mmx\", expected one of cuda, opencl, avx512_bf16, avx512, avx2, x86_64"),
      std::string::npos)
      << selected();
  execution_.target = "";
  EXPECT_NE(selected().find("execution->target is \"\""), std::string::npos);
  execution_.target.reset();
  execution_.kernel = "nothing";
  EXPECT_EQ(selected(), "execution->kernel is \"nothing\", expected the name of a linked kernel");
}

TEST_F(RuntimeDispatchTest, SaysThatNoKernelFits) {
  execution_.kernel = kDifferentiated;
  EXPECT_NE(selected().find("no linked kernel of conv2d_forward on f32 can run g1mb1_ic7oc13_ih29oh29kh3sh1ph1"),
            std::string::npos)
      << selected();
}

TEST_F(RuntimeDispatchTest, KeepsTheFirstOfOneName) {
  const std::vector<const Kernel *> before = kernels();
  halconv_register_kernels(kRows, 2);
  EXPECT_EQ(kernels(), before);
}

TEST_F(RuntimeDispatchTest, NamesMalformedRows) {
  EXPECT_EQ(find_kernel(kMalformed), nullptr);
  EXPECT_NE(explain(request_, execution_).find(std::string(kMalformed) + ": column 1: "), std::string::npos);
}

TEST(ResolveExecution, ReadsTheEnvironment) {
  Execution execution;
  setenv("HALCONV_TARGET", "mmx", 1);
  ASSERT_TRUE(is_ok(resolve_execution(nullptr, &execution)));
  EXPECT_EQ(execution.target, "mmx");
  const Status status = check_target(execution);
  EXPECT_NE(std::string(status.message).find("the environment variable HALCONV_TARGET is \"mmx\""), std::string::npos);
  halconv_execution options{};
  options.target = "x86_64";
  ASSERT_TRUE(is_ok(resolve_execution(&options, &execution)));
  EXPECT_EQ(execution.target, "x86_64");
  setenv("HALCONV_TARGET", "", 1);
  Execution unset;
  ASSERT_TRUE(is_ok(resolve_execution(nullptr, &unset)));
  EXPECT_FALSE(unset.target.has_value());
  EXPECT_GE(unset.threads, 1);
  unsetenv("HALCONV_TARGET");
}

}  // namespace
}  // namespace halconv::runtime
