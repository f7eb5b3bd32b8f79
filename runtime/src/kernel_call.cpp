#include "kernel_call.h"

namespace halconv::runtime {

KernelCall &KernelCall::add_scalar(double value, halide_type_t type) {
  Scalar &scalar = scalars_[count_];
  if (type.code == halide_type_int) {
    scalar.integer = static_cast<int32_t>(value);
  } else if (type.bits == 32) {
    scalar.single = static_cast<float>(value);
  } else {
    scalar.real = value;
  }
  arguments_[count_++] = &scalar;
  return *this;
}

Status KernelCall::run(const Kernel &kernel) {
  const int32_t expected = kernel.metadata()->num_arguments;
  if (expected != static_cast<int32_t>(count_)) {
    return errors::kernel_arguments(kernel.text, expected, static_cast<int32_t>(count_));
  }
  const int code = kernel.argv(arguments_.data());
  return code == halide_error_code_success ? ok_status() : context_->status(code, "kernel " + kernel.text);
}

}  // namespace halconv::runtime
