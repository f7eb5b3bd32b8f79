/// The C ABI's functions on tensors.
#include "halconv/halconv.h"

#include "halconv/kernel_name.h"
#include "operation.h"

namespace halconv::runtime {

namespace {

Status run_backward_input(std::string_view algorithm, const NamedTensor &filter, const NamedTensor &out_backprop,
                          const halconv_conv2d_attributes *attributes, const halconv_execution *execution,
                          const NamedTensor &input_backprop) {
  Conv2dProblem problem;
  HALCONV_RETURN_IF_ERROR(check_gradient(kBackwardInput, input_backprop, filter, out_backprop, attributes, &problem));
  return run_operation(
      {kBackwardInput, algorithm, problem, attributes->data_format, filter, out_backprop, input_backprop}, execution);
}

Status run_backward_filter(std::string_view algorithm, const NamedTensor &input, const NamedTensor &out_backprop,
                           const halconv_conv2d_attributes *attributes, const halconv_execution *execution,
                           const NamedTensor &filter_backprop) {
  Conv2dProblem problem;
  HALCONV_RETURN_IF_ERROR(check_gradient(kBackwardFilter, input, filter_backprop, out_backprop, attributes, &problem));
  return run_operation(
      {kBackwardFilter, algorithm, problem, attributes->data_format, input, out_backprop, filter_backprop}, execution);
}

}  // namespace

}  // namespace halconv::runtime

using halconv::Conv2dProblem;
using halconv::runtime::guarded;

extern "C" {

halconv_status halconv_conv2d(const halconv_tensor *input, const halconv_tensor *filter,
                              const halconv_conv2d_attributes *attributes, const halconv_execution *execution,
                              halconv_tensor *output) {
  return guarded([&] {
    using namespace halconv::runtime;
    const NamedTensor x{"input", input}, w{"filter", filter}, y{"output", output};
    Conv2dProblem problem;
    HALCONV_RETURN_IF_ERROR(check_forward(x, w, y, attributes, &problem));
    return run_operation({halconv::kForward, "", problem, attributes->data_format, x, w, y}, execution);
  });
}

halconv_status halconv_fused_conv2d(const halconv_tensor *input, const halconv_tensor *filter,
                                    const halconv_conv2d_attributes *attributes, const halconv_epilogue *epilogue,
                                    const halconv_execution *execution, halconv_tensor *output) {
  return guarded([&] {
    using namespace halconv::runtime;
    const NamedTensor x{"input", input}, w{"filter", filter}, y{"output", output};
    Conv2dProblem problem;
    HALCONV_RETURN_IF_ERROR(check_forward(x, w, y, attributes, &problem));
    const halconv_data_format data_format = attributes->data_format;
    Epilogue checked;
    HALCONV_RETURN_IF_ERROR(check_epilogue(epilogue, y, data_format, &checked));
    return run_operation({halconv::kForwardFused, "", problem, data_format, x, w, y, checked}, execution);
  });
}

halconv_status halconv_fused_conv2d_backprop_epilogue(const halconv_tensor *output, const halconv_tensor *out_backprop,
                                                      const halconv_epilogue *epilogue, halconv_data_format data_format,
                                                      const halconv_execution *execution,
                                                      halconv_tensor *masked_out_backprop,
                                                      halconv_tensor *bias_backprop) {
  return guarded([&] {
    return halconv::runtime::run_epilogue_gradient({"output", output}, {"out_backprop", out_backprop}, epilogue,
                                                   data_format, execution, {"masked_out_backprop", masked_out_backprop},
                                                   {"bias_backprop", bias_backprop});
  });
}

halconv_status halconv_conv2d_backprop_input(const halconv_tensor *filter, const halconv_tensor *out_backprop,
                                             const halconv_conv2d_attributes *attributes,
                                             const halconv_execution *execution, halconv_tensor *input_backprop) {
  return guarded([&] {
    return halconv::runtime::run_backward_input("", {"filter", filter}, {"out_backprop", out_backprop}, attributes,
                                                execution, {"input_backprop", input_backprop});
  });
}

halconv_status halconv_conv2d_backprop_filter(const halconv_tensor *input, const halconv_tensor *out_backprop,
                                              const halconv_conv2d_attributes *attributes,
                                              const halconv_execution *execution, halconv_tensor *filter_backprop) {
  return guarded([&] {
    return halconv::runtime::run_backward_filter("", {"input", input}, {"out_backprop", out_backprop}, attributes,
                                                 execution, {"filter_backprop", filter_backprop});
  });
}

halconv_status halconv_conv2d_transpose(const halconv_tensor *input, const halconv_tensor *filter,
                                        const halconv_conv2d_attributes *attributes, const halconv_execution *execution,
                                        halconv_tensor *output) {
  return guarded([&] {
    return halconv::runtime::run_backward_input("", {"filter", filter}, {"input", input}, attributes, execution,
                                                {"output", output});
  });
}

halconv_status halconv_conv2d_backprop_input_autodiff(const halconv_tensor *filter, const halconv_tensor *out_backprop,
                                                      const halconv_conv2d_attributes *attributes,
                                                      const halconv_execution *execution,
                                                      halconv_tensor *input_backprop) {
  return guarded([&] {
    return halconv::runtime::run_backward_input(halconv::kAutodiff, {"filter", filter}, {"out_backprop", out_backprop},
                                                attributes, execution, {"input_backprop", input_backprop});
  });
}

halconv_status halconv_conv2d_backprop_filter_autodiff(const halconv_tensor *input, const halconv_tensor *out_backprop,
                                                       const halconv_conv2d_attributes *attributes,
                                                       const halconv_execution *execution,
                                                       halconv_tensor *filter_backprop) {
  return guarded([&] {
    return halconv::runtime::run_backward_filter(halconv::kAutodiff, {"input", input}, {"out_backprop", out_backprop},
                                                 attributes, execution, {"filter_backprop", filter_backprop});
  });
}

void halconv_release_cached_memory(void) { halconv::runtime::CachingAllocator::shared().release(); }

}  // extern "C"
