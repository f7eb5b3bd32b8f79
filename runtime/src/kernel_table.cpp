#include "kernel_table.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <unordered_map>

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

bool comes_before(const Kernel *a, const Kernel *b) { return dispatch_order(*a) < dispatch_order(*b); }

void insert_in_order(const Kernel *kernel, std::vector<const Kernel *> *kernels) {
  kernels->insert(std::lower_bound(kernels->begin(), kernels->end(), kernel, comes_before), kernel);
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

  std::vector<const Kernel *> kernels_for(const KernelFamily &family, const Conv2dProblem &problem) {
    const std::lock_guard lock(mutex_);
    const std::vector<const Kernel *> &specialised = shelf({family, problem}), &generic = shelf({family, std::nullopt});
    std::vector<const Kernel *> all;
    all.reserve(specialised.size() + generic.size());
    std::merge(specialised.begin(), specialised.end(), generic.begin(), generic.end(), std::back_inserter(all),
               comes_before);
    return all;
  }

  const Kernel *find(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }

  std::vector<const TargetInfo *> targets() {
    const std::lock_guard lock(mutex_);
    return targets_;
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
    if (by_name_.contains(row.name)) return;
    const Kernel &kernel = storage_.emplace_back(Kernel{std::move(*name.value), row.name, std::move(operation),
                                                        std::move(problem), target, row.argv, row.metadata});
    by_name_.emplace(kernel.text, &kernel);
    insert_in_order(&kernel, &sorted_);
    const KernelFamily family{kernel.name.operation, kernel.name.dtype, kernel.name.data_format};
    insert_in_order(&kernel, &shelves_[{family, kernel.name.problem}]);
    add_target(target);
  }

  void add_target(const TargetInfo *target) {
    const auto position = std::lower_bound(targets_.begin(), targets_.end(), target,
                                           [](const auto *a, const auto *b) { return a->rank > b->rank; });
    if (position == targets_.end() || *position != target) targets_.insert(position, target);
  }

  /// Kernels of a family for one problem, or its generic ones.
  using Shelf = std::pair<KernelFamily, std::optional<Conv2dProblem>>;

  const std::vector<const Kernel *> &shelf(Shelf shelf) const {
    static const auto &none = *new std::vector<const Kernel *>;
    const auto found = shelves_.find(shelf);
    return found == shelves_.end() ? none : found->second;
  }

  std::mutex mutex_;
  std::deque<Kernel> storage_;
  std::vector<const Kernel *> sorted_;
  std::map<Shelf, std::vector<const Kernel *>> shelves_;
  std::unordered_map<std::string_view, const Kernel *> by_name_;
  std::vector<const TargetInfo *> targets_;
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

std::vector<const Kernel *> kernels_for(const KernelFamily &family, const Conv2dProblem &problem) {
  return table().kernels_for(family, problem);
}

const Kernel *find_kernel(std::string_view name) { return table().find(name); }

std::vector<const TargetInfo *> linked_targets() { return table().targets(); }

}  // namespace halconv::runtime

extern "C" void halconv_register_kernels(const halconv_kernel_row *rows, int32_t count) {
  halconv::runtime::table().add(rows, count);
}
