/// The OpenCL context and queue that Halide's runtime creates, for callers with tensors on the device.
#include "HalideRuntime.h"
#include "call_context.h"
#include "gpu_driver.h"
#include "halconv/halconv.h"
#include "operation.h"
#include "target_support.h"

// Halide declares these in no header. What the first returns is held until the second is called.
extern "C" int halide_acquire_cl_context(void *user_context, void **context, void **command_queue, bool create);
extern "C" int halide_release_cl_context(void *user_context);

namespace halconv::runtime {

namespace {

Status find_opencl_context(void **context, void **command_queue) {
  if (context == nullptr) return errors::null_argument("context", "a place for the cl_context");
  if (command_queue == nullptr) return errors::null_argument("command_queue", "a place for the cl_command_queue");
  const TargetInfo &target = *find_target("opencl");
  if (const std::string &reason = unavailable_reason(target); !reason.empty()) {
    return errors::target_unavailable(target.name, "the target", reason, "none");
  }
  Execution execution;
  CallContext call(execution, execution.allocator());
  HALCONV_RETURN_IF_ERROR(enter_target(target, HALCONV_OPENCL, &call));
  // Any function of Halide's interface loads the driver; the context alone does not.
  HALCONV_RETURN_IF_ERROR(
      call.status(halide_device_sync_global(&call, device_interface(target.kind)), "starting OpenCL"));
  HALCONV_RETURN_IF_ERROR(
      call.status(halide_acquire_cl_context(&call, context, command_queue, true), "creating the OpenCL context"));
  return call.status(halide_release_cl_context(&call), "releasing the OpenCL context");
}

}  // namespace

}  // namespace halconv::runtime

extern "C" halconv_status halconv_opencl_context(void **context, void **command_queue) {
  return halconv::runtime::guarded([&] { return halconv::runtime::find_opencl_context(context, command_queue); });
}
