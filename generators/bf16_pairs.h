/// bf16 channels two at a time, as the halves of a word: an f32 is the word shifted or masked, where a single element
/// has to be widened first, and two rounded f32s are one store. A kernel computes the channels in another order than
/// memory has them, so that the halves of neighbouring words are neighbours: of every 2 * lanes channels first the even
/// ones, the words' lower halves, then the odd ones.
#ifndef HALCONV_GENERATORS_BF16_PAIRS_H_
#define HALCONV_GENERATORS_BF16_PAIRS_H_

#include <cstdint>
#include <vector>

#include "Halide.h"

namespace halconv::generators {

inline Halide::Expr upper_half() { return Halide::Expr(uint32_t{0xffff0000}); }

/// The elements of `tensor`, whose last dimension is the channel, as f32 and in the kernel's order.
inline Halide::Func split_pairs(Halide::Func tensor, int lanes) {
  Halide::Func words(tensor.name() + "_words"), split(tensor.name() + "_split");
  std::vector<Halide::Var> args = tensor.args();
  std::vector<Halide::Expr> low(args.begin(), args.end()), high = low, word = low;
  const Halide::Var g = args.back();
  low.back() = 2 * g;
  high.back() = 2 * g + 1;
  const auto bits = [&](const std::vector<Halide::Expr> &at) { return Halide::reinterpret<uint16_t>(tensor(at)); };
  words(args) = Halide::concat_bits({bits(low), bits(high)});
  word.back() = g / (2 * lanes) * lanes + g % lanes;
  const Halide::Expr bits_of_pair = words(word), is_odd = g / lanes % 2 != 0;
  split(args) = Halide::reinterpret<float>(Halide::select(is_odd, bits_of_pair & upper_half(), bits_of_pair << 16));
  return split;
}

/// Where the kernel has channel 2 * pair, and `lanes` further channel 2 * pair + 1.
inline Halide::Expr even_channel(const Halide::Expr &pair, int lanes) {
  return pair / lanes * (2 * lanes) + pair % lanes;
}

/// Two f32s rounded to the lower and the upper half of a word, of two nearest numbers to the even one. A NaN stays one
/// that has a zero among its fraction's bits, as those of bf16 operands and of the CPU have.
inline Halide::Expr word_of_pair(const Halide::Expr &low, const Halide::Expr &high) {
  const auto rounded = [](const Halide::Expr &value) {
    const Halide::Expr bits = Halide::reinterpret<uint32_t>(value);
    return bits + 0x7fff + ((bits >> 16) & 1);
  };
  return (rounded(low) >> 16) | (rounded(high) & upper_half());
}

/// The half of `words` that channel g is, with g last of the arguments.
inline Halide::Expr half_of_word(Halide::Func words, std::vector<Halide::Expr> at) {
  const Halide::Expr g = at.back();
  at.back() = g / 2;
  const Halide::Expr bits = Halide::extract_bits<uint16_t>(words(at), 16 * (g % 2));
  return Halide::reinterpret(Halide::BFloat(16), bits);
}

}  // namespace halconv::generators

#endif  // HALCONV_GENERATORS_BF16_PAIRS_H_
