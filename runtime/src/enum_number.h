/// Enumerators that come through the C ABI.
#ifndef HALCONV_RUNTIME_ENUM_NUMBER_H_
#define HALCONV_RUNTIME_ENUM_NUMBER_H_

#include <cstdint>
#include <cstring>

#include "halconv/data_format.h"

namespace halconv::runtime {

/// The number that a caller in C has put where an enumerator belongs: C++ may not read one that needs more bits than
/// the enumerators as the enum.
template <typename Enum>
int32_t number_of(const Enum &value) {
  static_assert(sizeof(Enum) == sizeof(int32_t));
  int32_t number;
  std::memcpy(&number, &value, sizeof(number));
  return number;
}

/// Null for a number that is no data format.
inline const DataFormatInfo *find_given_data_format(const halconv_data_format &given) {
  for (const DataFormatInfo &format : kDataFormats) {
    if (number_of(format.value) == number_of(given)) return &format;
  }
  return nullptr;
}

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_ENUM_NUMBER_H_
