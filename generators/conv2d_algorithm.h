/// TensorFlow's conv2d and its gradients as Halide algorithms: what is computed, never how it runs.
///
/// Dimensions are Halide's, innermost first: NHWC is (c, x, y, n, g) and HWIO is (k, c, s, r, g), where x and s count
/// columns, y and r rows, and c and k channels of group g: a view without a copy, as the channels of a group are
/// neighbours. Kernels read the filter in blocks of the result's channels, which oneDNN calls gOhwi<block>o (forward)
/// and gIhwo<block>i (backward_input): (k % block, c, s, r, k / block, g). HWIO of one group itself is Ohwi with a
/// single block.
#ifndef HALCONV_GENERATORS_CONV2D_ALGORITHM_H_
#define HALCONV_GENERATORS_CONV2D_ALGORITHM_H_

#include <array>
#include <string>
#include <vector>

#include "Halide.h"
#include "float16_bits.h"
#include "halconv/backward_input_phase.h"

namespace halconv::generators {

/// The type that sums of products of `element` are kept in: f32 for the 16-bit floats, unsigned for integers, whose
/// sums wrap around.
inline Halide::Type accumulator_type(Halide::Type element) {
  if (element.is_int()) return element.with_code(Halide::Type::UInt);
  return element.bits() < 32 ? Halide::Float(32) : element;
}

/// The type that copies of `element` are kept in: a 16-bit float is converted once, when it is copied, rather than
/// whenever it is read.
inline Halide::Type copy_type(Halide::Type element) { return element.is_int() ? element : accumulator_type(element); }

/// Whether an f32 or f64 is NaN by its bits, whatever a compiler takes for granted of floats: more than infinity's,
/// which are an exponent of ones.
inline Halide::Expr is_nan_by_bits(const Halide::Expr &value) {
  const Halide::Type bits = value.type().with_code(Halide::Type::UInt);
  const int fraction_bits = bits.bits() == 64 ? 52 : 23;
  const uint64_t infinity = ((uint64_t{1} << (bits.bits() - 1 - fraction_bits)) - 1) << fraction_bits;
  return (Halide::reinterpret(bits, value) & bits.max() / 2) > Halide::Internal::make_const(bits, infinity);
}

/// `value` as an element of `type`, rounded once. Where the CPU cannot convert to f16, Halide 21 makes NaN an infinity.
inline Halide::Expr rounded(const Halide::Target &target, Halide::Type type, const Halide::Expr &value) {
  const Halide::Expr converted = Halide::cast(type, value);
  if (type != Halide::Float(16) || target.has_feature(Halide::Target::F16C)) return converted;
  const Halide::Expr nan = Halide::reinterpret(type, Halide::Internal::make_const(Halide::UInt(16), 0x7e00));
  return Halide::select(is_nan_by_bits(value), nan, converted);
}

/// `value` as kernels of the target store an element of type `element`, rounded once.
inline Halide::Expr stored(const Halide::Target &target, Halide::Type element, const Halide::Expr &value) {
  return stored_type(target, element) == element ? rounded(target, element, value) : bits_of_f32(element, value);
}

/// The elements, of type `element`, that a tensor holds: itself, or what its bits are.
inline Halide::Func elements(Halide::Func tensor, Halide::Type element) {
  if (tensor.type() == element) return tensor;
  Halide::Func elements(tensor.name() + "_elements");
  elements(Halide::_) = f32_of_bits(element, tensor(Halide::_));
  return elements;
}

/// The variables of every algorithm here; schedules find the loops by them.
struct Dimensions {
  Halide::Var c{"c"}, k{"k"}, x{"x"}, y{"y"}, n{"n"}, s{"s"}, r{"r"}, g{"g"};
};

/// Constants in a specialised kernel, scalar arguments in a generic one.
struct Geometry {
  Halide::Expr stride_height, stride_width, dilation_height, dilation_width, pad_top, pad_left;
};

/// A filter that a kernel packs itself, with the stages that a schedule places.
struct PackedFilter {
  Halide::Func blocked = {};  ///< HWIO read in blocks
  Halide::Func packed = {};   ///< the taps of it that a sum needs
};

/// A sum of products with the stages that a schedule places.
struct Convolution {
  Halide::Func padded;  ///< the image that the sum reads, zeros around it
  Halide::Func sum;     ///< zero by its pure definition, accumulated by update 0
  Halide::RDom reduction;
  bool inside = false;             ///< the sum is known to read the image alone, none of the zeros around it
  Halide::Func patches = {};       ///< (c, x, y, n, s, r, g): what tap (s, r) of pixel (x, y) reads of `padded`
  PackedFilter filter = {};        ///< where the kernel packs it, or a schedule may keep it converted
  Halide::Func image = {};         ///< what `padded` is a part of, where parts of a result share it
  Halide::Func source = {};        ///< the image without the zeros, where a schedule may copy that
  Halide::Func pairs = {};         ///< of channels of the result, where it is stored by pairs (bf16_pairs.h)
  Halide::Expr column_stride = 1;  ///< columns of `padded` from what one pixel reads to what the next one does
};

/// `image` (c, x, y, n, g) read from (-left, -top) on, where it needs no zeros around it.
inline Halide::Func shifted(Halide::Func image, Halide::Expr left, Halide::Expr top) {
  const auto [c, k, x, y, n, s, r, g] = Dimensions();
  Halide::Func shifted(image.name() + "_shifted");
  shifted(c, x, y, n, g) = image(c, x - left, y - top, n, g);
  return shifted;
}

/// `image` (c, x, y, n, g) of width x height with zeros around it; (0, 0) of the result is (-left, -top) of the image.
/// With `channels` given, also zeros beyond the channels. Elements are converted to `type`.
inline Halide::Func zero_padded(Halide::Func image, Halide::Type type, Halide::Expr width, Halide::Expr height,
                                Halide::Expr left, Halide::Expr top, Halide::Expr channels = Halide::Expr()) {
  const auto [c, k, x, y, n, s, r, g] = Dimensions();
  const Halide::Region inside = {
      {channels.defined() ? Halide::Expr(0) : Halide::Expr(), channels}, {0, width}, {0, height}};
  Halide::Func padded(image.name() + "_padded");
  const Halide::Expr zero = Halide::cast(image.type(), 0);
  padded(c, x, y, n, g) = Halide::cast(
      type, Halide::BoundaryConditions::constant_exterior(image, zero, inside)(c, x - left, y - top, n, g));
  return padded;
}

/// HWIO (k, c, s, r, g) in blocks of `block` channels of dimension `result`, 0 or 1, those of the result: (o % block,
/// i, s, r, o / block, g), or where channels are multiplied `together`, (together (o % block) + i % together, i /
/// together, s, r, o / block, g). Zero where the last block, or the last channels together, overhang `channels`, those
/// of k and c.
inline Halide::Func blocked(Halide::Func hwio, int result, const std::array<Halide::Expr, 2> &channels,
                            const Halide::Expr &block, int together = 1) {
  const Halide::Var o("o"), i("i"), s("s"), r("r"), b("block"), g("g");
  const size_t result_dimension = static_cast<size_t>(result), summed_dimension = 1 - result_dimension;
  Halide::Region inside(2);
  inside[result_dimension] = {0, channels[result_dimension]};
  if (together > 1) inside[summed_dimension] = {0, channels[summed_dimension]};
  const Halide::Func extended =
      Halide::BoundaryConditions::constant_exterior(hwio, Halide::cast(hwio.type(), 0), inside);
  std::array<Halide::Expr, 2> channel;
  channel[result_dimension] = b * block + o / together;
  channel[summed_dimension] = i * together + o % together;
  Halide::Func blocked("filter_blocked");
  blocked(o, i, s, r, b, g) = extended(channel[0], channel[1], s, r, g);
  return blocked;
}

/// The blocked filter read as if it were not: (k, c, s, r, g), or for backward_input (c, k, s, r, g).
inline Halide::Func unblocked(Halide::Func blocked, int block) {
  const Halide::Var o("o"), i("i"), s("s"), r("r"), g("g");
  Halide::Func filter("filter_unblocked");
  filter(o, i, s, r, g) = blocked(o % block, i, s, r, o / block, g);
  return filter;
}

/// The same of a filter whose input channels lie in pairs, (2 k + c % 2, c / 2, s, r, block, g) with k < block: (k, c,
/// s, r, g, block). A kernel then keeps the blocks of its sum apart, because k % block inside a vector of pairs would
/// be a gather.
inline Halide::Func unpaired(Halide::Func paired) {
  const Halide::Var o("o"), i("i"), s("s"), r("r"), g("g"), block("block");
  Halide::Func filter("filter_unpaired");
  filter(o, i, s, r, g, block) = paired(2 * o + i % 2, i / 2, s, r, block, g);
  return filter;
}

/// The arguments of the filter, or of its sum, with the block where they have one.
template <typename Argument>
std::vector<Argument> with_block(const Halide::Func &filter, std::vector<Argument> arguments,
                                 const Halide::Var &block) {
  if (filter.dimensions() > 5) arguments.emplace_back(block);
  return arguments;
}

/// Channel `k` of a sum that may keep blocks of channels apart.
inline Halide::Expr element(Halide::Func sum, int block, Halide::Expr k, Halide::Expr x, Halide::Expr y, Halide::Expr n,
                            Halide::Expr g) {
  return sum.dimensions() > 5 ? sum(k % block, x, y, n, g, k / block) : sum(k, x, y, n, g);
}

/// The product of `a` and `b` in the type that their sum is kept in.
inline Halide::Expr product(const Halide::Expr &a, const Halide::Expr &b) {
  return Halide::cast(accumulator_type(a.type()), a) * Halide::cast(accumulator_type(b.type()), b);
}

inline Halide::Expr zero(Halide::Type element) { return Halide::cast(accumulator_type(element), 0); }

/// sum(k, x, y, n, g) = sum over c, s, r of filter(k, c, s, r, g) * src(c, u, v, n, g), where
///   u = stride_width x + dilation_width s - pad_left
///   v = stride_height y + dilation_height r - pad_top
/// `src_padded` starts at (-pad_left, -pad_top); `taps` spans c, s, r.
inline Convolution forward(Halide::Func src_padded, Halide::Func filter, Halide::RDom taps, Geometry geometry) {
  const auto [c, k, x, y, n, s, r, g] = Dimensions();
  const Halide::Var block("block");
  Halide::Func patches("patches"), sum("sum");
  patches(c, x, y, n, s, r, g) = src_padded(c, x * geometry.stride_width + s * geometry.dilation_width,
                                            y * geometry.stride_height + r * geometry.dilation_height, n, g);
  const std::vector<Halide::Var> at = with_block<Halide::Var>(filter, {k, x, y, n, g}, block);
  sum(at) = zero(src_padded.type());
  sum(at) += product(filter(with_block<Halide::Expr>(filter, {k, taps.x, taps.y, taps.z, g}, block)),
                     patches(taps.x, x, y, n, taps.y, taps.z, g));
  return {
      .padded = src_padded, .sum = sum, .reduction = taps, .patches = patches, .column_stride = geometry.stride_width};
}

/// The taps of one phase of backward_input along both axes (backward_input_phase.h).
struct PhaseTaps {
  Halide::Expr first_column, first_row, column_step, row_step;  ///< of the filter
  Halide::Expr column_advance, row_advance;                     ///< of d_dst
};

/// The phase's taps alone of a blocked filter, for a kernel to pack.
inline PackedFilter packed_taps(Halide::Func blocked, const PhaseTaps &t) {
  const Halide::Var o("o"), i("i"), s("s"), r("r"), b("block"), g("g");
  Halide::Func packed("filter_packed");
  packed(o, i, s, r, b, g) = blocked(o, i, t.first_column + t.column_step * s, t.first_row + t.row_step * r, b, g);
  return {blocked, packed};
}

/// sum(c, x, y, n, g) = sum over k, s, r of filter(c, k, first_column + column_step s, first_row + row_step r, g) *
///   d_dst(k, x + column_offset - column_advance s, y + row_offset - row_advance r, n, g)
/// for the x-th and y-th input column and row of one phase. `d_dst_padded` starts at the offsets; `taps` spans k, s, r.
inline Convolution backward_input(Halide::Func d_dst_padded, Halide::Func filter, Halide::RDom taps, PhaseTaps t) {
  const auto [c, k, x, y, n, s, r, g] = Dimensions();
  const Halide::Var block("block");
  Halide::Func patches("patches"), sum("sum");
  patches(k, x, y, n, s, r, g) = d_dst_padded(k, x - s * t.column_advance, y - r * t.row_advance, n, g);
  const std::vector<Halide::Var> at = with_block<Halide::Var>(filter, {c, x, y, n, g}, block);
  const Halide::Expr column = t.first_column + t.column_step * taps.y, row = t.first_row + t.row_step * taps.z;
  sum(at) = zero(d_dst_padded.type());
  sum(at) += product(filter(with_block<Halide::Expr>(filter, {c, taps.x, column, row, g}, block)),
                     patches(taps.x, x, y, n, taps.y, taps.z, g));
  return {.padded = d_dst_padded, .sum = sum, .reduction = taps, .patches = patches};
}

/// sum(c, x, y, n, g) = sum over k, s, r of filter(c, k, s, r, g) * d_dst(k, u, v, n, g), where
///   stride_width u = x + pad_left - dilation_width s
///   stride_height v = y + pad_top - dilation_height r
/// and taps for which u or v is not whole do not count: backward_input's phases all at once, for schedules that resolve
/// the remainders by unrolling. `d_dst_padded` starts at 0; `taps` spans k, s, r and is restricted.
inline Convolution backward_input_all_phases(Halide::Func d_dst_padded, Halide::Func filter, Halide::RDom taps,
                                             Geometry geometry) {
  const auto [c, k, x, y, n, s, r, g] = Dimensions();
  const auto column = [&](Halide::Expr tap) { return x + geometry.pad_left - tap * geometry.dilation_width; };
  const auto row = [&](Halide::Expr tap) { return y + geometry.pad_top - tap * geometry.dilation_height; };
  Halide::Func patches("patches"), sum("sum");
  patches(k, x, y, n, s, r, g) =
      d_dst_padded(k, column(s) / geometry.stride_width, row(r) / geometry.stride_height, n, g);
  taps.where(column(taps.y) % geometry.stride_width == 0 && row(taps.z) % geometry.stride_height == 0);
  sum(c, x, y, n, g) = zero(d_dst_padded.type());
  sum(c, x, y, n, g) += product(filter(c, taps.x, taps.y, taps.z, g), patches(taps.x, x, y, n, taps.y, taps.z, g));
  return {.padded = d_dst_padded, .sum = sum, .reduction = taps, .patches = patches};
}

/// A sum over pixels with the stages that a schedule places. The images' columns may lie in pairs, x % 2 innermost.
struct FilterGradient {
  Halide::Func src_padded, d_dst_padded;  ///< the images that the sum reads, zeros around them
  Halide::Func patches;  ///< (c, x, y, n, s, r, g): what tap (s, r) of pixel (x, y) reads of `src_padded`
  Halide::Func sum;      ///< zero by its pure definition, accumulated by update 0
  Halide::RDom pixels;
  Halide::Func src = {}, d_dst = {};  ///< the images without the zeros, where a schedule may copy those
  Halide::Func d_dst_blocks = {};     ///< what a schedule copies for `d_dst_padded`, where that is read in blocks
};

/// `image` (k, x, y, n, g) in blocks of channels: (k % block, x, y, n, k / block, g).
inline Halide::Func channel_blocks(Halide::Func image, int block) {
  const auto [c, k, x, y, n, s, r, g] = Dimensions();
  const Halide::Var channel("channel"), b("block");
  Halide::Func blocks(image.name() + "_blocks");
  blocks(channel, x, y, n, b, g) = image(b * block + channel, x, y, n, g);
  return blocks;
}

/// The blocks read as if they were none.
inline Halide::Func without_blocks(Halide::Func blocks, int block) {
  const auto [c, k, x, y, n, s, r, g] = Dimensions();
  Halide::Func image(blocks.name() + "_read");
  image(k, x, y, n, g) = blocks(k % block, x, y, n, k / block, g);
  return image;
}

/// sum(k, c, s, r, g) = sum over x, y, n of d_dst(k, x, y, n, g) * src(c, u, v, n, g), where
///   u = stride_width x + dilation_width s - pad_left
///   v = stride_height y + dilation_height r - pad_top
/// `src_padded` starts at (-pad_left, -pad_top); `pixels` spans x, y, n, and from column `columns` on, if that is
/// given, pixels that d_dst does not have: both images are zero for them, whatever src has there.
inline FilterGradient backward_filter(Halide::Func src_padded, Halide::Func d_dst_padded, Halide::RDom pixels,
                                      Geometry geometry, const Halide::Expr &columns = Halide::Expr()) {
  const auto [c, k, x, y, n, s, r, g] = Dimensions();
  Halide::Func patches("patches"), sum("sum");
  const Halide::Expr read = src_padded(c, x * geometry.stride_width + s * geometry.dilation_width,
                                       y * geometry.stride_height + r * geometry.dilation_height, n, g);
  patches(c, x, y, n, s, r, g) =
      columns.defined() ? Halide::select(Halide::likely(x < columns), read, Halide::cast(read.type(), 0)) : read;
  sum(k, c, s, r, g) = zero(src_padded.type());
  sum(k, c, s, r, g) +=
      product(d_dst_padded(k, pixels.x, pixels.y, pixels.z, g), patches(c, pixels.x, pixels.y, pixels.z, s, r, g));
  return {src_padded, d_dst_padded, patches, sum, pixels};
}

/// The same by pairs of neighbouring columns, an even number of which `pixels` spans. The images that the sum reads
/// have these side by side: `d_dst_padded` (x % 2, k, x / 2, y, n, g), and `src_padded` (x % 2, c, x / 2, v, n, s, g)
/// for each column of the filter, where stride and dilation would keep them apart. From column `columns` on, both are
/// zero.
inline FilterGradient backward_filter_by_pairs(Halide::Func src_padded, Halide::Func d_dst_padded, Halide::Expr columns,
                                               Halide::RDom pixels, Geometry geometry) {
  const auto [c, k, x, y, n, s, r, g] = Dimensions();
  const Halide::Var member("member");
  const Halide::Expr column = 2 * x + member;
  Halide::Func src_pairs("src_pairs"), d_dst_pairs("d_dst_pairs"), patches("patches"), sum("sum");
  src_pairs(member, c, x, y, n, s, g) = Halide::select(
      column < columns, src_padded(c, column * geometry.stride_width + s * geometry.dilation_width, y, n, g),
      Halide::cast(src_padded.type(), 0));
  d_dst_pairs(member, k, x, y, n, g) = d_dst_padded(k, column, y, n, g);
  patches(member, c, x, y, n, s, r, g) =
      src_pairs(member, c, x, y * geometry.stride_height + r * geometry.dilation_height, n, s, g);
  const Halide::Expr of_pair = pixels.x % 2, pair = pixels.x / 2;
  sum(k, c, s, r, g) = zero(src_padded.type());
  sum(k, c, s, r, g) += product(d_dst_pairs(of_pair, k, pair, pixels.y, pixels.z, g),
                                patches(of_pair, c, pair, pixels.y, pixels.z, s, r, g));
  return {src_pairs, d_dst_pairs, patches, sum, pixels};
}

}  // namespace halconv::generators

#endif  // HALCONV_GENERATORS_CONV2D_ALGORITHM_H_
