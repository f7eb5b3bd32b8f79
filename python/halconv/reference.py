"""TensorFlow's conv2d and its gradients in NumPy, as plain as the formula: what every kernel is compared with.

    output[n, p, q, k] = sum over r, s, c of
        input[n, stride_h*p + dilation_h*r - pad_top, stride_w*q + dilation_w*s - pad_left, c] * filter[r, s, c, k]

with zeros outside the input. Arguments, their order and defaults are TensorFlow's: `strides` and `dilations` an int or
1, 2 or 4 of them, `padding` "SAME", "VALID" or [[0, 0], [top, bottom], [left, right], [0, 0]]; in `data_format` "NCHW"
shapes are [n, c, h, w] and [n, k, p, q], and lists of four in that order. Sums are taken, and results returned, in
float64. Every function raises ValueError, with TensorFlow's words, where shapes or attributes do not fit; sums without
terms are zero.
"""

import numpy as np

from . import depthwise
from .attributes import (
    activation_bounds,
    channel_dimension,
    checked_data_format,
    conv2d_attributes,
    image_shape,
    image_view,
    nhwc_shape,
    nhwc_view,
    sizes,
)
from .geometry import check_groups, conv2d_geometry, gradient_geometry, resolve_input_sizes


def _taps(filter_shape, geometry):
    """For each tap (r, s) the index of what it meets, at every output pixel, in the padded input."""
    _, out_height, out_width, _ = geometry.output_shape
    (stride_h, stride_w), (dilation_h, dilation_w) = geometry.strides, geometry.dilations
    for r, s in np.ndindex(*filter_shape[:2]):
        rows = slice(dilation_h * r, dilation_h * r + stride_h * (out_height - 1) + 1, stride_h)
        columns = slice(dilation_w * s, dilation_w * s + stride_w * (out_width - 1) + 1, stride_w)
        yield r, s, (slice(None), rows, columns)


def _groups(filter_shape, geometry):
    """For each group its input channels and its output channels."""
    in_depth, out_depth = filter_shape[2], filter_shape[3] // geometry.groups
    for group in range(geometry.groups):
        yield (
            slice(group * in_depth, (group + 1) * in_depth),
            slice(group * out_depth, (group + 1) * out_depth),
        )


def _nhwc(image, attributes):
    """The image in float64 as [n, h, w, c]: a view of it. One of another rank than 4 stays as it is."""
    return nhwc_view(np.asarray(image, np.float64), attributes.data_format)


def _as_given(nhwc, attributes):
    """The image [n, h, w, c] in the data format."""
    return np.ascontiguousarray(image_view(nhwc, attributes.data_format))


def _padded(input, geometry):
    return np.pad(np.asarray(input, np.float64), ((0, 0), *geometry.paddings, (0, 0)))


def conv2d(input, filters, strides, padding, data_format="NHWC", dilations=None):
    """The convolution of input [n, h, w, c] with filters [r, s, c / groups, k]: output [n, p, q, k]."""
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    input = _nhwc(input, attributes)
    geometry = conv2d_geometry(input.shape, np.shape(filters), attributes)
    output = np.zeros(geometry.output_shape)
    if output.size == 0 or input.size == 0:
        return _as_given(output, attributes)
    check_groups(np.shape(filters), geometry)
    padded, filters = _padded(input, geometry), np.asarray(filters, np.float64)
    for r, s, window in _taps(filters.shape, geometry):
        for c, k in _groups(filters.shape, geometry):
            output[..., k] += np.tensordot(padded[window][..., c], filters[r, s, :, k], axes=1)
    return _as_given(output, attributes)


def conv2d_backprop_input(
    input_sizes, filter, out_backprop, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1)
):
    """The gradient with respect to conv2d's input of shape `input_sizes`, from out_backprop [n, p, q, k].

    `input_sizes` is [n, h, w, c], or [h, w] with out_backprop's batch and the filter's channels.
    """
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    filter, out_backprop = np.asarray(filter, np.float64), _nhwc(out_backprop, attributes)
    input_shape = sizes("Conv2DBackpropInput: input_sizes", input_sizes)
    input_shape = resolve_input_sizes(input_shape, filter.shape, out_backprop.shape, attributes.data_format)
    geometry = gradient_geometry("Conv2DCustomBackpropInput", input_shape, filter.shape, out_backprop.shape, attributes)
    if filter.size == 0 or out_backprop.size == 0:
        return _as_given(np.zeros(input_shape), attributes)
    batch, height, width, channels = input_shape
    (top, bottom), (left, right) = geometry.paddings
    padded = np.zeros((batch, top + height + bottom, left + width + right, channels))
    for r, s, window in _taps(filter.shape, geometry):
        for c, k in _groups(filter.shape, geometry):
            padded[window][..., c] += np.tensordot(out_backprop[..., k], filter[r, s, :, k].T, axes=1)
    return _as_given(padded[:, top : top + height, left : left + width].copy(), attributes)


def conv2d_backprop_filter(
    input, filter_sizes, out_backprop, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1)
):
    """The gradient with respect to conv2d's filter of shape `filter_sizes`, from out_backprop [n, p, q, k]."""
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    input, out_backprop = _nhwc(input, attributes), _nhwc(out_backprop, attributes)
    filter_shape = sizes("Conv2DCustomBackpropFilter: filter_sizes", filter_sizes)
    geometry = gradient_geometry(
        "Conv2DCustomBackpropFilter", input.shape, filter_shape, out_backprop.shape, attributes
    )
    filter_backprop = np.zeros(filter_shape)
    if filter_backprop.size == 0 or input.size == 0 or out_backprop.size == 0:
        return filter_backprop
    padded = _padded(input, geometry)
    for r, s, window in _taps(filter_shape, geometry):
        for c, k in _groups(filter_shape, geometry):
            filter_backprop[r, s, :, k] = np.tensordot(
                padded[window][..., c], out_backprop[..., k], axes=((0, 1, 2), (0, 1, 2))
            )
    return filter_backprop


def conv2d_transpose(input, filters, output_shape, strides, padding="SAME", data_format="NHWC", dilations=None):
    """The transpose of conv2d as a linear map: input [n, p, q, k], filters [r, s, c, k], output [n, h, w, c]."""
    return conv2d_backprop_input(output_shape, filters, input, strides, padding, data_format, dilations)


def depthwise_conv2d(input, filter, strides, padding, data_format="NHWC", dilations=None):
    """Each channel of input [n, h, w, c] with its own filters [r, s, c, m]: output [n, p, q, c * m]."""
    depth = np.shape(input)[channel_dimension(data_format)]
    filter = np.asarray(filter, np.float64)
    grouped = depthwise.grouped_filter_shape(depth, filter.shape)
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    input = _nhwc(input, attributes)
    geometry = conv2d_geometry(input.shape, grouped, attributes)
    output = np.zeros((*geometry.output_shape[:3], *filter.shape[2:]))
    padded = _padded(input, geometry)
    for r, s, window in _taps(filter.shape, geometry):
        output += padded[window][..., np.newaxis] * filter[r, s]
    return _as_given(output.reshape(geometry.output_shape), attributes)


def depthwise_conv2d_backprop_input(
    input_sizes, filter, out_backprop, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1)
):
    """The gradient with respect to depthwise_conv2d's input of shape `input_sizes`."""
    filter = np.asarray(filter, np.float64)
    input_shape = depthwise.input_shape(sizes("input_sizes", input_sizes))
    batch, height, width, channels = nhwc_shape(input_shape, data_format)
    grouped = depthwise.grouped_filter_shape(channels, filter.shape)
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    out_backprop = _nhwc(out_backprop, attributes)
    geometry = gradient_geometry(
        "DepthwiseConv2dNativeBackpropInput",
        (batch, height, width, channels),
        grouped,
        out_backprop.shape,
        attributes,
    )
    (top, bottom), (left, right) = geometry.paddings
    padded = np.zeros((batch, top + height + bottom, left + width + right, channels))
    by_channel = out_backprop.reshape(*out_backprop.shape[:3], *filter.shape[2:])
    for r, s, window in _taps(filter.shape, geometry):
        padded[window] += np.sum(by_channel * filter[r, s], axis=-1)
    return _as_given(padded[:, top : top + height, left : left + width].copy(), attributes)


def depthwise_conv2d_backprop_filter(
    input, filter_sizes, out_backprop, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1)
):
    """The gradient with respect to depthwise_conv2d's filter of shape `filter_sizes`."""
    filter_shape = sizes("filter_sizes", filter_sizes)
    grouped = depthwise.grouped_filter_shape(np.shape(input)[channel_dimension(data_format)], filter_shape)
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    input, out_backprop = _nhwc(input, attributes), _nhwc(out_backprop, attributes)
    geometry = gradient_geometry(
        "DepthwiseConv2dNativeBackpropFilter",
        input.shape,
        grouped,
        out_backprop.shape,
        attributes,
    )
    filter_backprop = np.zeros(filter_shape)
    padded = _padded(input, geometry)
    by_channel = out_backprop.reshape(*out_backprop.shape[:3], *filter_shape[2:])
    for r, s, window in _taps(filter_shape, geometry):
        filter_backprop[r, s] = np.sum(padded[window][..., np.newaxis] * by_channel, axis=(0, 1, 2))
    return filter_backprop


def _epilogue(sums, bias, residual, activation, data_format):
    lower, upper = activation_bounds(activation)
    if bias is not None:
        channels = sums.shape[channel_dimension(data_format)]
        if np.shape(bias) != (channels,):
            raise ValueError(f"bias has shape {list(np.shape(bias))}, expected {[channels]}")
        sums = sums + np.reshape(np.asarray(bias, np.float64), image_shape((1, 1, 1, channels), data_format))
    if residual is not None:
        if np.shape(residual) != sums.shape:
            raise ValueError(f"residual has shape {list(np.shape(residual))}, expected {list(sums.shape)}")
        sums = sums + np.asarray(residual, np.float64)
    if not lower <= upper:
        raise ValueError(f"activation is {(lower, upper)}, expected lower <= upper, and no NaN")
    return np.clip(sums, lower, upper)


def fused_conv2d(
    input, filters, strides, padding, bias=None, residual=None, activation=None, data_format="NHWC", dilations=None
):
    """activation(conv2d(input, filters) + bias + residual): bias [k], residual of the output's shape."""
    sums = conv2d(input, filters, strides, padding, data_format, dilations)
    return _epilogue(sums, bias, residual, activation, data_format)


def fused_depthwise_conv2d(
    input, filter, strides, padding, bias=None, residual=None, activation=None, data_format="NHWC", dilations=None
):
    """fused_conv2d for depthwise_conv2d."""
    sums = depthwise_conv2d(input, filter, strides, padding, data_format, dilations)
    return _epilogue(sums, bias, residual, activation, data_format)


def fused_conv2d_backprop_epilogue(output, out_backprop, activation=None, data_format="NHWC"):
    """The gradients through fused_conv2d's epilogue: (masked_out_backprop [n, p, q, k], bias_backprop [k])."""
    output, out_backprop = np.asarray(output, np.float64), np.asarray(out_backprop, np.float64)
    lower, upper = activation_bounds(activation)
    below = output <= upper if np.isinf(upper) else output < upper
    masked = np.where((output > lower) & below | (activation is None), out_backprop, 0)
    return masked, nhwc_view(masked, checked_data_format(data_format)).sum(axis=(0, 1, 2))


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
