/// Integer division rounded up: how many tiles cover an extent.
#ifndef HALCONV_SCHEDULES_CEIL_DIVIDE_H_
#define HALCONV_SCHEDULES_CEIL_DIVIDE_H_

#include <cstdint>

namespace halconv::schedules {

/// `a` >= 0, `b` > 0.
constexpr int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_CEIL_DIVIDE_H_
