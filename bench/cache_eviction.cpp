#include "cache_eviction.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <thread>
#include <vector>

namespace halconv::bench {
namespace {

constexpr size_t kCacheLine = 64;

void walk(std::vector<char> *memory) {
  for (size_t i = 0; i < memory->size(); i += kCacheLine) ++(*memory)[i];
  asm volatile("" : : "r"(memory->data()) : "memory");
}

}  // namespace

CacheSizes cache_sizes() {
  const auto size = [](int name) { return std::max<int64_t>(0, sysconf(name)); };
  return {size(_SC_LEVEL1_DCACHE_SIZE), size(_SC_LEVEL2_CACHE_SIZE), size(_SC_LEVEL3_CACHE_SIZE)};
}

int64_t eviction_bytes() {
  constexpr int64_t kMost = 256 << 20;
  const CacheSizes sizes = cache_sizes();
  return std::max(std::max<int64_t>(4 * sizes.l2, 8 << 20), 2 * sizes.l3 <= kMost ? 2 * sizes.l3 : 0);
}

void evict_caches(int threads) {
  static std::vector<std::vector<char>> memory;
  while (memory.size() < static_cast<size_t>(threads)) {
    memory.emplace_back(static_cast<size_t>(eviction_bytes()));
  }
  std::vector<std::thread> others;
  for (size_t i = 1; i < static_cast<size_t>(threads); ++i) others.emplace_back([i] { walk(&memory[i]); });
  walk(&memory[0]);
  for (std::thread &other : others) other.join();
}

}  // namespace halconv::bench
