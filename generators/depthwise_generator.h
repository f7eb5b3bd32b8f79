/// What the depthwise kernels' generators share: problems whose groups have one input channel each, so that group g is
/// input channel g and k counts its filters, TensorFlow's channel multiplier. HWIO of the grouped problem, (k, c, s, r,
/// g) with a single c, is TensorFlow's depthwise filter [r, s, in_channels, multiplier], byte for byte.
#ifndef HALCONV_GENERATORS_DEPTHWISE_GENERATOR_H_
#define HALCONV_GENERATORS_DEPTHWISE_GENERATOR_H_

#include "bf16_pairs.h"
#include "kernel_generator.h"

namespace halconv::generators {

template <typename Derived>
class DepthwiseGenerator : public KernelGenerator<Derived> {
 protected:
  /// Throws Halide::CompileError for a problem that is not depthwise.
  void check_depthwise() {
    if (!this->problem() || this->problem()->is_depthwise()) return;
    throw Halide::CompileError("problem=" + to_string(*this->problem()) + ": g is " +
                               std::to_string(this->problem()->groups) + ", expected ic, and more than 1");
  }

  /// The filter's columns and rows; constants where they are known, so that schedules can hold the code of each.
  Halide::Range columns(const Halide::OutputImageParam &filter) {
    return {0, this->problem() ? Halide::Expr(static_cast<int>(this->problem()->filter_width))
                               : Halide::Expr(filter.dim(2).extent())};
  }
  Halide::Range rows(const Halide::OutputImageParam &filter) {
    return {0, this->problem() ? Halide::Expr(static_cast<int>(this->problem()->filter_height))
                               : Halide::Expr(filter.dim(3).extent())};
  }
  Halide::Range multiplier(const Halide::OutputImageParam &filter) {
    return {0, this->problem() ? Halide::Expr(static_cast<int>(this->problem()->group().out_channels))
                               : Halide::Expr(filter.dim(0).extent())};
  }

  /// What an image is converted to as it is read.
  Halide::Type copy_type() const { return generators::copy_type(this->element_type()); }

  /// The elements of `tensor` in the order that the kernel computes channels in.
  template <typename Tensor>
  Halide::Func in_order(Tensor &tensor) {
    return pair_lanes_ > 0 ? split_pairs(tensor, pair_lanes_) : overhung(tensor);
  }

  /// The filter's elements, converted, which a schedule may keep so.
  Halide::Func operands(Halide::GeneratorInput<Halide::Buffer<void, 5>> &filter) {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    const Halide::Func elements = in_order(filter);
    Halide::Func operands("filter_operands");
    operands(k, c, s, r, g) = Halide::cast(copy_type(), elements(k, c, s, r, g));
    return operands;
  }

  /// Stores `value`, a function of the channel in the kernel's order and in memory's, and returns the pairs that it is
  /// stored by.
  template <typename Value>
  Halide::Func store(Halide::Func result, const std::vector<Halide::Var> &args, const Value &value) {
    Halide::Func pairs;
    const Halide::Var g = args.back();
    if (pair_lanes_ == 0) {
      result(args) = this->stored(value(g, g));
      return pairs;
    }
    pairs = Halide::Func("pairs");
    const Halide::Expr even = even_channel(g, pair_lanes_);
    pairs(args) = word_of_pair(value(even, 2 * g), value(even + pair_lanes_, 2 * g + 1));
    result(args) = half_of_word(pairs, {args.begin(), args.end()});
    return pairs;
  }

  /// The elements of `tensor`, beyond its last group as if that went on, where the number of groups is not known: what
  /// a vector of channels that overhangs them computes is not stored.
  template <typename Tensor>
  Halide::Func overhung(Tensor &tensor) {
    const Halide::Func elements = this->elements(tensor);
    if (this->problem() || this->is_planar()) return elements;
    const Halide::Range all;
    return Halide::BoundaryConditions::repeat_edge(elements, {all, all, all, all, {0, tensor.dim(4).extent()}});
  }

  void declare_depthwise_epilogue(const NoEpilogue &, const Halide::OutputImageParam &) {}

  /// As declare_depthwise fixes the output's.
  void declare_depthwise_epilogue(FusedEpilogue &epilogue, const Halide::OutputImageParam &filter) {
    this->declare_epilogue(epilogue);
    if (this->problem() || this->get_target().has_gpu_feature()) return;
    Halide::OutputImageParam bias = epilogue.bias, residual = epilogue.residual;
    bias.dim(1).set_stride(filter.dim(0).extent());
    if (!this->is_planar()) residual.dim(4).set_stride(filter.dim(0).extent());
  }

  /// Fixes the layouts of filter and output, and the input's as far as a view of it has them: neighbouring groups are
  /// neighbours in an NHWC input, and `multiplier` elements apart in output and filter.
  void declare_depthwise(Halide::OutputImageParam input, Halide::OutputImageParam filter,
                         Halide::OutputImageParam output) {
    this->declare_view(input, this->input_extents);
    this->declare_dense(filter, this->filter_extents);
    this->declare_image(output, this->output_extents);
    // A GPU's threads load single elements, and on OpenCL a phase's view may be a copy of other strides.
    if (this->problem() || this->get_target().has_gpu_feature()) return;
    input.dim(0).set_bounds(0, 1);
    filter.dim(1).set_bounds(0, 1);
    filter.dim(4).set_stride(filter.dim(0).extent());
    if (this->is_planar()) return;
    input.dim(4).set_stride(1);
    output.dim(4).set_stride(filter.dim(0).extent());
  }

  int pair_lanes_ = 0;  ///< of the vectors that channels are computed in by pairs; 0: they are not
};

}  // namespace halconv::generators

#endif  // HALCONV_GENERATORS_DEPTHWISE_GENERATOR_H_
