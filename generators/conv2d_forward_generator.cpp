#include "kernel_generator.h"

namespace halconv::generators {

/// dst = epilogue(conv2d(src, filter)): src (c, x, y, n, g), filter (k % block, c, s, r, k / block, g), or HWIO where
/// the kernel packs it, dst (k, x, y, n, g).
template <typename Epilogue>
class Conv2dForward : public KernelGenerator<Conv2dForward<Epilogue>> {
 public:
  Halide::GeneratorInput<Halide::Buffer<void, 5>> src{"src"};
  Halide::GeneratorInput<Halide::Buffer<>> filter{"filter"};
  Epilogue epilogue;
  Halide::GeneratorOutput<Halide::Buffer<void, 5>> dst{"dst"};

  void configure() {
    src.set_type(this->stored_type());
    filter.set_type(this->operand_type());
    filter.set_dimensions(this->packs_filter() ? 5 : 6);
    epilogue.configure(this->get_target(), this->element_type());
    dst.set_type(this->stored_type());
    this->configure_geometry();
  }

  void generate() {
    this->check_packs_filter();
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    block_ = this->filter_block("conv2d_forward", &Conv2dProblem::out_channels);
    // On a GPU the tiles of the result overhang it, and read zeros there.
    const bool inside = this->problem() && !this->problem()->is_padded() && !this->get_target().has_gpu_feature() &&
                        this->reads_in_place() && !schedules::reads_filter_in_chunks(this->key("conv2d_forward")) &&
                        this->problem()->group().in_channels % this->channels_per_product() == 0;
    const Halide::Func padded =
        inside ? shifted(src, this->geometry().pad_left, this->geometry().pad_top)
               : zero_padded(this->elements(src), this->operand_type(), src.dim(1).extent(), src.dim(2).extent(),
                             this->geometry().pad_left, this->geometry().pad_top, this->overhang(src.dim(0).extent()));
    const Halide::RDom taps(0, this->whole_products(src.dim(0).extent()), 0, filter.dim(2).extent(), 0,
                            filter.dim(3).extent(), "taps");
    PackedFilter packed;
    if (this->packs_filter()) {
      packed =
          packed_taps(blocked(filter, 0, {filter.dim(0).extent(), filter.dim(1).extent()}, block_), {0, 0, 1, 1, 1, 1});
    }
    unblocked_filter_ = this->plain_filter(this->packs_filter() ? packed.packed : Halide::Func(filter), block_);
    convolution_ = forward(padded, unblocked_filter_, taps, this->geometry());
    convolution_.inside = inside;
    convolution_.filter = packed;
    dst(k, x, y, n, g) = this->stored(epilogue(element(convolution_.sum, block_, k, x, y, n, g), k, x, y, n, g));
  }

  void schedule() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    this->declare_image(src, this->input_extents);
    this->declare_filter(filter, block_, &Conv2dProblem::in_channels, &Conv2dProblem::out_channels);
    this->declare_image(dst, this->output_extents);
    this->declare_epilogue(epilogue);
    if (this->using_autoscheduler()) return;
    this->insert(schedules::schedule_direct(this->key("conv2d_forward"), dst,
                                            {{schedules::kPureDefinition, x, y, convolution_, unblocked_filter_}}));
  }

 private:
  int block_ = 0;
  Halide::Func unblocked_filter_;
  Convolution convolution_;
};

using Conv2dForwardPlain = Conv2dForward<NoEpilogue>;
using Conv2dForwardFused = Conv2dForward<FusedEpilogue>;

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dForwardPlain, conv2d_forward)
HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dForwardFused, conv2d_forward_fused)
HALIDE_REGISTER_GENERATOR_ALIAS(conv2d_forward_plainfilter, conv2d_forward, {{"packs_filter", "true"}})
