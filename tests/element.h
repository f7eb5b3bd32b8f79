/// Elements of every dtype as doubles, which hold each of their values, and what rounding to a dtype does to a double.
/// Written against the formats, not with the conversions that kernels are compiled to.
#ifndef HALCONV_TESTS_ELEMENT_H_
#define HALCONV_TESTS_ELEMENT_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "halconv/halconv.h"

namespace halconv::testing {

/// An IEEE 754 binary format, or a two's complement integer (no exponents).
struct Format {
  int digits;          ///< of the significand, the implied one included
  int exponents;       ///< bits of the exponent
  int sum_digits = 0;  ///< digits of the type that kernels sum in
};

inline Format format_of(halconv_dtype dtype) {
  switch (dtype) {
    case HALCONV_FLOAT32:
      break;
    case HALCONV_FLOAT64:
      return {53, 11, 53};
    case HALCONV_FLOAT16:
      return {11, 5, 24};
    case HALCONV_BFLOAT16:
      return {8, 8, 24};
    case HALCONV_INT32:
      return {31, 0, 31};
  }
  return {24, 8, 24};
}

/// Half the distance from 1 to the next number.
inline double unit_roundoff(int digits) { return std::ldexp(1, -digits); }

/// The exponent of the smallest number with all digits.
inline int least_exponent(const Format &format) { return 2 - (1 << (format.exponents - 1)); }

/// The nearest number of the format, of two the even one; infinity beyond the largest.
inline double rounded(halconv_dtype dtype, double value) {
  if (dtype == HALCONV_FLOAT64 || dtype == HALCONV_INT32 || value == 0 || !std::isfinite(value)) return value;
  const Format format = format_of(dtype);
  const int exponent = std::max(std::ilogb(value), least_exponent(format)) - (format.digits - 1);
  const double result = std::ldexp(std::nearbyint(std::ldexp(value, -exponent)), exponent);
  const int most = 1 - least_exponent(format);
  return std::ilogb(result) > most ? std::copysign(std::numeric_limits<double>::infinity(), value) : result;
}

namespace detail {

template <typename Value>
double load_as(const void *memory, size_t index) {
  Value value;
  std::memcpy(&value, static_cast<const std::byte *>(memory) + index * sizeof value, sizeof value);
  return static_cast<double>(value);
}

template <typename Value>
void store_as(void *memory, size_t index, double value) {
  const auto stored = static_cast<Value>(value);
  std::memcpy(static_cast<std::byte *>(memory) + index * sizeof stored, &stored, sizeof stored);
}

inline double decode(const Format &format, uint16_t bits) {
  const int fraction_bits = format.digits - 1, fraction = bits & ((1 << fraction_bits) - 1);
  const int exponent = (bits >> fraction_bits) & ((1 << format.exponents) - 1);
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == (1 << format.exponents) - 1) {
    return fraction ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  }
  const int implied = exponent == 0 ? 0 : 1 << fraction_bits;
  return sign * std::ldexp(fraction + implied, std::max(exponent, 1) - 1 + least_exponent(format) - fraction_bits);
}

/// `value` is a number of the format.
inline uint16_t encode(const Format &format, double value) {
  const int fraction_bits = format.digits - 1;
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  const auto infinity = static_cast<uint16_t>(((1 << format.exponents) - 1) << fraction_bits);
  if (!std::isfinite(value)) return static_cast<uint16_t>(sign | infinity | (std::isnan(value) ? 1 : 0));
  if (value == 0) return sign;
  const int exponent = std::max(std::ilogb(value), least_exponent(format));
  const int significand = static_cast<int>(std::ldexp(std::abs(value), fraction_bits - exponent));
  // The implied digit adds one to the exponent, unless the number is too small to have it.
  return static_cast<uint16_t>(sign | (((exponent - least_exponent(format)) << fraction_bits) + significand));
}

}  // namespace detail

/// Element `index` of an array of the dtype.
inline double load(halconv_dtype dtype, const void *memory, size_t index) {
  switch (dtype) {
    case HALCONV_FLOAT32:
      break;
    case HALCONV_FLOAT64:
      return detail::load_as<double>(memory, index);
    case HALCONV_FLOAT16:
    case HALCONV_BFLOAT16:
      return detail::decode(format_of(dtype), static_cast<const uint16_t *>(memory)[index]);
    case HALCONV_INT32:
      return detail::load_as<int32_t>(memory, index);
  }
  return detail::load_as<float>(memory, index);
}

/// Rounds `value` to the dtype.
inline void store(halconv_dtype dtype, void *memory, size_t index, double value) {
  switch (dtype) {
    case HALCONV_FLOAT32:
      break;
    case HALCONV_FLOAT64:
      return detail::store_as<double>(memory, index, value);
    case HALCONV_FLOAT16:
    case HALCONV_BFLOAT16:
      static_cast<uint16_t *>(memory)[index] = detail::encode(format_of(dtype), rounded(dtype, value));
      return;
    case HALCONV_INT32:
      return detail::store_as<int32_t>(memory, index, value);
  }
  detail::store_as<float>(memory, index, value);
}

}  // namespace halconv::testing

#endif  // HALCONV_TESTS_ELEMENT_H_
