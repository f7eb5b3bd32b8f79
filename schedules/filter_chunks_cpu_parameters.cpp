#include "filter_chunks_cpu_parameters.h"

#include <algorithm>

#include "ceil_divide.h"
#include "cpu_machine.h"
#include "filter_prefetch.h"
#include "halconv/kernel_name.h"

namespace halconv::schedules {
namespace {

/// Channels of the result that a task computes at most: the filter is read so many neighbours at a time. With 128,
/// 3x3/2 512->512 @14 reaches 46 % of AVX2's peak instead of 53 %; with 32, 1x1 2048->512 @7 the same (one core of a
/// virtual EPYC, Zen 3).
constexpr int64_t kTaskChannels = 64;

/// Channels summed in registers before they are added to the sums in memory. With 128, 1x1 2048->512 @7 reaches 62 % of
/// the peak instead of 66 %, 3x3 the same (likewise).
constexpr int kChunk = 64;

/// Pixels of an image from which on a block of the filter is used often enough to be packed whole: 3x3 512->512 @10
/// reaches 84 % by chunks and 77 %, 256->256 @14 80 % and 90 % (likewise).
constexpr int64_t kManyPixels = 128;

/// What a kernel sums, and what results.
struct SummedTensor {
  int64_t taps, channels, result_channels, pixels;
};

SummedTensor summed_tensor(const KernelKey &key) {
  const Conv2dProblem &p = *key.problem;
  const int64_t taps = p.filter_height * p.filter_width;
  if (is_forward(key.operation)) return {taps, p.in_channels, p.out_channels, p.out_height * p.out_width};
  return {taps, p.out_channels, p.in_channels, p.in_height * p.in_width};
}

/// Pixels of a strided backward_input's result sum the taps of different phases.
bool has_one_phase(const KernelKey &key) {
  return is_forward(key.operation) || (key.problem->stride_height == 1 && key.problem->stride_width == 1);
}

}  // namespace

/// Of filters from beyond L2, those of which a block that a register tile goes through takes too much of it. Of AVX2's
/// peak, by chunks and by whole blocks: 3x3 512->512 @7 70 and 57 %, 3x3/2 512->512 @14 53 and 41 %, 1x1/2 1024->2048
/// @14, 96 KB, 53 and 43 %, but 1x1 512->1024 @10, 48 KB, 66 and 74 %. backward_input reads the filter along the
/// channels that it sums: 3x3 512->512 @7 60 and 50 %, 256->256 @7 50 and 43 %, 320->320 @10 64 and 61 %, but 1x1
/// 2048->512 @7 55 and 61 % (one core of a virtual EPYC, Zen 3). With AVX-512 forward 3x3/2 512->512 @14 reaches 78 and
/// 68 %, 1x1/2 1024->2048 @14 77 and 71 %, the others 1.0 to 1.06 times as much (one core of an EPYC, Zen 5).
bool reads_filter_in_chunks_cpu(const KernelKey &key) {
  if (!key.packs_filter || !has_one_phase(key) || key.problem->groups > 1) return false;
  const CpuMachine machine = cpu_machine(key.target, key.accumulator());
  const SummedTensor s = summed_tensor(key);
  if (!is_forward(key.operation) && s.taps == 1) return false;
  const int64_t channel = s.taps * s.channels * key.element.bytes();
  const int64_t block = channel * direct_cpu_parameters(key).vectors * key.lanes();
  return is_beyond_l2(machine, channel * s.result_channels) && block > machine.l2_bytes / 16 &&
         s.pixels < kManyPixels && s.channels % kChunk == 0;
}

FilterChunksCpuParameters filter_chunks_cpu_parameters(const KernelKey &key) {
  FilterChunksCpuParameters p = {direct_cpu_parameters(key), kChunk};
  const int64_t block = p.tile.vectors * key.lanes(), blocks = ceil_divide(summed_tensor(key).result_channels, block);
  const int64_t tasks = ceil_divide(blocks, std::max<int64_t>(1, kTaskChannels / block));
  p.tile.blocks_per_task = static_cast<int>(ceil_divide(blocks, tasks));
  return p;
}

}  // namespace halconv::schedules
