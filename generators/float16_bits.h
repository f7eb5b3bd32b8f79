/// f16 and bf16 as 16-bit integers, for code generators that cannot convert them: their bits are what memory holds, and
/// arithmetic on integers makes f32 of them and back.
#ifndef HALCONV_GENERATORS_FLOAT16_BITS_H_
#define HALCONV_GENERATORS_FLOAT16_BITS_H_

#include "Halide.h"
#include "halconv/targets.h"

namespace halconv::generators {

/// What kernels of the target hold in memory for an element.
inline Halide::Type stored_type(const Halide::Target &target, Halide::Type element) {
  if (element.bits() != 16) return element;
  TargetKind kind = target.has_gpu_feature() ? TargetKind::kCuda : TargetKind::kCpu;
  if (target.has_feature(Halide::Target::OpenCL)) kind = TargetKind::kOpenCl;
  return takes_bits(kind, element.is_bfloat() ? "bf16" : "f16") ? Halide::UInt(16) : element;
}

/// What 16 bits are as an f32, exactly. bf16 is its upper half; f16 has 13 bits of fraction and 112 of exponent less,
/// infinity and NaN twice that, and below 2^-14 counts steps of 2^-24.
inline Halide::Expr f32_of_bits(Halide::Type element, const Halide::Expr &bits) {
  if (element.is_bfloat()) {
    return Halide::reinterpret<float>(Halide::concat_bits({Halide::cast<uint16_t>(0), bits}));
  }
  const Halide::Expr word = Halide::cast<uint32_t>(bits);
  constexpr int kRebias = 112 << 23;
  const Halide::Expr magnitude = word & 0x7fff, shifted = (magnitude << 13) + kRebias;
  const Halide::Expr normal = Halide::select(magnitude >= 0x7c00, shifted + kRebias, shifted);
  const Halide::Expr subnormal = Halide::reinterpret<uint32_t>(Halide::cast<float>(magnitude) * 0x1p-24f);
  const Halide::Expr sign = (word & 0x8000) << 16;
  return Halide::reinterpret<float>(Halide::select(magnitude < 0x0400, subnormal, normal) | sign);
}

/// An f32 rounded to 16 bits, of two nearest ones to the even one; NaN stays NaN. Half of the last step, less its least
/// bit for an even fraction, is added before the rest of the fraction is cut off; it carries into the exponent, also to
/// infinity. Below 2^-14, f16's steps are those of the f32s from 0.5 to 1, to which adding 0.5 rounds.
inline Halide::Expr bits_of_f32(Halide::Type element, const Halide::Expr &value) {
  const Halide::Expr word = Halide::reinterpret<uint32_t>(value), magnitude = word & 0x7fffffff;
  const int cut = element.is_bfloat() ? 16 : 13;
  Halide::Expr rounded = (magnitude + ((1 << (cut - 1)) - 1) + ((magnitude >> cut) & 1)) >> cut;
  int not_a_number = 0x7fc0;
  if (!element.is_bfloat()) {
    constexpr int kLeastNormal = 0x38800000, kHalf = 0x3f000000, kInfinity = 0x7c00;  // 2^-14, 0.5
    const Halide::Expr steps = Halide::reinterpret<uint32_t>(Halide::reinterpret<float>(magnitude) + 0.5f) - kHalf;
    const Halide::Expr normal = Halide::min(rounded - (112 << 10), kInfinity);
    rounded = Halide::select(magnitude < kLeastNormal, steps, normal);
    not_a_number = 0x7e00;
  }
  const Halide::Expr number = Halide::select(magnitude > 0x7f800000, not_a_number, rounded);
  return Halide::cast<uint16_t>(number | ((word >> 16) & 0x8000));
}

}  // namespace halconv::generators

#endif  // HALCONV_GENERATORS_FLOAT16_BITS_H_
