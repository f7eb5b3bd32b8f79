#include "kernel_generator.h"
#include "winograd_algorithm.h"

namespace halconv::generators {

/// A 3x3 filter HWIO (k, c, s, r, g) transformed for tiles of tile x tile pixels, in blocks of `packed.dim(0)` channels
/// of the result, whole vectors, zero where the last block overhangs. For f32.
template <typename Derived, int tile>
class ReorderFilterWinograd : public Halide::Generator<Derived> {
 public:
  Halide::GeneratorParam<std::string> dtype{"dtype", "f32"};
  Halide::GeneratorInput<Halide::Buffer<float, 5>> filter{"filter"};
  Halide::GeneratorOutput<Halide::Buffer<float, 6>> packed{"packed"};

  void configure() { check_is_f32(dtype); }

  void generate() {
    taps_ = static_cast<Derived *>(this)->taps(packed.dim(0).extent());
    transformed_ = transform_filter(WinogradTransform(tile, 3, LagrangeFactors::kInFilter).filter(), taps_);
    packed(channel, q, j, i, block, g) = transformed_.transformed(channel, j, i, q, block, g);
  }

  void schedule() {
    packed.dim(2).set_bounds(0, transformed_.size);
    packed.dim(3).set_bounds(0, transformed_.size);
    schedules::schedule_reorder_filter_winograd(this->get_target(), packed, taps_,
                                                static_cast<Derived *>(this)->contiguous(), transformed_);
  }

 protected:
  /// The filter, and zeros where a schedule computes more channels than it has.
  Halide::Func filter_with_zeros() const {
    const Halide::Region channels = {{0, filter.dim(0).extent()}, {0, filter.dim(1).extent()}};
    return Halide::BoundaryConditions::constant_exterior(filter, 0.0f, channels);
  }

  const Halide::Var channel{"channel"}, q{"q"}, s{"s"}, r{"r"}, j{"j"}, i{"i"}, block{"block"}, g{"g"};

 private:
  Halide::Func taps_;
  TransformedTiles transformed_;
};

/// Blocks of output channels: (k % block, c, j, i, k / block, g).
template <int tile>
class ReorderFilterForwardWinograd : public ReorderFilterWinograd<ReorderFilterForwardWinograd<tile>, tile> {
 public:
  Halide::Func taps(const Halide::Expr &lanes) const {
    Halide::Func taps("taps");
    taps(this->channel, this->s, this->r, this->q, this->block, this->g) =
        this->filter_with_zeros()(this->block * lanes + this->channel, this->q, this->s, this->r, this->g);
    return taps;
  }

  Halide::Var contiguous() const { return this->channel; }
};

/// Blocks of input channels of the filter turned by 180 degrees: (c % block, k, j, i, c / block, g).
template <int tile>
class ReorderFilterBackwardInputWinograd
    : public ReorderFilterWinograd<ReorderFilterBackwardInputWinograd<tile>, tile> {
 public:
  Halide::Func taps(const Halide::Expr &lanes) const {
    Halide::Func taps("taps");
    taps(this->channel, this->s, this->r, this->q, this->block, this->g) =
        this->filter_with_zeros()(this->q, this->block * lanes + this->channel, 2 - this->s, 2 - this->r, this->g);
    return taps;
  }

  Halide::Var contiguous() const { return this->q; }
};

using ReorderFilterForwardWinograd2 = ReorderFilterForwardWinograd<2>;
using ReorderFilterForwardWinograd4 = ReorderFilterForwardWinograd<4>;
using ReorderFilterBackwardInputWinograd2 = ReorderFilterBackwardInputWinograd<2>;
using ReorderFilterBackwardInputWinograd4 = ReorderFilterBackwardInputWinograd<4>;

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::ReorderFilterForwardWinograd2, reorder_filter_forward_winograd2)
HALIDE_REGISTER_GENERATOR(halconv::generators::ReorderFilterForwardWinograd4, reorder_filter_forward_winograd4)
HALIDE_REGISTER_GENERATOR(halconv::generators::ReorderFilterBackwardInputWinograd2,
                          reorder_filter_backward_input_winograd2)
HALIDE_REGISTER_GENERATOR(halconv::generators::ReorderFilterBackwardInputWinograd4,
                          reorder_filter_backward_input_winograd4)
