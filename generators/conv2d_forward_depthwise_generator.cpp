#include "depthwise_generator.h"

namespace halconv::generators {

/// dst = conv2d(src, filter): src (0, x, y, n, g), filter HWIO (k, 0, s, r, g), dst (k, x, y, n, g).
class Conv2dForwardDepthwise : public DepthwiseGenerator<Conv2dForwardDepthwise> {
 public:
  Input<Halide::Buffer<float, 5>> src{"src"};
  Input<Halide::Buffer<float, 5>> filter{"filter"};
  Output<Halide::Buffer<float, 5>> dst{"dst"};

  void configure() {
    check_depthwise();
    configure_geometry();
  }

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    const Halide::Func padded = zero_padded(overhung(src, src), src.type(), src.dim(1).extent(), src.dim(2).extent(),
                                            geometry().pad_left, geometry().pad_top);
    const Halide::RDom taps({{0, 1}, columns(filter), rows(filter)}, "taps");
    convolution_ = forward(padded, overhung(filter, filter), taps, geometry());
    dst(k, x, y, n, g) = convolution_.sum(k, x, y, n, g);
  }

  void schedule() {
    declare_depthwise(src, filter, dst);
    schedules::schedule_depthwise(key("conv2d_forward_depthwise"), dst, convolution_);
  }

 private:
  Convolution convolution_;
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dForwardDepthwise, conv2d_forward_depthwise)
