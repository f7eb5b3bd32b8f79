/// The numbers that a kernel's schedule runs with, and those that are worth trying: what the bench shows and the tuner
/// searches.
#ifndef HALCONV_SCHEDULES_SCHEDULE_SPACE_H_
#define HALCONV_SCHEDULES_SCHEDULE_SPACE_H_

#include <vector>

#include "kernel_schedule.h"

namespace halconv::schedules {

/// The numbers that the kernel is compiled with: the tuned row's, and the heuristic's where that leaves some out. Empty
/// for a kernel whose schedule has none. Throws Halide::CompileError where the row does not fit.
ScheduleNumbers schedule_numbers(const KernelKey &key);

/// Numbers that the problem allows, that fit the registers, and whose tasks fit the caches, best estimate first; the
/// register tiles are the best few by the heuristic's estimate. Empty for a kernel without numbers and for a generic
/// one.
std::vector<ScheduleNumbers> schedule_space(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_SCHEDULE_SPACE_H_
