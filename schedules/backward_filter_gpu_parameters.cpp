#include "backward_filter_gpu_parameters.h"

#include <algorithm>

#include "ceil_divide.h"
#include "gpu_machine.h"

namespace halconv::schedules {
namespace {

constexpr int kLeastBlocks = 256;  // two for each multiprocessor of a large GPU
constexpr int kMostGroups = 32;    // each is as large as the filter, in global memory

/// The largest of 64, 48, 32 and 16 channels that divides all of them; else what covers them, at most 64.
int tile_of_channels(int64_t channels, int most) {
  for (int tile = most; tile >= 16; tile -= 16) {
    if (channels % tile == 0) return tile;
  }
  int tile = 4;
  while (tile < most && tile < channels) tile *= 2;
  return tile;
}

/// How many times as many bytes an accumulator has as a float; tiles have so much fewer of them.
int words(const BackwardFilterGpuParameters &t) { return t.element_bytes / 4; }

/// Accumulators of floats: 4 x 4 channels (less for a wide filter) for each column of a small filter, else 8 x 4 for
/// one tap. Of doubles half as many where there are several columns: 4 x 4 channels for 3 columns spill.
void choose_register_tile(const Conv2dProblem &p, BackwardFilterGpuParameters *t) {
  const int64_t columns = p.filter_width;
  t->staged_by_tap = columns == 1 || columns > 7 || p.dilation_width > 4 || p.dilation_height > 4;
  t->s = t->staged_by_tap ? 1 : static_cast<int>(columns);
  t->k = t->s == 1 && p.out_channels >= 32 && words(*t) == 1 ? 8 : 4;
  t->c = static_cast<int>(std::min<int64_t>(p.in_channels, t->s == 1 ? 4 : 4 / words(*t)));
  if (t->s > 4 && (p.in_channels != 3 || words(*t) > 1)) t->c = std::min(t->c, 2 / words(*t));
}

void choose_threads(const Conv2dProblem &p, BackwardFilterGpuParameters *t) {
  // Rows of the filter are threads where there are few input channels. The sums of a block may take half the memory.
  const int most = (t->s > 4 ? 32 : 64) / words(*t);
  t->k_threads = std::max(1, tile_of_channels(p.out_channels, most) / t->k);
  t->c_threads = p.in_channels <= t->c
                     ? 1
                     : std::max(1, tile_of_channels(p.in_channels, (t->s == 1 ? 64 : 32) / words(*t)) / t->c);
  t->r_threads = 1;
  while (t->c_threads == 1 && !t->staged_by_tap && t->r_threads < std::min<int64_t>(p.filter_height, 8)) {
    t->r_threads *= 2;
  }
  while (t->threads() % kWarp != 0) t->c_threads *= 2;
}

/// As many pixels as shared memory holds beside the sums, whole rows of d_dst where they are short.
void choose_pixels(const Conv2dProblem &p, BackwardFilterGpuParameters *t) {
  t->width = static_cast<int>(std::min<int64_t>(p.out_width, 8));
  for (int width = t->width; width >= 5; --width) {
    if (ceil_divide(p.out_width, width) * width < ceil_divide(p.out_width, t->width) * t->width) {
      t->width = width;
    }
  }
  t->height = static_cast<int>(std::min<int64_t>(p.out_height, 8));
  while (t->height > 1 && t->shared_bytes() > kSharedBytes) --t->height;
  while (t->width > 1 && t->shared_bytes() > kSharedBytes) --t->width;
  t->unrolled_width = t->width;
}

void choose_groups(const Conv2dProblem &p, int64_t groups, BackwardFilterGpuParameters *t) {
  const int64_t tiles = groups * ceil_divide(p.out_channels, t->block_k()) * ceil_divide(p.in_channels, t->block_c()) *
                        ceil_divide(p.filter_width, t->s) * ceil_divide(p.filter_height, t->r_threads);
  const int64_t wanted = std::clamp<int64_t>(kLeastBlocks / tiles, 1, kMostGroups);
  const int64_t images = std::min<int64_t>(wanted, p.batch);
  const int64_t chunks = ceil_divide(p.out_height, t->height);
  const int64_t rows = std::min<int64_t>(ceil_divide(wanted, images), chunks);
  if (images > 1) t->images_per_group = static_cast<int>(ceil_divide(p.batch, images));
  if (rows > 1) t->row_groups = static_cast<int>(rows);
}

/// Any sizes: rows in as many groups as make enough blocks.
BackwardFilterGpuParameters generic_parameters(BackwardFilterGpuParameters t, Halide::Func result) {
  t.c /= words(t);
  const auto tensor = result.output_buffer();
  const auto blocks = [&](int dimension, int block) { return (tensor.dim(dimension).extent() + block - 1) / block; };
  const Halide::Expr tiles = blocks(0, t.block_k()) * blocks(1, t.block_c()) * tensor.dim(2).extent() *
                             tensor.dim(3).extent() * tensor.dim(4).extent();
  t.row_groups = Halide::clamp(kLeastBlocks / Halide::max(tiles, 1), 1, kMostGroups);
  return t;
}

}  // namespace

BackwardFilterGpuParameters backward_filter_gpu_parameters(const KernelKey &key, Halide::Func result) {
  BackwardFilterGpuParameters t;
  t.element_bytes = key.accumulator().bytes();
  t.planar = key.is_planar();
  if (!key.problem) return generic_parameters(t, result);
  const Conv2dProblem problem = key.problem->group();
  t.stride_width = static_cast<int>(problem.stride_width);
  t.stride_height = static_cast<int>(problem.stride_height);
  t.dilation_width = static_cast<int>(problem.dilation_width);
  t.dilation_height = static_cast<int>(problem.dilation_height);
  choose_register_tile(problem, &t);
  choose_threads(problem, &t);
  choose_pixels(problem, &t);
  choose_groups(problem, key.problem->groups, &t);
  t.vectorized_result = problem.out_channels % 4 == 0;
  t.vectorized_d_dst = !t.planar && problem.out_channels % t.block_k() == 0 && t.block_k() % 4 == 0;
  t.vectorized_src = !t.planar && problem.in_channels % t.block_c() == 0 && t.block_c() % 4 == 0;
  return t;
}

}  // namespace halconv::schedules
