/// One kernel bound to one problem: everything about a call that does not depend on the tensors' addresses.
#ifndef HALCONV_RUNTIME_CONVOLUTION_H_
#define HALCONV_RUNTIME_CONVOLUTION_H_

#include <vector>

#include "call_context.h"
#include "epilogue.h"
#include "halconv/backward_input_phase.h"
#include "halconv/conv2d_problem.h"
#include "kernel_call.h"
#include "kernel_table.h"
#include "kernel_tensor.h"
#include "status.h"

namespace halconv::runtime {

/// The tensors of one call, of the problem's shapes: forward (input, filter) -> output, backward_input (filter,
/// out_backprop) -> input_backprop, backward_filter (input, out_backprop) -> filter_backprop. Forward kernels of the
/// direct sum take zeros for one that is null.
struct Operands {
  const halconv_tensor *first, *second;
  const halconv_tensor *result;
  KernelTensor *packed_filter = nullptr;  ///< if not null, this is the filter and its tensor is not looked at
  Epilogue epilogue = {};                 ///< of fused kernels
  KernelTensor *zeros = nullptr;          ///< what make_zeros made
};

class Convolution {
 public:
  /// `problem` has no zero extent and passed check_representable. Call prepare before anything else.
  Convolution(const Kernel &kernel, const Conv2dProblem &problem);

  /// Asks the kernel which filter layout it wants.
  Status prepare(CallContext *context);

  const Kernel &kernel() const { return *kernel_; }
  const Conv2dProblem &problem() const { return problem_; }
  /// The kernel reads a filter in blocks of the result's channels.
  bool has_blocked_filter() const;

  /// A plan can keep the filter for the kernel.
  bool has_filter_to_keep() const;

  /// Copies an HWIO filter into the kernel's layout, which may be HWIO. Memory that `packed` already has is written
  /// again.
  Status pack_filter(KernelTensor *filter, KernelTensor *packed) const;

  /// Makes what a fused kernel reads for a missing bias or residual; nothing for other kernels.
  Status make_zeros(KernelTensor *zeros) const;

  Status run(const Operands &operands, CallContext *context) const;

 private:
  class FilterOperand;

  halconv_dtype dtype() const;
  bool has_epilogue() const;
  bool is_hwio_in_place(KernelTensor *filter) const;
  Status make_zero_input(KernelTensor *input) const;
  Status make_zero_filter(KernelTensor *packed) const;
  void describe_image(const Extents<4> &extents, KernelTensor *image) const;
  Status read_image(const halconv_tensor &tensor, const Extents<4> &extents, KernelTensor *image) const;
  Status write_image(const halconv_tensor &tensor, const Extents<4> &extents, KernelTensor *image) const;
  void add_geometry(KernelCall *call) const;
  Status run_forward(const Operands &operands, CallContext *context) const;
  Status run_backward_input(const Operands &operands, CallContext *context) const;
  Status run_backward_filter(const Operands &operands, CallContext *context) const;
  Status run_phases(KernelTensor *filter, KernelTensor *d_dst, KernelTensor *d_src) const;
  Status run_phase(const BackwardInputPhase &row, const BackwardInputPhase &column, KernelTensor *filter,
                   KernelTensor *d_dst, KernelTensor *d_src) const;

  const Kernel *kernel_;
  const Kernel *reorder_kernel_ = nullptr;
  Conv2dProblem problem_, computed_;  ///< the tensors' shapes, and how the kernel takes them
  Extents<6> packed_extents_{};
  halide_type_t packed_type_{};
  std::vector<BackwardInputPhase> row_phases_, column_phases_;
};

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_CONVOLUTION_H_
