/// Sizes that cached memory blocks are rounded up to, so that a freed block fits the next request of about its size.
#ifndef HALCONV_RUNTIME_SIZE_CLASS_H_
#define HALCONV_RUNTIME_SIZE_CLASS_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

namespace halconv::runtime {

/// Cache line, and the widest vector.
inline constexpr size_t kBlockAlignment = 64;

/// Four classes per power of two, from 2^8 bytes on: at most a quarter of a block is wasted.
inline constexpr int kSmallestBlockLog2 = 8;
inline constexpr int kLargestBlockLog2 = 40;
inline constexpr int kSizeClasses = 4 * (kLargestBlockLog2 - kSmallestBlockLog2);
inline constexpr size_t kLargestBlock = size_t{1} << kLargestBlockLog2;

/// Bytes of a block of class `index`.
constexpr size_t size_class_bytes(int index) {
  const int log2 = kSmallestBlockLog2 + index / 4;
  return (size_t{1} << log2) + (static_cast<size_t>(index % 4 + 1) << (log2 - 2));
}

/// The smallest class of at least `bytes` bytes, which must not exceed kLargestBlock.
constexpr int size_class(size_t bytes) {
  if (bytes <= size_class_bytes(0)) return 0;
  const int log2 = static_cast<int>(std::bit_width(bytes - 1)) - 1;
  const size_t quarter = (bytes - 1 - (size_t{1} << log2)) >> (log2 - 2);
  return 4 * (log2 - kSmallestBlockLog2) + static_cast<int>(quarter);
}

static_assert(size_class_bytes(size_class(320)) == 320 && size_class_bytes(size_class(321)) == 384);
static_assert(size_class_bytes(size_class(512)) == 512 && size_class_bytes(size_class(513)) == 640);
static_assert(size_class(kLargestBlock) == kSizeClasses - 1);

/// A block on a free list holds the link to the next one itself: the lists need no memory of their own.
struct FreeBlock {
  FreeBlock *next;
};

/// The free blocks of one class. A thread gets what it freed last, as long as there is any: its caches hold that block,
/// and another thread's would come line by line from there.
class FreeList {
 public:
  void push(void *block, int32_t thread) {
    FreeBlock *&first = first_[place(thread)];
    first = new (block) FreeBlock{first};
  }
  void *pop(int32_t thread) {
    for (size_t i = 0; i < kPlaces; ++i) {
      FreeBlock *&first = first_[(place(thread) + i) % kPlaces];
      FreeBlock *const block = first;
      if (block == nullptr) continue;
      first = block->next;
      return block;
    }
    return nullptr;
  }

 private:
  static constexpr size_t kPlaces = 16;  ///< threads whose numbers differ by a multiple of it share one
  static size_t place(int32_t thread) { return static_cast<size_t>(thread) % kPlaces; }

  std::array<FreeBlock *, kPlaces> first_{};
};

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_SIZE_CLASS_H_
