#include "depthwise_generator.h"

namespace halconv::generators {

/// d_src = conv2d_backprop_input(filter, d_dst): filter HWIO (k, 0, s, r, g), d_dst (k, x, y, n, g), d_src (0, x, y, n,
/// g). A specialised kernel computes every phase of the stride at once; the generic one computes a single phase, given
/// the phase's rows and columns of d_src and its taps of the filter as strided views (backward_input_phase.h).
class Conv2dBackwardInputDepthwise : public DepthwiseGenerator<Conv2dBackwardInputDepthwise> {
 public:
  Input<Halide::Buffer<void, 5>> filter{"filter"};
  Input<Halide::Buffer<void, 5>> d_dst{"d_dst"};
  Output<Halide::Buffer<void, 5>> d_src{"d_src"};

  void configure() {
    check_depthwise();
    filter.set_type(stored_type());
    d_dst.set_type(stored_type());
    d_src.set_type(stored_type());
    if (problem()) return configure_geometry();
    offset_height_ = add_input<int32_t>("offset_height");
    offset_width_ = add_input<int32_t>("offset_width");
    advance_height_ = add_input<int32_t>("advance_height");
    advance_width_ = add_input<int32_t>("advance_width");
  }

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    pair_lanes_ = schedules::depthwise_pair_lanes(key("conv2d_backward_input_depthwise"));
    const Halide::Func d_dst_padded =
        zero_padded(in_order(d_dst), copy_type(), d_dst.dim(1).extent(), d_dst.dim(2).extent(), 0, 0);
    const Halide::Func operands = this->operands(filter);
    Halide::Func swapped("filter_swapped");
    swapped(c, k, s, r, g) = operands(k, c, s, r, g);
    const Halide::RDom taps({multiplier(filter), columns(filter), rows(filter)}, "taps");
    // A phase is a convolution of stride 1.
    const Geometry one_phase =
        problem() ? geometry() : Geometry{1, 1, *advance_height_, *advance_width_, *offset_height_, *offset_width_};
    convolution_ = backward_input_all_phases(d_dst_padded, swapped, taps, one_phase);
    convolution_.filter.packed = operands;
    convolution_.source = d_dst;
    convolution_.pairs = store(d_src, {c, x, y, n, g}, [&](Halide::Expr computed, Halide::Expr) {
      return convolution_.sum(c, x, y, n, computed);
    });
  }

  void schedule() {
    declare_depthwise(d_src, filter, d_dst);
    schedules::schedule_depthwise(key("conv2d_backward_input_depthwise"), d_src, convolution_);
  }

 private:
  Halide::GeneratorInput<int32_t> *offset_height_ = nullptr, *offset_width_ = nullptr;
  Halide::GeneratorInput<int32_t> *advance_height_ = nullptr, *advance_width_ = nullptr;
  Convolution convolution_;
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dBackwardInputDepthwise, conv2d_backward_input_depthwise)
