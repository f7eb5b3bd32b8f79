#include "call_context.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <new>
#include <string_view>

#include "HalideRuntime.h"
#include "thread_pool.h"

namespace halconv::runtime {

namespace {

/// In front of each block that a kernel holds: Halide frees without telling the size.
struct alignas(kBlockAlignment) BlockHeader {
  size_t block_bytes;
};

/// A parallel loop of a kernel, shared by the threads that run it. Each has a part of the indices, the same one in
/// every loop that has as many, and helps with the others' when it is through: what it wrote is in its own caches. By
/// indices handed out one by one Winograd's backward_filter, 64 channels at 56x56, took 1.25 times as long on two cores
/// that share no L3 (an EPYC, Zen 5), as long on those that do.
class TaskLoop {
 public:
  TaskLoop(CallContext *context, CallContext::Task task, uint8_t *closure, int first, int count, int32_t concurrency)
      : context_(context), task_(task), closure_(closure), concurrency_(concurrency) {
    parts_ = std::min(concurrency, kMostParts);
    for (int32_t i = 0; i < parts_; ++i) {
      const auto begin = [&](int64_t part) { return static_cast<int>(first + part * count / parts_); };
      part_[static_cast<size_t>(i)] = {begin(i), begin(i + 1)};
    }
  }

  void run(int32_t thread) {
    const int32_t own = thread == 0 || parts_ == 1 ? 0 : 1 + (thread - 1) % (parts_ - 1);
    for (int32_t i = 0; i < parts_; ++i) run_part(&part_[static_cast<size_t>((own + i) % parts_)], thread);
  }

  void run_one(int index) {
    const int result = task_(context_, index, closure_);
    int none = 0;
    if (result != 0) error_.compare_exchange_strong(none, result);
  }

  int error() const { return error_; }

 private:
  static constexpr int32_t kMostParts = 64;

  /// A cache line each.
  struct alignas(kBlockAlignment) Part {
    int next, end;
  };

  void run_part(Part *part, int32_t thread) {
    std::atomic_ref<int> next(part->next);
    for (int i = next++; i < part->end && error_ == 0; i = next++) {
      const TaskScope scope(concurrency_, thread);
      run_one(i);
    }
  }

  CallContext *const context_;
  const CallContext::Task task_;
  uint8_t *const closure_;
  const int32_t concurrency_;
  int32_t parts_;
  std::atomic<int> error_{0};
  std::array<Part, kMostParts> part_;  ///< the first parts_ of them, written by the constructor
};

void run_task_loop(void *loop, int32_t thread) { static_cast<TaskLoop *>(loop)->run(thread); }

}  // namespace

void *CallContext::allocate(size_t bytes) {
  size_t block_bytes = 0;
  if (__builtin_add_overflow(bytes, sizeof(BlockHeader) + kBlockAlignment, &block_bytes)) return nullptr;
  void *const block = allocator_->allocate(block_bytes);
  return block == nullptr ? nullptr : new (block) BlockHeader{block_bytes} + 1;
}

void CallContext::deallocate(void *memory) {
  if (memory == nullptr) return;
  BlockHeader *const header = static_cast<BlockHeader *>(memory) - 1;
  allocator_->deallocate(header, header->block_bytes);
}

int CallContext::parallel_for(Task task, int first, int count, uint8_t *closure) {
  const bool is_nested = TaskScope::current() != nullptr;
  const int32_t concurrency = std::max(1, std::min(execution_.threads, count));
  TaskLoop loop(this, task, closure, first, count, is_nested ? 1 : concurrency);
  if (is_nested) {
    for (int i = first; i < first + count && loop.error() == 0; ++i) loop.run_one(i);
  } else if (concurrency == 1) {
    loop.run(0);
  } else if (execution_.pool) {
    execution_.pool->parallel_for(execution_.pool->context, concurrency, run_task_loop, &loop);
  } else {
    ThreadPool::shared().run(concurrency, run_task_loop, &loop);
  }
  return loop.error();
}

void CallContext::record_error(const char *text) {
  const std::lock_guard lock(mutex_);
  if (error_text_[0] != '\0') return;
  const std::string_view line(text);
  const auto length = static_cast<int>(line.find_last_not_of('\n') + 1);
  std::snprintf(error_text_, sizeof error_text_, "%.*s", length, text);
}

Status CallContext::status(int code, const std::string &what) {
  const std::lock_guard lock(mutex_);
  if (code == halide_error_code_success) return ok_status();
  const bool out_of_memory = code == halide_error_code_out_of_memory || code == halide_error_code_device_malloc_failed;
  const std::string text = error_text_[0] != '\0' ? error_text_ : "no further information";
  error_text_[0] = '\0';
  return out_of_memory ? errors::out_of_memory(what + ": " + text) : errors::halide_failed(what, code, text.c_str());
}

}  // namespace halconv::runtime
