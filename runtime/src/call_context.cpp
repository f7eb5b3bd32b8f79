#include "call_context.h"

#include <algorithm>
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

/// A parallel loop of a kernel, shared by the threads that run it.
struct TaskLoop {
  CallContext *context;
  CallContext::Task task;
  uint8_t *closure;
  int end;
  int32_t concurrency;
  std::atomic<int> next;
  std::atomic<int> error{0};

  void run() {
    for (int i = next++; i < end && error == 0; i = next++) {
      const TaskScope scope(concurrency);
      run_one(i);
    }
  }

  void run_one(int index) {
    const int result = task(context, index, closure);
    int none = 0;
    if (result != 0) error.compare_exchange_strong(none, result);
  }
};

void run_task_loop(void *loop, int32_t) { static_cast<TaskLoop *>(loop)->run(); }

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
  const int32_t concurrency = std::min(execution_.threads, count);
  TaskLoop loop{this, task, closure, first + count, concurrency, first};
  if (TaskScope::current() != nullptr) {
    for (int i = first; i < loop.end && loop.error == 0; ++i) loop.run_one(i);
  } else if (concurrency <= 1) {
    loop.run();
  } else if (execution_.pool) {
    execution_.pool->parallel_for(execution_.pool->context, concurrency, run_task_loop, &loop);
  } else {
    ThreadPool::shared().parallel_for(concurrency, run_task_loop, &loop);
  }
  return loop.error;
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
