/// Tensors for tests: against a page that must not be touched, filled so that what a kernel computes can be judged.
#ifndef HALCONV_TESTS_TEST_TENSOR_H_
#define HALCONV_TESTS_TEST_TENSOR_H_

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <random>
#include <span>
#include <string>
#include <utility>

#include "halconv/halconv.h"

namespace halconv::testing {

using Shape = std::array<int64_t, 4>;

/// Where a tensor lies between two protected pages; one element too far is a segmentation fault.
enum class Guard {
  kAfter,      ///< the last element ends where a page begins
  kBefore,     ///< the first element begins where a page ends
  kMisaligned  ///< as kAfter but for one element: no vector is aligned, whatever the number of elements
};

inline std::string to_string(Guard guard) {
  switch (guard) {
    case Guard::kAfter:
      return "after";
    case Guard::kBefore:
      return "before";
    case Guard::kMisaligned:
      break;
  }
  return "misaligned";
}

/// How many bytes a tensor keeps away from the page behind it: the environment variable HALCONV_GUARD_DISTANCE, or 0.
/// QEMU 7.2 needs a vector's width: it reads the lanes that vmaskmovps masks off, which no CPU does.
inline size_t guard_distance() {
  const char *const text = std::getenv("HALCONV_GUARD_DISTANCE");
  return text == nullptr ? 0 : std::strtoul(text, nullptr, 10);
}

/// Floats between two protected pages.
class GuardedTensor {
 public:
  GuardedTensor(const Shape &shape, Guard guard) : shape_(shape) {
    size_ = 1;
    for (int64_t extent : shape) size_ *= static_cast<size_t>(extent);
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t slack = guard_distance() + (guard == Guard::kMisaligned ? sizeof(float) : 0);
    const size_t bytes = size_ * sizeof(float) + slack, inside = (bytes + page - 1) / page * page;
    mapped_ = inside + 2 * page;
    base_ = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) throw std::bad_alloc();
    inside_ = std::span(static_cast<std::byte *>(base_) + page, inside);
    if (mprotect(inside_.data(), inside, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    data_ = reinterpret_cast<float *>(inside_.data() + (guard == Guard::kBefore ? 0 : inside - bytes));
  }
  GuardedTensor(GuardedTensor &&other) noexcept
      : shape_(other.shape_),
        base_(std::exchange(other.base_, nullptr)),
        mapped_(other.mapped_),
        inside_(other.inside_),
        size_(other.size_),
        data_(other.data_) {}
  GuardedTensor &operator=(GuardedTensor &&) = delete;
  ~GuardedTensor() {
    if (base_ != nullptr) munmap(base_, mapped_);
  }

  std::span<float> values() { return {data_, size_}; }
  std::span<const float> values() const { return {data_, size_}; }

  /// From now on a write is a segmentation fault too.
  void make_read_only() {
    if (mprotect(inside_.data(), inside_.size(), PROT_READ) != 0) throw std::bad_alloc();
  }

  /// The tensor as halconv takes it.
  halconv_tensor view() const {
    halconv_tensor tensor{};
    tensor.data = data_;
    tensor.dtype = HALCONV_FLOAT32;
    tensor.device = HALCONV_HOST;
    tensor.rank = 4;
    std::copy(shape_.begin(), shape_.end(), tensor.shape);
    return tensor;
  }

 private:
  Shape shape_;
  void *base_ = nullptr;
  size_t mapped_ = 0;
  std::span<std::byte> inside_;
  size_t size_ = 0;
  float *data_ = nullptr;
};

/// What a test's random numbers start from: the environment variable HALCONV_TEST_SEED, or 1.
inline uint32_t test_seed() {
  const char *const text = std::getenv("HALCONV_TEST_SEED");
  return text == nullptr ? 1 : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

inline void fill_nan(std::span<float> values) {
  std::fill(values.begin(), values.end(), std::numeric_limits<float>::quiet_NaN());
}

/// The largest m so that any sum of `products` products of integers in [-m, m] is exact in float, in every order: no
/// partial sum exceeds 2^24. 0 if there is none.
inline int64_t exact_integer_limit(int64_t products) {
  constexpr int64_t kExact = int64_t{1} << std::numeric_limits<float>::digits;
  auto limit = static_cast<int64_t>(std::sqrt(static_cast<double>(kExact / std::max<int64_t>(1, products))));
  while (limit * limit * products > kExact) --limit;
  return limit;
}

/// Uniform integers in [-limit, limit].
inline void fill_integers(std::span<float> values, int64_t limit, std::mt19937 &random) {
  const uint64_t choices = 2 * static_cast<uint64_t>(limit) + 1;
  for (float &value : values) value = static_cast<float>(static_cast<int64_t>(random() % choices) - limit);
}

/// Uniform multiples of 2^-23 in [-1, 1): every significand bit is in use and no product of two underflows.
inline void fill_reals(std::span<float> values, std::mt19937 &random) {
  for (float &value : values) {
    value = std::ldexp(static_cast<float>(static_cast<int32_t>(random() >> 8) - (1 << 23)), -23);
  }
}

}  // namespace halconv::testing

#endif  // HALCONV_TESTS_TEST_TENSOR_H_
