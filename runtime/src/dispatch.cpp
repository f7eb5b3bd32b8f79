#include "dispatch.h"

#include <algorithm>
#include <span>

#include "halconv/data_format.h"
#include "halconv/dtype.h"
#include "halconv/winograd.h"
#include "target_support.h"

namespace halconv::runtime {

namespace {

/// "avx2, x86_64": the linked targets that run here, best first.
std::string available_targets() {
  std::string names;
  for (const TargetInfo *target : linked_targets()) {
    if (unavailable_reason(*target).empty()) names.append(names.empty() ? "" : ", ").append(target->name);
  }
  return names.empty() ? "none" : names;
}

/// Why the device that the tensors are on rules the target out; empty if it does not. A GPU computes on host tensors
/// only when it is forced: copies to and fro are the caller's decision.
std::string device_objection(const TargetInfo &target, halconv_device device, bool forced) {
  switch (device) {
    case HALCONV_CUDA:
      return target.kind == TargetKind::kCuda ? "" : "the tensors are on the CUDA device";
    case HALCONV_OPENCL:
      return target.kind == TargetKind::kOpenCl ? "" : "the tensors are on the OpenCL device";
    case HALCONV_HOST:
      break;
  }
  return target.kind == TargetKind::kCpu || forced ? "" : "the tensors are on the host and the target is not asked for";
}

/// Why the target is not worth taking on this CPU unasked; empty if it is. Sapphire Rapids starts a vector's dot
/// products of bf16 every other cycle and two vectors of f32 multiply-adds in each: 109 against 217 GFLOP/s, and
/// avx512's kernels, which convert, are twice as fast. Zen 4 starts one of either a cycle.
std::string cpu_objection(const TargetInfo &target, bool forced) {
  if (target.name != "avx512_bf16" || forced || __builtin_cpu_is("amd")) return "";
  return "its dot products are slow on this CPU and the target is not asked for";
}

/// Why the kernel cannot compute the problem; empty if it can.
std::string problem_objection(const Kernel &kernel, const Conv2dProblem &problem) {
  if (kernel.name.problem && *kernel.name.problem != problem) {
    return "it is made for " + kernel.problem + ", not " + to_string(problem);
  }
  if (kernel.name.algorithm == kDepthwise && !problem.is_depthwise()) {
    return "algorithm depthwise is for groups of one input channel each: g is " + std::to_string(problem.groups) +
           ", ic " + std::to_string(problem.in_channels);
  }
  return "";
}

/// From how many pixels of the result on, images of a batch together, an algorithm takes less time than the direct sum,
/// and tiles of 4x4 less than those of 2x2. Channels hardly matter: what is saved and what the transformed filter costs
/// both grow with their product. Measured with ResNet-50's 3x3 layers.
///
/// Intel's AVX-512 (one core of a Xeon, Sapphire Rapids): below 14x14 pixels the transformed filter, larger than the
/// filter, takes longer to read than the direct sum takes; below 28x28 4x4 tiles save nothing over 2x2. With the
/// transform in every call, 64 channels at 28x28 take 1/1.6 (2x2) and 1/1.8 (4x4) of the direct sum's time forward; for
/// the gradient, whose transform also transposes, 1/1.06 to 1/1.26 (2x2) and 1/1.2 to 1.3 (4x4).
///
/// Others (AVX2, one core of a virtual EPYC, Zen 3): 2x2 tiles take 1/1.5 of the direct sum's time at 7x7 pixels, 4x4
/// ones 1/1.25 to 1/1.3 of that of 2x2 at 14x14. With the transform in every call, 64 to 512 channels at 14x14 take
/// 1/1.18 to 1/1.28 of the direct sum's time forward, 1/1.24 to 1/1.52 for the gradient, at 7x7 1.1 to 1.5 times as
/// long; 4x4 tiles take 1/1.03 to 1/1.25 of that of 2x2 at 28x28, at 14x14 1.1 to 1.4 times as long. AVX-512 on an EPYC
/// (Zen 5), whose L3 is fast: 2x2 tiles take 1/1.4 to 1/1.5 at 7x7; with the transform 1/1.27 to 1/1.76 at 14x14,
/// 1/1.2 to 1.7 times as long at 7x7; 4x4 tiles then take 1/1.25 to 1/1.5 of that of 2x2 at 28x28, 0.95 to 1.7 times
/// as long at 14x14.
struct WinogradThreshold {
  std::string_view operation, algorithm;
  int64_t pixels;                    ///< with a prepared filter
  int64_t pixels_if_filter_changes;  ///< its transform counted
};
constexpr WinogradThreshold kIntelAvx512Thresholds[] = {
    {kForward, kWinograd2, 196, 784},        {kForward, kWinograd4, 784, 784},
    {kBackwardInput, kWinograd2, 196, 784},  {kBackwardInput, kWinograd4, 784, 3136},
    {kBackwardFilter, kWinograd2, 196, 196}, {kBackwardFilter, kWinograd4, 196, 196},
};
constexpr WinogradThreshold kOtherThresholds[] = {
    {kForward, kWinograd2, 49, 196},         {kForward, kWinograd4, 196, 784},
    {kBackwardInput, kWinograd2, 49, 196},   {kBackwardInput, kWinograd4, 196, 784},
    {kBackwardFilter, kWinograd2, 196, 196}, {kBackwardFilter, kWinograd4, 196, 196},
};

std::span<const WinogradThreshold> winograd_thresholds(const TargetInfo &target) {
  if (target.name == "avx512" && __builtin_cpu_is("intel")) return kIntelAvx512Thresholds;
  return kOtherThresholds;
}

/// Whether the largest error is no larger than that of a loop that sums in sequence.
bool is_standard(const KernelName &kernel) { return kernel.algorithm == kWinograd2; }

/// Why a kernel by Winograd's algorithm is not the one to take; empty if it is.
std::string winograd_objection(const Kernel &kernel, const KernelRequest &request, const Execution &execution) {
  if (execution.accuracy == HALCONV_ACCURACY_STRICT) return "accuracy strict allows the direct sum only";
  if (execution.accuracy == HALCONV_ACCURACY_STANDARD && !is_standard(kernel.name)) {
    return "accuracy standard does not allow " + kernel.name.generator();
  }
  // The epilogue takes no time beside the sums.
  const std::string_view operation = is_forward(kernel.name.operation) ? kForward : kernel.name.operation;
  for (const WinogradThreshold &threshold : winograd_thresholds(*kernel.target)) {
    if (threshold.operation != operation || threshold.algorithm != kernel.name.algorithm) continue;
    const Conv2dProblem &p = request.problem;
    const int64_t pixels =
        p.batch * (operation == kBackwardInput ? p.in_height * p.in_width : p.out_height * p.out_width);
    const int64_t least = execution.filter_changes ? threshold.pixels_if_filter_changes : threshold.pixels;
    if (pixels >= least) return "";
    return "with a filter " + std::string(execution.filter_changes ? "that changes" : "prepared once") +
           " it pays from " + std::to_string(least) + " pixels on, and the result has " + std::to_string(pixels);
  }
  return "";
}

/// Whether the kernel's algorithm answers the request unless told otherwise: differentiated kernels do where that is
/// asked for, the direct sum and depthwise kernels everywhere else.
bool is_offered(const Kernel &kernel, const KernelRequest &request) {
  const std::string &algorithm = kernel.name.algorithm;
  return algorithm == request.algorithm || (request.algorithm.empty() && algorithm == kDepthwise);
}

/// Why the kernel's algorithm is not the one to take; empty if it is.
std::string algorithm_objection(const Kernel &kernel, const KernelRequest &request, const Execution &execution) {
  if (is_winograd(kernel.name.algorithm)) return winograd_objection(kernel, request, execution);
  if (kernel.name.algorithm == kPlainFilter) {
    return execution.filter_changes ? "" : "it packs the filter in every run, and the plan prepares it once";
  }
  if (is_offered(kernel, request)) return "";
  return "algorithm " + kernel.name.algorithm + " is used only when the kernel is asked for by name";
}

std::string_view dtype_name(const KernelRequest &request) { return find_dtype(request.format.dtype)->name; }

std::string data_format_name(halconv_data_format format) { return std::string(find_data_format(format)->attribute); }

std::string objection(const Kernel &kernel, const KernelRequest &request, const Execution &execution) {
  const bool named = kernel.text == execution.kernel;
  if (execution.kernel && !named) return "kernel " + *execution.kernel + " is asked for";
  if (std::string reason = problem_objection(kernel, request.problem); !reason.empty()) return reason;
  if (kernel.name.dtype != dtype_name(request)) {
    return "it is made for " + kernel.name.dtype + ", the tensors hold " + std::string(dtype_name(request));
  }
  if (kernel.name.data_format != request.format.data_format) {
    return "it is made for " + data_format_name(kernel.name.data_format) + ", the images are " +
           data_format_name(request.format.data_format);
  }
  if (execution.target && *execution.target != kernel.target->name) {
    return "target " + *execution.target + " is asked for";
  }
  const bool forced = named || execution.target.has_value();
  if (std::string reason = device_objection(*kernel.target, request.format.device, forced); !reason.empty())
    return reason;
  if (std::string reason = cpu_objection(*kernel.target, forced); !reason.empty()) return reason;
  if (!named) {
    if (std::string reason = algorithm_objection(kernel, request, execution); !reason.empty()) return reason;
  }
  return unavailable_reason(*kernel.target);
}

/// The candidates, in order; a kernel that is named comes last where it is for something else. Differentiated kernels
/// answer only those who ask for them.
std::vector<const Kernel *> find_candidates(const KernelRequest &request, const Execution &execution) {
  const Kernel *const named = execution.kernel ? find_kernel(*execution.kernel) : nullptr;
  std::vector<const Kernel *> candidates =
      kernels_for({request.operation, dtype_name(request), request.format.data_format}, request.problem);
  std::erase_if(candidates, [&](const Kernel *kernel) {
    return kernel != named && (kernel->name.algorithm == kAutodiff) != (request.algorithm == kAutodiff);
  });
  const bool is_missing = std::find(candidates.begin(), candidates.end(), named) == candidates.end();
  if (named != nullptr && named->name.operation == request.operation && is_missing) candidates.push_back(named);
  return candidates;
}

std::string lines(const std::vector<Candidate> &candidates) {
  std::string text;
  for (const Candidate &candidate : candidates) {
    text += candidate.kernel->text + ": " + (candidate.rejection.empty() ? "chosen" : candidate.rejection) + "\n";
  }
  return text;
}

/// Why no kernel can be taken: what speaks against the one that is asked for, where it computes the operation, or
/// against each.
std::string rejections(const std::vector<Candidate> &candidates, const Execution &execution) {
  for (const Candidate &candidate : candidates) {
    if (candidate.kernel->text == execution.kernel) return lines({candidate});
  }
  return lines(candidates);
}

}  // namespace

std::vector<Candidate> rank_candidates(const KernelRequest &request, const Execution &execution) {
  std::vector<Candidate> candidates;
  const Kernel *chosen = nullptr;
  for (const Kernel *kernel : find_candidates(request, execution)) {
    std::string rejection = objection(*kernel, request, execution);
    if (rejection.empty() && chosen != nullptr) {
      rejection = chosen->text + " comes first";
    } else if (rejection.empty()) {
      chosen = kernel;
    }
    candidates.push_back({kernel, std::move(rejection)});
  }
  return candidates;
}

Status select_kernel(const KernelRequest &request, const Execution &execution, const Kernel **kernel) {
  HALCONV_RETURN_IF_ERROR(check_target(execution));
  const std::vector<const Kernel *> candidates = find_candidates(request, execution);
  const auto chosen = std::find_if(candidates.begin(), candidates.end(), [&](const Kernel *candidate) {
    return objection(*candidate, request, execution).empty();
  });
  if (chosen == candidates.end()) {
    const std::string format = request.format.data_format == HALCONV_NHWC ? "" : " of NCHW images";
    return errors::no_kernel(request.operation, dtype_name(request), to_string(request.problem) + format,
                             rejections(rank_candidates(request, execution), execution));
  }
  *kernel = *chosen;
  return ok_status();
}

std::string explain(const KernelRequest &request, const Execution &execution) {
  std::string text = lines(rank_candidates(request, execution));
  for (const std::string &row : rejected_rows()) text += row + "\n";
  return text;
}

Status check_target(const Execution &execution) {
  if (execution.kernel && find_kernel(*execution.kernel) == nullptr) return errors::unknown_kernel(*execution.kernel);
  if (!execution.target) return ok_status();
  const std::string &name = *execution.target, &source = execution.target_source;
  const TargetInfo *const target = find_target(name);
  if (target == nullptr) return errors::unknown_target(name, source, target_names(), available_targets());
  const std::vector<const TargetInfo *> linked = linked_targets();
  if (std::find(linked.begin(), linked.end(), target) == linked.end()) {
    return errors::target_not_linked(name, source, available_targets());
  }
  const std::string &reason = unavailable_reason(*target);
  return reason.empty() ? ok_status() : errors::target_unavailable(name, source, reason, available_targets());
}

}  // namespace halconv::runtime
