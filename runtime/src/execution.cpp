#include "execution.h"

#include <cstdlib>

#include "thread_pool.h"

namespace halconv::runtime {

namespace {

void resolve_target(const char *forced, Execution *execution) {
  execution->target_source = "execution->target";
  if (forced == nullptr) {
    forced = std::getenv("HALCONV_TARGET");
    if (forced != nullptr && *forced == '\0') forced = nullptr;
    execution->target_source = "the environment variable HALCONV_TARGET";
  }
  if (forced != nullptr) execution->target = forced;
}

}  // namespace

Status resolve_execution(const halconv_execution *options, Execution *execution) {
  static constexpr halconv_execution kDefaults{};
  if (options == nullptr) options = &kDefaults;
  if (options->threads < 0) return errors::threads(options->threads);
  if (options->accuracy < HALCONV_ACCURACY_STANDARD || options->accuracy > HALCONV_ACCURACY_FAST) {
    return errors::accuracy(options->accuracy);
  }
  resolve_target(options->target, execution);
  if (options->kernel != nullptr) execution->kernel = options->kernel;
  execution->threads = options->threads > 0 ? options->threads : available_cores();
  if (options->pool != nullptr) {
    if (options->pool->parallel_for == nullptr) return errors::incomplete_callbacks("pool", "parallel_for");
    execution->pool = *options->pool;
  }
  if (const halconv_allocator *const allocator = options->allocator) {
    if (allocator->allocate == nullptr) return errors::incomplete_callbacks("allocator", "allocate");
    if (allocator->deallocate == nullptr) return errors::incomplete_callbacks("allocator", "deallocate");
    execution->caller_allocator.emplace(*allocator);
  }
  execution->stream = options->stream;
  execution->accuracy = options->accuracy;
  execution->filter_changes = options->filter_changes != 0;
  return ok_status();
}

}  // namespace halconv::runtime
