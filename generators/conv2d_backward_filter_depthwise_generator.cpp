#include "depthwise_generator.h"

namespace halconv::generators {

/// d_filter = conv2d_backprop_filter(src, d_dst): src (0, x, y, n, g), d_dst (k, x, y, n, g), d_filter HWIO (k, 0, s,
/// r, g).
class Conv2dBackwardFilterDepthwise : public DepthwiseGenerator<Conv2dBackwardFilterDepthwise> {
 public:
  Input<Halide::Buffer<void, 5>> src{"src"};
  Input<Halide::Buffer<void, 5>> d_dst{"d_dst"};
  Output<Halide::Buffer<void, 5>> d_filter{"d_filter"};

  void configure() {
    check_depthwise();
    src.set_type(stored_type());
    d_dst.set_type(stored_type());
    d_filter.set_type(stored_type());
    configure_geometry();
  }

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    const Halide::Func src_padded = zero_padded(overhung(src), copy_type(), src.dim(1).extent(), src.dim(2).extent(),
                                                geometry().pad_left, geometry().pad_top);
    const Halide::Func d_dst_padded =
        zero_padded(overhung(d_dst), copy_type(), d_dst.dim(1).extent(), d_dst.dim(2).extent(), 0, 0);
    const bool overhangs = schedules::sums_rows_in_vectors(key("conv2d_backward_filter_depthwise"));
    const Halide::Expr columns = d_dst.dim(1).extent();
    const Halide::RDom pixels(0, overhangs ? whole_vectors(columns) : columns, 0, d_dst.dim(2).extent(), 0,
                              d_dst.dim(3).extent(), "pixels");
    gradient_ = backward_filter(src_padded, d_dst_padded, pixels, geometry(), overhangs ? columns : Halide::Expr());
    gradient_.src = src;
    gradient_.d_dst = d_dst;
    d_filter(k, c, s, r, g) = stored(gradient_.sum(k, c, s, r, g));
  }

  void schedule() {
    declare_image(src, input_extents);
    declare_depthwise(src, d_filter, d_dst);
    schedules::schedule_depthwise_backward_filter(key("conv2d_backward_filter_depthwise"), d_filter, gradient_);
  }

 private:
  Halide::Expr whole_vectors(const Halide::Expr &columns) {
    const int lanes = natural_vector_size(copy_type());
    return (columns + lanes - 1) / lanes * lanes;
  }

  FilterGradient gradient_;
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dBackwardFilterDepthwise, conv2d_backward_filter_depthwise)
