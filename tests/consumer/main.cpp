/// Runs a layer with this project's own kernels: consumer TARGET.
///
/// Prints which kernel ran; fails if it is not the one compiled for the layer or if the result is not the
/// convolution's.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "halconv/halconv.hpp"

namespace {

constexpr int64_t kChannels = 12, kHeight = 10, kWidth = 14, kFilters = 20, kTaps = 3;

/// Small integers, whose products and sums float represents exactly.
std::vector<float> integers(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 7 % 11) - 5;
  return values;
}

/// The sum that the element [0, p, q, k] of the output is, zeros around the input.
float expected(const std::vector<float> &input, const std::vector<float> &filter, int64_t p, int64_t q, int64_t k) {
  float sum = 0;
  for (int64_t r = 0; r < kTaps; ++r) {
    for (int64_t s = 0; s < kTaps; ++s) {
      const int64_t y = p + r - 1, x = q + s - 1;
      if (y < 0 || y >= kHeight || x < 0 || x >= kWidth) continue;
      for (int64_t c = 0; c < kChannels; ++c) {
        sum += input[static_cast<size_t>((y * kWidth + x) * kChannels + c)] *
               filter[static_cast<size_t>(((r * kTaps + s) * kChannels + c) * kFilters + k)];
      }
    }
  }
  return sum;
}

int fail(const std::string &message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

int run(const std::string &target) {
  const std::vector<float> input = integers(kHeight * kWidth * kChannels),
                           filter = integers(kTaps * kTaps * kChannels * kFilters);
  std::vector<float> output(static_cast<size_t>(kHeight * kWidth * kFilters));

  halconv::Result<halconv::Plan> plan =
      halconv::Plan::create(halconv::Operation::kForward, "mb1ic12oc20ih10iw14kh3kw3ph1pw1", {.target = target});
  if (!plan.ok()) return fail(plan.status().message());
  const halconv::Status status = plan->run(halconv::ConstTensorView{input.data(), {1, kHeight, kWidth, kChannels}},
                                           halconv::ConstTensorView{filter.data(), {kTaps, kTaps, kChannels, kFilters}},
                                           {output.data(), {1, kHeight, kWidth, kFilters}});
  if (!status.ok()) return fail(status.message());

  const std::string kernel = "conv2d_forward__g1mb1_ic12oc20_ih10iw14oh10ow14kh3kw3sh1sw1ph1pw1__f32__" + target;
  if (plan->kernel() != kernel) return fail(plan->kernel() + " ran, expected " + kernel);
  size_t i = 0;
  for (int64_t p = 0; p < kHeight; ++p) {
    for (int64_t q = 0; q < kWidth; ++q) {
      for (int64_t k = 0; k < kFilters; ++k, ++i) {
        const float value = expected(input, filter, p, q, k);
        if (output[i] != value) {
          return fail("element " + std::to_string(i) + " is " + std::to_string(output[i]) + ", expected " +
                      std::to_string(value));
        }
      }
    }
  }
  std::printf("%s ran and is right\n", kernel.c_str());
  return 0;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) return fail("usage: consumer TARGET");
  return run(argv[1]);
}
