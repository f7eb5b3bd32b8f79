/// Functions on host tensors that move elements and compute nothing: what turns gradients of conv2d into conv2d again.
/// Images [n, h, w, c] lie in the data format given, NCHW ones as [n, c, h, w]; filters are HWIO.
#ifndef HALCONV_TENSOR_FUNCTIONS_HPP_
#define HALCONV_TENSOR_FUNCTIONS_HPP_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "halconv/halconv.hpp"

namespace halconv {

/// A dense row-major tensor that owns its elements.
struct HostTensor {
  Shape shape{};
  std::vector<float> data;

  HostTensor() = default;
  /// Zeros. No extent is negative.
  explicit HostTensor(const Shape &extents);

  TensorView view() { return {data.data(), shape}; }
  ConstTensorView view() const { return {data.data(), shape}; }
};

/// One number for the rows, one for the columns.
using Pair = std::array<int64_t, 2>;
/// {{top, bottom}, {left, right}}.
using Paddings = std::array<std::array<int64_t, 2>, 2>;

/// A filter [r, s, c, k] turned by 180 degrees: correlation becomes convolution.
HostTensor rot180(const HostTensor &filter);

/// A filter [r, s, c / groups, k] as [r, s, k / groups, c], each group by itself.
HostTensor swap_in_out(const HostTensor &filter, int64_t groups = 1);

/// [n, h, w, c] as [c / groups, h, w, groups * n], each group by itself: a sum over channels becomes one over the
/// batch.
HostTensor swap_n_c(const HostTensor &tensor, int64_t groups = 1, DataFormat data_format = DataFormat::kNhwc);

/// An image in the other data format.
HostTensor nhwc_to_nchw(const HostTensor &image);
HostTensor nchw_to_nhwc(const HostTensor &image);

/// [n, h, w, c] as a filter [h, w, n, c]: each pixel becomes a tap.
HostTensor nhwc_to_hwio(const HostTensor &tensor);
/// [n, c, h, w] likewise.
HostTensor nchw_to_hwio(const HostTensor &tensor);

/// [n, h, w, c] with factors - 1 zeros between neighbouring rows and columns.
Result<HostTensor> dilate(const HostTensor &tensor, const Pair &factors, DataFormat data_format = DataFormat::kNhwc);

/// [n, h, w, c] with zeros around it; a negative padding takes away as much.
Result<HostTensor> pad_or_crop(const HostTensor &tensor, const Paddings &paddings,
                               DataFormat data_format = DataFormat::kNhwc);

/// Pads the dilated gradient of an output such that a VALID correlation with the turned filter gives the gradient of
/// every input pixel. Without padding of the forward convolution that is the "full" padding, by the filter's reach less
/// one on each side; the forward padding shortens it, to a crop where it exceeds that; input rows and columns that no
/// output saw lengthen it at the end. The other arguments are the forward convolution's; sizes are {height, width}.
Result<HostTensor> pad_to_full(const HostTensor &dilated_out_backprop, const Pair &input_size, const Pair &filter_size,
                               const Pair &dilations, const Paddings &paddings,
                               DataFormat data_format = DataFormat::kNhwc);

}  // namespace halconv

#endif  // HALCONV_TENSOR_FUNCTIONS_HPP_
