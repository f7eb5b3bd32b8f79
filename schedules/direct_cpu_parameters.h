/// The numbers of the direct convolution's loop nest on a CPU.
#ifndef HALCONV_SCHEDULES_DIRECT_CPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_DIRECT_CPU_PARAMETERS_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

struct DirectCpuParameters {
  int vectors = 1;            ///< register tile: vectors of result channels ...
  int width = 1, height = 1;  ///< ... times columns times rows of the result
  int unroll = 1;             ///< channels summed per iteration of the innermost loop
  int rows_per_task = 1;      ///< rows of the result that one task computes
  int blocks_per_task = 1;    ///< blocks of `vectors` that one task computes
  int prefetch = 0;           ///< channels from the one summed to the one whose filter is fetched; 0: none is
  int next_block = 0;         ///< 1: the next block of the filter is fetched while one is multiplied
  int next_rows = 0;          ///< 1: the next task's rows of the image are fetched while a task's are multiplied
};

/// What the loop nest computes: forward's convolution, or the largest phase of backward_input's.
struct DirectShape {
  int64_t reduced_channels, result_channels;  ///< of a group
  int64_t rows, columns;                      ///< of the result
  int64_t tap_rows, tap_columns;              ///< of the filter
  int64_t stride_rows, stride_columns;        ///< from one pixel of the result to the next in the image
  int64_t images;                             ///< times groups
  bool in_place;                              ///< the image is read where it is, all of it
};

/// The shape of a specialised kernel's loop nest.
DirectShape direct_shape(const KernelKey &key);

/// Whether a specialised kernel's parts each go through the blocks of one filter, which may be fetched a block ahead.
bool fetches_blocks(const KernelKey &key);

/// Whether a specialised kernel's tasks read rows of the image that no other task does, one after the other.
bool fetches_image_rows(const KernelKey &key);

/// The tuned row where there is one, else the heuristic's choice. Throws Halide::CompileError if the row does not fit
/// the problem.
DirectCpuParameters direct_cpu_parameters(const KernelKey &key);

/// The heuristic's choice: the numbers of least estimated time.
DirectCpuParameters estimate_direct_cpu_parameters(const KernelKey &key);

/// Numbers worth trying for a specialised kernel (schedule_space.h).
std::vector<ScheduleNumbers> direct_cpu_space(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_DIRECT_CPU_PARAMETERS_H_
