/// Stages of Winograd's transforms on a CPU.
#ifndef HALCONV_SCHEDULES_TRANSFORMED_TILES_CPU_H_
#define HALCONV_SCHEDULES_TRANSFORMED_TILES_CPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

/// A dimension of a stage and how far it reaches.
struct Unrolled {
  Halide::Var dimension;
  int extent;
};

/// A stage, computed where it is used, that holds one vector for each element of a tile: in registers, or in L1 where
/// they are too many.
void schedule_in_registers(Halide::Func stage, const Halide::Var &vectorized, int lanes, const Unrolled &inner,
                           const Unrolled &outer);

/// The loops of `tiles.transformed` (channel, j, i, tile, n, g) for an image of so many channels; the caller says where
/// it is computed and how it lies in memory, channels innermost.
void schedule_transformed_image(const generators::TransformedTiles &tiles, int channels, int lanes);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_TRANSFORMED_TILES_CPU_H_
