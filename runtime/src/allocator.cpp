#include "allocator.h"

#include <sys/mman.h>

#include <cstdlib>

namespace halconv::runtime {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

/// Fresh memory, in huge pages where it is large and the system has them: a packed filter of several megabytes is a
/// pure stream, and 512->512 @7 gains up to a tenth (AVX-512, one core of a Xeon, Sapphire Rapids).
void *allocate_block(size_t bytes) {
  if (bytes < 2 * kHugePage) return std::aligned_alloc(kBlockAlignment, bytes);
  const size_t whole_pages = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void *const block = std::aligned_alloc(kHugePage, whole_pages);
#ifdef MADV_HUGEPAGE
  if (block != nullptr) madvise(block, whole_pages, MADV_HUGEPAGE);  // a hint: without huge pages nothing is lost
#endif
  return block;
}

}  // namespace

thread_local TaskScope *TaskScope::current_ = nullptr;

void *CachingAllocator::allocate(size_t bytes) {
  if (bytes > kLargestBlock) return nullptr;
  const int index = size_class(bytes);
  {
    const std::lock_guard lock(mutex_);
    if (void *const block = free_[static_cast<size_t>(index)].pop(TaskScope::current_thread())) return block;
  }
  return allocate_block(size_class_bytes(index));
}

void CachingAllocator::deallocate(void *block, size_t bytes) {
  const std::lock_guard lock(mutex_);
  free_[static_cast<size_t>(size_class(bytes))].push(block, TaskScope::current_thread());
}

void CachingAllocator::release() {
  const std::lock_guard lock(mutex_);
  for (FreeList &list : free_) {
    while (void *const block = list.pop(0)) std::free(block);
  }
}

CachingAllocator &CachingAllocator::shared() {
  static auto &allocator = *new CachingAllocator;  // kernels may still run while static objects are destroyed
  return allocator;
}

PlanAllocator::~PlanAllocator() {
  for (int index = 0; index < kSizeClasses; ++index) {
    Class &blocks = classes_[static_cast<size_t>(index)];
    while (void *const block = blocks.serial.pop(0)) upstream_->deallocate(block, size_class_bytes(index));
    while (void *const block = blocks.tasks.pop(0)) upstream_->deallocate(block, size_class_bytes(index));
  }
}

bool PlanAllocator::reserve(int size_class, size_t task_blocks) {
  Class &blocks = classes_[static_cast<size_t>(size_class)];
  for (; blocks.task_blocks < task_blocks; ++blocks.task_blocks) {
    void *const block = upstream_->allocate(size_class_bytes(size_class));
    if (block == nullptr) return false;
    blocks.tasks.push(block, TaskScope::current_thread());
  }
  return true;
}

void *PlanAllocator::allocate(size_t bytes) {
  if (bytes > kLargestBlock) return nullptr;
  const int index = size_class(bytes);
  const std::lock_guard lock(mutex_);
  Class &blocks = classes_[static_cast<size_t>(index)];
  if (TaskScope *const task = TaskScope::current()) {
    if (!reserve(index, task->take(index))) {
      task->give_back(index);
      return nullptr;
    }
    return blocks.tasks.pop(TaskScope::current_thread());
  }
  if (void *const block = blocks.serial.pop(0)) return block;
  return upstream_->allocate(size_class_bytes(index));
}

void PlanAllocator::deallocate(void *block, size_t bytes) {
  const int index = size_class(bytes);
  const std::lock_guard lock(mutex_);
  Class &blocks = classes_[static_cast<size_t>(index)];
  if (TaskScope *const task = TaskScope::current()) {
    task->give_back(index);
    blocks.tasks.push(block, TaskScope::current_thread());
  } else {
    blocks.serial.push(block, 0);
  }
}

}  // namespace halconv::runtime
