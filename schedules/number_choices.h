/// Spaces of a schedule's numbers, for the tuner.
#ifndef HALCONV_SCHEDULES_NUMBER_CHOICES_H_
#define HALCONV_SCHEDULES_NUMBER_CHOICES_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernel_schedule.h"

namespace halconv::schedules {

/// One of a schedule's numbers and what it may be.
struct NumberChoices {
  std::string name;
  std::vector<int64_t> values;
};

/// All combinations, one value of each number.
inline std::vector<ScheduleNumbers> combinations(const std::vector<NumberChoices> &numbers) {
  std::vector<ScheduleNumbers> result{{}};
  for (const auto &[name, values] : numbers) {
    std::vector<ScheduleNumbers> longer;
    for (const ScheduleNumbers &chosen : result) {
      for (const int64_t value : values) {
        longer.push_back(chosen);
        longer.back().emplace_back(name, static_cast<int>(value));
      }
    }
    result = std::move(longer);
  }
  return result;
}

/// Puts those first that differ from the heuristic's choice in the fewest numbers.
inline void sort_by_difference(const ScheduleNumbers &heuristic, std::vector<ScheduleNumbers> *space) {
  const auto differences = [&](const ScheduleNumbers &numbers) {
    return std::count_if(numbers.begin(), numbers.end(), [&](const auto &number) {
      return std::find(heuristic.begin(), heuristic.end(), number) == heuristic.end();
    });
  };
  std::stable_sort(space->begin(), space->end(),
                   [&](const auto &a, const auto &b) { return differences(a) < differences(b); });
}

/// The divisors of `number` up to `most`.
inline std::vector<int64_t> divisors(int64_t number, int64_t most) {
  std::vector<int64_t> result;
  for (int64_t divisor = 1; divisor <= std::min(number, most); ++divisor) {
    if (number % divisor == 0) result.push_back(divisor);
  }
  return result;
}

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_NUMBER_CHOICES_H_
