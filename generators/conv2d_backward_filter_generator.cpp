#include "kernel_generator.h"

namespace halconv::generators {

/// d_filter = conv2d_backprop_filter(src, d_dst): src (c, x, y, n, g), d_dst (k, x, y, n, g), d_filter HWIO (k, c, s,
/// r, g).
class Conv2dBackwardFilter : public KernelGenerator<Conv2dBackwardFilter> {
 public:
  Input<Halide::Buffer<void, 5>> src{"src"};
  Input<Halide::Buffer<void, 5>> d_dst{"d_dst"};
  Output<Halide::Buffer<void, 5>> d_filter{"d_filter"};

  void configure() {
    src.set_type(stored_type());
    d_dst.set_type(stored_type());
    d_filter.set_type(stored_type());
    configure_geometry();
  }

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    const Halide::Func src_padded = zero_padded(elements(src), operand_type(), src.dim(1).extent(), src.dim(2).extent(),
                                                geometry().pad_left, geometry().pad_top, src.dim(0).extent());
    const Halide::Func d_dst_padded = zero_padded(elements(d_dst), operand_type(), d_dst.dim(1).extent(),
                                                  d_dst.dim(2).extent(), 0, 0, d_dst.dim(0).extent());
    const Halide::RDom pixels(0, whole_products(d_dst.dim(1).extent()), 0, d_dst.dim(2).extent(), 0,
                              d_dst.dim(3).extent(), "pixels");
    if (const int block = schedules::backward_filter_block(key("conv2d_backward_filter"))) {
      const Halide::Func blocks = channel_blocks(d_dst_padded, block);
      gradient_ = backward_filter(src_padded, without_blocks(blocks, block), pixels, geometry());
      gradient_.d_dst_blocks = blocks;
    } else if (channels_per_product() > 1) {
      gradient_ = backward_filter_by_pairs(src_padded, d_dst_padded, d_dst.dim(1).extent(), pixels, geometry());
    } else {
      gradient_ = backward_filter(src_padded, d_dst_padded, pixels, geometry());
    }
    d_filter(k, c, s, r, g) = stored(gradient_.sum(k, c, s, r, g));
  }

  void schedule() {
    declare_image(src, input_extents);
    declare_image(d_dst, output_extents);
    declare_dense(d_filter, filter_extents);
    if (using_autoscheduler()) return;
    insert(schedules::schedule_backward_filter(key("conv2d_backward_filter"), d_filter, gradient_));
  }

 private:
  FilterGradient gradient_;
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dBackwardFilter, conv2d_backward_filter)
