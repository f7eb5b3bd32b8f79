/// The element types of halconv/dtype.h as Halide knows them.
#ifndef HALCONV_GENERATORS_ELEMENT_TYPE_H_
#define HALCONV_GENERATORS_ELEMENT_TYPE_H_

#include <string>

#include "Halide.h"
#include "halconv/dtype.h"

namespace halconv::generators {

/// Throws Halide::CompileError for a name that kDtypes lacks.
inline Halide::Type element_type(const std::string &name) {
  const DtypeInfo *const dtype = find_dtype(name);
  if (dtype == nullptr) throw Halide::CompileError("dtype=" + name + ": expected one of " + dtype_names());
  const int bits = static_cast<int>(8 * dtype->bytes);
  if (dtype->value == HALCONV_BFLOAT16) return Halide::BFloat(bits);
  return dtype->value == HALCONV_INT32 ? Halide::Int(bits) : Halide::Float(bits);
}

/// Throws Halide::CompileError for the name of any other dtype than f32.
inline void check_is_f32(const std::string &name) {
  if (element_type(name) != Halide::Float(32)) throw Halide::CompileError("dtype=" + name + ": expected f32");
}

}  // namespace halconv::generators

#endif  // HALCONV_GENERATORS_ELEMENT_TYPE_H_
