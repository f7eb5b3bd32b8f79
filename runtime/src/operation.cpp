#include "operation.h"

#include "convolution.h"
#include "gpu_driver.h"
#include "halconv/data_format.h"
#include "target_support.h"

namespace halconv::runtime {

namespace {

/// A target whose kernels work in the memory of `device`.
const TargetInfo &memory_target(halconv_device device) {
  switch (device) {
    case HALCONV_CUDA:
      return *find_target("cuda");
    case HALCONV_OPENCL:
      return *find_target("opencl");
    case HALCONV_HOST:
      break;
  }
  return *find_target("x86_64");
}

}  // namespace

Status operation_name(int32_t operation, std::string_view *name) {
  switch (operation) {
    case HALCONV_FORWARD:
      *name = kForward;
      return ok_status();
    case HALCONV_BACKWARD_INPUT:
      *name = kBackwardInput;
      return ok_status();
    case HALCONV_BACKWARD_FILTER:
      *name = kBackwardFilter;
      return ok_status();
    case HALCONV_FORWARD_FUSED:
      *name = kForwardFused;
      return ok_status();
  }
  return errors::operation(operation);
}

Conv2dProblem pointwise_problem(const halconv_tensor &output, halconv_data_format data_format) {
  const DataFormatInfo &format = *find_data_format(data_format);
  Conv2dProblem problem;
  problem.batch = output.shape[0];
  problem.in_height = problem.out_height = output.shape[format.height];
  problem.in_width = problem.out_width = output.shape[format.width];
  problem.in_channels = 1;
  problem.out_channels = output.shape[format.channels];
  problem.filter_height = problem.filter_width = 1;
  return problem;
}

Status enter_target(const TargetInfo &target, halconv_device device, CallContext *context) {
  install_halide_handlers();
  if (target.kind != TargetKind::kCuda) {
    return context->stream() == nullptr ? ok_status() : errors::stream_without_cuda(target.name);
  }
  const bool is_callers = device == HALCONV_CUDA || context->stream() != nullptr;
  context->set_cuda_context(is_callers ? current_cuda_context() : primary_cuda_context());
  if (context->cuda_context() != nullptr) return ok_status();
  return is_callers ? errors::no_current_cuda_context() : errors::no_primary_cuda_context();
}

Status fill_with_zeros(const halconv_tensor &tensor, CallContext *context) {
  const TargetInfo &target = memory_target(tensor.device);
  if (const std::string &reason = unavailable_reason(target); !reason.empty()) {
    return errors::target_unavailable(target.name, "the tensors' device", reason, "none");
  }
  HALCONV_RETURN_IF_ERROR(enter_target(target, tensor.device, context));
  KernelTensor zeros(context, target);
  HALCONV_RETURN_IF_ERROR(zeros.bind_output(tensor));
  return zeros.fill_with_zeros();
}

Status run_operation(const Operation &operation, const halconv_execution *options) {
  const halconv_tensor *first = operation.first.tensor, *second = operation.second.tensor;
  const halconv_tensor &result = *operation.result.tensor;
  Conv2dProblem problem = operation.problem;
  HALCONV_RETURN_IF_ERROR(check_placement(operation.first, operation.second, operation.result));
  Execution execution;
  HALCONV_RETURN_IF_ERROR(resolve_execution(options, &execution));
  execution.filter_changes = true;
  HALCONV_RETURN_IF_ERROR(check_target(execution));
  if (element_count(result) == 0) return ok_status();
  CallContext context(execution, execution.allocator());
  if (element_count(*first) == 0 || element_count(*second) == 0) {
    if (operation.name != kForwardFused) return fill_with_zeros(result, &context);
    // Sums without terms are as those of zeros, which the epilogue goes on with.
    first = second = nullptr;
    problem = pointwise_problem(result, operation.data_format);
  }
  HALCONV_RETURN_IF_ERROR(check_representable(problem));
  const Kernel *kernel = nullptr;
  HALCONV_RETURN_IF_ERROR(select_kernel(
      {operation.name, operation.algorithm, problem, {result.dtype, result.device, operation.data_format}}, execution,
      &kernel));
  HALCONV_RETURN_IF_ERROR(enter_target(*kernel->target, result.device, &context));
  Convolution convolution(*kernel, problem);
  HALCONV_RETURN_IF_ERROR(convolution.prepare(&context));
  KernelTensor zeros(&context, *kernel->target);
  if (operation.epilogue.needs_zeros()) HALCONV_RETURN_IF_ERROR(convolution.make_zeros(&zeros));
  return convolution.run({first, second, &result, nullptr, operation.epilogue, &zeros}, &context);
}

}  // namespace halconv::runtime
