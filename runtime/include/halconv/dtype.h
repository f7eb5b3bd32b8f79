/// The element types of tensors: the one list that kernel names, the generators, the build, the runtime and the tests
/// share.
#ifndef HALCONV_DTYPE_H_
#define HALCONV_DTYPE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "halconv/halconv.h"

namespace halconv {

struct DtypeInfo {
  std::string_view name;  ///< in a kernel's name
  halconv_dtype value;    ///< in the C ABI
  int64_t bytes;          ///< of an element
  bool has_gradients;     ///< whether kernels compute gradients in it
};

/// f16 and bf16 are summed in f32 and rounded once, when the sum is stored. i32 is summed modulo 2^32, as TensorFlow's
/// integers are; it has no gradients there either.
inline constexpr DtypeInfo kDtypes[] = {
    {"f32", HALCONV_FLOAT32, 4, true},   {"f64", HALCONV_FLOAT64, 8, true}, {"f16", HALCONV_FLOAT16, 2, true},
    {"bf16", HALCONV_BFLOAT16, 2, true}, {"i32", HALCONV_INT32, 4, false},
};

/// The dtype of that name, or null.
constexpr const DtypeInfo *find_dtype(std::string_view name) {
  for (const DtypeInfo &dtype : kDtypes) {
    if (dtype.name == name) return &dtype;
  }
  return nullptr;
}

/// The dtype of that value of the C ABI, or null.
constexpr const DtypeInfo *find_dtype(halconv_dtype value) {
  for (const DtypeInfo &dtype : kDtypes) {
    if (dtype.value == value) return &dtype;
  }
  return nullptr;
}

/// "f32, f64, f16, bf16, i32", for messages.
inline std::string dtype_names() {
  std::string names;
  for (const DtypeInfo &dtype : kDtypes) names.append(names.empty() ? "" : ", ").append(dtype.name);
  return names;
}

}  // namespace halconv

#endif  // HALCONV_DTYPE_H_
