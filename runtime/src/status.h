/// Statuses inside the runtime, and the messages it can give.
#ifndef HALCONV_RUNTIME_STATUS_H_
#define HALCONV_RUNTIME_STATUS_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "halconv/halconv.h"

namespace halconv::runtime {

using Status = halconv_status;

Status ok_status();
inline bool is_ok(const Status &status) { return status.code == HALCONV_OK; }

/// printf into the message, cut at its size.
[[gnu::format(printf, 2, 3)]] Status error_status(halconv_status_code code, const char *format, ...);

/// Runs `body`, which returns a Status, and turns what it throws into one: no exception crosses the C ABI.
template <typename Body>
Status guarded(Body body) noexcept;

/// "[1, 56, 56, 64]".
std::string shape_text(const int64_t *shape, int32_t rank);

/// One function per condition; tensorflow_errors.h has those that TensorFlow checks too.
namespace errors {

Status null_argument(const char *argument, const char *expected);
Status null_data(const char *argument, const std::string &shape);
Status misaligned_data(const char *argument, const void *data, size_t alignment);
Status dtype(const char *argument, int value);
Status device(const char *argument, int value);
Status mixed_devices(const char *argument, int value, const char *other, int other_value);
Status extent(const char *argument, int32_t dimension, int64_t value);
Status too_many_elements(const char *argument, const std::string &shape);
Status shape(const char *argument, const std::string &actual, const std::string &expected);
Status overlap(const char *output, const char *input);
Status rank_of_channels(const char *argument, int32_t rank);
Status activation(int value);
Status clamp_bounds(double lower, double upper);
Status clamp_bounds_of_integers(double lower, double upper);
Status dtype_without_gradient(const char *argument, int value);

Status unrepresentable_problem(const std::string &reason);
Status malformed_problem(const char *problem, size_t column, const std::string &reason);

Status operation(int value);
Status threads(int32_t value);
Status accuracy(int value);
Status incomplete_callbacks(const char *argument, const char *member);
Status unknown_target(std::string_view target, std::string_view source, const std::string &known,
                      const std::string &available);
Status target_not_linked(std::string_view target, std::string_view source, const std::string &available);
Status target_unavailable(std::string_view target, std::string_view source, const std::string &reason,
                          const std::string &available);
Status unknown_kernel(const std::string &kernel);
Status no_kernel(std::string_view operation, std::string_view dtype, const std::string &problem,
                 const std::string &candidates);
Status mixed_dtypes(const char *argument, int value, const char *other, int other_value);
Status no_reorder_kernel(std::string_view name, std::string_view kernel);
Status no_current_cuda_context();
Status no_primary_cuda_context();
Status stream_without_cuda(std::string_view target);
Status kernel_arguments(const std::string &kernel, int32_t actual, int32_t expected);
Status halide_failed(const std::string &what, int code, const char *text);
Status out_of_memory(const std::string &what);
Status internal(const char *what);

Status index(const char *argument, int32_t value, int32_t count);
Status plan_has_no_packed_filter(const std::string &kernel);
Status plan_needs_filter();
Status plan_without_epilogue(const std::string &kernel);
Status plan_dtype(const char *argument, int value, int expected);
Status plan_device(const char *argument, int value, int expected);

}  // namespace errors

template <typename Body>
Status guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return error_status(HALCONV_RESOURCE_EXHAUSTED, "out of memory in the runtime's own bookkeeping");
  } catch (const std::exception &exception) {
    return errors::internal(exception.what());
  }
}

}  // namespace halconv::runtime

/// Leaves the function with the first status that is not OK.
#define HALCONV_RETURN_IF_ERROR(expression)                                   \
  if (::halconv::runtime::Status halconv_status_of_expression = (expression); \
      !::halconv::runtime::is_ok(halconv_status_of_expression))               \
  return halconv_status_of_expression

#endif  // HALCONV_RUNTIME_STATUS_H_
