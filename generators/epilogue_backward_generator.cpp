#include "epilogue.h"
#include "kernel_generator.h"

namespace halconv::generators {

/// The gradient through the fused epilogue, of images viewed as pixels of k channels: dst, the forward result, and
/// d_dst (k, pixel, n) give d_sum (k, pixel, n), d_dst where dst passes the gradient and else 0, and d_bias (k), the
/// sum of d_sum over the pixels of all images. Generic.
class EpilogueBackward : public KernelGenerator<EpilogueBackward> {
 public:
  Input<Halide::Buffer<void, 3>> dst{"dst"};
  Input<Halide::Buffer<void, 3>> d_dst{"d_dst"};
  Input<Halide::Expr> lower{"lower"}, last{"last"};
  Output<Halide::Buffer<void, 3>> d_sum{"d_sum"};
  Output<Halide::Buffer<void, 1>> d_bias{"d_bias"};

  void configure() {
    dst.set_type(stored_type());
    d_dst.set_type(stored_type());
    lower.set_type(copy_type(element_type()));
    last.set_type(copy_type(element_type()));
    d_sum.set_type(stored_type());
    d_bias.set_type(stored_type());
  }

  void generate() {
    const Halide::Var k("k"), pixel("pixel"), n("n");
    const Halide::Type wide = copy_type(element_type());
    Halide::Func masked("masked");
    const Halide::Expr result = Halide::cast(wide, elements(dst)(k, pixel, n));
    masked(k, pixel, n) = Halide::select(passes_gradient(get_target(), result, lower, last), d_dst(k, pixel, n),
                                         Halide::cast(d_dst.type(), 0));
    gradient_.pixels = Halide::RDom(0, d_dst.dim(1).extent(), 0, d_dst.dim(2).extent(), "pixels");
    gradient_.sum(k) = zero(element_type());
    gradient_.sum(k) += Halide::cast(wide, elements(masked)(k, gradient_.pixels.x, gradient_.pixels.y));
    d_sum(k, pixel, n) = masked(k, pixel, n);
    d_bias(k) = stored(gradient_.sum(k));
  }

  void schedule() {
    declare_pixels(d_dst);
    for (Halide::OutputImageParam tensor : {Halide::OutputImageParam(dst), Halide::OutputImageParam(d_sum)}) {
      declare_pixels(tensor);
      for (int i = 0; i < tensor.dimensions(); ++i) tensor.dim(i).set_extent(d_dst.dim(i).extent());
    }
    d_bias.dim(0).set_bounds(0, d_dst.dim(0).extent());
    schedules::schedule_epilogue_backward(key("epilogue_backward"), d_sum, d_bias, gradient_);
  }

 private:
  void declare_pixels(Halide::OutputImageParam tensor) {
    declare_origin(tensor);
    tensor.dim(is_planar() ? 1 : 0).set_stride(1);
  }

  BiasGradient gradient_;
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::EpilogueBackward, epilogue_backward)
