/// How often the process has called operator new. Linking allocation_count.cpp replaces it by one that counts.
#ifndef HALCONV_TESTS_ALLOCATION_COUNT_H_
#define HALCONV_TESTS_ALLOCATION_COUNT_H_

#include <cstdint>

namespace halconv::testing {

int64_t allocation_count();

}  // namespace halconv::testing

#endif  // HALCONV_TESTS_ALLOCATION_COUNT_H_
