/// The GPU drivers, found at run time: halconv links neither.
#ifndef HALCONV_RUNTIME_GPU_DRIVER_H_
#define HALCONV_RUNTIME_GPU_DRIVER_H_

#include <string>

#include "halconv/targets.h"

struct halide_device_interface_t;

namespace halconv::runtime {

/// Loads the driver. Empty if it has at least one device, else why not.
std::string find_cuda_device();
std::string find_opencl_device();

/// The CUcontext that is current on this thread, or null. Call after find_cuda_device has succeeded.
void *current_cuda_context();
/// The CUcontext that the CUDA runtime library uses on the first device, or null; kept until the process ends.
void *primary_cuda_context();

/// Halide's interface to the memory of a GPU target's device; null for a CPU target.
const halide_device_interface_t *device_interface(TargetKind kind);

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_GPU_DRIVER_H_
