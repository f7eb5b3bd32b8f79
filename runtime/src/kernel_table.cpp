#include "kernel_table.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <tuple>

#include "halconv/winograd.h"

namespace halconv::runtime {

namespace {

/// The algorithm of the fewest operations first: dispatch passes over it where it is not the one to take.
int algorithm_rank(const KernelName &name) {
  if (name.algorithm == kWinograd4) return 0;
  if (name.algorithm == kWinograd2) return 1;
  if (name.algorithm == kDepthwise) return 2;
  if (name.algorithm == kPlainFilter) return 3;
  return name.algorithm.empty() ? 4 : 5;
}

auto dispatch_order(const Kernel &kernel) {
  return std::make_tuple(-kernel.target->rank, !kernel.name.problem.has_value(), algorithm_rank(kernel.name),
                         std::string_view(kernel.text));
}

class KernelTable {
 public:
  void add(const halconv_kernel_row *rows, int32_t count) {
    const std::lock_guard lock(mutex_);
    for (int32_t i = 0; i < count; ++i) add(rows[i]);
  }

  std::vector<const Kernel *> kernels() {
    const std::lock_guard lock(mutex_);
    return sorted_;
  }

  std::vector<std::string> rejected() {
    const std::lock_guard lock(mutex_);
    return rejected_;
  }

 private:
  void add(const halconv_kernel_row &row) {
    ParseResult<KernelName> name = parse_kernel_name(row.name);
    if (!name.value) {
      rejected_.push_back(std::string(row.name) + ": column " + std::to_string(name.error.column) + ": " +
                          name.error.message);
      return;
    }
    const TargetInfo *const target = find_target(name.value->target);
    std::string problem = name.value->problem ? to_string(*name.value->problem) : "generic";
    std::string operation = name.value->generator();
    Kernel kernel{
        std::move(*name.value), row.name, std::move(operation), std::move(problem), target, row.argv, row.metadata};
    const auto position =
        std::lower_bound(sorted_.begin(), sorted_.end(), &kernel,
                         [](const Kernel *a, const Kernel *b) { return dispatch_order(*a) < dispatch_order(*b); });
    if (position != sorted_.end() && (*position)->text == kernel.text) return;
    sorted_.insert(position, &storage_.emplace_back(std::move(kernel)));
  }

  std::mutex mutex_;
  std::deque<Kernel> storage_;
  std::vector<const Kernel *> sorted_;
  std::vector<std::string> rejected_;
};

/// Libraries register from constructors, in no particular order with this file's.
KernelTable &table() {
  static auto &table = *new KernelTable;
  return table;
}

}  // namespace

std::vector<const Kernel *> kernels() { return table().kernels(); }

std::vector<std::string> rejected_rows() { return table().rejected(); }

const Kernel *find_kernel(std::string_view name) {
  for (const Kernel *kernel : kernels()) {
    if (kernel->text == name) return kernel;
  }
  return nullptr;
}

std::vector<const TargetInfo *> linked_targets() {
  std::vector<const TargetInfo *> targets;
  for (const Kernel *kernel : kernels()) {
    if (targets.empty() || targets.back() != kernel->target) targets.push_back(kernel->target);
  }
  return targets;
}

}  // namespace halconv::runtime

extern "C" void halconv_register_kernels(const halconv_kernel_row *rows, int32_t count) {
  halconv::runtime::table().add(rows, count);
}
