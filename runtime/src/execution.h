/// A caller's halconv_execution, checked and with its defaults filled in.
#ifndef HALCONV_RUNTIME_EXECUTION_H_
#define HALCONV_RUNTIME_EXECUTION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "allocator.h"
#include "status.h"

namespace halconv::runtime {

struct Execution {
  std::optional<std::string> target;  ///< nothing: the best
  std::string target_source;          ///< where `target` comes from, for messages
  std::optional<std::string> kernel;  ///< nothing: the first applicable
  int32_t threads = 1;
  std::optional<halconv_thread_pool> pool;
  std::optional<CallerAllocator> caller_allocator;
  void *stream = nullptr;
  halconv_accuracy accuracy = HALCONV_ACCURACY_STANDARD;
  bool filter_changes = false;  ///< with every run

  Allocator *allocator() {
    return caller_allocator ? static_cast<Allocator *>(&*caller_allocator) : &CachingAllocator::shared();
  }
};

/// Reads `options` (may be null) and, where it names no target, the environment variable HALCONV_TARGET.
Status resolve_execution(const halconv_execution *options, Execution *execution);

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_EXECUTION_H_
