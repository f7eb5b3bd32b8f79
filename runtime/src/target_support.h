/// Which targets this machine can run.
#ifndef HALCONV_RUNTIME_TARGET_SUPPORT_H_
#define HALCONV_RUNTIME_TARGET_SUPPORT_H_

#include <string>

#include "halconv/targets.h"

namespace halconv::runtime {

/// Empty if this machine can run the target, else why not. Found out once per process.
const std::string &unavailable_reason(const TargetInfo &target);

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_TARGET_SUPPORT_H_
