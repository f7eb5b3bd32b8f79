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
  /// `result` and `summed` are the filter's dimensions of o and i, 0 or 1 each.
  void reorder(int result, int summed) {
    Halide::Region inside(2);
    inside[result] = {0, filter.dim(result).extent()};
    if (together() > 1) inside[summed] = {0, filter.dim(summed).extent()};
    const Halide::Func hwio = elements(filter, element_type(dtype));
    const Halide::Func extended =
        Halide::BoundaryConditions::constant_exterior(hwio, Halide::cast(hwio.type(), 0), inside);
    std::vector<Halide::Expr> channels(2);
    channels[result] = block * (packed.dim(0).extent() / together()) + o / together();
    channels[summed] = i * together() + o % together();
    packed(o, i, s, r, block, g) = Halide::cast(packed.type(), extended(channels[0], channels[1], s, r, g));
  }

  const Halide::Var o{"o"}, i{"i"}, s{"s"}, r{"r"}, block{"block"}, g{"g"};

 private:
  int together() const { return schedules::channels_per_product(this->get_target(), element_type(dtype)); }
};

class ReorderFilterForward : public ReorderFilter<ReorderFilterForward> {
 public:
  void generate() { reorder(0, 1); }
  void schedule() { schedules::schedule_reorder_filter(get_target(), packed, o); }
};

class ReorderFilterBackwardInput : public ReorderFilter<ReorderFilterBackwardInput> {
 public:
  void generate() { reorder(1, 0); }
  void schedule() { schedules::schedule_reorder_filter(get_target(), packed, i); }
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::ReorderFilterForward, reorder_filter_forward)
HALIDE_REGISTER_GENERATOR(halconv::generators::ReorderFilterBackwardInput, reorder_filter_backward_input)
