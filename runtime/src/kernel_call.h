/// The call of a kernel through the calling convention that all Halide kernels share.
#ifndef HALCONV_RUNTIME_KERNEL_CALL_H_
#define HALCONV_RUNTIME_KERNEL_CALL_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "HalideRuntime.h"
#include "call_context.h"
#include "kernel_table.h"
#include "status.h"

namespace halconv::runtime {

/// Collects arguments in the order of the kernel's signature, then calls it.
class KernelCall {
 public:
  explicit KernelCall(CallContext *context) : user_context_(context), context_(context) {
    arguments_[0] = &user_context_;
  }
  KernelCall(const KernelCall &) = delete;
  KernelCall &operator=(const KernelCall &) = delete;

  KernelCall &add(halide_buffer_t *buffer) {
    arguments_[count_++] = buffer;
    return *this;
  }
  KernelCall &add_scalar(int64_t scalar) {
    scalars_[count_].integer = static_cast<int32_t>(scalar);
    arguments_[count_] = &scalars_[count_];
    ++count_;
    return *this;
  }

  /// `value`, which `type` holds.
  KernelCall &add_scalar(double value, halide_type_t type);

  Status run(const Kernel &kernel);

 private:
  static constexpr size_t kMaxArguments = 14;
  union Scalar {
    int32_t integer;
    float single;
    double real;
  };

  void *user_context_;
  CallContext *const context_;
  size_t count_ = 1;
  std::array<void *, kMaxArguments> arguments_{};
  std::array<Scalar, kMaxArguments> scalars_{};
};

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_KERNEL_CALL_H_
