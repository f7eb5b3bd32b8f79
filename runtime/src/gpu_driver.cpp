#include "gpu_driver.h"

#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

#include "HalideRuntimeCuda.h"
#include "HalideRuntimeOpenCL.h"

namespace halconv::runtime {

namespace {

/// RTLD_GLOBAL: Halide's runtime looks for OpenCL's functions among the process's symbols before it loads a library
/// itself, and knows fewer names of it.
void *load_library(std::initializer_list<const char *> names) {
  for (const char *name : names) {
    if (void *const library = dlopen(name, RTLD_NOW | RTLD_GLOBAL)) return library;
  }
  return nullptr;
}

template <typename Function>
Function *find_function(void *library, const char *name) {
  return reinterpret_cast<Function *>(dlsym(library, name));
}

void *cuda_library() {
  static void *const library = load_library({"libcuda.so.1", "libcuda.so"});
  return library;
}

void *opencl_library() {
  static void *const library = load_library({"libOpenCL.so.1"});
  return library;
}

/// cuModuleUnload. As the process exits, Halide unloads the modules of a process that has had more than 64 twice, the
/// second time as null: its cache counts those that it moves to a larger table again, and then keeps a table of modules
/// that are gone (gpu_context_common.h, resize_table and release_all; Halide 21).
int unload_cuda_module(void *module) {
  static const auto unload = find_function<int(void *)>(cuda_library(), "cuModuleUnload");
  return module == nullptr || unload == nullptr ? 0 : unload(module);
}

}  // namespace

/// Takes the place of the function by which Halide's runtime finds the driver's.
extern "C" void *halide_cuda_get_symbol(void *, const char *name) {
  if (std::string_view(name) == "cuModuleUnload") return reinterpret_cast<void *>(&unload_cuda_module);
  return cuda_library() == nullptr ? nullptr : dlsym(cuda_library(), name);
}

std::string find_cuda_device() {
  // Halide caps kernels at 64 registers a thread when it loads them, unless this says otherwise: a quarter of what the
  // register tiles need spills.
  setenv("HL_CUDA_JIT_MAX_REGISTERS", "255", /*overwrite=*/0);
  void *const library = cuda_library();
  if (library == nullptr) return "no CUDA driver library (libcuda.so.1) found";
  const auto initialize = find_function<int(unsigned)>(library, "cuInit");
  const auto count_devices = find_function<int(int *)>(library, "cuDeviceGetCount");
  if (initialize == nullptr || count_devices == nullptr)
    return "the CUDA driver library lacks cuInit or cuDeviceGetCount";
  if (const int error = initialize(0)) return "the CUDA driver's cuInit failed with error " + std::to_string(error);
  int devices = 0;
  if (const int error = count_devices(&devices)) {
    return "the CUDA driver's cuDeviceGetCount failed with error " + std::to_string(error);
  }
  if (devices == 0) return "the CUDA driver has no device";
  return "";
}

void *current_cuda_context() {
  static const auto get_current = find_function<int(void **)>(cuda_library(), "cuCtxGetCurrent");
  void *context = nullptr;
  return get_current != nullptr && get_current(&context) == 0 ? context : nullptr;
}

void *primary_cuda_context() {
  static void *const primary = [] {
    const auto retain = find_function<int(void **, int)>(cuda_library(), "cuDevicePrimaryCtxRetain");
    void *context = nullptr;
    return retain != nullptr && retain(&context, 0) == 0 ? context : nullptr;
  }();
  return primary;
}

std::string find_opencl_device() {
  void *const library = opencl_library();
  if (library == nullptr) return "no OpenCL library (libOpenCL.so.1) found";
  const auto get_platforms = find_function<int32_t(uint32_t, void **, uint32_t *)>(library, "clGetPlatformIDs");
  const auto get_devices =
      find_function<int32_t(void *, uint64_t, uint32_t, void **, uint32_t *)>(library, "clGetDeviceIDs");
  if (get_platforms == nullptr || get_devices == nullptr) {
    return "the OpenCL library lacks clGetPlatformIDs or clGetDeviceIDs";
  }
  constexpr uint64_t kAllDevices = 0xffffffff;  // CL_DEVICE_TYPE_ALL
  std::array<void *, 16> platforms{};
  uint32_t platform_count = 0;
  if (get_platforms(platforms.size(), platforms.data(), &platform_count) != 0 || platform_count == 0) {
    return "the OpenCL library has no platform";
  }
  for (uint32_t i = 0; i < platform_count && i < platforms.size(); ++i) {
    uint32_t devices = 0;
    if (get_devices(platforms[i], kAllDevices, 0, nullptr, &devices) == 0 && devices > 0) return "";
  }
  return "no OpenCL platform has a device";
}

const halide_device_interface_t *device_interface(TargetKind kind) {
  switch (kind) {
    case TargetKind::kCuda:
      return halide_cuda_device_interface();
    case TargetKind::kOpenCl:
      return halide_opencl_device_interface();
    case TargetKind::kCpu:
      break;
  }
  return nullptr;
}

}  // namespace halconv::runtime
