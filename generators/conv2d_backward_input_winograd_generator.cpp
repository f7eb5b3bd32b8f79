#include "kernel_generator.h"
#include "winograd_algorithm.h"

namespace halconv::generators {

/// d_src = conv2d_backprop_input(filter, d_dst) by F(tile x tile, 3x3): the convolution of d_dst with the filter turned
/// by 180 degrees, which its transform has done. The filter transformed (c % block, k, j, i, c / block, g), d_dst (k,
/// x, y, n, g), d_src (c, x, y, n, g). For problems with 3x3 filters, stride 1 and dilation 1.
template <int tile>
class Conv2dBackwardInputWinograd : public KernelGenerator<Conv2dBackwardInputWinograd<tile>> {
 public:
  Halide::GeneratorInput<Halide::Buffer<float, 6>> filter{"filter"};
  Halide::GeneratorInput<Halide::Buffer<float, 5>> d_dst{"d_dst"};
  Halide::GeneratorOutput<Halide::Buffer<float, 5>> d_src{"d_src"};

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    const Conv2dProblem &p = this->winograd_problem();
    const WinogradTransform transform(tile, 3, LagrangeFactors::kInFilter);
    block_ = schedules::winograd_block(kernel_key());
    const Halide::Func padded = zero_padded(d_dst, d_dst.type(), d_dst.dim(1).extent(), d_dst.dim(2).extent(),
                                            static_cast<int>(2 - p.pad_left), static_cast<int>(2 - p.pad_top));
    convolution_ = winograd_convolution(transform, padded, filter, block_, d_dst.dim(0).extent(),
                                        static_cast<int>(schedules::ceil_divide(p.in_width, tile)));
    d_src(c, x, y, n, g) = convolution_.result(c, x, y, n, g);
  }

  void schedule() {
    this->declare_image(d_src, this->input_extents);
    this->declare_transformed(filter, block_, tile + 2, &Conv2dProblem::out_channels, &Conv2dProblem::in_channels);
    this->declare_image(d_dst, this->output_extents);
    this->insert(schedules::schedule_winograd(kernel_key(), d_src, convolution_));
  }

 private:
  schedules::KernelKey kernel_key() { return this->key("conv2d_backward_input_winograd" + std::to_string(tile)); }

  int block_ = 0;
  WinogradConvolution convolution_;
};

using Conv2dBackwardInputWinograd2 = Conv2dBackwardInputWinograd<2>;
using Conv2dBackwardInputWinograd4 = Conv2dBackwardInputWinograd<4>;

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dBackwardInputWinograd2, conv2d_backward_input_winograd2)
HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dBackwardInputWinograd4, conv2d_backward_input_winograd4)
