/// The kernels of the linked libraries.
#ifndef HALCONV_RUNTIME_KERNEL_TABLE_H_
#define HALCONV_RUNTIME_KERNEL_TABLE_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "halconv/conv2d_problem.h"
#include "halconv/kernel_name.h"
#include "halconv/kernel_registry.h"
#include "halconv/targets.h"

namespace halconv::runtime {

/// Lives as long as the process, once registered.
struct Kernel {
  KernelName name;
  std::string text;       ///< the whole name
  std::string operation;  ///< with the algorithm, if any: "conv2d_backward_input_autodiff"
  std::string problem;    ///< benchdnn notation, or "generic"
  const TargetInfo *target;
  int (*argv)(void **arguments);
  const halide_filter_metadata_t *(*metadata)();
};

/// All kernels in the order in which a request tries them: targets best first; within one target the specialised
/// kernels before the generic; algorithms of fewer operations before the direct sum; at last by name.
std::vector<const Kernel *> kernels();

/// What kernels of one operation serve: tensors of a dtype in a data format.
struct KernelFamily {
  std::string_view operation, dtype;
  halconv_data_format data_format;

  friend auto operator<=>(const KernelFamily &, const KernelFamily &) = default;
};

/// The family's kernels that are made for the problem or generic, in that order. What it takes does not grow with the
/// number of linked kernels: every call of the runtime asks.
std::vector<const Kernel *> kernels_for(const KernelFamily &family, const Conv2dProblem &problem);

/// One line per registered row whose name does not parse, with what is wrong with it.
std::vector<std::string> rejected_rows();

/// The kernel of that name, or null.
const Kernel *find_kernel(std::string_view name);

/// The targets that any kernel is linked for, best first.
std::vector<const TargetInfo *> linked_targets();

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_KERNEL_TABLE_H_
