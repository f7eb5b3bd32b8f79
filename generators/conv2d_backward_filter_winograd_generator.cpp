#include "kernel_generator.h"
#include "winograd_algorithm.h"

namespace halconv::generators {

/// d_filter = conv2d_backprop_filter(src, d_dst) by F(3x3, tile x tile): src (c, x, y, n, g), d_dst (k, x, y, n, g),
/// d_filter HWIO (k, c, s, r, g). For problems with 3x3 filters, stride 1 and dilation 1.
template <int tile>
class Conv2dBackwardFilterWinograd : public KernelGenerator<Conv2dBackwardFilterWinograd<tile>> {
 public:
  Halide::GeneratorInput<Halide::Buffer<float, 5>> src{"src"};
  Halide::GeneratorInput<Halide::Buffer<float, 5>> d_dst{"d_dst"};
  Halide::GeneratorOutput<Halide::Buffer<float, 5>> d_filter{"d_filter"};

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    const Conv2dProblem &p = this->winograd_problem();
    const WinogradTransform transform(3, tile, LagrangeFactors::kInOutput);
    const Halide::Func src_padded =
        zero_padded(src, src.type(), src.dim(1).extent(), src.dim(2).extent(), static_cast<int>(p.pad_left),
                    static_cast<int>(p.pad_top), src.dim(0).extent());
    const Halide::Func d_dst_padded = schedules::winograd_fits_d_dst(kernel_key())
                                          ? Halide::Func(d_dst)
                                          : zero_padded(d_dst, d_dst.type(), d_dst.dim(1).extent(),
                                                        d_dst.dim(2).extent(), 0, 0, d_dst.dim(0).extent());
    gradient_ = winograd_filter_gradient(
        transform, src_padded, d_dst_padded, static_cast<int>(schedules::ceil_divide(p.out_width, tile)),
        static_cast<int>(schedules::ceil_divide(p.out_height, tile)), d_dst.dim(3).extent());
    d_filter(k, c, s, r, g) = gradient_.result(k, c, s, r, g);
  }

  void schedule() {
    this->declare_image(src, this->input_extents);
    this->declare_image(d_dst, this->output_extents);
    this->declare_dense(d_filter, this->filter_extents);
    schedules::schedule_winograd_backward_filter(kernel_key(), d_filter, gradient_);
  }

 private:
  schedules::KernelKey kernel_key() { return this->key("conv2d_backward_filter_winograd" + std::to_string(tile)); }

  WinogradFilterGradient gradient_;
};

using Conv2dBackwardFilterWinograd2 = Conv2dBackwardFilterWinograd<2>;
using Conv2dBackwardFilterWinograd4 = Conv2dBackwardFilterWinograd<4>;

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dBackwardFilterWinograd2, conv2d_backward_filter_winograd2)
HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dBackwardFilterWinograd4, conv2d_backward_filter_winograd4)
