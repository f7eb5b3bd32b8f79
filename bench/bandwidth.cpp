#include "bandwidth.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <thread>

#include "cache_eviction.h"
#include "contender.h"

namespace halconv::bench {
namespace {

// Loads and stores in flight: enough to fill two load ports or the store buffer.
constexpr int kUnroll = 8;

typedef float Vector512 __attribute__((vector_size(64)));
typedef float Vector256 __attribute__((vector_size(32)));
typedef float Vector128 __attribute__((vector_size(16)));

template <typename Vector>
[[gnu::always_inline]] inline void read_vectors(float *data, int64_t elements) {
  const auto *const vectors = reinterpret_cast<const Vector *>(data);
  const auto count = elements * static_cast<int64_t>(sizeof(float)) / static_cast<int64_t>(sizeof(Vector));
  Vector sum[kUnroll] = {};
  for (int64_t i = 0; i + kUnroll <= count; i += kUnroll) {
#pragma GCC unroll 8
    for (int j = 0; j < kUnroll; ++j) sum[j] += vectors[i + j];
  }
  // Not the array itself: it would live in memory.
  Vector total = sum[0];
  for (int j = 1; j < kUnroll; ++j) total += sum[j];
  asm volatile("" : : "m"(total));
}

template <typename Vector>
[[gnu::always_inline]] inline void write_vectors(float *data, int64_t elements) {
  auto *const vectors = reinterpret_cast<Vector *>(data);
  const auto count = elements * static_cast<int64_t>(sizeof(float)) / static_cast<int64_t>(sizeof(Vector));
  const Vector zero = {};
  for (int64_t i = 0; i + kUnroll <= count; i += kUnroll) {
#pragma GCC unroll 8
    for (int j = 0; j < kUnroll; ++j) vectors[i + j] = zero;
    asm volatile("" : : : "memory");  // or the compiler calls memset
  }
}

[[gnu::target("avx512f"), gnu::noinline]] void read_avx512(float *data, int64_t elements) {
  read_vectors<Vector512>(data, elements);
}
[[gnu::target("avx512f"), gnu::noinline]] void write_avx512(float *data, int64_t elements) {
  write_vectors<Vector512>(data, elements);
}
[[gnu::target("avx2"), gnu::noinline]] void read_avx2(float *data, int64_t elements) {
  read_vectors<Vector256>(data, elements);
}
[[gnu::target("avx2"), gnu::noinline]] void write_avx2(float *data, int64_t elements) {
  write_vectors<Vector256>(data, elements);
}
[[gnu::noinline]] void read_sse2(float *data, int64_t elements) { read_vectors<Vector128>(data, elements); }
[[gnu::noinline]] void write_sse2(float *data, int64_t elements) { write_vectors<Vector128>(data, elements); }

using Walk = void (*)(float *data, int64_t elements);

struct Walks {
  Walk read, write;
};

Walks find_walks(std::string_view target) {
  if (target.starts_with("avx512")) return {read_avx512, write_avx512};
  if (target == "avx2") return {read_avx2, write_avx2};
  return {read_sse2, write_sse2};
}

/// Bytes a second of all threads, which start together.
double measure_walk(Walk walk, std::vector<Elements> *memory) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::duration<double> kSpan{0.006};
  constexpr int kSpans = 5;  // the best counts: other work on the machine only takes from it
  std::barrier ready(static_cast<std::ptrdiff_t>(memory->size()));
  std::vector<double> rates(memory->size());
  const auto measure = [&](size_t thread) {
    Elements &own = (*memory)[thread];
    const auto elements = static_cast<int64_t>(own.size());
    walk(own.data(), elements);
    ready.arrive_and_wait();
    // Reading the clock must not count beside a walk through L1.
    const int64_t walks = std::max<int64_t>(1, (int64_t{1} << 20) / elements);
    for (int span = 0; span < kSpans; ++span) {
      const auto start = Clock::now();
      std::chrono::duration<double> elapsed{};
      double bytes = 0;
      do {
        for (int64_t i = 0; i < walks; ++i) walk(own.data(), elements);
        bytes += static_cast<double>(walks * elements) * sizeof(float);
        elapsed = Clock::now() - start;
      } while (elapsed < kSpan);
      rates[thread] = std::max(rates[thread], bytes / elapsed.count());
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < memory->size(); ++i) others.emplace_back(measure, i);
  measure(0);
  for (std::thread &other : others) other.join();
  double sum = 0;
  for (const double rate : rates) sum += rate;
  return sum;
}

}  // namespace

std::vector<Bandwidth> measure_bandwidths(std::string_view target, int threads) {
  constexpr int64_t kMost = 256 << 20;
  const CacheSizes sizes = cache_sizes();
  const int64_t l1 = sizes.l1 > 0 ? sizes.l1 : 32 << 10, l2 = sizes.l2 > 0 ? sizes.l2 : 1 << 20;
  const Walks walks = find_walks(target);
  std::vector<Bandwidth> bandwidths = {
      {"L1", l1 / 2, 0, 0}, {"L2", l2 / 2, 0, 0}, {"L3", 8 * l2, 0, 0}, {"memory", 0, 0, 0}};
  bandwidths.back().bytes = std::max(16 * l2, std::min(2 * sizes.l3, kMost)) / threads;
  for (Bandwidth &bandwidth : bandwidths) {
    const auto elements = static_cast<size_t>(bandwidth.bytes) / sizeof(float);
    std::vector<Elements> memory(static_cast<size_t>(threads), Elements(elements));
    bandwidth.read = measure_walk(walks.read, &memory);
    bandwidth.write = measure_walk(walks.write, &memory);
  }
  return bandwidths;
}

}  // namespace halconv::bench
