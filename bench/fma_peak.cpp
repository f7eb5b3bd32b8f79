#include "fma_peak.h"

#include <immintrin.h>

#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace halconv::bench {
namespace {

// Twelve chains: more than latency (4 cycles) times units (2) of any CPU with FMA, and one register file of SSE or AVX2
// holds them beside their two operands.
constexpr int kChains = 12;

// Dot products take longer: twelve chains reach 500 GFLOP/s, sixteen 540, twenty and 24 555 (one core of an EPYC, Zen
// 5).
constexpr int kDotChains = 2 * kChains;

// The accumulators pass through an empty assembly statement once a round, so that the compiler can neither fold the
// rounds into one another nor move them to memory.
#define HALCONV_KEEP(x)                                                                                          \
  asm volatile(""                                                                                                \
               : "+v"(x[0]), "+v"(x[1]), "+v"(x[2]), "+v"(x[3]), "+v"(x[4]), "+v"(x[5]), "+v"(x[6]), "+v"(x[7]), \
                 "+v"(x[8]), "+v"(x[9]), "+v"(x[10]), "+v"(x[11]))

[[gnu::target("avx512f"), gnu::noinline]] void multiply_add_avx512(int64_t rounds) {
  __m512 sum[kChains] = {};
  const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain) sum[chain] = _mm512_fmadd_ps(a, b, sum[chain]);
    HALCONV_KEEP(sum);
  }
}

[[gnu::target("avx512f"), gnu::noinline]] void multiply_add_avx512_f64(int64_t rounds) {
  __m512d sum[kChains] = {};
  const __m512d a = _mm512_set1_pd(0.5), b = _mm512_set1_pd(0.25);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain) sum[chain] = _mm512_fmadd_pd(a, b, sum[chain]);
    HALCONV_KEEP(sum);
  }
}

/// Two products of bf16 in each lane of f32.
[[gnu::target("avx512f,avx512bf16"), gnu::noinline]] void dot_bf16_avx512(int64_t rounds) {
  __m512 sum[kDotChains] = {};
  const __m512 ones = _mm512_set1_ps(1.0f);
  const __m512bh a = _mm512_cvtne2ps_pbh(ones, ones);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 24
    for (int chain = 0; chain < kDotChains; ++chain) sum[chain] = _mm512_dpbf16_ps(sum[chain], a, a);
    HALCONV_KEEP(sum);
    HALCONV_KEEP((sum + kChains));
  }
}

[[gnu::target("avx2,fma"), gnu::noinline]] void multiply_add_avx2(int64_t rounds) {
  __m256 sum[kChains] = {};
  const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain) sum[chain] = _mm256_fmadd_ps(a, b, sum[chain]);
    HALCONV_KEEP(sum);
  }
}

[[gnu::target("avx2,fma"), gnu::noinline]] void multiply_add_avx2_f64(int64_t rounds) {
  __m256d sum[kChains] = {};
  const __m256d a = _mm256_set1_pd(0.5), b = _mm256_set1_pd(0.25);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain) sum[chain] = _mm256_fmadd_pd(a, b, sum[chain]);
    HALCONV_KEEP(sum);
  }
}

/// Baseline x86-64 has no FMA: a multiplication and an addition, independent of each other.
[[gnu::noinline]] void multiply_add_sse2(int64_t rounds) {
  __m128 value[kChains] = {};
  const __m128 a = _mm_set1_ps(0.5f), b = _mm_set1_ps(0.25f);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain) {
      value[chain] = chain % 2 == 0 ? _mm_mul_ps(value[chain], a) : _mm_add_ps(value[chain], b);
    }
    HALCONV_KEEP(value);
  }
}

[[gnu::noinline]] void multiply_add_sse2_f64(int64_t rounds) {
  __m128d value[kChains] = {};
  const __m128d a = _mm_set1_pd(0.5), b = _mm_set1_pd(0.25);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain) {
      value[chain] = chain % 2 == 0 ? _mm_mul_pd(value[chain], a) : _mm_add_pd(value[chain], b);
    }
    HALCONV_KEEP(value);
  }
}

/// What the kernels of a target sum with.
struct Loop {
  std::string_view target;
  Dtype dtype;
  void (*run)(int64_t rounds);
  double flops_per_round;
};
constexpr Loop kLoops[] = {
    {"avx512_bf16", Dtype::kBfloat16, dot_bf16_avx512, 4.0 * 16 * kDotChains},
    {"avx512", Dtype::kFloat32, multiply_add_avx512, 2.0 * 16 * kChains},
    {"avx512", Dtype::kFloat64, multiply_add_avx512_f64, 2.0 * 8 * kChains},
    {"avx2", Dtype::kFloat32, multiply_add_avx2, 2.0 * 8 * kChains},
    {"avx2", Dtype::kFloat64, multiply_add_avx2_f64, 2.0 * 4 * kChains},
    {"x86_64", Dtype::kFloat32, multiply_add_sse2, 4.0 * kChains},
    {"x86_64", Dtype::kFloat64, multiply_add_sse2_f64, 2.0 * kChains},
};

/// The dtype's own loop, or f32's, which the other dtypes are converted to.
const Loop *find_loop(std::string_view target, Dtype dtype) {
  const Loop *found = nullptr;
  for (const Loop &loop : kLoops) {
    if (loop.target != target) continue;
    if (loop.dtype == dtype) return &loop;
    if (loop.dtype == Dtype::kFloat32) found = &loop;
  }
  return found;
}

}  // namespace

std::string_view fma_peak_name(std::string_view target, Dtype dtype) {
  const Loop *const loop = find_loop(target, dtype);
  if (loop == nullptr || loop->dtype != dtype) return "f32 FMA";
  return dtype == Dtype::kBfloat16 ? "bf16 dot" : "FMA";
}

double measure_fma_peak(std::string_view target, Dtype dtype, int threads, double seconds) {
  const Loop *const loop = find_loop(target, dtype);
  if (loop == nullptr) return 0;
  using Clock = std::chrono::steady_clock;
  const auto measure = [&] {
    constexpr int64_t kRounds = 10000;
    const auto start = Clock::now();
    int64_t rounds = 0;
    std::chrono::duration<double> elapsed{};
    do {
      loop->run(kRounds);
      rounds += kRounds;
      elapsed = Clock::now() - start;
    } while (elapsed.count() < seconds);
    return static_cast<double>(rounds) * loop->flops_per_round / elapsed.count();
  };
  std::vector<double> rates(static_cast<size_t>(threads));
  std::vector<std::thread> others;
  for (size_t i = 1; i < rates.size(); ++i) others.emplace_back([&, i] { rates[i] = measure(); });
  rates[0] = measure();
  for (std::thread &other : others) other.join();
  double sum = 0;
  for (double rate : rates) sum += rate;
  return sum;
}

}  // namespace halconv::bench
