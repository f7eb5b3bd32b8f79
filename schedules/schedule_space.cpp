#include "schedule_space.h"

#include <string>
#include <string_view>

#include "backward_filter_cpu_parameters.h"
#include "depthwise_backward_filter_cpu_parameters.h"
#include "depthwise_cpu_parameters.h"
#include "direct_cpu_parameters.h"
#include "few_channels_cpu.h"
#include "halconv/kernel_name.h"
#include "halconv/winograd.h"
#include "winograd_backward_filter_cpu_parameters.h"
#include "winograd_cpu_parameters.h"

namespace halconv::schedules {
namespace {

/// A family of schedules with numbers.
struct Family {
  void (*read)(const KernelKey &key);  ///< its parameters, which tells key.numbers
  std::vector<ScheduleNumbers> (*space)(const KernelKey &key);
};

template <auto parameters>
void read(const KernelKey &key) {
  static_cast<void>(parameters(key));
}

std::optional<Family> find_family(const KernelKey &key) {
  if (key.target.has_gpu_feature() || has_few_channels(key)) return std::nullopt;
  const auto is = [&](std::string_view operation, std::string_view algorithm) {
    return key.operation == std::string(operation) + "_" + std::string(algorithm);
  };
  if (key.operation == kForward || key.operation == kBackwardInput) {
    return Family{read<direct_cpu_parameters>, direct_cpu_space};
  }
  if (key.operation == kBackwardFilter) return Family{read<backward_filter_cpu_parameters>, backward_filter_cpu_space};
  if (is(kForward, kDepthwise) || is(kBackwardInput, kDepthwise)) {
    return Family{read<depthwise_cpu_parameters>, depthwise_cpu_space};
  }
  if (is(kBackwardFilter, kDepthwise)) {
    return Family{read<depthwise_backward_filter_cpu_parameters>, depthwise_backward_filter_cpu_space};
  }
  for (const std::string_view winograd : {kWinograd2, kWinograd4}) {
    if (is(kForward, winograd) || is(kBackwardInput, winograd)) {
      return Family{read<winograd_cpu_parameters>, winograd_cpu_space};
    }
    if (is(kBackwardFilter, winograd)) {
      return Family{read<winograd_backward_filter_cpu_parameters>, winograd_backward_filter_cpu_space};
    }
  }
  return std::nullopt;
}

}  // namespace

ScheduleNumbers schedule_numbers(const KernelKey &key) {
  const std::optional<Family> family = find_family(key);
  if (!family) return {};
  ScheduleNumbers numbers;
  KernelKey telling = key;
  telling.numbers = &numbers;
  family->read(telling);
  return numbers;
}

std::vector<ScheduleNumbers> schedule_space(const KernelKey &key) {
  const std::optional<Family> family = find_family(key);
  if (!family || !key.problem) return {};
  return family->space(key);
}

}  // namespace halconv::schedules
