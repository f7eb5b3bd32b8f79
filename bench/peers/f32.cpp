/// halconv's own direct kernel of f32, for rows of other dtypes: what the dtype gains or costs on the same
/// instructions.
#include <algorithm>
#include <iterator>
#include <string>

#include "../halconv_contender.h"
#include "../peer.h"
#include "halconv/targets.h"

namespace halconv::bench {
namespace {

/// The target, or the best one below it that has kernels of f32.
std::string f32_target(const std::string &target) {
  const TargetInfo *const own = find_target(target);
  const TargetInfo *const found =
      std::find_if(own, std::end(kTargets), [](const TargetInfo &candidate) { return has_kernels(candidate, "f32"); });
  if (found == std::end(kTargets)) throw CannotCompute("no target below " + target + " has kernels of f32");
  return std::string(found->name);
}

MakeContender prepare(const Case &c) {
  if (c.dtype == Dtype::kFloat32) throw CannotCompute("the row is of f32 itself");
  Case same = c;
  same.dtype = Dtype::kFloat32;
  same.target = f32_target(c.target);
  same.accuracy = Accuracy::kStrict;  // the direct sum, as other dtypes have it
  return [same](float *result) { return make_plan(same, result); };
}

const PeerRegistration registration({{"f32", Counterpart::kPlan, prepare, true}});

}  // namespace
}  // namespace halconv::bench
