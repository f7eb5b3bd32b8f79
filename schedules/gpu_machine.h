/// What the GPU schedules assume about every GPU.
#ifndef HALCONV_SCHEDULES_GPU_MACHINE_H_
#define HALCONV_SCHEDULES_GPU_MACHINE_H_

namespace halconv::schedules {

/// Threads that run in step, on NVIDIA's: the fewest that are worth a block.
constexpr int kWarp = 32;

/// Elements; of floats 128 bits, the widest access.
constexpr int kAccessElements = 4;

/// Shared memory that a block has without opting in to more.
constexpr int kSharedBytes = 48 * 1024;

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_GPU_MACHINE_H_
