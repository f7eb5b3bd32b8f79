#include "convolution.h"

#include <string>
#include <string_view>

#include "halconv/dtype.h"
#include "halconv/long_rows.h"
#include "halconv/winograd.h"

namespace halconv::runtime {

namespace {

/// A group's filter as the kernel's side sees it, (blocked channels, other channels, s, r), before blocking.
Extents<4> filter_extents(const Kernel &kernel, const Conv2dProblem &p) {
  const Conv2dProblem group = p.group();
  const bool forward = is_forward(kernel.name.operation);
  return {forward ? group.out_channels : group.in_channels, forward ? group.in_channels : group.out_channels,
          p.filter_width, p.filter_height};
}

Conv2dProblem as_computed(const Kernel &kernel, const Conv2dProblem &problem) {
  if (!kernel.name.problem) return problem;
  return as_computed(problem, kernel.target->kind == TargetKind::kCpu, kernel.name.data_format);
}

std::string reorder_kernel_name(const Kernel &kernel) {
  const std::string_view operation =
      is_forward(kernel.name.operation) ? kReorderFilterForward : kReorderFilterBackwardInput;
  return to_string(
      KernelName{std::string(operation), kernel.name.algorithm, std::nullopt, kernel.name.dtype, kernel.name.target});
}

/// The element type that the kernel wants of its tensor `name`.
halide_type_t argument_type(const Kernel &kernel, std::string_view name) {
  const halide_filter_metadata_t &metadata = *kernel.metadata();
  for (int32_t i = 0; i < metadata.num_arguments; ++i) {
    if (metadata.arguments[i].name == name) return metadata.arguments[i].type;
  }
  return {};
}

/// `extent` elements of a dimension, `step` apart. A single element needs no stride, which could overflow.
halide_dimension_t every(const halide_dimension_t &dimension, int64_t step, int64_t extent) {
  const int64_t stride = extent > 1 ? dimension.stride * step : dimension.stride;
  return {0, static_cast<int32_t>(extent), static_cast<int32_t>(stride)};
}

/// The part of a tensor that is `rows` and `columns` of its dimensions 3 and 2, or 2 and 1.
struct Progression {
  int64_t first, step, count;
};

Slice slice(const halide_buffer_t &tensor, int column_dimension, const Progression &columns, const Progression &rows) {
  Slice part;
  for (int i = 0; i < tensor.dimensions; ++i) part.dimensions[static_cast<size_t>(i)] = tensor.dim[i];
  const auto along = [&](int dimension, const Progression &progression) {
    part.offset += progression.first * tensor.dim[dimension].stride;
    part.dimensions[static_cast<size_t>(dimension)] = every(tensor.dim[dimension], progression.step, progression.count);
  };
  along(column_dimension, columns);
  along(column_dimension + 1, rows);
  if (columns.count == 0 || rows.count == 0) part.offset = 0;
  return part;
}

}  // namespace

/// The filter argument of one call: already packed, read in place, or packed into scratch.
class Convolution::FilterOperand {
 public:
  FilterOperand(const Convolution &convolution, CallContext *context)
      : convolution_(convolution),
        hwio_(context, *convolution.kernel_->target),
        packed_(context, *convolution.kernel_->target) {}

  Status bind(const halconv_tensor *filter, KernelTensor *packed) {
    tensor_ = packed;
    if (tensor_ != nullptr) return ok_status();
    if (filter == nullptr) {
      tensor_ = &packed_;
      return convolution_.make_zero_filter(&packed_);
    }
    HALCONV_RETURN_IF_ERROR(hwio_.bind_input(*filter));
    hwio_.split_groups(convolution_.problem_.groups);
    if (!convolution_.has_blocked_filter()) {
      tensor_ = &hwio_;
    } else if (convolution_.is_hwio_in_place(&hwio_)) {
      hwio_.describe(convolution_.packed_extents_, convolution_.packed_type_);
      tensor_ = &hwio_;
    } else {
      HALCONV_RETURN_IF_ERROR(convolution_.pack_filter(&hwio_, &packed_));
      tensor_ = &packed_;
    }
    return ok_status();
  }

  KernelTensor *tensor() { return tensor_; }

 private:
  const Convolution &convolution_;
  KernelTensor hwio_, packed_;
  KernelTensor *tensor_ = nullptr;
};

Convolution::Convolution(const Kernel &kernel, const Conv2dProblem &problem)
    : kernel_(&kernel), problem_(problem), computed_(as_computed(kernel, problem)) {
  if (kernel.name.operation != kBackwardInput || kernel.name.problem) return;
  const Conv2dProblem &p = problem_;
  row_phases_ = backward_input_phases(p.in_height, p.filter_height, p.stride_height, p.dilation_height, p.pad_top);
  column_phases_ = backward_input_phases(p.in_width, p.filter_width, p.stride_width, p.dilation_width, p.pad_left);
}

halconv_dtype Convolution::dtype() const { return find_dtype(kernel_->name.dtype)->value; }

bool Convolution::has_epilogue() const { return kernel_->name.operation == kForwardFused; }

bool Convolution::has_blocked_filter() const {
  const std::string &algorithm = kernel_->name.algorithm;
  return kernel_->name.operation != kBackwardFilter && (algorithm.empty() || is_winograd(algorithm));
}

bool Convolution::has_filter_to_keep() const {
  return kernel_->name.operation != kBackwardFilter && kernel_->name.algorithm != kAutodiff;
}

void Convolution::add_geometry(KernelCall *call) const {
  if (kernel_->name.problem) return;
  call->add_scalar(problem_.stride_height).add_scalar(problem_.stride_width);
  call->add_scalar(problem_.dilation_height).add_scalar(problem_.dilation_width);
  call->add_scalar(problem_.pad_top).add_scalar(problem_.pad_left);
}

Status Convolution::prepare(CallContext *context) {
  if (!has_blocked_filter()) return ok_status();
  reorder_kernel_ = find_kernel(reorder_kernel_name(*kernel_));
  const auto [blocked, other, columns, rows] = filter_extents(*kernel_, problem_);
  KernelTensor filter(context, *kernel_->target), input(context, *kernel_->target), output(context, *kernel_->target);
  packed_type_ = argument_type(*kernel_, "filter");
  filter.describe(Extents<6>{blocked, other, columns, rows, 1, problem_.groups}, packed_type_);
  describe_image(input_extents(computed_), &input);
  describe_image(output_extents(computed_), &output);
  KernelCall call(context);
  EpilogueArguments epilogue(context, *kernel_->target);
  if (is_forward(kernel_->name.operation)) {
    call.add(input.buffer()).add(filter.buffer());
    if (has_epilogue()) {
      epilogue.describe(computed_, dtype(), kernel_->name.data_format);
      epilogue.add_to(&call);
    }
    add_geometry(&call);
    call.add(output.buffer());
  } else {
    call.add(filter.buffer()).add(output.buffer());
    if (!kernel_->name.problem) call.add_scalar(0).add_scalar(0).add_scalar(1).add_scalar(1);
    call.add(input.buffer());
  }
  HALCONV_RETURN_IF_ERROR(call.run(*kernel_));
  const halide_dimension_t *const packed = filter.buffer()->dim;
  packed_extents_ = {packed[0].extent, packed[1].extent, columns, rows, packed[4].extent, problem_.groups};
  if (is_winograd(kernel_->name.algorithm)) {  // a transformed filter has more columns and rows
    packed_extents_[2] = packed[2].extent;
    packed_extents_[3] = packed[3].extent;
  }
  return ok_status();
}

/// HWIO of one group is the direct forward kernels' layout with a single block.
bool Convolution::is_hwio_in_place(KernelTensor *filter) const {
  return is_forward(kernel_->name.operation) && kernel_->name.algorithm.empty() && problem_.groups == 1 &&
         packed_extents_[0] == problem_.out_channels && packed_extents_[4] == 1 &&
         packed_type_ == filter->buffer()->type && filter->is_aligned();
}

void Convolution::describe_image(const Extents<4> &extents, KernelTensor *image) const {
  image->describe_image(extents, stored_type(*kernel_->target, dtype()), kernel_->name.data_format);
  image->split_groups(problem_.groups);
}

Status Convolution::read_image(const halconv_tensor &tensor, const Extents<4> &extents, KernelTensor *image) const {
  HALCONV_RETURN_IF_ERROR(image->bind_input(tensor, kernel_->name.data_format));
  describe_image(extents, image);
  return ok_status();
}

Status Convolution::write_image(const halconv_tensor &tensor, const Extents<4> &extents, KernelTensor *image) const {
  HALCONV_RETURN_IF_ERROR(image->bind_output(tensor, kernel_->name.data_format));
  describe_image(extents, image);
  return ok_status();
}

Status Convolution::make_zero_input(KernelTensor *input) const {
  HALCONV_RETURN_IF_ERROR(input->allocate_image(input_extents(computed_), stored_type(*kernel_->target, dtype()),
                                                kernel_->name.data_format));
  input->split_groups(problem_.groups);
  return input->fill_with_zeros();
}

Status Convolution::make_zero_filter(KernelTensor *packed) const {
  HALCONV_RETURN_IF_ERROR(packed->allocate(packed_extents_, packed_type_));
  return packed->fill_with_zeros();
}

Status Convolution::make_zeros(KernelTensor *zeros) const {
  return has_epilogue() ? make_epilogue_zeros(problem_, dtype(), zeros) : ok_status();
}

Status Convolution::pack_filter(KernelTensor *filter, KernelTensor *packed) const {
  if (!has_blocked_filter()) return packed->copy(filter);
  if (reorder_kernel_ == nullptr) return errors::no_reorder_kernel(reorder_kernel_name(*kernel_), kernel_->text);
  if (!packed->has_memory()) HALCONV_RETURN_IF_ERROR(packed->allocate(packed_extents_, packed_type_));
  return KernelCall(filter->context()).add(filter->buffer()).add(packed->buffer()).run(*reorder_kernel_);
}

Status Convolution::run(const Operands &operands, CallContext *context) const {
  if (is_forward(kernel_->name.operation)) return run_forward(operands, context);
  if (kernel_->name.operation == kBackwardInput) return run_backward_input(operands, context);
  return run_backward_filter(operands, context);
}

Status Convolution::run_forward(const Operands &operands, CallContext *context) const {
  KernelTensor src(context, *kernel_->target), dst(context, *kernel_->target);
  FilterOperand filter(*this, context);
  EpilogueArguments epilogue(context, *kernel_->target);
  HALCONV_RETURN_IF_ERROR(operands.first == nullptr ? make_zero_input(&src)
                                                    : read_image(*operands.first, input_extents(computed_), &src));
  HALCONV_RETURN_IF_ERROR(filter.bind(operands.second, operands.packed_filter));
  HALCONV_RETURN_IF_ERROR(write_image(*operands.result, output_extents(computed_), &dst));
  KernelCall call(context);
  call.add(src.buffer()).add(filter.tensor()->buffer());
  if (has_epilogue()) {
    HALCONV_RETURN_IF_ERROR(
        epilogue.bind(operands.epilogue, computed_, dtype(), kernel_->name.data_format, operands.zeros));
    epilogue.add_to(&call);
  }
  add_geometry(&call);
  HALCONV_RETURN_IF_ERROR(call.add(dst.buffer()).run(*kernel_));
  return dst.publish();
}

Status Convolution::run_backward_filter(const Operands &operands, CallContext *context) const {
  KernelTensor src(context, *kernel_->target), d_dst(context, *kernel_->target), d_filter(context, *kernel_->target);
  HALCONV_RETURN_IF_ERROR(read_image(*operands.first, input_extents(computed_), &src));
  HALCONV_RETURN_IF_ERROR(read_image(*operands.second, output_extents(computed_), &d_dst));
  HALCONV_RETURN_IF_ERROR(d_filter.bind_output(*operands.result));
  d_filter.split_groups(problem_.groups);
  KernelCall call(context);
  call.add(src.buffer()).add(d_dst.buffer());
  add_geometry(&call);
  HALCONV_RETURN_IF_ERROR(call.add(d_filter.buffer()).run(*kernel_));
  return d_filter.publish();
}

Status Convolution::run_backward_input(const Operands &operands, CallContext *context) const {
  KernelTensor d_dst(context, *kernel_->target), d_src(context, *kernel_->target);
  FilterOperand filter(*this, context);
  HALCONV_RETURN_IF_ERROR(filter.bind(operands.first, operands.packed_filter));
  HALCONV_RETURN_IF_ERROR(read_image(*operands.second, output_extents(computed_), &d_dst));
  HALCONV_RETURN_IF_ERROR(write_image(*operands.result, input_extents(computed_), &d_src));
  if (kernel_->name.algorithm != kAutodiff && !kernel_->name.problem) {
    HALCONV_RETURN_IF_ERROR(run_phases(filter.tensor(), &d_dst, &d_src));
  } else {
    KernelCall call(context);
    call.add(filter.tensor()->buffer()).add(d_dst.buffer());
    add_geometry(&call);
    HALCONV_RETURN_IF_ERROR(call.add(d_src.buffer()).run(*kernel_));
  }
  return d_src.publish();
}

Status Convolution::run_phases(KernelTensor *filter, KernelTensor *d_dst, KernelTensor *d_src) const {
  for (const BackwardInputPhase &row : row_phases_) {
    for (const BackwardInputPhase &column : column_phases_) {
      HALCONV_RETURN_IF_ERROR(run_phase(row, column, filter, d_dst, d_src));
    }
  }
  return ok_status();
}

Status Convolution::run_phase(const BackwardInputPhase &row, const BackwardInputPhase &column, KernelTensor *filter,
                              KernelTensor *d_dst, KernelTensor *d_src) const {
  SliceView taps(filter, slice(*filter->buffer(), 2, {column.first_tap, column.tap_step, column.taps},
                               {row.first_tap, row.tap_step, row.taps}));
  SliceView pixels(d_src, slice(*d_src->buffer(), 1, {column.first_row, problem_.stride_width, column.rows},
                                {row.first_row, problem_.stride_height, row.rows}));
  HALCONV_RETURN_IF_ERROR(taps.open_input());
  HALCONV_RETURN_IF_ERROR(pixels.open_output());
  KernelCall call(d_src->context());
  call.add(taps.buffer()).add(d_dst->buffer());
  call.add_scalar(row.offset).add_scalar(column.offset).add_scalar(row.advance).add_scalar(column.advance);
  HALCONV_RETURN_IF_ERROR(call.add(pixels.buffer()).run(*kernel_));
  return pixels.publish();
}

}  // namespace halconv::runtime
