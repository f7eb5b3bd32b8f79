/// The C ABI's functions that say what is linked and what would run.
#include <algorithm>
#include <cstring>
#include <string>

#include "dispatch.h"
#include "enum_number.h"
#include "gpu_driver.h"
#include "halconv/data_format.h"
#include "halconv/halconv.h"
#include "kernel_table.h"
#include "operation.h"
#include "problem_request.h"
#include "target_support.h"

namespace halconv::runtime {

namespace {

/// Cuts at `size` bytes, terminator included.
void copy_text(const std::string &text, char *destination, size_t size) {
  if (destination == nullptr || size == 0) return;
  const size_t length = std::min(text.size(), size - 1);
  std::memcpy(destination, text.data(), length);
  destination[length] = '\0';
}

Status describe_kernel(int32_t index, halconv_kernel_info *info) {
  if (info == nullptr) return errors::null_argument("info", "a place for the kernel's description");
  const std::vector<const Kernel *> all = kernels();
  const auto count = static_cast<int32_t>(all.size());
  if (index < 0 || index >= count) return errors::index("index", index, count);
  const Kernel &kernel = *all[static_cast<size_t>(index)];
  *info = {kernel.text.c_str(),
           kernel.operation.c_str(),
           kernel.problem.c_str(),
           kernel.name.dtype.c_str(),
           kernel.name.target.c_str(),
           unavailable_reason(*kernel.target).empty(),
           find_data_format(kernel.name.data_format)->name.data()};
  return ok_status();
}

Status describe_target(int32_t index, const char **name, char *reason, size_t reason_size) {
  if (name == nullptr) return errors::null_argument("name", "a place for the target's name");
  const std::vector<const TargetInfo *> targets = linked_targets();
  const auto count = static_cast<int32_t>(targets.size());
  if (index < 0 || index >= count) return errors::index("index", index, count);
  const TargetInfo &target = *targets[static_cast<size_t>(index)];
  *name = target.name.data();
  copy_text(unavailable_reason(target), reason, reason_size);
  return ok_status();
}

Status explain_request(int32_t operation, const char *problem, const halconv_tensor_format *format,
                       const halconv_execution *options, char *text, size_t size, size_t *needed) {
  if (text == nullptr && size > 0) return errors::null_argument("text", "a buffer, or size 0");
  KernelRequest request;
  HALCONV_RETURN_IF_ERROR(parse_request(operation, problem, format, &request));
  Execution execution;
  HALCONV_RETURN_IF_ERROR(resolve_execution(options, &execution));
  HALCONV_RETURN_IF_ERROR(check_target(execution));
  const std::string explanation = explain(request, execution);
  copy_text(explanation, text, size);
  if (needed != nullptr) *needed = explanation.size() + 1;
  return ok_status();
}

}  // namespace

}  // namespace halconv::runtime

namespace runtime = halconv::runtime;

extern "C" {

int32_t halconv_kernel_count(void) { return static_cast<int32_t>(runtime::kernels().size()); }

halconv_status halconv_kernel(int32_t index, halconv_kernel_info *info) {
  return runtime::guarded([&] { return runtime::describe_kernel(index, info); });
}

int32_t halconv_target_count(void) { return static_cast<int32_t>(runtime::linked_targets().size()); }

halconv_status halconv_target(int32_t index, const char **name, char *unavailable_reason,
                              size_t unavailable_reason_size) {
  return runtime::guarded(
      [&] { return runtime::describe_target(index, name, unavailable_reason, unavailable_reason_size); });
}

halconv_status halconv_explain(halconv_operation operation, const char *problem, const halconv_tensor_format *format,
                               const halconv_execution *execution, char *text, size_t size, size_t *needed) {
  return runtime::guarded([&] {
    return runtime::explain_request(runtime::number_of(operation), problem, format, execution, text, size, needed);
  });
}

}  // extern "C"
