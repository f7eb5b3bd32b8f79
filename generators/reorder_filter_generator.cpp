#include "kernel_generator.h"

namespace halconv::generators {

/// HWIO (k, c, s, r, g) in blocks of `packed.dim(0)` output channels: (k % block, c, s, r, k / block, g), zero where
/// the last block overhangs.
class ReorderFilterForward : public Halide::Generator<ReorderFilterForward> {
 public:
  GeneratorParam<std::string> dtype{"dtype", "f32"};
  Input<Halide::Buffer<void, 5>> filter{"filter"};
  Output<Halide::Buffer<void, 6>> packed{"packed"};

  void configure() {
    filter.set_type(element_type(dtype));
    packed.set_type(copy_type(element_type(dtype)));
  }

  void generate() {
    const Halide::Func extended = Halide::BoundaryConditions::constant_exterior(filter, Halide::cast(filter.type(), 0),
                                                                                {{0, filter.dim(0).extent()}});
    packed(k, c, s, r, block, g) =
        Halide::cast(packed.type(), extended(block * packed.dim(0).extent() + k, c, s, r, g));
  }

  void schedule() { schedules::schedule_reorder_filter(get_target(), packed, k); }

 private:
  const Halide::Var k{"k"}, c{"c"}, s{"s"}, r{"r"}, block{"block"}, g{"g"};
};

/// HWIO (k, c, s, r, g) in blocks of `packed.dim(0)` input channels: (c % block, k, s, r, c / block, g), zero where the
/// last block overhangs.
class ReorderFilterBackwardInput : public Halide::Generator<ReorderFilterBackwardInput> {
 public:
  GeneratorParam<std::string> dtype{"dtype", "f32"};
  Input<Halide::Buffer<void, 5>> filter{"filter"};
  Output<Halide::Buffer<void, 6>> packed{"packed"};

  void configure() {
    filter.set_type(element_type(dtype));
    packed.set_type(copy_type(element_type(dtype)));
  }

  void generate() {
    const Halide::Region inside = {{Halide::Expr(), Halide::Expr()}, {0, filter.dim(1).extent()}};
    const Halide::Func extended =
        Halide::BoundaryConditions::constant_exterior(filter, Halide::cast(filter.type(), 0), inside);
    packed(c, k, s, r, block, g) =
        Halide::cast(packed.type(), extended(k, block * packed.dim(0).extent() + c, s, r, g));
  }

  void schedule() { schedules::schedule_reorder_filter(get_target(), packed, k); }

 private:
  const Halide::Var k{"k"}, c{"c"}, s{"s"}, r{"r"}, block{"block"}, g{"g"};
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::ReorderFilterForward, reorder_filter_forward)
HALIDE_REGISTER_GENERATOR(halconv::generators::ReorderFilterBackwardInput, reorder_filter_backward_input)
