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
#include <vector>

#include "element.h"
#include "halconv/dtype.h"
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
/// QEMU 7.2 needs a register tile's width: it reads the lanes that vmaskmovps masks off, which no CPU does.
inline size_t guard_distance() {
  const char *const text = std::getenv("HALCONV_GUARD_DISTANCE");
  return text == nullptr ? 0 : std::strtoul(text, nullptr, 10);
}

/// Elements of a dtype between two protected pages.
class GuardedTensor {
 public:
  GuardedTensor(const Shape &shape, Guard guard, halconv_dtype dtype = HALCONV_FLOAT32) : shape_(shape), dtype_(dtype) {
    size_ = 1;
    for (int64_t extent : shape) size_ *= static_cast<size_t>(extent);
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const auto element = static_cast<size_t>(find_dtype(dtype)->bytes);
    const size_t slack = guard_distance() + (guard == Guard::kMisaligned ? element : 0);
    const size_t bytes = size_ * element + slack, inside = (bytes + page - 1) / page * page;
    mapped_ = inside + 2 * page;
    base_ = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) throw std::bad_alloc();
    inside_ = std::span(static_cast<std::byte *>(base_) + page, inside);
    if (mprotect(inside_.data(), inside, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    elements_ = inside_.subspan(guard == Guard::kBefore ? 0 : inside - bytes, size_ * element);
  }
  GuardedTensor(GuardedTensor &&other) noexcept
      : shape_(other.shape_),
        dtype_(other.dtype_),
        base_(std::exchange(other.base_, nullptr)),
        mapped_(other.mapped_),
        inside_(other.inside_),
        size_(other.size_),
        elements_(other.elements_) {}
  GuardedTensor &operator=(GuardedTensor &&) = delete;
  ~GuardedTensor() {
    if (base_ != nullptr) munmap(base_, mapped_);
  }

  const Shape &shape() const { return shape_; }
  halconv_dtype dtype() const { return dtype_; }
  size_t size() const { return size_; }
  double at(size_t index) const { return load(dtype_, elements_.data(), index); }
  void set(size_t index, double value) { store(dtype_, elements_.data(), index, value); }
  std::vector<double> values() const {
    std::vector<double> values(size_);
    for (size_t i = 0; i < size_; ++i) values[i] = at(i);
    return values;
  }
  std::span<std::byte> bytes() { return elements_; }
  std::span<const std::byte> bytes() const { return elements_; }

  /// From now on a write is a segmentation fault too.
  void make_read_only() {
    if (mprotect(inside_.data(), inside_.size(), PROT_READ) != 0) throw std::bad_alloc();
  }

  /// The tensor as halconv takes it.
  halconv_tensor view() const {
    halconv_tensor tensor{};
    tensor.data = elements_.data();
    tensor.dtype = dtype_;
    tensor.device = HALCONV_HOST;
    tensor.rank = 4;
    std::copy(shape_.begin(), shape_.end(), tensor.shape);
    return tensor;
  }

 private:
  Shape shape_;
  halconv_dtype dtype_;
  void *base_ = nullptr;
  size_t mapped_ = 0;
  std::span<std::byte> inside_;
  size_t size_ = 0;
  std::span<std::byte> elements_;
};

/// What a test's random numbers start from: the environment variable HALCONV_TEST_SEED, or 1.
inline uint32_t test_seed() {
  const char *const text = std::getenv("HALCONV_TEST_SEED");
  return text == nullptr ? 1 : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

/// NaN in every float.
inline void fill_nan(GuardedTensor *tensor) {
  std::fill(tensor->bytes().begin(), tensor->bytes().end(), std::byte{0xFF});
}

/// The largest m so that any sum of `products` products of integers in [-m, m] is exact in the type that kernels sum
/// the dtype in, in every order: no partial sum has more digits. 0 if there is none.
inline int64_t exact_integer_limit(halconv_dtype dtype, int64_t products) {
  const Format format = format_of(dtype);
  const int64_t exact = int64_t{1} << format.sum_digits;
  auto limit = static_cast<int64_t>(std::sqrt(static_cast<double>(exact / std::max<int64_t>(1, products))));
  while (limit * limit * products > exact) --limit;
  return std::min(limit, int64_t{1} << format.digits);
}

/// An integer in [-limit, limit].
inline double random_integer(int64_t limit, std::mt19937 &random) {
  return static_cast<double>(std::uniform_int_distribution<int64_t>(-limit, limit)(random));
}

/// A multiple of 2^(1 - digits) in [-1, 1): every bit of the significand is in use and no product of two underflows.
inline double random_real(halconv_dtype dtype, std::mt19937 &random) {
  const int digits = format_of(dtype).digits;
  const int64_t limit = int64_t{1} << (digits - 1);
  const int64_t integer = std::uniform_int_distribution<int64_t>(-limit, limit - 1)(random);
  return std::ldexp(static_cast<double>(integer), 1 - digits);
}

inline void fill_integers(GuardedTensor *tensor, int64_t limit, std::mt19937 &random) {
  for (size_t i = 0; i < tensor->size(); ++i) tensor->set(i, random_integer(limit, random));
}

inline void fill_reals(GuardedTensor *tensor, std::mt19937 &random) {
  for (size_t i = 0; i < tensor->size(); ++i) tensor->set(i, random_real(tensor->dtype(), random));
}

/// Reals, each times another power of two from 2^-20 to 2^20.
inline void fill_badly_scaled(GuardedTensor *tensor, std::mt19937 &random) {
  fill_reals(tensor, random);
  for (size_t i = 0; i < tensor->size(); ++i) {
    tensor->set(i, std::ldexp(tensor->at(i), static_cast<int>(random() % 41) - 20));
  }
}

inline void fill_normal(GuardedTensor *tensor, std::mt19937 &random) {
  std::normal_distribution<double> normal;
  for (size_t i = 0; i < tensor->size(); ++i) tensor->set(i, normal(random));
}

/// Negative elements become 0.
inline void rectify(GuardedTensor *tensor) {
  for (size_t i = 0; i < tensor->size(); ++i) tensor->set(i, std::max(tensor->at(i), 0.0));
}

/// The same for floats without guards.
inline void fill_integers(std::span<float> values, int64_t limit, std::mt19937 &random) {
  for (float &value : values) value = static_cast<float>(random_integer(limit, random));
}

inline void fill_reals(std::span<float> values, std::mt19937 &random) {
  for (float &value : values) value = static_cast<float>(random_real(HALCONV_FLOAT32, random));
}

}  // namespace halconv::testing

#endif  // HALCONV_TESTS_TEST_TENSOR_H_
