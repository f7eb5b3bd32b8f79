#include "target_support.h"

#include <array>
#include <iterator>
#include <mutex>

#include "gpu_driver.h"

namespace halconv::runtime {

namespace {

std::string find_reason(const TargetInfo &target) {
  switch (target.kind) {
    case TargetKind::kCuda:
      return find_cuda_device();
    case TargetKind::kOpenCl:
      return find_opencl_device();
    case TargetKind::kCpu:
      break;
  }
  const std::string_view feature = missing_cpu_feature(target);
  return feature.empty() ? "" : "this CPU or its operating system does not support " + std::string(feature);
}

}  // namespace

const std::string &unavailable_reason(const TargetInfo &target) {
  struct Answer {
    std::once_flag once;
    std::string reason;
  };
  static auto &answers = *new std::array<Answer, std::size(kTargets)>;
  Answer &answer = answers[static_cast<size_t>(find_target(target.name) - std::begin(kTargets))];
  std::call_once(answer.once, [&] { answer.reason = find_reason(target); });
  return answer.reason;
}

}  // namespace halconv::runtime
