#include "halconv/tensor_functions.hpp"

#include <algorithm>
#include <optional>

#include "halconv/conv2d_problem.h"
#include "halconv/data_format.h"
#include "status.h"

namespace halconv {

namespace {

/// Row-major strides.
Shape strides_of(const Shape &shape) { return {shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1}; }

/// Element i of the result, in row-major order of `extents`, is source[offset + sum of strides[d] * i[d]].
HostTensor gather(const HostTensor &source, const Shape &shape, const std::array<int64_t, 5> &extents,
                  const std::array<int64_t, 5> &strides, int64_t offset = 0) {
  HostTensor result(shape);
  float *destination = result.data.data();
  for (int64_t a = 0; a < extents[0]; ++a) {
    for (int64_t b = 0; b < extents[1]; ++b) {
      for (int64_t c = 0; c < extents[2]; ++c) {
        for (int64_t d = 0; d < extents[3]; ++d) {
          const float *const line =
              source.data.data() + offset + a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3];
          for (int64_t e = 0; e < extents[4]; ++e) *destination++ = line[e * strides[4]];
        }
      }
    }
  }
  return result;
}

/// Dimension i of the result is dimension order[i] of the tensor.
HostTensor transpose(const HostTensor &tensor, const std::array<size_t, 4> &order) {
  const Shape strides = strides_of(tensor.shape);
  Shape shape;
  std::array<int64_t, 5> extents{1}, gathered{};
  for (size_t i = 0; i < 4; ++i) {
    shape[i] = extents[i + 1] = tensor.shape[order[i]];
    gathered[i + 1] = strides[order[i]];
  }
  return gather(tensor, shape, extents, gathered);
}

/// Numbers of an image's dimensions by what these are.
struct ImageDimensions {
  int64_t height, width, channels;
};

ImageDimensions by_dimension(const Shape &numbers, DataFormat data_format) {
  const DataFormatInfo &format = *find_data_format(static_cast<halconv_data_format>(data_format));
  const auto at = [&](int dimension) { return numbers[static_cast<size_t>(dimension)]; };
  return {at(format.height), at(format.width), at(format.channels)};
}

Shape image_shape(int64_t batch, const ImageDimensions &extents, DataFormat data_format) {
  const auto [height, width, channels] = extents;
  return data_format == DataFormat::kNchw ? Shape{batch, channels, height, width}
                                          : Shape{batch, height, width, channels};
}

/// Zeros of that shape, or why a tensor cannot have it.
Result<HostTensor> zeros(const char *what, const Shape &shape) {
  const bool negative = std::any_of(shape.begin(), shape.end(), [](int64_t extent) { return extent < 0; });
  if (negative || !checked_elements({shape[0], shape[1], shape[2], shape[3]})) {
    return Status(runtime::errors::too_many_elements(what, runtime::shape_text(shape.data(), 4)));
  }
  return HostTensor(shape);
}

/// Pixel (h, w) of `tensor` becomes pixel (first + step * (h, w)) of `result`, if there is one.
void scatter_pixels(const HostTensor &tensor, const Pair &first, const Pair &step, DataFormat data_format,
                    HostTensor *result) {
  const Shape from_strides = strides_of(tensor.shape), to_strides = strides_of(result->shape);
  const ImageDimensions from = by_dimension(from_strides, data_format), to = by_dimension(to_strides, data_format);
  const ImageDimensions source = by_dimension(tensor.shape, data_format);
  const ImageDimensions destination = by_dimension(result->shape, data_format);
  for (int64_t n = 0; n < tensor.shape[0]; ++n) {
    for (int64_t h = 0; h < source.height; ++h) {
      const int64_t row = first[0] + step[0] * h;
      if (row < 0 || row >= destination.height) continue;
      for (int64_t w = 0; w < source.width; ++w) {
        const int64_t column = first[1] + step[1] * w;
        if (column < 0 || column >= destination.width) continue;
        const float *const read = tensor.data.data() + n * from_strides[0] + h * from.height + w * from.width;
        float *const write = result->data.data() + n * to_strides[0] + row * to.height + column * to.width;
        for (int64_t c = 0; c < source.channels; ++c) write[c * to.channels] = read[c * from.channels];
      }
    }
  }
}

}  // namespace

HostTensor::HostTensor(const Shape &extents)
    : shape(extents), data(static_cast<size_t>(extents[0] * extents[1] * extents[2] * extents[3])) {}

HostTensor rot180(const HostTensor &filter) {
  Shape strides = strides_of(filter.shape);
  if (filter.data.empty()) return filter;
  const int64_t last_tap = (filter.shape[0] - 1) * strides[0] + (filter.shape[1] - 1) * strides[1];
  strides[0] = -strides[0];
  strides[1] = -strides[1];
  const auto [rows, columns, in_channels, out_channels] = filter.shape;
  return gather(filter, filter.shape, {1, rows, columns, in_channels, out_channels},
                {0, strides[0], strides[1], strides[2], strides[3]}, last_tap);
}

HostTensor swap_in_out(const HostTensor &filter, int64_t groups) {
  const auto [rows, columns, in_depth, out_channels] = filter.shape;
  const int64_t out_depth = out_channels / groups;
  const Shape strides = strides_of(filter.shape);
  return gather(filter, {rows, columns, out_depth, groups * in_depth}, {rows, columns, out_depth, groups, in_depth},
                {strides[0], strides[1], strides[3], out_depth * strides[3], strides[2]});
}

HostTensor swap_n_c(const HostTensor &tensor, int64_t groups, DataFormat data_format) {
  const int64_t batch = tensor.shape[0];
  const Shape strides = strides_of(tensor.shape);
  const auto [height, width, channels] = by_dimension(tensor.shape, data_format);
  const auto [row, column, channel] = by_dimension(strides, data_format);
  const int64_t depth = channels / groups;
  const Shape shape = image_shape(depth, {height, width, groups * batch}, data_format);
  if (data_format == DataFormat::kNchw) {
    return gather(tensor, shape, {depth, groups, batch, height, width},
                  {channel, depth * channel, strides[0], row, column});
  }
  return gather(tensor, shape, {depth, height, width, groups, batch},
                {channel, row, column, depth * channel, strides[0]});
}

HostTensor nhwc_to_nchw(const HostTensor &image) { return transpose(image, {0, 3, 1, 2}); }

HostTensor nchw_to_nhwc(const HostTensor &image) { return transpose(image, {0, 2, 3, 1}); }

HostTensor nhwc_to_hwio(const HostTensor &tensor) { return transpose(tensor, {1, 2, 0, 3}); }

HostTensor nchw_to_hwio(const HostTensor &tensor) { return transpose(tensor, {2, 3, 0, 1}); }

Result<HostTensor> dilate(const HostTensor &tensor, const Pair &factors, DataFormat data_format) {
  const auto dilated = [](int64_t extent, int64_t factor) { return extent == 0 ? 0 : (extent - 1) * factor + 1; };
  const auto [height, width, channels] = by_dimension(tensor.shape, data_format);
  Result<HostTensor> result = zeros(
      "the dilated tensor",
      image_shape(tensor.shape[0], {dilated(height, factors[0]), dilated(width, factors[1]), channels}, data_format));
  if (result.ok()) scatter_pixels(tensor, {0, 0}, factors, data_format, &*result);
  return result;
}

Result<HostTensor> pad_or_crop(const HostTensor &tensor, const Paddings &paddings, DataFormat data_format) {
  const auto [height, width, channels] = by_dimension(tensor.shape, data_format);
  Result<HostTensor> result =
      zeros("the padded tensor",
            image_shape(tensor.shape[0],
                        {height + paddings[0][0] + paddings[0][1], width + paddings[1][0] + paddings[1][1], channels},
                        data_format));
  if (result.ok()) scatter_pixels(tensor, {paddings[0][0], paddings[1][0]}, {1, 1}, data_format, &*result);
  return result;
}

Result<HostTensor> pad_to_full(const HostTensor &dilated_out_backprop, const Pair &input_size, const Pair &filter_size,
                               const Pair &dilations, const Paddings &paddings, DataFormat data_format) {
  const auto [height, width, channels] = by_dimension(dilated_out_backprop.shape, data_format);
  const Pair size = {height, width};
  Paddings full;
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t reach = dilations[axis] * (filter_size[axis] - 1);
    const int64_t first = reach - paddings[axis][0];
    full[axis] = {first, input_size[axis] + reach - first - size[axis]};
  }
  return pad_or_crop(dilated_out_backprop, full, data_format);
}

}  // namespace halconv
