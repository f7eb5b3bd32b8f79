/// The fused epilogue: what a caller asks for, checked, and the arguments that kernels take for it.
#ifndef HALCONV_RUNTIME_EPILOGUE_H_
#define HALCONV_RUNTIME_EPILOGUE_H_

#include <limits>

#include "call_context.h"
#include "halconv/conv2d_problem.h"
#include "kernel_call.h"
#include "kernel_tensor.h"
#include "status.h"
#include "tensor_check.h"

namespace halconv::runtime {

struct Bounds {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
};

/// A halconv_epilogue that passed check_epilogue.
struct Epilogue {
  const halconv_tensor *bias = nullptr, *residual = nullptr;  ///< null: none
  Bounds bounds = {};

  bool needs_zeros() const { return bias == nullptr || residual == nullptr; }
};

/// The bounds of the activation for elements of `dtype`, which is one of kDtypes. `epilogue` may be null.
Status check_activation(const halconv_epilogue *epilogue, halconv_dtype dtype, Bounds *bounds);

/// The epilogue of a convolution into `output`, a checked tensor in the data format. `epilogue` may be null.
Status check_epilogue(const halconv_epilogue *epilogue, const NamedTensor &output, halconv_data_format data_format,
                      Epilogue *checked);

/// A tensor of rank 1 as a pixel of its channels, of rank 4.
halconv_tensor as_pixel(const halconv_tensor &tensor);

/// A tensor [k] of the k, dtype and device of `output`, an image in the data format, aligned as these need it.
Status check_channels(const NamedTensor &tensor, const NamedTensor &output, halconv_data_format data_format);

/// The type that kernels compute the epilogue in, which is that of its bounds.
halide_type_t bound_type(halconv_dtype dtype);

/// Zeros for all output channels, which stand for a missing bias, and for a missing residual: read for every pixel, or
/// a row of them for every row of a plane.
Status make_epilogue_zeros(const Conv2dProblem &problem, halconv_dtype dtype, KernelTensor *zeros);

/// Bias, residual and bounds as a fused kernel takes them.
class EpilogueArguments {
 public:
  EpilogueArguments(CallContext *context, const TargetInfo &target)
      : bias_(context, target), residual_(context, target) {}

  /// For a bounds query.
  void describe(const Conv2dProblem &problem, halconv_dtype dtype, halconv_data_format data_format);

  /// `zeros` is what make_epilogue_zeros made, if the epilogue needs them.
  Status bind(const Epilogue &epilogue, const Conv2dProblem &problem, halconv_dtype dtype,
              halconv_data_format data_format, KernelTensor *zeros);

  void add_to(KernelCall *call);

 private:
  KernelTensor bias_, residual_;
  StridedView zero_bias_, zero_residual_;
  halide_buffer_t *bias_argument_ = nullptr, *residual_argument_ = nullptr;
  Bounds bounds_;
  halide_type_t bound_type_{};
};

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_EPILOGUE_H_
