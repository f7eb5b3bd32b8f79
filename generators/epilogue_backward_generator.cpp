#include "element_type.h"
#include "epilogue.h"
#include "kernel_schedule.h"

namespace halconv::generators {

/// The gradient through the fused epilogue, of a tensor viewed as pixels of k channels: dst, the forward result, and
/// d_dst (k, pixel) give d_sum (k, pixel), d_dst where dst passes the gradient and else 0, and d_bias (k), the sum of
/// d_sum over the pixels.
class EpilogueBackward : public Halide::Generator<EpilogueBackward> {
 public:
  GeneratorParam<std::string> dtype{"dtype", "f32"};
  Input<Halide::Buffer<void, 2>> dst{"dst"};
  Input<Halide::Buffer<void, 2>> d_dst{"d_dst"};
  Input<Halide::Expr> lower{"lower"}, last{"last"};
  Output<Halide::Buffer<void, 2>> d_sum{"d_sum"};
  Output<Halide::Buffer<void, 1>> d_bias{"d_bias"};

  void configure() {
    const Halide::Type element = element_type(dtype);
    dst.set_type(element);
    d_dst.set_type(element);
    lower.set_type(copy_type(element));
    last.set_type(copy_type(element));
    d_sum.set_type(element);
    d_bias.set_type(element);
  }

  void generate() {
    const Halide::Var k("k"), pixel("pixel");
    const Halide::Type wide = copy_type(d_dst.type());
    Halide::Func masked("masked");
    masked(k, pixel) = Halide::select(passes_gradient(get_target(), Halide::cast(wide, dst(k, pixel)), lower, last),
                                      d_dst(k, pixel), Halide::cast(d_dst.type(), 0));
    gradient_.pixels = Halide::RDom(0, d_dst.dim(1).extent(), "pixels");
    gradient_.sum(k) = zero(d_dst.type());
    gradient_.sum(k) += Halide::cast(wide, masked(k, gradient_.pixels));
    d_sum(k, pixel) = masked(k, pixel);
    d_bias(k) = rounded(d_bias.type(), gradient_.sum(k));
  }

  void schedule() {
    const Halide::Expr channels = d_dst.dim(0).extent(), pixels = d_dst.dim(1).extent();
    d_dst.dim(0).set_min(0);
    d_dst.dim(1).set_min(0);
    dst.dim(0).set_bounds(0, channels);
    dst.dim(1).set_bounds(0, pixels);
    d_sum.dim(0).set_bounds(0, channels);
    d_sum.dim(1).set_bounds(0, pixels);
    d_bias.dim(0).set_bounds(0, channels);
    schedules::schedule_epilogue_backward(get_target(), d_sum, d_bias, gradient_);
  }

 private:
  BiasGradient gradient_;
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::EpilogueBackward, epilogue_backward)
