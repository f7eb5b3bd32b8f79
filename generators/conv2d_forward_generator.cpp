#include "kernel_generator.h"

namespace halconv::generators {

/// dst = conv2d(src, filter): src (c, x, y, n, g), filter (k % block, c, s, r, k / block, g), dst (k, x, y, n, g).
class Conv2dForward : public KernelGenerator<Conv2dForward> {
 public:
  Input<Halide::Buffer<void, 5>> src{"src"};
  Input<Halide::Buffer<void, 6>> filter{"filter"};
  Output<Halide::Buffer<void, 5>> dst{"dst"};

  void configure() {
    src.set_type(element_type());
    filter.set_type(operand_type());
    dst.set_type(element_type());
    configure_geometry();
  }

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    block_ = filter_block("conv2d_forward", &Conv2dProblem::out_channels);
    // On a GPU the tiles of the result overhang it, and read zeros there.
    const bool inside = problem() && !problem()->is_padded() && !get_target().has_gpu_feature() && !converts() &&
                        problem()->group().in_channels % channels_per_product() == 0;
    const Halide::Func padded =
        inside ? shifted(src, geometry().pad_left, geometry().pad_top)
               : zero_padded(src, operand_type(), src.dim(1).extent(), src.dim(2).extent(), geometry().pad_left,
                             geometry().pad_top, overhang(src.dim(0).extent()));
    const Halide::RDom taps(0, reduced_channels(src.dim(0).extent()), 0, filter.dim(2).extent(), 0,
                            filter.dim(3).extent(), "taps");
    unblocked_filter_ = plain_filter(filter, block_);
    convolution_ = forward(padded, unblocked_filter_, taps, geometry());
    convolution_.inside = inside;
    dst(k, x, y, n, g) = Halide::cast(dst.type(), element(convolution_.sum, block_, k, x, y, n, g));
  }

  void schedule() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    declare_dense(src, input_extents);
    declare_blocked(filter, block_, &Conv2dProblem::in_channels, &Conv2dProblem::out_channels);
    declare_dense(dst, output_extents);
    if (using_autoscheduler()) return;
    schedules::schedule_direct(key("conv2d_forward"), dst,
                               {{schedules::kPureDefinition, x, y, convolution_, unblocked_filter_}});
  }

 private:
  int block_ = 0;
  Halide::Func unblocked_filter_;
  Convolution convolution_;
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dForward, conv2d_forward)
