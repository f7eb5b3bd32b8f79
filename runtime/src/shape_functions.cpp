/// The C ABI's functions on shapes.
#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "attributes.h"
#include "convolution_shape.h"
#include "halconv/data_format.h"
#include "halconv/halconv.h"
#include "halconv/kernel_name.h"
#include "tensor_check.h"
#include "tensorflow_errors.h"

namespace halconv::runtime {

namespace {

struct NamedPointer {
  const char *name;
  const void *pointer;
};

Status check_present(std::initializer_list<NamedPointer> arguments) {
  for (const auto &[name, pointer] : arguments) {
    if (pointer == nullptr) return errors::null_argument(name, "integers");
  }
  return ok_status();
}

NamedShape named_shape(const char *name, const halconv_int_list &shape) { return {name, shape.count, shape.values}; }

Status parse_padding(const char *text, halconv_padding *padding) {
  HALCONV_RETURN_IF_ERROR(check_present({{"text", text}, {"padding", padding}}));
  constexpr std::pair<std::string_view, halconv_padding> kPaddings[] = {
      {"VALID", HALCONV_VALID}, {"SAME", HALCONV_SAME}, {"EXPLICIT", HALCONV_EXPLICIT}};
  for (const auto &[name, value] : kPaddings) {
    if (text != name) continue;
    *padding = value;
    return ok_status();
  }
  return errors::padding_type(text);
}

Status parse_data_format(const char *text, halconv_data_format *data_format) {
  HALCONV_RETURN_IF_ERROR(check_present({{"text", text}, {"data_format", data_format}}));
  for (const DataFormatInfo &format : kDataFormats) {
    if (text != format.attribute) continue;
    *data_format = format.value;
    return ok_status();
  }
  return errors::data_format(text);
}

Status infer_output_shape(const halconv_int_list *input_shape, const halconv_int_list *filter_shape,
                          const halconv_conv2d_attributes *attributes, int64_t shape[4], int64_t paddings[2][2]) {
  HALCONV_RETURN_IF_ERROR(check_present(
      {{"input_shape", input_shape}, {"filter_shape", filter_shape}, {"output_shape", shape}, {"paddings", paddings}}));
  Attributes resolved;
  HALCONV_RETURN_IF_ERROR(resolve_attributes(kForward, attributes, &resolved));
  Conv2dProblem problem;
  int64_t sides[2][2], elements = 0;
  HALCONV_RETURN_IF_ERROR(infer_forward(named_shape("input", *input_shape), named_shape("filter", *filter_shape),
                                        resolved, &problem, sides));
  const Shape output = output_shape(problem, resolved.data_format);
  HALCONV_RETURN_IF_ERROR(check_extents("output", output.data(), &elements));
  std::copy(output.begin(), output.end(), shape);
  std::copy_n(&sides[0][0], 4, &paddings[0][0]);
  return ok_status();
}

Status infer_input_shape(const halconv_int_list *input_sizes, const halconv_int_list *filter_shape,
                         const halconv_int_list *out_backprop_shape, const halconv_conv2d_attributes *attributes,
                         int64_t shape[4]) {
  HALCONV_RETURN_IF_ERROR(check_present({{"input_sizes", input_sizes},
                                         {"filter_shape", filter_shape},
                                         {"out_backprop_shape", out_backprop_shape},
                                         {"input_shape", shape}}));
  Attributes resolved;
  HALCONV_RETURN_IF_ERROR(resolve_attributes(kBackwardInput, attributes, &resolved));
  const NamedShape filter = named_shape("filter", *filter_shape);
  const NamedShape out_backprop = named_shape("out_backprop", *out_backprop_shape);
  Shape input;
  HALCONV_RETURN_IF_ERROR(resolve_input_sizes(*input_sizes, filter, out_backprop, resolved.data_format, input.data()));
  Conv2dProblem problem;
  HALCONV_RETURN_IF_ERROR(
      infer_gradient(kBackwardInput, {"input_sizes", 4, input.data()}, filter, out_backprop, resolved, &problem));
  std::copy(input.begin(), input.end(), shape);
  return ok_status();
}

Status infer_filter_shape(const halconv_int_list *input_shape, const halconv_int_list *filter_sizes,
                          const halconv_int_list *out_backprop_shape, const halconv_conv2d_attributes *attributes,
                          int64_t shape[4]) {
  HALCONV_RETURN_IF_ERROR(check_present({{"input_shape", input_shape},
                                         {"filter_sizes", filter_sizes},
                                         {"out_backprop_shape", out_backprop_shape},
                                         {"filter_shape", shape}}));
  Attributes resolved;
  HALCONV_RETURN_IF_ERROR(resolve_attributes(kBackwardFilter, attributes, &resolved));
  Conv2dProblem problem;
  HALCONV_RETURN_IF_ERROR(infer_gradient(kBackwardFilter, named_shape("input", *input_shape),
                                         named_shape("filter_sizes", *filter_sizes),
                                         named_shape("out_backprop", *out_backprop_shape), resolved, &problem));
  std::copy_n(filter_sizes->values, 4, shape);
  return ok_status();
}

}  // namespace

}  // namespace halconv::runtime

namespace runtime = halconv::runtime;

extern "C" {

halconv_status halconv_parse_padding(const char *text, halconv_padding *padding) {
  return runtime::guarded([&] { return runtime::parse_padding(text, padding); });
}

halconv_status halconv_parse_data_format(const char *text, halconv_data_format *data_format) {
  return runtime::guarded([&] { return runtime::parse_data_format(text, data_format); });
}

halconv_status halconv_conv2d_output_shape(const halconv_int_list *input_shape, const halconv_int_list *filter_shape,
                                           const halconv_conv2d_attributes *attributes, int64_t output_shape[4],
                                           int64_t paddings[2][2]) {
  return runtime::guarded(
      [&] { return runtime::infer_output_shape(input_shape, filter_shape, attributes, output_shape, paddings); });
}

halconv_status halconv_conv2d_input_shape(const halconv_int_list *input_sizes, const halconv_int_list *filter_shape,
                                          const halconv_int_list *out_backprop_shape,
                                          const halconv_conv2d_attributes *attributes, int64_t input_shape[4]) {
  return runtime::guarded([&] {
    return runtime::infer_input_shape(input_sizes, filter_shape, out_backprop_shape, attributes, input_shape);
  });
}

halconv_status halconv_conv2d_filter_shape(const halconv_int_list *input_shape, const halconv_int_list *filter_sizes,
                                           const halconv_int_list *out_backprop_shape,
                                           const halconv_conv2d_attributes *attributes, int64_t filter_shape[4]) {
  return runtime::guarded([&] {
    return runtime::infer_filter_shape(input_shape, filter_sizes, out_backprop_shape, attributes, filter_shape);
  });
}

}  // extern "C"
