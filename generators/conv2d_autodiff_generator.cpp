#include "kernel_generator.h"

namespace halconv::generators {
namespace {

/// What `tensor` covers as propagate_adjoints takes it: v21 reads a Range as [min, min + extent], both ends included.
Halide::Region inclusive_bounds(const Halide::OutputImageParam &tensor) {
  Halide::Region bounds;
  for (int i = 0; i < tensor.dimensions(); ++i) bounds.emplace_back(0, tensor.dim(i).extent() - 1);
  return bounds;
}

}  // namespace

/// The gradients of the forward algorithm as Halide's reverse-mode differentiation derives them: oracles for the
/// kernels that state the gradients themselves. Generic and f32 only. Source: Li et al., Differentiable Programming for
/// Image Processing and Deep Learning in Halide, 2018.
class Conv2dBackwardInputAutodiff : public KernelGenerator<Conv2dBackwardInputAutodiff> {
 public:
  Input<Halide::Buffer<float, 5>> filter{"filter"};
  Input<Halide::Buffer<float, 5>> d_dst{"d_dst"};
  Output<Halide::Buffer<float, 5>> d_src{"d_src"};

  void configure() { configure_geometry(); }

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    // The gradient does not depend on the input that it is taken at, as the convolution is linear in it.
    Halide::Func src("src");
    src(c, x, y, n, g) = 0.0f;
    const Halide::Func padded = zero_padded(src, Halide::Float(32), d_src.dim(1).extent(), d_src.dim(2).extent(),
                                            geometry().pad_left, geometry().pad_top);
    const Halide::RDom taps(0, filter.dim(1).extent(), 0, filter.dim(2).extent(), 0, filter.dim(3).extent(), "taps");
    const Convolution convolution = forward(padded, filter, taps, geometry());
    const Halide::Func seed = Halide::BoundaryConditions::constant_exterior(d_dst, 0.0f);
    const Halide::Func gradient = Halide::propagate_adjoints(convolution.sum, seed, inclusive_bounds(d_dst))(src);
    d_src(c, x, y, n, g) = gradient(c, x, y, n, g);
  }

  void schedule() {
    declare_image(d_dst, output_extents);
    declare_image(d_src, input_extents);
    schedules::schedule_autodiff(get_target(), d_src);
  }
};

class Conv2dBackwardFilterAutodiff : public KernelGenerator<Conv2dBackwardFilterAutodiff> {
 public:
  Input<Halide::Buffer<float, 5>> src{"src"};
  Input<Halide::Buffer<float, 5>> d_dst{"d_dst"};
  Output<Halide::Buffer<float, 5>> d_filter{"d_filter"};

  void configure() { configure_geometry(); }

  void generate() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    Halide::Func filter("filter");
    filter(k, c, s, r, g) = 0.0f;
    const Halide::Func padded = zero_padded(src, Halide::Float(32), src.dim(1).extent(), src.dim(2).extent(),
                                            geometry().pad_left, geometry().pad_top);
    const Halide::RDom taps(0, d_filter.dim(1).extent(), 0, d_filter.dim(2).extent(), 0, d_filter.dim(3).extent(),
                            "taps");
    const Convolution convolution = forward(padded, filter, taps, geometry());
    const Halide::Func seed = Halide::BoundaryConditions::constant_exterior(d_dst, 0.0f);
    const Halide::Func gradient = Halide::propagate_adjoints(convolution.sum, seed, inclusive_bounds(d_dst))(filter);
    d_filter(k, c, s, r, g) = gradient(k, c, s, r, g);
  }

  void schedule() {
    declare_image(src, input_extents);
    declare_image(d_dst, output_extents);
    schedules::schedule_autodiff(get_target(), d_filter);
  }
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dBackwardInputAutodiff, conv2d_backward_input_autodiff)
HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dBackwardFilterAutodiff, conv2d_backward_filter_autodiff)
