#include "attributes.h"

#include <algorithm>
#include <span>

#include "enum_number.h"
#include "halconv/conv2d_problem.h"
#include "halconv/data_format.h"
#include "halconv/kernel_name.h"
#include "tensorflow_errors.h"

namespace halconv::runtime {

namespace {

bool has_spatial_length(const halconv_int_list &list) { return list.count == 1 || list.count == 2 || list.count == 4; }

bool has_batch_or_depth(const halconv_int_list &list, const DataFormatInfo &format) {
  return list.count == 4 && (list.values[0] != 1 || list.values[format.channels] != 1);
}

/// Brings 1, 2 or 4 values into two.
void read_spatial(const halconv_int_list &list, const DataFormatInfo &format, int64_t values[2]) {
  for (int axis = 0; axis < 2; ++axis) {
    values[axis] = list.values[list.count == 4 ? format.height + axis : list.count == 2 ? axis : 0];
  }
}

Status check_range(const char *name, const halconv_int_list &list, const int64_t values[2],
                   Status (*too_small)(const halconv_int_list &, int64_t)) {
  for (int axis = 0; axis < 2; ++axis) {
    if (values[axis] < 1) return too_small(list, values[axis]);
  }
  for (int axis = 0; axis < 2; ++axis) {
    if (values[axis] > kMaxElements) return errors::attribute_out_of_range(name, list, values[axis]);
  }
  return ok_status();
}

/// TensorFlow's gradient of the filter calls it invalid, the other operations unimplemented.
halconv_status_code batch_or_depth_code(std::string_view operation) {
  return operation == kBackwardFilter ? HALCONV_INVALID_ARGUMENT : HALCONV_UNIMPLEMENTED;
}

Status resolve_strides(std::string_view operation, const halconv_int_list &strides, const DataFormatInfo &format,
                       int64_t resolved[2]) {
  if (!has_spatial_length(strides)) return errors::attribute_length("strides", strides);
  if (has_batch_or_depth(strides, format)) {
    return errors::batch_or_depth_attribute(batch_or_depth_code(operation), "strides", strides, format);
  }
  read_spatial(strides, format, resolved);
  return check_range("strides", strides, resolved, errors::stride);
}

Status resolve_dilations(std::string_view operation, const halconv_int_list &dilations, const DataFormatInfo &format,
                         int64_t resolved[2]) {
  if (!has_spatial_length(dilations)) return errors::attribute_length("dilations", dilations);
  if (has_batch_or_depth(dilations, format)) {
    return errors::batch_or_depth_attribute(batch_or_depth_code(operation), "dilations", dilations, format);
  }
  read_spatial(dilations, format, resolved);
  return check_range("dilations", dilations, resolved, errors::dilation);
}

Status resolve_explicit_paddings(const halconv_int_list &list, const DataFormatInfo &format, int64_t resolved[2][2]) {
  constexpr int kSides = 8;
  if (list.count != kSides) return errors::explicit_paddings_length(list, format);
  const std::span<const int64_t, kSides> sides(list.values);
  if (*std::min_element(sides.begin(), sides.end()) < 0) return errors::negative_explicit_padding(list);
  for (int side : {0, 1, 2 * format.channels, 2 * format.channels + 1}) {
    if (list.values[side] != 0) return errors::batch_or_depth_padding(list, format);
  }
  const int64_t largest = *std::max_element(sides.begin(), sides.end());
  if (largest > kMaxElements) return errors::attribute_out_of_range("explicit_paddings", list, largest);
  for (int axis = 0; axis < 2; ++axis) std::copy_n(list.values + 2 * (format.height + axis), 2, resolved[axis]);
  return ok_status();
}

Status resolve_padding(const halconv_conv2d_attributes &attributes, const DataFormatInfo &format,
                       Attributes *resolved) {
  resolved->padding = attributes.padding;
  if (attributes.padding == HALCONV_EXPLICIT) {
    return resolve_explicit_paddings(attributes.explicit_paddings, format, resolved->explicit_paddings);
  }
  std::fill_n(&resolved->explicit_paddings[0][0], 4, 0);
  return attributes.explicit_paddings.count == 0 ? ok_status()
                                                 : errors::unused_explicit_paddings(attributes.explicit_paddings);
}

}  // namespace

Status resolve_attributes(std::string_view operation, const halconv_conv2d_attributes *attributes,
                          Attributes *resolved) {
  if (attributes == nullptr) return errors::null_argument("attributes", "strides, dilations and padding");
  const auto &[strides, dilations, padding, explicit_paddings, data_format] = *attributes;
  if (padding < HALCONV_VALID || padding > HALCONV_EXPLICIT) return errors::padding_value(padding);
  const DataFormatInfo *const format = find_given_data_format(data_format);
  if (format == nullptr) return errors::data_format_value("data_format", number_of(data_format));
  resolved->data_format = format->value;
  if (operation == kForward && !has_spatial_length(dilations)) return errors::attribute_length("dilations", dilations);
  HALCONV_RETURN_IF_ERROR(resolve_strides(operation, strides, *format, resolved->strides));
  if (operation == kBackwardFilter) HALCONV_RETURN_IF_ERROR(resolve_padding(*attributes, *format, resolved));
  HALCONV_RETURN_IF_ERROR(resolve_dilations(operation, dilations, *format, resolved->dilations));
  return operation == kBackwardFilter ? ok_status() : resolve_padding(*attributes, *format, resolved);
}

}  // namespace halconv::runtime
