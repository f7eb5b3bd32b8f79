#include "depthwise_generator.h"

namespace halconv::generators {

/// dst = epilogue(conv2d(src, filter)): src (0, x, y, n, g), filter HWIO (k, 0, s, r, g), dst (k, x, y, n, g).
template <typename Epilogue>
class Conv2dForwardDepthwise : public DepthwiseGenerator<Conv2dForwardDepthwise<Epilogue>> {
 public:
  Halide::GeneratorInput<Halide::Buffer<void, 5>> src{"src"};
  Halide::GeneratorInput<Halide::Buffer<void, 5>> filter{"filter"};
  Epilogue epilogue;
  Halide::GeneratorOutput<Halide::Buffer<void, 5>> dst{"dst"};

  void configure() {
    this->check_depthwise();
    src.set_type(this->stored_type());
    filter.set_type(this->stored_type());
    dst.set_type(this->stored_type());
    epilogue.configure(this->get_target(), this->element_type());
    this->configure_geometry();
  }

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    this->pair_lanes_ = schedules::depthwise_pair_lanes(this->key("conv2d_forward_depthwise"));
    const Halide::Func padded = zero_padded(this->in_order(src), this->copy_type(), src.dim(1).extent(),
                                            src.dim(2).extent(), this->geometry().pad_left, this->geometry().pad_top);
    const Halide::RDom taps({{0, 1}, this->columns(filter), this->rows(filter)}, "taps");
    const Halide::Func operands = this->operands(filter);
    convolution_ = forward(padded, operands, taps, this->geometry());
    convolution_.filter.packed = operands;
    convolution_.source = src;
    convolution_.pairs = this->store(dst, {k, x, y, n, g}, [&](Halide::Expr computed, Halide::Expr channel) {
      return epilogue(convolution_.sum(k, x, y, n, computed), k, x, y, n, channel);
    });
  }

  void schedule() {
    this->declare_image(src, this->input_extents);
    this->declare_depthwise(src, filter, dst);
    this->declare_depthwise_epilogue(epilogue, filter);
    schedules::schedule_depthwise(this->key("conv2d_forward_depthwise"), dst, convolution_);
  }

 private:
  Convolution convolution_;
};

using Conv2dForwardDepthwisePlain = Conv2dForwardDepthwise<NoEpilogue>;
using Conv2dForwardDepthwiseFused = Conv2dForwardDepthwise<FusedEpilogue>;

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dForwardDepthwisePlain, conv2d_forward_depthwise)
HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dForwardDepthwiseFused, conv2d_forward_fused_depthwise)
