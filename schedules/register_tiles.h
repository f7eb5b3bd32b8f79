/// The register tiles of a matrix product.
#ifndef HALCONV_SCHEDULES_REGISTER_TILES_H_
#define HALCONV_SCHEDULES_REGISTER_TILES_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "cpu_machine.h"

namespace halconv::schedules {

struct RegisterTile {
  int vectors,
      scalars;  ///< vectors of one factor times elements of the other, each of which takes turns as a broadcast
};

/// Every tile of up to 4 vectors and `most_scalars` that leaves registers for the factors, those of the least
/// `cycles(tile)` first.
template <typename Cycles>
std::vector<RegisterTile> register_tiles(const CpuMachine &machine, int64_t most_scalars, const Cycles &cycles) {
  std::vector<std::pair<double, RegisterTile>> timed;
  for (int vectors = 1; vectors <= 4; ++vectors) {
    for (int scalars = 1; vectors * scalars + vectors + 1 <= machine.registers && scalars <= most_scalars; ++scalars) {
      const RegisterTile tile = {vectors, scalars};
      timed.emplace_back(cycles(tile), tile);
    }
  }
  std::stable_sort(timed.begin(), timed.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
  std::vector<RegisterTile> sorted;
  for (const auto &[time, tile] : timed) sorted.push_back(tile);
  return sorted;
}

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_REGISTER_TILES_H_
