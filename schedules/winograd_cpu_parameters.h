/// The numbers of winograd_cpu.cpp's loop nest.
#ifndef HALCONV_SCHEDULES_WINOGRAD_CPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_WINOGRAD_CPU_PARAMETERS_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

struct WinogradCpuParameters {
  int vectors = 2, tiles = 7;  ///< register tile: vectors of result channels times tiles of pixels
  int unroll = 1;              ///< channels summed per iteration of the innermost loop
  int tile_rows_per_task = 1;  ///< rows of tiles that one task computes ...
  int images_per_task = 1;     ///< ... of so many images
  int blocks_per_task = 1;     ///< blocks of `vectors` that one task computes
  int prefetch = 0;            ///< channels from the one summed to the one whose filter is fetched; 0: none is
  int next_point = 0;          ///< 1: the filter is fetched for the next element of the transformed tiles instead
};

/// What the loop nest computes, forward's convolution or backward_input's.
struct WinogradShape {
  int tile_size;  ///< rows and columns of the result in a tile
  int64_t image_channels, result_channels;
  int64_t columns;                  ///< of the result
  int64_t tile_rows, tile_columns;  ///< tiles of an image
  int64_t batch;

  int points() const { return (tile_size + 2) * (tile_size + 2); }  ///< elements of a transformed tile
};

WinogradShape winograd_shape(const KernelKey &key);

/// The tuned row where there is one, else the heuristic's choice. Throws Halide::CompileError if the row does not fit
/// the problem.
WinogradCpuParameters winograd_cpu_parameters(const KernelKey &key);

/// Numbers for the tuner to try, those nearest the heuristic's first.
std::vector<ScheduleNumbers> winograd_cpu_space(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_WINOGRAD_CPU_PARAMETERS_H_
