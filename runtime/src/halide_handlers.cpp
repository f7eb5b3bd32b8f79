#include <mutex>

#include "HalideRuntime.h"
#include "HalideRuntimeCuda.h"
#include "call_context.h"

namespace halconv::runtime {

namespace {

/// The handlers that were there before: a call without a context is not halconv's and stays theirs.
struct Handlers {
  halide_malloc_t allocate;
  halide_free_t deallocate;
  halide_do_par_for_t parallel_for;
  halide_error_handler_t error;
  halide_print_t print;
  halide_cuda_acquire_context_t acquire_cuda_context;
  halide_cuda_get_stream_t get_cuda_stream;
};
Handlers previous;

CallContext *context_of(void *user_context) { return static_cast<CallContext *>(user_context); }

void *allocate(void *user_context, size_t bytes) {
  return user_context != nullptr ? context_of(user_context)->allocate(bytes) : previous.allocate(user_context, bytes);
}

void deallocate(void *user_context, void *memory) {
  if (user_context == nullptr) return previous.deallocate(user_context, memory);
  context_of(user_context)->deallocate(memory);
}

int parallel_for(void *user_context, halide_task_t task, int first, int count, uint8_t *closure) {
  if (user_context == nullptr) return previous.parallel_for(user_context, task, first, count, closure);
  return context_of(user_context)->parallel_for(task, first, count, closure);
}

void record_error(void *user_context, const char *text) {
  if (user_context == nullptr) return previous.error(user_context, text);
  context_of(user_context)->record_error(text);
}

/// Kernels print only what helps to understand an error.
void record_print(void *user_context, const char *text) {
  if (user_context == nullptr) return previous.print(user_context, text);
  context_of(user_context)->record_error(text);
}

int acquire_cuda_context(void *user_context, void **cuda_context, bool create) {
  if (user_context == nullptr || context_of(user_context)->cuda_context() == nullptr) {
    return previous.acquire_cuda_context(user_context, cuda_context, create);
  }
  *cuda_context = context_of(user_context)->cuda_context();
  return halide_error_code_success;
}

int get_cuda_stream(void *user_context, void *cuda_context, void **stream) {
  if (user_context == nullptr) return previous.get_cuda_stream(user_context, cuda_context, stream);
  *stream = context_of(user_context)->stream();
  return halide_error_code_success;
}

void install() {
  previous.allocate = halide_set_custom_malloc(allocate);
  previous.deallocate = halide_set_custom_free(deallocate);
  previous.parallel_for = halide_set_custom_do_par_for(parallel_for);
  previous.error = halide_set_error_handler(record_error);
  previous.print = halide_set_custom_print(record_print);
  previous.acquire_cuda_context = halide_set_cuda_acquire_context(acquire_cuda_context);
  previous.get_cuda_stream = halide_set_cuda_get_stream(get_cuda_stream);
}

}  // namespace

void install_halide_handlers() {
  static std::once_flag once;
  std::call_once(once, install);
}

}  // namespace halconv::runtime
