/// What a kernel call carries along: Halide hands it to every handler as `user_context`.
#ifndef HALCONV_RUNTIME_CALL_CONTEXT_H_
#define HALCONV_RUNTIME_CALL_CONTEXT_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "execution.h"

namespace halconv::runtime {

class CallContext {
 public:
  using Task = int (*)(void *user_context, int index, uint8_t *closure);

  /// `execution` must outlive the context. Scratch comes from `allocator`.
  CallContext(const Execution &execution, Allocator *allocator) : execution_(execution), allocator_(allocator) {}
  CallContext(const CallContext &) = delete;
  CallContext &operator=(const CallContext &) = delete;

  /// Memory at kBlockAlignment that may be read a cache line beyond either end; null when there is none.
  void *allocate(size_t bytes);
  void deallocate(void *memory);

  /// Runs task(this, i, closure) for i in [first, first + count), handing out indices one by one. Returns the first
  /// result that is not 0, after which no more tasks start. Inside a task the loop is serial.
  int parallel_for(Task task, int first, int count, uint8_t *closure);

  /// Keeps the first text.
  void record_error(const char *text);

  /// The status of a Halide function that returned `code`; `what` names it. Forgets the recorded text.
  Status status(int code, const std::string &what);

  void *stream() const { return execution_.stream; }
  /// The CUcontext to work in; null: none is needed.
  void *cuda_context() const { return cuda_context_; }
  void set_cuda_context(void *context) { cuda_context_ = context; }

 private:
  const Execution &execution_;
  Allocator *const allocator_;
  void *cuda_context_ = nullptr;
  std::mutex mutex_;
  char error_text_[HALCONV_MESSAGE_SIZE] = "";
};

/// Makes Halide's runtime call back into the CallContext of the call. Idempotent.
void install_halide_handlers();

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_CALL_CONTEXT_H_
