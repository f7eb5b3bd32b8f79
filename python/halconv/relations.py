"""How TensorFlow's four convolution functions follow from one another.

Each function takes the `conv2d` (or `conv2d_transpose`) it is built on as its first argument: halconv's or the
reference's, or anyone's with TensorFlow's signature. The rest is NumPy that moves elements and never computes with
them. All hold for any stride, padding, dilation, batch and channel count, any groups and both data formats; shapes and
the other arguments are those of `reference`.

With d_out [n, p, q, k] and w [r, s, c, k], at stride 1 and without dilation:

    d_x = conv2d(pad_to_full(d_out), swap_in_out(rot180(w)))
    d_w = nhwc_to_hwio(conv2d(swap_n_c(x), nhwc_to_hwio(d_out)))
"""

import numpy as np

from .attributes import conv2d_attributes, image_shape, image_view, nhwc_view, sizes
from .geometry import gradient_geometry, resolve_input_sizes


def rot180(filter):
    """The filter [r, s, c, k] turned by 180 degrees: correlation becomes convolution."""
    return filter[::-1, ::-1]


def swap_in_out(filter, groups=1):
    """[r, s, c, k] as [r, s, k / groups, groups * c]: within each group its input channels for its output channels."""
    rows, columns, in_depth, out_depth = filter.shape
    by_group = filter.reshape(rows, columns, in_depth, groups, out_depth // groups)
    return by_group.transpose(0, 1, 4, 3, 2).reshape(rows, columns, out_depth // groups, groups * in_depth)


def swap_n_c(tensor, groups=1):
    """[n, h, w, c] as [c / groups, h, w, groups * n]: the sum over channels becomes one over the batch."""
    batch, height, width, channels = tensor.shape
    by_group = tensor.reshape(batch, height, width, groups, channels // groups)
    return by_group.transpose(4, 1, 2, 3, 0).reshape(channels // groups, height, width, groups * batch)


def nhwc_to_hwio(tensor):
    """[n, h, w, c] as a filter [h, w, n, c]: each pixel becomes a tap."""
    return tensor.transpose(1, 2, 0, 3)


def dilate(tensor, factors):
    """[n, h, w, c] with factors - 1 zeros between neighbouring rows and columns."""
    batch, height, width, channels = tensor.shape
    rows, columns = (extent and (extent - 1) * factor + 1 for extent, factor in zip((height, width), factors))
    dilated = np.zeros((batch, rows, columns, channels), tensor.dtype)
    dilated[:, :: factors[0], :: factors[1]] = tensor
    return dilated


def pad_or_crop(tensor, paddings):
    """[n, h, w, c] with zeros around it; a negative padding in ((top, bottom), (left, right)) takes away as much."""
    # Padding first: what one side takes away may reach into what the other adds.
    padded = np.pad(tensor, ((0, 0), *((max(before, 0), max(after, 0)) for before, after in paddings), (0, 0)))
    (top, bottom), (left, right) = ((max(-before, 0), max(-after, 0)) for before, after in paddings)
    return padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right]


def pad_to_full(dilated_out_backprop, input_size, filter_size, dilations, paddings):
    """Pads such that a VALID correlation with the turned filter yields the gradient of every input pixel, once.

    Without padding of the forward pass that is the "full" padding, by the filter's reach less one on each side. The
    forward pass's padding shortens it, to a crop where it exceeds that reach; input rows that no output saw lengthen it
    at the end.
    """
    full = []
    for axis, (before, _) in enumerate(paddings):
        reach = dilations[axis] * (filter_size[axis] - 1)
        first = reach - before
        full.append((first, input_size[axis] + reach - first - dilated_out_backprop.shape[1 + axis]))
    return pad_or_crop(dilated_out_backprop, full)


def conv2d_backprop_input_by_conv2d(
    conv2d, input_sizes, filter, out_backprop, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1)
):
    """conv2d_backprop_input with conv2d alone: d_out, dilated by the strides, correlated with the turned filter."""
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    data_format = attributes.data_format
    input_shape = sizes("Conv2DBackpropInput: input_sizes", input_sizes)
    pixels = nhwc_view(out_backprop, data_format)
    input_shape = resolve_input_sizes(input_shape, filter.shape, pixels.shape, data_format)
    geometry = gradient_geometry("Conv2DBackpropInput", input_shape, filter.shape, pixels.shape, attributes)
    if filter.size == 0 or out_backprop.size == 0:
        return np.zeros(image_shape(input_shape, data_format), out_backprop.dtype)
    full = pad_to_full(
        dilate(pixels, geometry.strides),
        input_shape[1:3],
        filter.shape[:2],
        geometry.dilations,
        geometry.paddings,
    )
    return conv2d(
        np.ascontiguousarray(image_view(full, data_format)),
        np.ascontiguousarray(swap_in_out(rot180(filter), geometry.groups)),
        strides=1,
        padding="VALID",
        data_format=data_format,
        dilations=geometry.dilations,
    )


def conv2d_backprop_filter_by_conv2d(
    conv2d, input, filter_sizes, out_backprop, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1)
):
    """conv2d_backprop_filter with conv2d alone: the input correlated with d_out, batch and channels swapped.

    Strides and dilations change places: neighbouring taps of d_out lie a stride apart, neighbouring results a dilation.
    """
    attributes = conv2d_attributes(strides, padding, data_format, dilations)
    data_format = attributes.data_format
    filter_shape = sizes("Conv2DBackpropFilter: filter_sizes", filter_sizes)
    image, pixels = nhwc_view(input, data_format), nhwc_view(out_backprop, data_format)
    geometry = gradient_geometry("Conv2DBackpropFilter", image.shape, filter_shape, pixels.shape, attributes)
    if input.size == 0 or out_backprop.size == 0:
        return np.zeros(filter_shape, out_backprop.dtype)
    seen = []  # the padding, or crop, with which the last tap of the last output pixel meets the last row
    for axis, (before, _) in enumerate(geometry.paddings):
        reach = geometry.dilations[axis] * (filter_shape[axis] - 1)
        last = geometry.strides[axis] * (geometry.output_shape[1 + axis] - 1)
        seen.append((before, last + reach + 1 - image.shape[1 + axis] - before))
    filter_backprop = conv2d(
        np.ascontiguousarray(image_view(swap_n_c(pad_or_crop(image, seen), geometry.groups), data_format)),
        np.ascontiguousarray(nhwc_to_hwio(pixels)),
        strides=geometry.dilations,
        padding="VALID",
        data_format=data_format,
        dilations=geometry.strides,
    )
    return np.ascontiguousarray(nhwc_to_hwio(nhwc_view(filter_backprop, data_format)))


def conv2d_transpose_by_conv2d(
    conv2d, input, filters, output_shape, strides, padding="SAME", data_format="NHWC", dilations=None
):
    """conv2d_transpose with conv2d alone: it is conv2d_backprop_input, the input in d_out's place."""
    return conv2d_backprop_input_by_conv2d(
        conv2d, output_shape, filters, input, strides, padding, data_format, dilations
    )


def conv2d_backprop_input_by_conv2d_transpose(
    conv2d_transpose, input_sizes, filter, out_backprop, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1)
):
    """conv2d_backprop_input with conv2d_transpose: the gradient of a linear map is its transpose."""
    return conv2d_transpose(out_backprop, filter, input_sizes, strides, padding, data_format, dilations)
