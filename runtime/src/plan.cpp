/// Plans: what a call finds out before it runs, kept.
#include <memory>
#include <optional>

#include "convolution.h"
#include "enum_number.h"
#include "halconv/halconv.h"
#include "operation.h"
#include "problem_request.h"

namespace runtime = halconv::runtime;

/// Members are destroyed in reverse order: the packed filter goes back to the allocator through the context.
struct halconv_plan {
  halconv_plan(const runtime::Execution &options, const halconv::runtime::Kernel &kernel,
               const runtime::KernelRequest &request)
      : execution(options),
        allocator(execution.allocator()),
        context(execution, &allocator),
        convolution(kernel, request.problem),
        format(request.format),
        packed_filter(&context, *kernel.target),
        zeros(&context, *kernel.target) {}

  runtime::Execution execution;
  runtime::PlanAllocator allocator;
  runtime::CallContext context;
  runtime::Convolution convolution;
  halconv_tensor_format format;
  runtime::KernelTensor packed_filter;
  runtime::KernelTensor zeros;  ///< of fused kernels
};

namespace halconv::runtime {

namespace {

/// What TensorFlow calls the three tensors of an operation, and their shapes.
struct Signature {
  const char *first, *second, *result;
  Shape first_shape, second_shape, result_shape;
};

Signature signature(const Convolution &convolution) {
  const Conv2dProblem &problem = convolution.problem();
  const halconv_data_format data_format = convolution.kernel().name.data_format;
  const Shape input = input_shape(problem, data_format), output = output_shape(problem, data_format);
  const Shape filter = filter_shape(problem);
  const std::string &operation = convolution.kernel().name.operation;
  if (is_forward(operation)) return {"input", "filter", "output", input, filter, output};
  if (operation == kBackwardInput) return {"filter", "out_backprop", "input_backprop", filter, output, input};
  return {"input", "out_backprop", "filter_backprop", input, output, filter};
}

Status check_operand(const NamedTensor &argument, const Shape &shape, const halconv_tensor_format &format) {
  HALCONV_RETURN_IF_ERROR(check_tensor(argument));
  HALCONV_RETURN_IF_ERROR(check_shape(argument, shape));
  const halconv_tensor &tensor = *argument.tensor;
  if (tensor.dtype != format.dtype) return errors::plan_dtype(argument.name, tensor.dtype, format.dtype);
  if (tensor.device == format.device) return ok_status();
  return errors::plan_device(argument.name, tensor.device, format.device);
}

Status create_plan(int32_t operation, const char *problem, const halconv_tensor_format *format,
                   const halconv_execution *options, halconv_plan **plan) {
  if (plan == nullptr) return errors::null_argument("plan", "a place for the new plan");
  KernelRequest request;
  HALCONV_RETURN_IF_ERROR(parse_request(operation, problem, format, &request));
  Execution execution;
  HALCONV_RETURN_IF_ERROR(resolve_execution(options, &execution));
  const Kernel *kernel = nullptr;
  HALCONV_RETURN_IF_ERROR(select_kernel(request, execution, &kernel));
  auto created = std::make_unique<halconv_plan>(execution, *kernel, request);
  HALCONV_RETURN_IF_ERROR(enter_target(*kernel->target, request.format.device, &created->context));
  HALCONV_RETURN_IF_ERROR(created->convolution.prepare(&created->context));
  HALCONV_RETURN_IF_ERROR(created->convolution.make_zeros(&created->zeros));
  *plan = created.release();
  return ok_status();
}

Status prepare_filter(halconv_plan *plan, const halconv_tensor *filter) {
  if (plan == nullptr) return errors::null_argument("plan", "a plan");
  const Convolution &convolution = plan->convolution;
  if (!convolution.has_filter_to_keep()) return errors::plan_has_no_packed_filter(convolution.kernel().text);
  HALCONV_RETURN_IF_ERROR(check_operand({"filter", filter}, filter_shape(convolution.problem()), plan->format));
  KernelTensor hwio(&plan->context, *convolution.kernel().target);
  HALCONV_RETURN_IF_ERROR(hwio.bind_input(*filter));
  hwio.split_groups(convolution.problem().groups);
  return convolution.pack_filter(&hwio, &plan->packed_filter);
}

Status run_plan(halconv_plan *plan, const halconv_tensor *first, const halconv_tensor *second,
                const halconv_epilogue *epilogue, halconv_tensor *result) {
  if (plan == nullptr) return errors::null_argument("plan", "a plan");
  const Signature names = signature(plan->convolution);
  const bool forward = is_forward(plan->convolution.kernel().name.operation);
  const bool reads_filter = plan->convolution.kernel().name.operation != kBackwardFilter;
  const bool is_prepared = reads_filter && (forward ? second : first) == nullptr;
  if (is_prepared && !plan->packed_filter.has_memory()) return errors::plan_needs_filter();
  const NamedTensor x{names.first, first}, y{names.second, second}, z{names.result, result};
  if (!is_prepared || forward) HALCONV_RETURN_IF_ERROR(check_operand(x, names.first_shape, plan->format));
  if (!is_prepared || !forward) HALCONV_RETURN_IF_ERROR(check_operand(y, names.second_shape, plan->format));
  HALCONV_RETURN_IF_ERROR(check_operand(z, names.result_shape, plan->format));
  HALCONV_RETURN_IF_ERROR(check_placement(x, y, z));
  Epilogue checked;
  HALCONV_RETURN_IF_ERROR(check_epilogue(epilogue, z, plan->format.data_format, &checked));
  return plan->convolution.run(
      {first, second, result, is_prepared ? &plan->packed_filter : nullptr, checked, &plan->zeros}, &plan->context);
}

Status run_fused_plan(halconv_plan *plan, const halconv_tensor *input, const halconv_tensor *filter,
                      const halconv_epilogue *epilogue, halconv_tensor *output) {
  const bool is_fused = plan == nullptr || plan->convolution.kernel().name.operation == kForwardFused;
  if (!is_fused) return errors::plan_without_epilogue(plan->convolution.kernel().text);
  return run_plan(plan, input, filter, epilogue, output);
}

}  // namespace

}  // namespace halconv::runtime

extern "C" {

halconv_status halconv_plan_create(halconv_operation operation, const char *problem,
                                   const halconv_tensor_format *format, const halconv_execution *execution,
                                   halconv_plan **plan) {
  return runtime::guarded(
      [&] { return runtime::create_plan(runtime::number_of(operation), problem, format, execution, plan); });
}

halconv_status halconv_plan_prepare_filter(halconv_plan *plan, const halconv_tensor *filter) {
  return runtime::guarded([&] { return runtime::prepare_filter(plan, filter); });
}

halconv_status halconv_plan_run(halconv_plan *plan, const halconv_tensor *first, const halconv_tensor *second,
                                halconv_tensor *result) {
  return runtime::guarded([&] { return runtime::run_plan(plan, first, second, nullptr, result); });
}

halconv_status halconv_plan_run_fused(halconv_plan *plan, const halconv_tensor *input, const halconv_tensor *filter,
                                      const halconv_epilogue *epilogue, halconv_tensor *output) {
  return runtime::guarded([&] { return runtime::run_fused_plan(plan, input, filter, epilogue, output); });
}

const char *halconv_plan_kernel(const halconv_plan *plan) {
  return plan == nullptr ? nullptr : plan->convolution.kernel().text.c_str();
}

void halconv_plan_destroy(halconv_plan *plan) { delete plan; }

}  // extern "C"
