#include "status.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <iterator>

#include "halconv/conv2d_problem.h"
#include "halconv/dtype.h"

namespace halconv::runtime {

Status ok_status() {
  Status status;
  status.code = HALCONV_OK;
  status.message[0] = '\0';
  return status;
}

Status error_status(halconv_status_code code, const char *format, ...) {
  Status status;
  status.code = code;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(status.message, sizeof status.message, format, arguments);
  va_end(arguments);
  return status;
}

std::string shape_text(const int64_t *shape, int32_t rank) {
  std::string text = "[";
  for (int32_t i = 0; i < rank; ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

namespace errors {

namespace {

const char *device_name(int device) {
  switch (device) {
    case HALCONV_HOST:
      return "the host";
    case HALCONV_CUDA:
      return "the CUDA device";
    default:
      return "the OpenCL device";
  }
}

const char *dtype_name(int dtype) { return find_dtype(static_cast<halconv_dtype>(dtype))->name.data(); }

int size_of(std::string_view text) { return static_cast<int>(text.size()); }

}  // namespace

Status null_argument(const char *argument, const char *expected) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s is null, expected %s", argument, expected);
}

Status null_data(const char *argument, const std::string &shape) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s->data is null, expected memory for a tensor of shape %s", argument,
                      shape.c_str());
}

Status misaligned_data(const char *argument, const void *data, size_t alignment) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s->data is %p, expected a multiple of %zu", argument, data,
                      alignment);
}

Status dtype(const char *argument, int value) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s is %d, expected a value of halconv_dtype: 0 to %d (%s)", argument,
                      value, static_cast<int>(std::size(kDtypes)) - 1, dtype_names().c_str());
}

Status device(const char *argument, int value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "%s is %d, expected HALCONV_HOST (%d), HALCONV_CUDA (%d) or HALCONV_OPENCL (%d)", argument, value,
                      HALCONV_HOST, HALCONV_CUDA, HALCONV_OPENCL);
}

Status mixed_devices(const char *argument, int value, const char *other, int other_value) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s is on %s and %s on %s, expected all tensors on one device",
                      argument, device_name(value), other, device_name(other_value));
}

Status mixed_dtypes(const char *argument, int value, const char *other, int other_value) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s holds %s and %s %s, expected all tensors of one dtype", argument,
                      dtype_name(value), other, dtype_name(other_value));
}

Status extent(const char *argument, int32_t dimension, int64_t value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "%s has extent %" PRId64 " at index %" PRId32 ", expected 0 to %" PRId64, argument, value,
                      dimension, kMaxElements);
}

Status too_many_elements(const char *argument, const std::string &shape) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s has shape %s, expected at most %" PRId64 " elements", argument,
                      shape.c_str(), kMaxElements);
}

Status shape(const char *argument, const std::string &actual, const std::string &expected) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s has shape %s, expected %s", argument, actual.c_str(),
                      expected.c_str());
}

Status overlap(const char *output, const char *input) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s overlaps %s in memory, expected separate tensors", output, input);
}

Status rank_of_channels(const char *argument, int32_t rank) {
  return error_status(HALCONV_INVALID_ARGUMENT, "bias must be 1-dimensional (%s has rank %" PRId32 ")", argument, rank);
}

Status activation(int value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "epilogue->activation is %d, expected HALCONV_NO_ACTIVATION (%d), HALCONV_RELU (%d), "
                      "HALCONV_RELU6 (%d) or HALCONV_CLAMP (%d)",
                      value, HALCONV_NO_ACTIVATION, HALCONV_RELU, HALCONV_RELU6, HALCONV_CLAMP);
}

Status clamp_bounds(double lower, double upper) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "epilogue->lower is %g and epilogue->upper %g, expected lower <= upper, and no NaN", lower,
                      upper);
}

Status clamp_bounds_of_integers(double lower, double upper) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "epilogue->lower is %g and epilogue->upper %g, expected an integer between them", lower, upper);
}

Status dtype_without_gradient(const char *argument, int value) {
  return error_status(HALCONV_UNIMPLEMENTED, "%s holds %s, which has no gradients, expected floats", argument,
                      dtype_name(value));
}

Status unrepresentable_problem(const std::string &reason) {
  return error_status(HALCONV_INVALID_ARGUMENT, "the convolution is too large: %s", reason.c_str());
}

Status malformed_problem(const char *problem, size_t column, const std::string &reason) {
  return error_status(HALCONV_INVALID_ARGUMENT, "problem \"%s\", column %zu: %s", problem, column, reason.c_str());
}

Status operation(int value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "operation is %d, expected HALCONV_FORWARD (%d), HALCONV_BACKWARD_INPUT (%d), "
                      "HALCONV_BACKWARD_FILTER (%d) or HALCONV_FORWARD_FUSED (%d)",
                      value, HALCONV_FORWARD, HALCONV_BACKWARD_INPUT, HALCONV_BACKWARD_FILTER, HALCONV_FORWARD_FUSED);
}

Status threads(int32_t value) {
  return error_status(HALCONV_INVALID_ARGUMENT, "execution->threads is %" PRId32 ", expected 0 or more", value);
}

Status accuracy(int value) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "execution->accuracy is %d, expected HALCONV_ACCURACY_STANDARD, _STRICT or _FAST", value);
}

Status incomplete_callbacks(const char *argument, const char *member) {
  return error_status(HALCONV_INVALID_ARGUMENT, "execution->%s->%s is null, expected a function", argument, member);
}

Status unknown_target(std::string_view target, std::string_view source, const std::string &known,
                      const std::string &available) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%.*s is \"%.*s\", expected one of %s; available here: %s",
                      size_of(source), source.data(), size_of(target), target.data(), known.c_str(), available.c_str());
}

Status target_not_linked(std::string_view target, std::string_view source, const std::string &available) {
  return error_status(HALCONV_NOT_FOUND,
                      "%.*s is \"%.*s\", whose kernels are not linked into this program; available here: %s",
                      size_of(source), source.data(), size_of(target), target.data(), available.c_str());
}

Status target_unavailable(std::string_view target, std::string_view source, const std::string &reason,
                          const std::string &available) {
  return error_status(HALCONV_UNAVAILABLE, "%.*s is \"%.*s\", which cannot run here: %s; available here: %s",
                      size_of(source), source.data(), size_of(target), target.data(), reason.c_str(),
                      available.c_str());
}

Status unknown_kernel(const std::string &kernel) {
  return error_status(HALCONV_NOT_FOUND, "execution->kernel is \"%s\", expected the name of a linked kernel",
                      kernel.c_str());
}

Status no_kernel(std::string_view operation, std::string_view dtype, const std::string &problem,
                 const std::string &candidates) {
  return error_status(HALCONV_NOT_FOUND, "no linked kernel of %.*s on %.*s can run %s%s%s", size_of(operation),
                      operation.data(), size_of(dtype), dtype.data(), problem.c_str(), candidates.empty() ? "" : ":\n",
                      candidates.c_str());
}

Status no_reorder_kernel(std::string_view name, std::string_view kernel) {
  return error_status(HALCONV_NOT_FOUND, "%.*s is not linked; %.*s needs it for its filter", size_of(name), name.data(),
                      size_of(kernel), kernel.data());
}

Status plan_dtype(const char *argument, int value, int expected) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s holds %s, expected %s, for which the plan was created", argument,
                      dtype_name(value), dtype_name(expected));
}

Status plan_device(const char *argument, int value, int expected) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s is on %s, expected %s, for which the plan was created", argument,
                      device_name(value), device_name(expected));
}

Status no_primary_cuda_context() {
  return error_status(HALCONV_UNAVAILABLE, "the CUDA driver gave no context for the first device");
}

Status no_current_cuda_context() {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "the calling thread has no current CUDA context, expected the one of the tensors and the stream");
}

Status stream_without_cuda(std::string_view target) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "execution->stream is set and the kernel's target is \"%.*s\", expected \"cuda\"",
                      size_of(target), target.data());
}

Status kernel_arguments(const std::string &kernel, int32_t actual, int32_t expected) {
  return error_status(HALCONV_INTERNAL,
                      "kernel %s takes %" PRId32 " arguments, expected %" PRId32
                      ": it was generated by another version",
                      kernel.c_str(), actual, expected);
}

Status halide_failed(const std::string &what, int code, const char *text) {
  return error_status(HALCONV_INTERNAL, "%s failed with Halide's error %d: %s", what.c_str(), code, text);
}

Status out_of_memory(const std::string &what) {
  return error_status(HALCONV_RESOURCE_EXHAUSTED, "out of memory: %s", what.c_str());
}

Status internal(const char *what) { return error_status(HALCONV_INTERNAL, "%s", what); }

Status index(const char *argument, int32_t value, int32_t count) {
  return error_status(HALCONV_INVALID_ARGUMENT, "%s is %" PRId32 ", expected 0 to %" PRId32, argument, value,
                      count - 1);
}

Status plan_has_no_packed_filter(const std::string &kernel) {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "plan runs kernel %s, expected one that reads a filter in a layout of its own", kernel.c_str());
}

Status plan_needs_filter() {
  return error_status(HALCONV_INVALID_ARGUMENT,
                      "filter is null, expected a tensor, or halconv_plan_prepare_filter before the run");
}

Status plan_without_epilogue(const std::string &kernel) {
  return error_status(HALCONV_INVALID_ARGUMENT, "plan runs kernel %s, expected one of HALCONV_FORWARD_FUSED",
                      kernel.c_str());
}

}  // namespace errors

}  // namespace halconv::runtime
