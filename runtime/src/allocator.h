/// Where kernels' scratch memory comes from.
#ifndef HALCONV_RUNTIME_ALLOCATOR_H_
#define HALCONV_RUNTIME_ALLOCATOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "halconv/halconv.h"
#include "size_class.h"

namespace halconv::runtime {

/// Thread-safe. Blocks start at a multiple of kBlockAlignment.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// Null when there is no memory.
  virtual void *allocate(size_t bytes) = 0;
  /// `bytes` is what was asked for.
  virtual void deallocate(void *block, size_t bytes) = 0;
};

/// Keeps freed blocks for the next request of their size class, because fresh pages cost more than many a kernel.
class CachingAllocator : public Allocator {
 public:
  ~CachingAllocator() override { release(); }
  void *allocate(size_t bytes) override;
  void deallocate(void *block, size_t bytes) override;
  /// Gives the blocks that nobody is using back to the system.
  void release();

  /// The process's own, never destroyed.
  static CachingAllocator &shared();

 private:
  std::mutex mutex_;
  std::array<FreeList, kSizeClasses> free_;
};

/// An allocator that the caller passed in.
class CallerAllocator : public Allocator {
 public:
  explicit CallerAllocator(const halconv_allocator &callbacks) : callbacks_(callbacks) {}
  void *allocate(size_t bytes) override { return callbacks_.allocate(callbacks_.context, bytes, kBlockAlignment); }
  void deallocate(void *block, size_t bytes) override {
    callbacks_.deallocate(callbacks_.context, block, bytes, kBlockAlignment);
  }

 private:
  halconv_allocator callbacks_;
};

/// What one task of a parallel loop holds. While a thread runs a task, `current()` there is the task's scope.
class TaskScope {
 public:
  /// `concurrency`: how many tasks of the loop may run at once; `thread`: which of the loop's threads runs this one.
  TaskScope(int32_t concurrency, int32_t thread) : concurrency_(concurrency), thread_(thread) { current_ = this; }
  ~TaskScope() { current_ = nullptr; }
  TaskScope(const TaskScope &) = delete;
  TaskScope &operator=(const TaskScope &) = delete;

  static TaskScope *current() { return current_; }
  /// 0 outside of tasks.
  static int32_t current_thread() { return current_ == nullptr ? 0 : current_->thread_; }

  /// Counts a block taken; returns how many blocks of the class all concurrent tasks may come to hold.
  size_t take(int size_class) {
    return static_cast<size_t>(++held_[static_cast<size_t>(size_class)]) * static_cast<size_t>(concurrency_);
  }
  void give_back(int size_class) { --held_[static_cast<size_t>(size_class)]; }

 private:
  static thread_local TaskScope *current_;
  int32_t concurrency_, thread_;
  std::array<uint16_t, kSizeClasses> held_{};
};

/// Holds on to every block until it is destroyed, and reserves for all concurrent tasks what one of them needs: after
/// one run of a plan the next allocates nothing, whatever the threads' timing.
class PlanAllocator : public Allocator {
 public:
  explicit PlanAllocator(Allocator *upstream) : upstream_(upstream) {}
  ~PlanAllocator() override;
  void *allocate(size_t bytes) override;
  void deallocate(void *block, size_t bytes) override;

 private:
  /// Blocks taken inside tasks are kept apart from those taken outside, so that neither can use up the other's.
  struct Class {
    FreeList serial, tasks;
    size_t task_blocks = 0;
  };

  bool reserve(int size_class, size_t task_blocks);

  Allocator *const upstream_;
  std::mutex mutex_;
  std::array<Class, kSizeClasses> classes_;
};

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_ALLOCATOR_H_
