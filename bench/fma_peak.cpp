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

// The accumulators pass through an empty assembly statement once a round, so that the compiler can neither fold the
// rounds into one another nor move them to memory.
#define HALCONV_KEEP(x)                                                                                          \
  asm volatile(""                                                                                                \
               : "+x"(x[0]), "+x"(x[1]), "+x"(x[2]), "+x"(x[3]), "+x"(x[4]), "+x"(x[5]), "+x"(x[6]), "+x"(x[7]), \
                 "+x"(x[8]), "+x"(x[9]), "+x"(x[10]), "+x"(x[11]))

[[gnu::target("avx512f"), gnu::noinline]] void multiply_add_avx512(int64_t rounds) {
  __m512 sum[kChains] = {};
  const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain) sum[chain] = _mm512_fmadd_ps(a, b, sum[chain]);
    asm volatile(""
                 : "+v"(sum[0]), "+v"(sum[1]), "+v"(sum[2]), "+v"(sum[3]), "+v"(sum[4]), "+v"(sum[5]), "+v"(sum[6]),
                   "+v"(sum[7]), "+v"(sum[8]), "+v"(sum[9]), "+v"(sum[10]), "+v"(sum[11]));
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

struct Loop {
  void (*run)(int64_t rounds);
  double flops_per_round;
};

Loop find_loop(std::string_view target) {
  if (target == "avx512") return {multiply_add_avx512, 2.0 * 16 * kChains};
  if (target == "avx2") return {multiply_add_avx2, 2.0 * 8 * kChains};
  if (target == "x86_64") return {multiply_add_sse2, 4.0 * kChains};
  return {nullptr, 0};
}

}  // namespace

double measure_fma_peak(std::string_view target, int threads, double seconds) {
  const Loop loop = find_loop(target);
  if (loop.run == nullptr) return 0;
  using Clock = std::chrono::steady_clock;
  const auto measure = [&] {
    constexpr int64_t kRounds = 10000;
    const auto start = Clock::now();
    int64_t rounds = 0;
    std::chrono::duration<double> elapsed{};
    do {
      loop.run(kRounds);
      rounds += kRounds;
      elapsed = Clock::now() - start;
    } while (elapsed.count() < seconds);
    return static_cast<double>(rounds) * loop.flops_per_round / elapsed.count();
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
