#include "conv2d_algorithm.h"
#include "element_type.h"
#include "kernel_schedule.h"

namespace halconv::generators {

/// HWIO (k, c, s, r, g) in blocks of `block` channels of the result, as kernels of the target read it: (o % block, i,
/// s, r, o / block, g), where o is the result's channel and i the one summed over; or where these are multiplied in
/// pairs (2 (o % block) + i % 2, i / 2, s, r, o / block, g). Zero where the last block, or the last pair, overhangs.
template <typename Derived>
class ReorderFilter : public Halide::Generator<Derived> {
 public:
  Halide::GeneratorParam<std::string> dtype{"dtype", "f32"};
  Halide::GeneratorInput<Halide::Buffer<void, 5>> filter{"filter"};
  Halide::GeneratorOutput<Halide::Buffer<void, 6>> packed{"packed"};

  void configure() {
    filter.set_type(stored_type(this->get_target(), element_type(dtype)));
    packed.set_type(together() > 1 ? element_type(dtype) : copy_type(element_type(dtype)));
  }

 protected:
  /// `result` is the filter's dimension of o, 0 or 1.
  void reorder(int result) {
    const Halide::Func hwio = elements(filter, element_type(dtype));
    const Halide::Func blocks = blocked(hwio, result, {filter.dim(0).extent(), filter.dim(1).extent()},
                                        packed.dim(0).extent() / together(), together());
    packed(o, i, s, r, block, g) = Halide::cast(packed.type(), blocks(o, i, s, r, block, g));
  }

  const Halide::Var o{"o"}, i{"i"}, s{"s"}, r{"r"}, block{"block"}, g{"g"};

 private:
  int together() const { return schedules::channels_per_product(this->get_target(), element_type(dtype)); }
};

class ReorderFilterForward : public ReorderFilter<ReorderFilterForward> {
 public:
  void generate() { reorder(0); }
  void schedule() { schedules::schedule_reorder_filter(get_target(), packed, o); }
};

class ReorderFilterBackwardInput : public ReorderFilter<ReorderFilterBackwardInput> {
 public:
  void generate() { reorder(1); }
  void schedule() { schedules::schedule_reorder_filter(get_target(), packed, i); }
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::ReorderFilterForward, reorder_filter_forward)
HALIDE_REGISTER_GENERATOR(halconv::generators::ReorderFilterBackwardInput, reorder_filter_backward_input)
