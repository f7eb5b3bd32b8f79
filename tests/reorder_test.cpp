/// Every linked kernel that converts a filter's layout, by name, compared with plain loops.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "HalideBuffer.h"
#include "HalideRuntime.h"
#include "call_context.h"
#include "execution.h"
#include "halconv/dtype.h"
#include "halconv/halconv.h"
#include "halconv/kernel_name.h"
#include "halconv/winograd.h"
#include "kernel_table.h"
#include "kernel_tensor.h"
#include "reference.h"
#include "required_target.h"
#include "test_tensor.h"
#include "winograd_transform.h"

namespace halconv::testing {
namespace {

std::vector<std::string> reorder_kernels(bool winograd) {
  std::vector<std::string> names;
  for (const runtime::Kernel *kernel : runtime::kernels()) {
    const bool reorders = kernel->name.operation.starts_with("reorder_filter_");
    if (reorders && is_winograd(kernel->name.algorithm) == winograd) names.push_back(kernel->text);
  }
  return names;
}

class ReorderTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    kernel_ = runtime::find_kernel(GetParam());
    ASSERT_NE(kernel_, nullptr);
    HALCONV_SKIP_UNLESS_RUNNABLE(kernel_->name.target);
  }

  int run(halide_buffer_t *filter, halide_buffer_t *packed) const {
    runtime::install_halide_handlers();
    runtime::Execution execution;
    execution.threads = 2;
    runtime::CallContext context(execution, execution.allocator());
    // Without a context Halide's own threads would run the kernel, whose synchronisation the thread sanitizer cannot
    // see; with one, a GPU's context would have to be found for the copies as well.
    void *user_context = kernel_->target->kind == TargetKind::kCpu ? &context : nullptr;
    void *arguments[] = {&user_context, filter, packed};
    return kernel_->argv(arguments);
  }

  void check(const Shape &shape, int64_t groups, int block) const;

  halconv_dtype dtype() const { return find_dtype(kernel_->name.dtype)->value; }
  /// Channels that kernels of avx512_bf16 multiply at once, and read side by side.
  int64_t together() const { return kernel_->name.target == "avx512_bf16" ? 2 : 1; }
  /// 16-bit floats are converted while they are packed, unless they are multiplied as they are.
  halconv_dtype packed_dtype() const {
    return find_dtype(dtype())->bytes == 2 && together() == 1 ? HALCONV_FLOAT32 : dtype();
  }

  const runtime::Kernel *kernel_ = nullptr;
};

/// Packs a filter of that shape for each group, in blocks of `block` channels, and compares each element.
void ReorderTest::check(const Shape &shape, int64_t groups, int block) const {
  const bool by_output = kernel_->name.operation == kReorderFilterForward;
  const auto [rows, columns, in_channels, out_channels] = shape;
  const int64_t blocked = by_output ? out_channels : in_channels, other = by_output ? in_channels : out_channels;
  const int64_t blocks = (blocked + block - 1) / block, products = (other + together() - 1) / together();
  GuardedTensor filter({rows, columns, in_channels, groups * out_channels}, Guard::kAfter, dtype());
  GuardedTensor packed({groups * blocks * rows, columns, products, block * together()}, Guard::kAfter, packed_dtype());
  std::mt19937 random(test_seed());
  fill_reals(&filter, random);
  filter.make_read_only();
  fill_nan(&packed);

  const auto extent = [](int64_t value) { return static_cast<int>(value); };
  const int pixel = extent(groups * out_channels), tap = extent(in_channels) * pixel;
  const halide_dimension_t hwio[] = {{0, extent(out_channels), 1},
                                     {0, extent(in_channels), pixel},
                                     {0, extent(columns), tap},
                                     {0, extent(rows), extent(columns) * tap},
                                     {0, extent(groups), extent(out_channels)}};
  Halide::Runtime::Buffer<void, 5> source(runtime::stored_type(*kernel_->target, dtype()), filter.bytes().data(), 5,
                                          hwio);
  Halide::Runtime::Buffer<void, 6> destination(runtime::stored_type(*kernel_->target, packed_dtype()),
                                               packed.bytes().data(), extent(block * together()), extent(products),
                                               extent(columns), extent(rows), extent(blocks), extent(groups));
  source.set_host_dirty();
  ASSERT_EQ(run(source, destination), 0);
  ASSERT_EQ(destination.copy_to_host(), 0);
  const auto element = [&](int64_t i, int64_t lane, int64_t b, int64_t at, int64_t g) {
    const int64_t channel = b * block + lane;
    if (channel >= blocked || i >= other) return 0.0;
    const int64_t c = by_output ? i : channel, k = by_output ? channel : i;
    return filter.at(static_cast<size_t>(((at * in_channels + c) * groups + g) * out_channels + k));
  };
  size_t position = 0;
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t b = 0; b < blocks; ++b) {
      for (int64_t at = 0; at < rows * columns; ++at) {
        for (int64_t product = 0; product < products; ++product) {
          for (int64_t lane = 0; lane < block * together(); ++lane, ++position) {
            const int64_t i = product * together() + lane % together();
            EXPECT_EQ(packed.at(position), element(i, lane / together(), b, at, g))
                << lane << " " << product << " " << at << " " << b;
          }
        }
      }
    }
  }
}

TEST_P(ReorderTest, PacksBlocksAndFillsTheLastWithZeros) {
  for (const Shape &shape : {Shape{1, 1, 1, 1}, Shape{3, 3, 3, 5}, Shape{3, 3, 16, 64}, Shape{1, 1, 130, 7},
                             Shape{5, 2, 17, 33}, Shape{7, 7, 3, 10}}) {
    for (const int64_t groups : {1, 3}) {
      for (const int block : {1, 4, 8, 24, 64}) {
        SCOPED_TRACE("block " + std::to_string(block) + ", " + std::to_string(groups) + " groups, filter " +
                     ::testing::PrintToString(shape));
        check(shape, groups, block);
        if (HasFailure()) return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, ReorderTest, ::testing::ValuesIn(reorder_kernels(false)),
                         [](const auto &kernel) { return kernel.param; });

/// Kernels that transform the filter for Winograd's algorithm, in blocks of whole vectors.
class WinogradReorderTest : public ReorderTest {
 protected:
  int lanes() const { return kernel_->name.target == "x86_64" ? 4 : kernel_->name.target == "avx2" ? 8 : 16; }
};

TEST_P(WinogradReorderTest, TransformsBlocksAndFillsTheLastWithZeros) {
  const bool by_output = kernel_->name.operation == kReorderFilterForward;
  const generators::WinogradTransform transform(kernel_->name.algorithm == kWinograd2 ? 2 : 4, 3,
                                                generators::LagrangeFactors::kInFilter);
  const generators::Matrix &matrix = transform.filter();
  const int size = transform.size();
  for (const auto &[in_channels, out_channels] : {std::pair{1, 1}, {16, 64}, {5, 19}, {33, 17}}) {
    for (int block : {lanes(), 3 * lanes(), 8 * lanes()}) {
      SCOPED_TRACE("block " + std::to_string(block) + ", " + std::to_string(in_channels) + " to " +
                   std::to_string(out_channels) + " channels");
      const int blocked = by_output ? out_channels : in_channels, other = by_output ? in_channels : out_channels;
      const int blocks = (blocked + block - 1) / block;
      GuardedTensor filter({3, 3, in_channels, out_channels}, Guard::kAfter);
      GuardedTensor packed({blocks * size, size, other, block}, Guard::kAfter);
      std::mt19937 random(test_seed());
      fill_reals(&filter, random);
      filter.make_read_only();
      fill_nan(&packed);

      const auto floats = [](GuardedTensor *tensor) { return reinterpret_cast<float *>(tensor->bytes().data()); };
      Halide::Runtime::Buffer<float, 5> source(floats(&filter), out_channels, in_channels, 3, 3, 1);
      Halide::Runtime::Buffer<float, 6> destination(floats(&packed), block, other, size, size, blocks, 1);
      ASSERT_EQ(run(source, destination), 0);
      destination.for_each_element([&](int lane, int q, int j, int i, int b, int g) {
        const int channel = b * block + lane;
        double expected = 0, magnitude = 0;
        for (int r = 0; channel < blocked && r < 3; ++r) {
          for (int s = 0; s < 3; ++s) {
            const float tap = by_output ? source(channel, q, s, r, g) : source(q, channel, 2 - s, 2 - r, g);
            const double term = matrix[static_cast<size_t>(i)][static_cast<size_t>(r)] *
                                matrix[static_cast<size_t>(j)][static_cast<size_t>(s)] * static_cast<double>(tap);
            expected += term;
            magnitude += std::abs(term);
          }
        }
        // Two transforms of 3 terms, each at most 6 roundings (winograd_error.h).
        EXPECT_LE(std::abs(static_cast<double>(destination(lane, q, j, i, b, g)) - expected),
                  reference::error_bound(12, magnitude))
            << lane << " " << q << " " << j << " " << i << " " << b;
      });
      if (HasFailure()) return;
    }
  }
}

// None where no kernel was planned for the algorithm.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WinogradReorderTest);
INSTANTIATE_TEST_SUITE_P(Kernels, WinogradReorderTest, ::testing::ValuesIn(reorder_kernels(true)),
                         [](const auto &kernel) { return kernel.param; });

}  // namespace
}  // namespace halconv::testing
