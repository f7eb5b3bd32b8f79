/// Cold caches for a measurement.
#ifndef HALCONV_BENCH_CACHE_EVICTION_H_
#define HALCONV_BENCH_CACHE_EVICTION_H_

#include <cstdint>

namespace halconv::bench {

/// Data caches as the system tells them, in bytes; 0 where it does not.
struct CacheSizes {
  int64_t l1 = 0, l2 = 0, l3 = 0;
};
CacheSizes cache_sizes();

/// Bytes that evict_caches() walks through on each core: twice L3 where that is at most 256 MiB, else four times L2.
/// The shared caches of servers, of which a virtual machine's part is not known, keep what they have.
int64_t eviction_bytes();

/// Fills the caches of the cores that `threads` threads run on with other data.
void evict_caches(int threads);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_CACHE_EVICTION_H_
