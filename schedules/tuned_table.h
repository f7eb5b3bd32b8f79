/// Tuned numbers of schedules: a text file per target with a row per kernel, which take the place of the heuristic's.
///
///     # comment
///     conv2d_forward g1mb1_ic64oc64_ih56oh56kh3sh1ph1 vectors=2 width=14  # cpu="..." date=2026-11-23 peak=0.84
///
/// A row is the operation (with its algorithm), the problem as to_string(Conv2dProblem) spells it or "generic", and
/// name=integer pairs; what follows a # tells where the numbers come from. Names that a row leaves out keep the
/// heuristic's value. Rows are those of f32 kernels.
#ifndef HALCONV_SCHEDULES_TUNED_TABLE_H_
#define HALCONV_SCHEDULES_TUNED_TABLE_H_

#include <map>
#include <optional>
#include <string>

#include "kernel_schedule.h"

namespace halconv::schedules {

/// The numbers of one kernel. All errors are Halide::CompileError with file:line.
class TunedRow {
 public:
  /// `numbers` is told every number that is read, null: nobody.
  TunedRow(std::string location, std::map<std::string, int> values, ScheduleNumbers *numbers = nullptr)
      : location_(std::move(location)), values_(std::move(values)), numbers_(numbers) {}

  /// Sets `*value` to the number called `name` where the row has it; it must lie in [least, most].
  void read(const std::string &name, int least, int most, int *value);

  /// Throws if the row has a number that nothing has read.
  void check_all_read() const;

  [[noreturn]] void fail(const std::string &message) const;

 private:
  std::string location_;
  std::map<std::string, int> values_;
  std::string known_names_;
  ScheduleNumbers *numbers_;
};

/// The row of `key` in its table, or nothing if it names no table or the table has no such row; an empty row then, if
/// the key wants to be told the numbers. Throws Halide::CompileError if the table cannot be read, has a malformed line,
/// or the row twice.
std::optional<TunedRow> find_tuned_row(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_TUNED_TABLE_H_
