/// What the bench times: one library's way to compute one operation on one problem.
#ifndef HALCONV_BENCH_CONTENDER_H_
#define HALCONV_BENCH_CONTENDER_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "halconv/conv2d_problem.h"
#include "halconv/dtype.h"
#include "halconv/halconv.hpp"

namespace halconv::bench {

/// Memory on a page of its own, so that no tensor of one contender lies better in the caches than another's.
template <typename Element>
struct PageAllocator {
  using value_type = Element;
  static constexpr std::align_val_t kAlignment{4096};

  PageAllocator() = default;
  template <typename Other>
  PageAllocator(const PageAllocator<Other> &) {}  // NOLINT: the standard's conversion

  Element *allocate(size_t elements) {
    return static_cast<Element *>(::operator new(elements * sizeof(Element), kAlignment));
  }
  void deallocate(Element *memory, size_t) { ::operator delete(memory, kAlignment); }

  friend bool operator==(const PageAllocator &, const PageAllocator &) { return true; }
};

using Elements = std::vector<float, PageAllocator<float>>;

/// Elements of any dtype.
using Memory = std::vector<std::byte, PageAllocator<std::byte>>;

inline const DtypeInfo &dtype_info(Dtype dtype) { return *find_dtype(static_cast<halconv_dtype>(dtype)); }

/// The three tensors of a problem, plain: input and output NHWC, filter HWIO. An operation reads two of them; each
/// contender has a place of its own for the result.
struct Tensors {
  Elements input, filter, output;
  struct {
    Memory input, filter, output;
  } in_dtype;  ///< the same in the dtype of the case; empty for f32
};

/// What all contenders of a row compute, on how many threads, with the instructions of which of halconv's CPU targets.
struct Case {
  Operation operation;
  Conv2dProblem problem;
  std::string target;
  int threads;
  const Tensors *tensors;
  Accuracy accuracy = Accuracy::kStandard;  ///< that halconv is asked for
  Dtype dtype = Dtype::kFloat32;            ///< of halconv's tensors
};

inline int64_t result_elements(const Case &c) {
  switch (c.operation) {
    case Operation::kForward:
      return c.problem.output_elements().value();
    case Operation::kBackwardInput:
      return c.problem.input_elements().value();
    case Operation::kBackwardFilter:
      break;
  }
  return c.problem.filter_elements().value();
}

/// Thrown where a library cannot compute a case, with its reason.
struct CannotCompute : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Contender {
 public:
  Contender() = default;
  Contender(const Contender &) = delete;
  Contender &operator=(const Contender &) = delete;
  virtual ~Contender() = default;

  /// One call, as a user of the library would make it. Throws std::exception where it fails.
  virtual void run() = 0;

  /// Brings the last call's result into its place in the plain layout, where run() left it in another. Not timed.
  virtual void store_result() {}

  /// What the library ran, in its own words.
  virtual std::string implementation() const = 0;
};

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_CONTENDER_H_
