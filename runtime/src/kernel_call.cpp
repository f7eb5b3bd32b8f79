#include "kernel_call.h"

namespace halconv::runtime {

Status KernelCall::run(const Kernel &kernel) {
  const int32_t expected = kernel.metadata()->num_arguments;
  if (expected != static_cast<int32_t>(count_)) {
    return errors::kernel_arguments(kernel.text, expected, static_cast<int32_t>(count_));
  }
  const int code = kernel.argv(arguments_.data());
  return code == halide_error_code_success ? ok_status() : context_->status(code, "kernel " + kernel.text);
}

}  // namespace halconv::runtime
