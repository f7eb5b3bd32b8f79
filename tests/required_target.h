/// Which targets this machine has to run, so that no test of one is skipped unnoticed.
#ifndef HALCONV_TESTS_REQUIRED_TARGET_H_
#define HALCONV_TESTS_REQUIRED_TARGET_H_

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "halconv/halconv.h"
#include "halconv/targets.h"

namespace halconv::testing {

/// Why this machine cannot run `target`; empty if it can. A target without a linked library is one that it cannot.
inline std::string unavailable_reason(std::string_view target) {
  for (int32_t i = 0; i < halconv_target_count(); ++i) {
    const char *name = nullptr;
    char reason[HALCONV_MESSAGE_SIZE] = "";
    const halconv_status status = halconv_target(i, &name, reason, sizeof reason);
    if (status.code != HALCONV_OK) return status.message;
    if (target == name) return reason;
  }
  return "no kernel library of this target is linked";
}

/// The targets that an environment variable names, a list separated by colons.
inline std::vector<std::string> targets_of_environment(const char *variable) {
  const char *const text = std::getenv(variable);
  std::istringstream list(text == nullptr ? "" : text);
  std::vector<std::string> targets;
  for (std::string target; std::getline(list, target, ':');) targets.push_back(target);
  return targets;
}

/// Whether kernels of `target` have to run here: on a CPU that has the instructions, or because the environment says
/// so.
inline bool is_required(std::string_view target) {
  const TargetInfo *const info = find_target(target);
  if (info != nullptr && info->kind == TargetKind::kCpu && missing_cpu_feature(*info).empty()) return true;
  const std::vector<std::string> required = targets_of_environment("HALCONV_REQUIRED_TARGETS");
  return std::find(required.begin(), required.end(), target) != required.end();
}

}  // namespace halconv::testing

/// Leaves a test of `target` that this machine cannot run: a failure where it has to, otherwise skipped with the
/// reason.
#define HALCONV_SKIP_UNLESS_RUNNABLE(target)                                                           \
  if (const std::string reason = ::halconv::testing::unavailable_reason(target); !reason.empty()) {    \
    if (::halconv::testing::is_required(target)) FAIL() << (target) << " has to run here: " << reason; \
    GTEST_SKIP() << (target) << ": " << reason;                                                        \
  }                                                                                                    \
  static_assert(true)

#endif  // HALCONV_TESTS_REQUIRED_TARGET_H_
