#include "kernel_generator.h"

namespace halconv::generators {

/// d_src = conv2d_backprop_input(filter, d_dst): filter (c % block, k, s, r, c / block, g), or HWIO where the kernel
/// packs it, d_dst (k, x, y, n, g), d_src (c, x, y, n, g). A specialised kernel holds every phase of the stride; the
/// generic one computes a single phase, given the phase's rows and columns of d_src and its taps of the filter as
/// strided views (backward_input_phase.h).
class Conv2dBackwardInput : public KernelGenerator<Conv2dBackwardInput> {
 public:
  Input<Halide::Buffer<>> filter{"filter"};
  Input<Halide::Buffer<void, 5>> d_dst{"d_dst"};
  Output<Halide::Buffer<void, 5>> d_src{"d_src"};

  void configure() {
    filter.set_type(operand_type());
    filter.set_dimensions(packs_filter() ? 5 : 6);
    d_dst.set_type(stored_type());
    d_src.set_type(stored_type());
    if (problem()) return;
    offset_height_ = add_input<int32_t>("offset_height");
    offset_width_ = add_input<int32_t>("offset_width");
    advance_height_ = add_input<int32_t>("advance_height");
    advance_width_ = add_input<int32_t>("advance_width");
  }

  void generate() {
    check_packs_filter();
    block_ = filter_block("conv2d_backward_input", &Conv2dProblem::in_channels);
    blocks_ = packs_filter() ? blocked(filter, 1, {filter.dim(0).extent(), filter.dim(1).extent()}, block_)
                             : Halide::Func(filter);
    unblocked_filter_ = plain_filter(blocks_, block_);
    d_dst_padded_ = zero_padded(elements(d_dst), operand_type(), d_dst.dim(1).extent(), d_dst.dim(2).extent(), 0, 0,
                                overhang(d_dst.dim(0).extent()));
    if (!problem()) {
      generate_one_phase();
    } else if (problem()->stride_height == 1 && problem()->stride_width == 1) {
      generate_stride_one();
    } else if (schedules::shares_image(key("conv2d_backward_input"))) {
      generate_interleaved_phases();
    } else {
      generate_phases();
    }
  }

  void schedule() {
    declare_view(d_src, input_extents);
    declare_filter(filter, block_, &Conv2dProblem::out_channels, &Conv2dProblem::in_channels);
    declare_image(d_dst, output_extents);
    if (using_autoscheduler()) return;
    insert(schedules::schedule_direct(key("conv2d_backward_input"), d_src, parts_));
  }

 private:
  /// Whether the phase reads no row (column) outside the `extent` rows of d_dst.
  static bool is_inside(const BackwardInputPhase &phase, int64_t extent) {
    return phase.taps > 0 && phase.offset >= (phase.taps - 1) * phase.advance && phase.offset + phase.rows <= extent;
  }

  Convolution phase(const BackwardInputPhase &columns, const BackwardInputPhase &rows, const std::string &name) {
    const Halide::RDom taps(0, whole_products(d_dst.dim(0).extent()), 0, static_cast<int>(columns.taps), 0,
                            static_cast<int>(rows.taps), "taps" + name);
    const int left = -static_cast<int>(columns.offset), top = -static_cast<int>(rows.offset);
    // On a GPU the tiles of the result overhang it, and read zeros there.
    const bool inside = is_inside(columns, problem()->out_width) && is_inside(rows, problem()->out_height) &&
                        !get_target().has_gpu_feature() && reads_in_place() &&
                        problem()->group().out_channels % channels_per_product() == 0 &&
                        !schedules::shares_image(key("conv2d_backward_input")) &&
                        !schedules::reads_filter_in_chunks(key("conv2d_backward_input"));
    const Halide::Func padded = shifted(inside ? Halide::Func(d_dst) : d_dst_padded_, left, top);
    PhaseTaps phase_taps = {static_cast<int>(columns.first_tap), static_cast<int>(rows.first_tap),
                            static_cast<int>(columns.tap_step),  static_cast<int>(rows.tap_step),
                            static_cast<int>(columns.advance),   static_cast<int>(rows.advance)};
    Halide::Func read = unblocked_filter_;
    PackedFilter packed;
    if (packs_filter()) {
      packed = packed_taps(blocks_, phase_taps);
      read = plain_filter(packed.packed, block_);
      phase_taps = {0, 0, 1, 1, phase_taps.column_advance, phase_taps.row_advance};
    }
    Convolution convolution = backward_input(padded, read, taps, phase_taps);
    convolution.filter = packed;
    convolution.inside = inside;
    convolution.image = d_dst_padded_;
    return convolution;
  }

  void define_whole(const Convolution &convolution) {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    d_src(c, x, y, n, g) = stored(element(convolution.sum, block_, c, x, y, n, g));
    parts_ = {{schedules::kPureDefinition, x, y, convolution, unblocked_filter_}};
  }

  void generate_one_phase() {
    const Halide::RDom taps(0, whole_products(d_dst.dim(0).extent()), 0, filter.dim(2).extent(), 0,
                            filter.dim(3).extent(), "taps");
    const Halide::Func padded =
        zero_padded(elements(d_dst), operand_type(), d_dst.dim(1).extent(), d_dst.dim(2).extent(),
                    -Halide::Expr(*offset_width_), -Halide::Expr(*offset_height_), overhang(d_dst.dim(0).extent()));
    define_whole(backward_input(padded, unblocked_filter_, taps, {0, 0, 1, 1, *advance_width_, *advance_height_}));
  }

  std::vector<BackwardInputPhase> row_phases() {
    const Conv2dProblem &p = *problem();
    return backward_input_phases(p.in_height, p.filter_height, p.stride_height, p.dilation_height, p.pad_top);
  }
  std::vector<BackwardInputPhase> column_phases() {
    const Conv2dProblem &p = *problem();
    return backward_input_phases(p.in_width, p.filter_width, p.stride_width, p.dilation_width, p.pad_left);
  }

  void generate_stride_one() { define_whole(phase(column_phases().front(), row_phases().front(), "")); }

  void generate_phases() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    const int stride_width = static_cast<int>(problem()->stride_width);
    const int stride_height = static_cast<int>(problem()->stride_height);
    d_src(c, x, y, n, g) = Halide::undef(d_src.type());
    for (const BackwardInputPhase &rows : row_phases()) {
      for (const BackwardInputPhase &columns : column_phases()) {
        const int update = static_cast<int>(parts_.size());
        const std::string name = std::to_string(update);
        const Halide::RDom pixel(0, static_cast<int>(columns.rows), 0, static_cast<int>(rows.rows), "pixel" + name);
        const Convolution convolution = phase(columns, rows, name);
        d_src(c, static_cast<int>(columns.first_row) + stride_width * pixel.x,
              static_cast<int>(rows.first_row) + stride_height * pixel.y, n, g) =
            stored(element(convolution.sum, block_, c, pixel.x, pixel.y, n, g));
        parts_.push_back({update,
                          Halide::RVar(pixel.x),
                          Halide::RVar(pixel.y),
                          convolution,
                          unblocked_filter_,
                          {static_cast<int>(columns.first_tap), static_cast<int>(rows.first_tap),
                           static_cast<int>(columns.tap_step), static_cast<int>(rows.tap_step)}});
      }
    }
  }

  /// values[index % their number].
  static Halide::Expr in_turns(const Halide::Expr &index, const std::vector<Halide::Expr> &values) {
    return values.size() == 1 ? values.front() : mux(index % static_cast<int>(values.size()), values);
  }

  /// All phases in one definition, pixel by pixel.
  void generate_interleaved_phases() {
    const auto [c, k, x, y, n, s, r, g] = Dimensions();
    const int stride_width = static_cast<int>(problem()->stride_width);
    const int stride_height = static_cast<int>(problem()->stride_height);
    std::vector<Halide::Expr> of_rows;
    for (const BackwardInputPhase &rows : row_phases()) {
      std::vector<Halide::Expr> of_columns;
      for (const BackwardInputPhase &columns : column_phases()) {
        const Convolution convolution = phase(columns, rows, std::to_string(parts_.size()));
        of_columns.push_back(element(convolution.sum, block_, c, x / stride_width, y / stride_height, n, g));
        parts_.push_back({schedules::kPureDefinition, x, y, convolution, unblocked_filter_});
      }
      of_rows.push_back(in_turns(x, of_columns));
    }
    d_src(c, x, y, n, g) = stored(in_turns(y, of_rows));
  }

  int block_ = 0;
  Halide::Func blocks_, unblocked_filter_, d_dst_padded_;
  Halide::GeneratorInput<int32_t> *offset_height_ = nullptr, *offset_width_ = nullptr;
  Halide::GeneratorInput<int32_t> *advance_height_ = nullptr, *advance_width_ = nullptr;
  std::vector<schedules::ResultPart> parts_;
};

}  // namespace halconv::generators

HALIDE_REGISTER_GENERATOR(halconv::generators::Conv2dBackwardInput, conv2d_backward_input)
HALIDE_REGISTER_GENERATOR_ALIAS(conv2d_backward_input_plainfilter, conv2d_backward_input, {{"packs_filter", "true"}})
