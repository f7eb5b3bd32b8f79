#include "halconv/tensor_functions.hpp"

#include <algorithm>
#include <optional>

#include "halconv/conv2d_problem.h"
#include "status.h"

namespace halconv {

namespace {

/// Row-major strides.
Shape strides_of(const Shape &shape) { return {shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1}; }

/// How far apart the channels of neighbouring groups are in the tensor that `gather` reads.
struct Groups {
  int64_t count = 1, stride = 0;
};

/// Element i of the result is source[offset + sum of strides[d] * i[d]], for each group behind one another in the last
/// dimension.
HostTensor gather(const HostTensor &source, const Shape &shape, const Shape &strides, int64_t offset = 0,
                  const Groups &groups = {}) {
  HostTensor result({shape[0], shape[1], shape[2], groups.count * shape[3]});
  float *destination = result.data.data();
  for (int64_t a = 0; a < shape[0]; ++a) {
    for (int64_t b = 0; b < shape[1]; ++b) {
      for (int64_t c = 0; c < shape[2]; ++c) {
        const float *const lines = source.data.data() + offset + a * strides[0] + b * strides[1] + c * strides[2];
        for (int64_t g = 0; g < groups.count; ++g) {
          for (int64_t d = 0; d < shape[3]; ++d) *destination++ = lines[g * groups.stride + d * strides[3]];
        }
      }
    }
  }
  return result;
}

/// Dimension i of the result is dimension order[i] of the tensor.
HostTensor transpose(const HostTensor &tensor, const std::array<size_t, 4> &order) {
  const Shape strides = strides_of(tensor.shape);
  Shape shape, gathered;
  for (size_t i = 0; i < 4; ++i) {
    shape[i] = tensor.shape[order[i]];
    gathered[i] = strides[order[i]];
  }
  return gather(tensor, shape, gathered);
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
void scatter_pixels(const HostTensor &tensor, const Pair &first, const Pair &step, HostTensor *result) {
  const Shape from = strides_of(tensor.shape), to = strides_of(result->shape);
  for (int64_t n = 0; n < tensor.shape[0]; ++n) {
    for (int64_t h = 0; h < tensor.shape[1]; ++h) {
      const int64_t row = first[0] + step[0] * h;
      if (row < 0 || row >= result->shape[1]) continue;
      for (int64_t w = 0; w < tensor.shape[2]; ++w) {
        const int64_t column = first[1] + step[1] * w;
        if (column < 0 || column >= result->shape[2]) continue;
        std::copy_n(tensor.data.data() + n * from[0] + h * from[1] + w * from[2], tensor.shape[3],
                    result->data.data() + n * to[0] + row * to[1] + column * to[2]);
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
  return gather(filter, filter.shape, strides, last_tap);
}

HostTensor swap_in_out(const HostTensor &filter, int64_t groups) {
  const auto [rows, columns, in_channels, out_channels] = filter.shape;
  const Shape strides = strides_of(filter.shape);
  return gather(filter, {rows, columns, out_channels / groups, in_channels},
                {strides[0], strides[1], strides[3], strides[2]}, 0, {groups, out_channels / groups});
}

HostTensor swap_n_c(const HostTensor &tensor, int64_t groups) {
  const auto [batch, height, width, channels] = tensor.shape;
  const Shape strides = strides_of(tensor.shape);
  return gather(tensor, {channels / groups, height, width, batch}, {strides[3], strides[1], strides[2], strides[0]}, 0,
                {groups, channels / groups});
}

HostTensor nhwc_to_hwio(const HostTensor &tensor) { return transpose(tensor, {1, 2, 0, 3}); }

Result<HostTensor> dilate(const HostTensor &tensor, const Pair &factors) {
  const auto dilated = [](int64_t extent, int64_t factor) { return extent == 0 ? 0 : (extent - 1) * factor + 1; };
  Result<HostTensor> result = zeros("the dilated tensor", {tensor.shape[0], dilated(tensor.shape[1], factors[0]),
                                                           dilated(tensor.shape[2], factors[1]), tensor.shape[3]});
  if (result.ok()) scatter_pixels(tensor, {0, 0}, factors, &*result);
  return result;
}

Result<HostTensor> pad_or_crop(const HostTensor &tensor, const Paddings &paddings) {
  Result<HostTensor> result =
      zeros("the padded tensor", {tensor.shape[0], tensor.shape[1] + paddings[0][0] + paddings[0][1],
                                  tensor.shape[2] + paddings[1][0] + paddings[1][1], tensor.shape[3]});
  if (result.ok()) scatter_pixels(tensor, {paddings[0][0], paddings[1][0]}, {1, 1}, &*result);
  return result;
}

Result<HostTensor> pad_to_full(const HostTensor &dilated_out_backprop, const Pair &input_size, const Pair &filter_size,
                               const Pair &dilations, const Paddings &paddings) {
  Paddings full;
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t reach = dilations[axis] * (filter_size[axis] - 1);
    const int64_t first = reach - paddings[axis][0];
    full[axis] = {first, input_size[axis] + reach - first - dilated_out_backprop.shape[1 + axis]};
  }
  return pad_or_crop(dilated_out_backprop, full);
}

}  // namespace halconv
