/// What the kernel generators share: the problem a kernel is for, and how its tensors lie in memory.
#ifndef HALCONV_GENERATORS_KERNEL_GENERATOR_H_
#define HALCONV_GENERATORS_KERNEL_GENERATOR_H_

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "Halide.h"
#include "ceil_divide.h"
#include "conv2d_algorithm.h"
#include "element_type.h"
#include "epilogue.h"
#include "halconv/conv2d_problem.h"
#include "halconv/long_rows.h"
#include "halconv/winograd.h"
#include "kernel_schedule.h"
#include "prefetch.h"

namespace halconv::generators {

/// A generator of one convolution kernel. `problem` is benchdnn notation for a kernel of that shape alone, or "generic"
/// for one that takes sizes from its buffers and the rest as scalars; `dtype` is a name of kDtypes, `data_format` of
/// kDataFormats; `table` names the file of tuned schedules. A kernel that `packs_filter` reads HWIO instead of blocks.
template <typename Derived>
class KernelGenerator : public Halide::Generator<Derived> {
 public:
  Halide::GeneratorParam<std::string> problem_{"problem", "generic"};
  Halide::GeneratorParam<std::string> dtype_{"dtype", "f32"};
  Halide::GeneratorParam<std::string> data_format_{"data_format", "nhwc"};
  Halide::GeneratorParam<std::string> table_{"table", ""};
  Halide::GeneratorParam<bool> packs_filter_{"packs_filter", false};

 protected:
  Halide::Pipeline build_pipeline() override {
    Halide::Pipeline built = Halide::Generator<Derived>::build_pipeline();
    for (const schedules::Prefetch &prefetch : prefetches_) {
      built.add_custom_lowering_pass(schedules::insertion(prefetch).release());
    }
    return built;
  }

  /// The shape that the loops go over, or nothing for a generic kernel. Throws Halide::CompileError for a malformed
  /// problem.
  const std::optional<Conv2dProblem> &problem() {
    if (!parsed_) {
      parsed_ = true;
      const std::string text = problem_.value();
      if (text != "generic") {
        const ParseResult<SuiteEntry> result = parse_suite_entry(text);
        if (!result.value) {
          throw Halide::CompileError("problem=" + text + ":" + std::to_string(result.error.column) + ": " +
                                     result.error.message);
        }
        listed_ = result.value->problem;
        shape_ = as_computed(*listed_, !this->get_target().has_gpu_feature(), data_format());
      }
    }
    return shape_;
  }

  /// Of the tensors' elements. Throws Halide::CompileError for an unknown dtype.
  Halide::Type element_type() const { return generators::element_type(dtype_.value()); }

  /// Of the tensors in memory.
  Halide::Type stored_type() const { return generators::stored_type(this->get_target(), element_type()); }
  Halide::Func elements(Halide::Func tensor) const { return generators::elements(tensor, element_type()); }
  Halide::Expr stored(const Halide::Expr &value) const {
    return generators::stored(this->get_target(), element_type(), value);
  }

  /// Of the images. Throws Halide::CompileError for an unknown one.
  halconv_data_format data_format() const {
    const DataFormatInfo *const format = find_data_format(data_format_.value());
    if (format != nullptr) return format->value;
    throw Halide::CompileError("data_format=" + data_format_.value() + ": expected one of " + data_format_names());
  }
  bool is_planar() const { return data_format() == HALCONV_NCHW; }

  /// Throws Halide::CompileError for another data format.
  void check_is_nhwc() const {
    if (is_planar()) throw Halide::CompileError("data_format=" + data_format_.value() + ": expected nhwc");
  }

  /// Channels of image and filter that forward and backward_input multiply at once, columns in backward_filter.
  int channels_per_product() const { return schedules::channels_per_product(this->get_target(), element_type()); }

  /// What kernels multiply: elements, or what they are converted to, which takes a copy.
  Halide::Type operand_type() const { return channels_per_product() > 1 ? element_type() : copy_type(element_type()); }
  /// Whether forward and backward_input may read an image where it is.
  bool reads_in_place() const { return operand_type() == element_type() && !is_planar(); }

  /// The channels that forward and backward_input sum over, or backward_filter's columns, with a zero after an odd
  /// number where they come in pairs.
  Halide::Expr whole_products(const Halide::Expr &channels) const {
    const int together = channels_per_product();
    return (channels + together - 1) / together * together;
  }

  bool packs_filter() const { return packs_filter_.value(); }

  /// Throws Halide::CompileError for what no kernel packs its filter for: a shape that is not known, another dtype than
  /// f32 and another data format than nhwc.
  void check_packs_filter() {
    if (!packs_filter()) return;
    check_is_f32(dtype_.value());
    check_is_nhwc();
    if (!problem()) throw Halide::CompileError("problem=generic: expected a shape for a kernel that packs its filter");
  }

  /// Has the kernel compiled with them.
  void insert(std::vector<schedules::Prefetch> prefetches) { prefetches_ = std::move(prefetches); }

  /// The filter without blocks, or with pairs resolved.
  Halide::Func plain_filter(Halide::Func filter, int block) const {
    return channels_per_product() > 1 ? unpaired(filter) : unblocked(filter, block);
  }

  /// The shape of a kernel by Winograd's algorithm. Throws Halide::CompileError for one that the algorithm does not
  /// fit, and for another dtype than f32.
  const Conv2dProblem &winograd_problem() {
    check_is_f32(dtype_.value());
    if (!problem() || !fits_winograd(*problem())) {
      throw Halide::CompileError("problem=" + problem_.value() +
                                 ": expected a 3x3 filter, stride 1 and dilation 1 for Winograd's algorithm");
    }
    return *problem();
  }

  schedules::KernelKey key(const std::string &operation) {
    const std::optional<Conv2dProblem> &shape = problem();
    return {operation,      shape,   listed_,       element_type(), this->get_target(),
            table_.value(), nullptr, data_format(), packs_filter()};
  }

  /// An argument of a generic kernel, a constant of a specialised one. Converts to Expr from generate() on.
  struct Scalar {
    Halide::GeneratorInput<int32_t> *argument = nullptr;
    int constant = 0;
    operator Halide::Expr() const { return argument ? Halide::Expr(*argument) : Halide::Expr(constant); }
  };

  /// Declares the scalar; call from configure().
  Scalar scalar(const std::string &name, int64_t Conv2dProblem::*value) {
    if (problem()) return {nullptr, static_cast<int>((*problem()).*value)};
    return {this->template add_input<int32_t>(name)};
  }

  void configure_geometry() {
    stride_height_ = scalar("stride_height", &Conv2dProblem::stride_height);
    stride_width_ = scalar("stride_width", &Conv2dProblem::stride_width);
    dilation_height_ = scalar("dilation_height", &Conv2dProblem::dilation_height);
    dilation_width_ = scalar("dilation_width", &Conv2dProblem::dilation_width);
    pad_top_ = scalar("pad_top", &Conv2dProblem::pad_top);
    pad_left_ = scalar("pad_left", &Conv2dProblem::pad_left);
  }

  Geometry geometry() const {
    return {stride_height_, stride_width_, dilation_height_, dilation_width_, pad_top_, pad_left_};
  }

  /// `channels` where a kernel reads beyond them and expects zeros: a generic one on a GPU stages a fixed number at
  /// once.
  Halide::Expr overhang(Halide::Expr channels) {
    const bool overhangs = (this->get_target().has_gpu_feature() && !problem()) || channels_per_product() > 1;
    return overhangs ? channels : Halide::Expr();
  }

  static constexpr int kVectorBytes = 16;  ///< a GPU's widest access, which must be aligned

  /// The extents of a dense tensor, channels of all groups innermost.
  using Extents = std::array<int64_t, 4> (*)(const Conv2dProblem &);
  static std::array<int64_t, 4> input_extents(const Conv2dProblem &p) {
    return {p.in_channels, p.in_width, p.in_height, p.batch};
  }
  static std::array<int64_t, 4> output_extents(const Conv2dProblem &p) {
    return {p.out_channels, p.out_width, p.out_height, p.batch};
  }
  static std::array<int64_t, 4> filter_extents(const Conv2dProblem &p) {
    return {p.out_channels, p.in_channels / p.groups, p.filter_width, p.filter_height};
  }

  /// Result channels in a block of the filter. An autoscheduler, which the bench compares the schedules with, reads
  /// HWIO as it is: a single block.
  int filter_block(const std::string &operation, int64_t Conv2dProblem::*blocked) {
    if (this->using_autoscheduler() && problem()) return static_cast<int>((*problem()).*blocked / problem()->groups);
    return schedules::direct_block(key(operation));
  }

  /// Dimensions of a tensor, the one of stride 1 first.
  using Order = std::array<int, 4>;

  /// Starts every dimension at 0 and, in a specialised kernel, fixes extents and strides to those of a dense tensor
  /// (and tells an autoscheduler), whose last dimension here is the group that the channels of dimension 0 are in.
  void declare_dense(Halide::OutputImageParam tensor, Extents extents_of, const Order &order = {0, 1, 2, 3}) {
    declare_origin(tensor);
    tensor.dim(order.front()).set_stride(1);
    if (!problem()) return;
    const int groups = static_cast<int>(problem()->groups);
    const std::array<int64_t, 4> extents = extents_of(*problem());
    int stride = 1;
    for (const int i : order) {
      const int whole = static_cast<int>(extents[static_cast<size_t>(i)]), extent = i == 0 ? whole / groups : whole;
      tensor.dim(i).set_bounds(0, extent).set_estimate(0, extent).set_stride(stride);
      if (i == 0) tensor.dim(4).set_bounds(0, groups).set_estimate(0, groups).set_stride(extent * stride);
      stride *= whole;
    }
    const bool has_vectors = order.front() == 0 && extents[0] % 4 == 0;
    if (this->get_target().has_gpu_feature() && has_vectors) tensor.set_host_alignment(kVectorBytes);
  }

  /// Starts every dimension at 0. Of the strides none is known yet.
  static void declare_origin(Halide::OutputImageParam tensor) {
    for (int i = 0; i < tensor.dimensions(); ++i) tensor.dim(i).set_min(0);
    tensor.dim(0).set_stride(Halide::Expr());
  }

  /// declare_dense for an image in the data format.
  void declare_image(Halide::OutputImageParam tensor, Extents extents_of) {
    declare_dense(tensor, extents_of, is_planar() ? Order{1, 2, 0, 3} : Order{0, 1, 2, 3});
  }

  /// The same for one that a generic kernel gets a strided view of.
  void declare_view(Halide::OutputImageParam tensor, Extents extents_of) {
    if (problem()) return declare_image(tensor, extents_of);
    declare_origin(tensor);
    if (!is_planar()) tensor.dim(0).set_stride(1);
  }

  void declare_epilogue(const NoEpilogue &) {}

  /// What the epilogue reads besides the sum, as declare_image declares dst, but for the steps of the residual that one
  /// of zeros does not take: neighbours in memory are channels, of planes pixels of a row.
  void declare_epilogue(FusedEpilogue &epilogue) {
    Halide::OutputImageParam bias = epilogue.bias, residual = epilogue.residual;
    for (int i = 0; i < bias.dimensions(); ++i) bias.dim(i).set_min(0);
    declare_origin(residual);
    residual.dim(is_planar() ? 1 : 0).set_stride(1);
    if (!problem()) return;
    const int groups = static_cast<int>(problem()->groups);
    const std::array<int64_t, 4> extents = output_extents(*problem());
    const int group_channels = static_cast<int>(extents[0]) / groups;
    for (Halide::OutputImageParam *tensor : {&bias, &residual}) {
      tensor->dim(0).set_bounds(0, group_channels);
      Halide::Internal::Dimension group = tensor->dim(tensor->dimensions() - 1);
      group.set_bounds(0, groups);
      if (tensor == &residual && is_planar()) continue;
      group.set_stride(group_channels);
      if (this->get_target().has_gpu_feature() && extents[0] % 4 == 0) tensor->set_host_alignment(kVectorBytes);
    }
    for (int i = 1; i < 4; ++i) residual.dim(i).set_bounds(0, static_cast<int>(extents[static_cast<size_t>(i)]));
  }

  /// HWIO where the kernel packs it, otherwise declare_blocked.
  void declare_filter(Halide::OutputImageParam filter, int block, int64_t Conv2dProblem::*reduced,
                      int64_t Conv2dProblem::*blocked) {
    if (packs_filter()) return declare_dense(filter, filter_extents);
    declare_blocked(filter, block, reduced, blocked);
  }

  /// The filter in blocks of `block` result channels (dimension 0), `reduced` channels of the other side, both those of
  /// all groups.
  void declare_blocked(Halide::OutputImageParam filter, int block, int64_t Conv2dProblem::*reduced,
                       int64_t Conv2dProblem::*blocked) {
    const int together = channels_per_product();
    filter.dim(0).set_bounds(0, block * together).set_stride(1);
    for (int i = 1; i < filter.dimensions(); ++i) filter.dim(i).set_min(0);
    if (this->get_target().has_gpu_feature()) {
      filter.set_host_alignment(kVectorBytes);
      filter.dim(1).set_stride(block);
      for (int i = 2; i < filter.dimensions(); ++i) {
        filter.dim(i).set_stride(filter.dim(i).stride() / block * block);
      }
    }
    if (!problem()) return;
    const Conv2dProblem &p = *problem();
    declare_blocks(filter, {block * together, schedules::ceil_divide(p.*reduced / p.groups, together), p.filter_width,
                            p.filter_height, schedules::ceil_divide(p.*blocked / p.groups, block), p.groups});
  }

  /// A 3x3 filter transformed to points x points elements, otherwise as declare_blocked, in a specialised kernel.
  void declare_transformed(Halide::OutputImageParam filter, int block, int points, int64_t Conv2dProblem::*reduced,
                           int64_t Conv2dProblem::*blocked) {
    const Conv2dProblem &p = *problem();
    declare_blocks(filter, {block, p.*reduced / p.groups, points, points,
                            schedules::ceil_divide(p.*blocked / p.groups, block), p.groups});
  }

 private:
  void declare_blocks(Halide::OutputImageParam filter, const std::array<int64_t, 6> &extents) {
    int64_t stride = 1;
    for (int i = 0; i < filter.dimensions(); ++i) {
      const int extent = static_cast<int>(extents[static_cast<size_t>(i)]);
      filter.dim(i).set_bounds(0, extent).set_estimate(0, extent).set_stride(static_cast<int>(stride));
      stride *= extent;
    }
  }

  std::vector<schedules::Prefetch> prefetches_;
  Scalar stride_height_, stride_width_, dilation_height_, dilation_width_, pad_top_, pad_left_;
  bool parsed_ = false;
  std::optional<Conv2dProblem> listed_, shape_;  ///< as the suite has it, and as the loops do
};

}  // namespace halconv::generators

#endif  // HALCONV_GENERATORS_KERNEL_GENERATOR_H_
