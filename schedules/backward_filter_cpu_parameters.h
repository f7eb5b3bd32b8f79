/// The numbers of backward_filter's loop nest on a CPU.
#ifndef HALCONV_SCHEDULES_BACKWARD_FILTER_CPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_BACKWARD_FILTER_CPU_PARAMETERS_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

/// Extents are in elements unless stated.
struct BackwardFilterCpuParameters {
  int vectors = 1;   ///< register tile: vectors of output channels ...
  int channels = 1;  ///< ... times input channels ...
  int columns = 1;   ///< ... times filter columns
  int rows = 0;      ///< output rows that a register tile sums before it is added to memory; 0: all, of all images
  int unroll = 1;    ///< pixels summed per iteration of the innermost loop
  int blocks_per_task = 1;       ///< blocks of `vectors` output channels in a task
  int channels_per_task = 1;     ///< input channels in a task, a multiple of `channels`
  int filter_rows_per_task = 0;  ///< 0: all
  int blocks_at_once = 1;  ///< blocks whose tiles of the same input channels follow one another, where `rows` is 0
  int pixel_tasks = 1;     ///< parts of the pixels, each summed into a filter of its own; only where `rows` > 0
  int copies_src = 1, copies_d_dst = 1;  ///< 0: register tiles read the image where it is
  int next_rows = 0;                     ///< 1: both images' next `rows` are fetched while those before are multiplied
  int next_tile = 0;  ///< 1: what the next register tile stores to is fetched before this one is summed
};

/// Whether tasks read whole rows of both images, one after the other, in an inner loop that has room to fetch the next.
bool fetches_rows(const KernelKey &key, const BackwardFilterCpuParameters &p);

/// Whether register tiles are stored to the filter itself, once, and whole rows of the filter lie in one place.
bool fetches_tiles(const KernelKey &key, const BackwardFilterCpuParameters &p);

/// The tuned row where there is one, else the heuristic's choice.
BackwardFilterCpuParameters backward_filter_cpu_parameters(const KernelKey &key);

/// Numbers worth trying for a specialised kernel (schedule_space.h).
std::vector<ScheduleNumbers> backward_filter_cpu_space(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_BACKWARD_FILTER_CPU_PARAMETERS_H_
