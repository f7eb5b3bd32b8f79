/// The planes of NCHW images in the order that register tiles compute in, channels innermost, and back. Blocks of up to
/// 8 x 8 elements turn in registers, in a third of the time that storing vectors element by element takes (AVX-512, one
/// core of a Xeon, Sapphire Rapids).
#ifndef HALCONV_SCHEDULES_PLANES_CPU_H_
#define HALCONV_SCHEDULES_PLANES_CPU_H_

#include <cstdint>
#include <optional>

#include "Halide.h"

namespace halconv::schedules {

/// Which argument of a Func over planes is the channel: the first or, of depthwise kernels, whose channels are groups,
/// the last. Columns are the second.
enum class PlaneChannels { kOfGroup = 0, kGroups = 4 };

/// Extents that are known of a specialised kernel.
struct PlaneExtents {
  std::optional<int64_t> channels;
  std::optional<int64_t> columns;  ///< of an image that may not be read beyond them
};

/// Computes `image`, which reads planes, at `level` and keeps it channels innermost. `lanes` are those of a vector.
void gather_planes(Halide::Func image, PlaneChannels channels, const Halide::LoopLevel &level,
                   const PlaneExtents &extents, int lanes);

/// Stores `result` plane by plane from `block`, a Func of the same arguments that is computed channels innermost. `x`
/// and `channel` are the innermost loops of `result`, over all of its `columns`, which may be computed twice, and over
/// channels, a multiple of plane_block(lanes). `together` of these turn at once: all of a block where `result` finds
/// its place in `block` by remainders, whose bounds Halide does not know for fewer.
void scatter_planes(Halide::Func result, Halide::Func block, PlaneChannels channels, const Halide::Var &x,
                    const Halide::Var &channel, int64_t columns, int lanes, int together);

/// Channels that are stored at once.
int plane_block(int lanes);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_PLANES_CPU_H_
