"""TensorFlow's conv2d and its gradients in NumPy, as plain as the formula: what every kernel is compared with.

    output[n, p, q, k] = sum over r, s, c of
        input[n, stride_h*p + dilation_h*r - pad_top, stride_w*q + dilation_w*s - pad_left, c] * filter[r, s, c, k]

with zeros outside the input. Arguments, their order and defaults are TensorFlow's: `strides` and `dilations` an int or
1, 2 or 4 of them, `padding` "SAME", "VALID" or [[0, 0], [top, bottom], [left, right], [0, 0]]. Sums are taken, and
results returned, in float64. Every function raises ValueError where shapes or attributes do not fit.
"""

import numpy as np

from .attributes import check_shape, conv2d_attributes, conv2d_geometry


def _taps(filter_shape, geometry):
    """For each tap (r, s) the index of what it meets, at every output pixel, in the padded input."""
    _, out_height, out_width, _ = geometry.output_shape
    (stride_h, stride_w), (dilation_h, dilation_w) = geometry.strides, geometry.dilations
    for r, s in np.ndindex(*filter_shape[:2]):
        rows = slice(dilation_h * r, dilation_h * r + stride_h * (out_height - 1) + 1, stride_h)
        columns = slice(dilation_w * s, dilation_w * s + stride_w * (out_width - 1) + 1, stride_w)
        yield r, s, (slice(None), rows, columns)


def _padded(input, geometry):
    return np.pad(np.asarray(input, np.float64), ((0, 0), *geometry.paddings, (0, 0)))


def conv2d(input, filters, strides, padding, data_format="NHWC", dilations=None):
    """The convolution of input [n, h, w, c] with filters [r, s, c, k]: output [n, p, q, k]."""
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    geometry = conv2d_geometry(np.shape(input), np.shape(filters), attributes)
    padded, filters = _padded(input, geometry), np.asarray(filters, np.float64)
    output = np.zeros(geometry.output_shape)
    for r, s, window in _taps(filters.shape, geometry):
        output += np.tensordot(padded[window], filters[r, s], axes=1)
    return output


def conv2d_backprop_input(
    input_sizes, filter, out_backprop, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1)
):
    """The gradient with respect to conv2d's input of shape `input_sizes`, from out_backprop [n, p, q, k]."""
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    geometry = conv2d_geometry(input_sizes, np.shape(filter), attributes)
    check_shape("out_backprop", np.shape(out_backprop), geometry.output_shape)
    filter, out_backprop = np.asarray(filter, np.float64), np.asarray(out_backprop, np.float64)
    batch, height, width, channels = input_sizes
    (top, bottom), (left, right) = geometry.paddings
    padded = np.zeros((batch, top + height + bottom, left + width + right, channels))
    for r, s, window in _taps(filter.shape, geometry):
        padded[window] += np.tensordot(out_backprop, filter[r, s].T, axes=1)
    return padded[:, top : top + height, left : left + width].copy()


def conv2d_backprop_filter(
    input, filter_sizes, out_backprop, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1)
):
    """The gradient with respect to conv2d's filter of shape `filter_sizes`, from out_backprop [n, p, q, k]."""
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    geometry = conv2d_geometry(np.shape(input), filter_sizes, attributes)
    check_shape("out_backprop", np.shape(out_backprop), geometry.output_shape)
    padded, out_backprop = _padded(input, geometry), np.asarray(out_backprop, np.float64)
    filter_backprop = np.empty(filter_sizes)
    for r, s, window in _taps(filter_sizes, geometry):
        filter_backprop[r, s] = np.tensordot(padded[window], out_backprop, axes=((0, 1, 2), (0, 1, 2)))
    return filter_backprop


def conv2d_transpose(input, filters, output_shape, strides, padding="SAME", data_format="NHWC", dilations=None):
    """The transpose of conv2d as a linear map: input [n, p, q, k], filters [r, s, c, k], output [n, h, w, c]."""
    return conv2d_backprop_input(output_shape, filters, input, strides, padding, data_format, dilations)


def rounding_error_bound(terms, magnitudes):
    """Bounds, element by element, how far a float32 result may be from the exact sum of `terms` products.

    gamma_n * sum |a||b| with gamma_n = n u / (1 - n u): Higham, Accuracy and Stability of Numerical Algorithms, 2nd
    ed., section 3.1; it holds for every order of summation, with or without fused multiply-add. `magnitudes` is the sum
    of |a||b|: the same function of this module called with absolute values. The reference's own error, of the same form
    in float64, is included.
    """

    def gamma(precision):
        unit_roundoff = np.finfo(precision).eps / 2
        return terms * unit_roundoff / (1 - terms * unit_roundoff)

    return (gamma(np.float32) + 2 * gamma(np.float64)) * magnitudes
