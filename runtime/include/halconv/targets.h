/// The targets that kernels are compiled for: the one list that the build, the planning tool and the runtime share.
#ifndef HALCONV_TARGETS_H_
#define HALCONV_TARGETS_H_

#include <string>
#include <string_view>

namespace halconv {

enum class TargetKind { kCpu, kCuda, kOpenCl };

struct TargetInfo {
  std::string_view name;  ///< last part of a kernel's name, and of its library's
  TargetKind kind;
  int rank;                        ///< among the targets that can run, the one of highest rank is taken
  std::string_view halide_target;  ///< without kKernelFeatures
};

/// Best first. avx512 is Skylake's set (F, CD, VL, BW, DQ), which every CPU with 512-bit float vectors but Knights
/// Landing has; avx512_bf16 is Zen 4's, which Sapphire Rapids has too, with dot products of bf16. CUDA capability 8.0
/// is the lowest with 164 KB of shared memory a multiprocessor; PTX for it runs on everything newer. A GPU ranks above
/// the CPUs for tensors that are on its device and is never taken unasked for tensors on the host.
inline constexpr TargetInfo kTargets[] = {
    {"cuda", TargetKind::kCuda, 5, "x86-64-linux-cuda-cuda_capability_80"},
    {"opencl", TargetKind::kOpenCl, 4, "x86-64-linux-opencl"},
    {"avx512_bf16", TargetKind::kCpu, 3,
     "x86-64-linux-avx-avx2-avx512-avx512_skylake-avx512_cannonlake-avx512_zen4-f16c-fma-sse41"},
    {"avx512", TargetKind::kCpu, 2, "x86-64-linux-avx-avx2-avx512-avx512_skylake-f16c-fma-sse41"},
    {"avx2", TargetKind::kCpu, 1, "x86-64-linux-avx-avx2-f16c-fma-sse41"},
    {"x86_64", TargetKind::kCpu, 0, "x86-64-linux"},
};

/// What every kernel's Halide target has besides: the per-call context as first argument, and no copy of Halide's
/// runtime.
inline constexpr std::string_view kKernelFeatures = "-no_runtime-user_context";

/// Whether a target has kernels of a dtype. avx512_bf16 has what avx512 has not.
constexpr bool has_kernels(const TargetInfo &target, std::string_view dtype) {
  return target.name != "avx512_bf16" || dtype == "bf16";
}

/// Whether kernels take elements of a dtype as integers that hold their bits: Halide 21 cannot convert bf16 on a GPU,
/// nor f16 in OpenCL C unless a device has the extension cl_khr_fp16.
constexpr bool takes_bits(TargetKind kind, std::string_view dtype) {
  return dtype == "bf16" ? kind != TargetKind::kCpu : dtype == "f16" && kind == TargetKind::kOpenCl;
}

/// What the Halide target of kernels of a dtype has besides.
constexpr std::string_view dtype_features(const TargetInfo &target, std::string_view dtype) {
  if (target.kind == TargetKind::kOpenCl && dtype == "f64") return "-cl_doubles";
  return "";
}

/// The target of the one Halide runtime that all kernels share.
inline constexpr std::string_view kHalideRuntimeTarget = "x86-64-linux-cuda-opencl-user_context";

/// The target of that name, or null.
constexpr const TargetInfo *find_target(std::string_view name) {
  for (const TargetInfo &target : kTargets) {
    if (target.name == name) return &target;
  }
  return nullptr;
}

/// "cuda, opencl, avx512_bf16, avx512, avx2, x86_64", for messages.
inline std::string target_names() {
  std::string names;
  for (const TargetInfo &target : kTargets) names.append(names.empty() ? "" : ", ").append(target.name);
  return names;
}

/// The first instruction set extension that `target` needs and this CPU or its operating system lacks; empty if it has
/// all.
inline std::string_view missing_cpu_feature(const TargetInfo &target) {
  if (target.name == "avx2" || target.name.starts_with("avx512")) {
    if (!__builtin_cpu_supports("avx2")) return "avx2";
    if (!__builtin_cpu_supports("fma")) return "fma";
    if (!__builtin_cpu_supports("f16c")) return "f16c";
  }
  if (target.name.starts_with("avx512")) {
    if (!__builtin_cpu_supports("avx512f")) return "avx512f";
    if (!__builtin_cpu_supports("avx512cd")) return "avx512cd";
    if (!__builtin_cpu_supports("avx512vl")) return "avx512vl";
    if (!__builtin_cpu_supports("avx512bw")) return "avx512bw";
    if (!__builtin_cpu_supports("avx512dq")) return "avx512dq";
  }
  if (target.name == "avx512_bf16") {
    if (!__builtin_cpu_supports("avx512ifma")) return "avx512ifma";
    if (!__builtin_cpu_supports("avx512vbmi")) return "avx512vbmi";
    if (!__builtin_cpu_supports("avx512vbmi2")) return "avx512vbmi2";
    if (!__builtin_cpu_supports("avx512vnni")) return "avx512vnni";
    if (!__builtin_cpu_supports("avx512bitalg")) return "avx512bitalg";
    if (!__builtin_cpu_supports("avx512vpopcntdq")) return "avx512vpopcntdq";
    if (!__builtin_cpu_supports("avx512bf16")) return "avx512bf16";
  }
  return "";
}

}  // namespace halconv

#endif  // HALCONV_TARGETS_H_
