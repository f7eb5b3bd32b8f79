#include "kernel_generator.h"
#include "winograd_algorithm.h"

namespace halconv::generators {

/// dst = epilogue(conv2d(src, filter)) by F(tile x tile, 3x3): src (c, x, y, n, g), the filter transformed (k % block,
/// c, j, i, k / block, g), dst (k, x, y, n, g). For f32 and problems with 3x3 filters, stride 1 and dilation 1.
template <int tile, typename Epilogue>
class Conv2dForwardWinograd : public KernelGenerator<Conv2dForwardWinograd<tile, Epilogue>> {
 public:
  Halide::GeneratorInput<Halide::Buffer<float, 5>> src{"src"};
  Halide::GeneratorInput<Halide::Buffer<float, 6>> filter{"filter"};
  Epilogue epilogue;
  Halide::GeneratorOutput<Halide::Buffer<float, 5>> dst{"dst"};

  void configure() { epilogue.configure(this->get_target(), this->element_type()); }

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    const Conv2dProblem &p = this->winograd_problem();
    const WinogradTransform transform(tile, 3, LagrangeFactors::kInFilter);
    block_ = schedules::winograd_block(kernel_key());
    const Halide::Func padded = zero_padded(src, src.type(), src.dim(1).extent(), src.dim(2).extent(),
                                            static_cast<int>(p.pad_left), static_cast<int>(p.pad_top));
    convolution_ = winograd_convolution(transform, padded, filter, block_, src.dim(0).extent(),
                                        static_cast<int>(schedules::ceil_divide(p.out_width, tile)));
    dst(k, x, y, n, g) = epilogue(convolution_.result(k, x, y, n, g), k, x, y, n, g);
  }

  void schedule() {
    this->declare_image(src, this->input_extents);
    this->declare_transformed(filter, block_, tile + 2, &Conv2dProblem::in_channels, &Conv2dProblem::out_channels);
    this->declare_image(dst, this->output_extents);
    this->declare_epilogue(epilogue);
    this->insert(schedules::schedule_winograd(kernel_key(), dst, convolution_));
  }

 private:
  schedules::KernelKey kernel_key() { return this->key("conv2d_forward_winograd" + std::to_string(tile)); }

  int block_ = 0;
  WinogradConvolution convolution_;
};

using Conv2dForwardWinograd2 = Conv2dForwardWinograd<2, NoEpilogue>;
using Conv2dForwardWinograd4 = Conv2dForwardWinograd<4, NoEpilogue>;
using Conv2dForwardWinograd2Fused = Conv2dForwardWinograd<2, FusedEpilogue>;
using Conv2dForwardWinograd4Fused = Conv2dForwardWinograd<4, FusedEpilogue>;

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dForwardWinograd2, conv2d_forward_winograd2)
HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dForwardWinograd4, conv2d_forward_winograd4)
HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dForwardWinograd2Fused, conv2d_forward_fused_winograd2)
HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dForwardWinograd4Fused, conv2d_forward_fused_winograd4)
