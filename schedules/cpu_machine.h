/// What the CPU schedules assume about the machines behind each CPU target.
#ifndef HALCONV_SCHEDULES_CPU_MACHINE_H_
#define HALCONV_SCHEDULES_CPU_MACHINE_H_

#include <cstdint>

#include "Halide.h"

namespace halconv::schedules {

/// Of every machine's caches.
constexpr int kLineBytes = 64;

/// Facts of the smallest machine a target is tuned for; a schedule made for them is good on a larger one.
struct CpuMachine {
  int lanes;  ///< elements in a vector register
  int64_t lane_bytes;
  int registers;               ///< vector registers
  double fmas_per_cycle;       ///< vector multiply-adds
  double loads_per_cycle;      ///< of a vector or a broadcast scalar
  double fma_latency;          ///< cycles
  int64_t l1_bytes, l2_bytes;  ///< data caches of one core
  /// What comes from beyond L2 is worth fetching block by block (prefetch.h), and copying. One core of a virtual EPYC
  /// (Zen 3), whose share of L3 holds 2 to 4 MB, waits 200 ns for memory. On AVX-512 of an EPYC (Zen 5), whose L3 is
  /// fast, it made direct kernels no faster, Winograd's 0.88 to 1.01 and backward_filter 0.86 to 1.01 times as fast.
  bool fetches_blocks_ahead;
};

/// `element` is what registers hold.
inline CpuMachine cpu_machine(const Halide::Target &target, Halide::Type element) {
  const int lanes = target.natural_vector_size(element);
  const int64_t bytes = element.bytes();
  // Sapphire Rapids and Zen 4: two 512-bit multiply-adds (Zen 4: one) and two 512-bit loads a cycle.
  if (target.has_feature(Halide::Target::AVX512_Skylake)) return {lanes, bytes, 32, 2, 2, 4, 32 << 10, 1 << 20, false};
  // Haswell and later, Zen 2 and later.
  if (target.has_feature(Halide::Target::FMA)) return {lanes, bytes, 16, 2, 2, 4, 32 << 10, 1 << 20, true};
  // Baseline x86-64: the multiply and the add are two instructions, and share the two vector ports.
  return {lanes, bytes, 16, 1, 2, 8, 32 << 10, 256 << 10, true};
}

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_CPU_MACHINE_H_
