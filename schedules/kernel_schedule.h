/// What a schedule is chosen by, and the schedules' interface to the generators.
#ifndef HALCONV_SCHEDULES_KERNEL_SCHEDULE_H_
#define HALCONV_SCHEDULES_KERNEL_SCHEDULE_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "Halide.h"
#include "conv2d_algorithm.h"
#include "epilogue.h"
#include "halconv/conv2d_problem.h"
#include "halconv/data_format.h"
#include "prefetch.h"
#include "winograd_algorithm.h"

namespace halconv::schedules {

/// A schedule's numbers by their names in a tuned row.
using ScheduleNumbers = std::vector<std::pair<std::string, int>>;

/// Channels, or backward_filter's columns, that an instruction multiplies and adds at once: 2 by AVX512_BF16's dot
/// products, which sum in f32.
inline int channels_per_product(const Halide::Target &target, Halide::Type element) {
  return element.is_bfloat() && target.has_feature(Halide::Target::AVX512_Zen4) ? 2 : 1;
}

/// Which kernel is asked for.
struct KernelKey {
  std::string operation;                 ///< "conv2d_forward", ...
  std::optional<Conv2dProblem> problem;  ///< that the loops go over (halconv/long_rows.h); nothing: generic
  std::optional<Conv2dProblem> listed;   ///< as the kernel's name and tuned rows have it
  Halide::Type element;                  ///< of the tensors
  Halide::Target target;
  std::string table;                   ///< file of tuned rows; empty: heuristic only
  ScheduleNumbers *numbers = nullptr;  ///< where to tell the numbers that the schedule runs with; null: nowhere
  halconv_data_format data_format = HALCONV_NHWC;  ///< of the images
  bool packs_filter = false;                       ///< of forward and backward_input: reads HWIO

  /// What registers hold, and copies in cache.
  Halide::Type accumulator() const { return generators::accumulator_type(element); }
  int channels_per_product() const { return schedules::channels_per_product(target, element); }
  int lanes() const { return target.natural_vector_size(accumulator()); }
  /// Neighbours in memory are neighbours in a row of the image, not channels of a pixel.
  bool is_planar() const { return data_format == HALCONV_NCHW; }
  /// Forward and backward_input can only read a copy of the image.
  bool copies_image() const { return is_planar() || generators::copy_type(element) != element; }
};

inline constexpr int kPureDefinition = -1;

/// The taps of the filter that a part of the result reads: every `row_step`-th row from `first_row` on, columns
/// likewise.
struct FilterTaps {
  int first_column = 0, first_row = 0, column_step = 1, row_step = 1;
};

/// A definition of the result and the convolution it takes its values from: the whole result (the pure definition), or
/// one phase of a strided backward_input (an update over that phase's columns and rows).
struct ResultPart {
  int update = kPureDefinition;
  Halide::VarOrRVar x, y;
  generators::Convolution convolution;
  Halide::Func filter;  ///< the unblocked filter that the convolution reads
  FilterTaps taps = {};
};

/// Result channels in a block of the filter that schedule_direct's kernel will read.
int direct_block(const KernelKey &key);

/// Whether schedule_direct's kernel reads all parts' pixels from one copy of the image, with the zeros around it.
bool shares_image(const KernelKey &key);

/// Whether schedule_direct's kernel sums tiles that may overhang the result, and so reads a copy of the image.
bool reads_filter_in_chunks(const KernelKey &key);

/// Schedules forward and backward_input: a register tile of result channels times pixels accumulates over all taps
/// while the filter, the kernel's argument `filter`, streams by, one block of result channels at a time. The kernel is
/// to be compiled with the prefetches.
std::vector<Prefetch> schedule_direct(const KernelKey &key, Halide::Func result, const std::vector<ResultPart> &parts);

/// Channels in a block of what schedule_backward_filter's kernel copies of d_dst; 0: they lie side by side.
int backward_filter_block(const KernelKey &key);

/// Schedules backward_filter: a register tile of the filter accumulates over pixels. The kernel, whose arguments `src`
/// and `d_dst` are the images, is to be compiled with the prefetches.
std::vector<Prefetch> schedule_backward_filter(const KernelKey &key, Halide::Func result,
                                               const generators::FilterGradient &gradient);

/// Lanes of the vectors in which schedule_depthwise's kernel has the channels of pairs apart (bf16_pairs.h); 0: it has
/// the channels as they are.
int depthwise_pair_lanes(const KernelKey &key);

/// Schedules depthwise forward and backward_input: vectors of channels, each pixel's sum in a register.
void schedule_depthwise(const KernelKey &key, Halide::Func result, const generators::Convolution &convolution);

/// Whether schedule_depthwise_backward_filter's kernel sums whole vectors of columns.
bool sums_rows_in_vectors(const KernelKey &key);

/// Schedules depthwise backward_filter: vectors of channels, the sums of a tile of taps in registers.
void schedule_depthwise_backward_filter(const KernelKey &key, Halide::Func result,
                                        const generators::FilterGradient &gradient);

/// Result channels in a block of the transformed filter that schedule_winograd's kernel will read.
int winograd_block(const KernelKey &key);

/// Schedules a convolution by transformed tiles. The kernel, whose argument `filter` is transformed, is to be compiled
/// with the prefetches. CPU targets only.
std::vector<Prefetch> schedule_winograd(const KernelKey &key, Halide::Func result,
                                        const generators::WinogradConvolution &convolution);

/// Whether the blocks and tiles of schedule_winograd_backward_filter's kernel are those of d_dst, without any that
/// overhang: it reads d_dst where it is.
bool winograd_fits_d_dst(const KernelKey &key);

/// Schedules the filter's gradient by transformed tiles. CPU targets only.
void schedule_winograd_backward_filter(const KernelKey &key, Halide::Func result,
                                       const generators::WinogradFilterGradient &gradient);

/// Schedules epilogue_backward: `masked` (k, pixel, n) and partial sums of blocks of pixels in the same loops.
void schedule_epilogue_backward(const KernelKey &key, Halide::Func masked, Halide::Func bias_gradient,
                                const generators::BiasGradient &gradient);

/// Schedules reorder_filter_*, a copy; `contiguous` is the dimension of `packed` along which the filter has stride 1.
void schedule_reorder_filter(const Halide::Target &target, Halide::Func packed, const Halide::Var &contiguous);

/// Schedules reorder_filter_*_winograd*, a transform of `taps`, whose arguments are those of `tiles`. CPU targets only.
void schedule_reorder_filter_winograd(const Halide::Target &target, Halide::Func packed, Halide::Func taps,
                                      const Halide::Var &contiguous, const generators::TransformedTiles &tiles);

/// Schedules a gradient that propagate_adjoints derived, whatever stages it consists of: vectors over the innermost
/// dimension and threads over the outermost.
void schedule_autodiff(const Halide::Target &target, Halide::Func result);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_KERNEL_SCHEDULE_H_
