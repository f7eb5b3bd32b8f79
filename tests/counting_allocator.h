/// A scratch allocator that counts, and that can be told to fail.
#ifndef HALCONV_TESTS_COUNTING_ALLOCATOR_H_
#define HALCONV_TESTS_COUNTING_ALLOCATOR_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

#include "halconv/halconv.h"

namespace halconv::testing {

class CountingAllocator {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  /// The `failing_request`-th request, counted from 0, gets no memory.
  explicit CountingAllocator(int64_t failing_request = kNever) : failing_request_(failing_request) {}
  CountingAllocator(const CountingAllocator &) = delete;
  CountingAllocator &operator=(const CountingAllocator &) = delete;

  /// Refers to this object.
  halconv_allocator view() { return {this, &allocate, &deallocate}; }

  int64_t requests() const { return requests_; }
  int64_t live_blocks() const { return live_blocks_; }
  int64_t live_bytes() const { return live_bytes_; }
  /// The most bytes that were in use at once; for calls on one thread.
  int64_t peak_bytes() const { return peak_bytes_; }

 private:
  static void *allocate(void *context, size_t size, size_t alignment) {
    auto *const self = static_cast<CountingAllocator *>(context);
    if (self->requests_++ == self->failing_request_) return nullptr;
    void *const pointer = ::operator new(size, std::align_val_t(alignment), std::nothrow);
    if (pointer != nullptr) {
      ++self->live_blocks_;
      self->live_bytes_ += static_cast<int64_t>(size);
      self->peak_bytes_ = std::max<int64_t>(self->peak_bytes_, self->live_bytes_);
    }
    return pointer;
  }

  static void deallocate(void *context, void *pointer, size_t size, size_t alignment) {
    auto *const self = static_cast<CountingAllocator *>(context);
    --self->live_blocks_;
    self->live_bytes_ -= static_cast<int64_t>(size);
    ::operator delete(pointer, std::align_val_t(alignment));
  }

  const int64_t failing_request_;
  std::atomic<int64_t> requests_ = 0, live_blocks_ = 0, live_bytes_ = 0, peak_bytes_ = 0;
};

}  // namespace halconv::testing

#endif  // HALCONV_TESTS_COUNTING_ALLOCATOR_H_
