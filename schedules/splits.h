/// Ways to cut an extent into parts.
#ifndef HALCONV_SCHEDULES_SPLITS_H_
#define HALCONV_SCHEDULES_SPLITS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ceil_divide.h"

namespace halconv::schedules {

/// A part as long as every extent that one of several loops is split by.
constexpr int kAll = 1 << 16;

/// Sizes of the parts when `extent` is cut into 1, 2, 4, ... parts as equal as they can be, each a multiple of
/// `multiple`; every size once, the largest first.
inline std::vector<int64_t> halved_splits(int64_t extent, int64_t multiple) {
  const int64_t units = ceil_divide(extent, multiple);
  std::vector<int64_t> sizes;
  for (int64_t parts = 1;; parts *= 2) {
    const int64_t size = ceil_divide(units, parts) * multiple;
    if (sizes.empty() || size != sizes.back()) sizes.push_back(size);
    if (parts >= units) return sizes;
  }
}

/// The part up to `most` by which least is computed twice when the last part is moved inwards; of those, the largest. A
/// multiple of `multiple`, or all of `extent`.
inline int64_t least_repeated_part(int64_t extent, int64_t multiple, int64_t most) {
  if (extent <= most) return extent;
  int64_t best = std::min(extent, multiple);
  const auto computed = [&](int64_t part) { return ceil_divide(extent, part) * part; };
  for (int64_t part = best; part <= most; part += multiple) {
    if (computed(part) <= computed(best)) best = part;
  }
  return best;
}

/// Tasks of `part` each, rounded up to an even number: two threads take as long for seven as for eight.
inline int64_t even_tasks(int64_t extent, int64_t part) { return 2 * ceil_divide(extent, 2 * part); }

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_SPLITS_H_
