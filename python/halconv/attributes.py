"""The attributes of a convolution as TensorFlow's functions take them, checked and brought into one form."""

import operator
from typing import NamedTuple

Pair = tuple[int, int]


class Conv2dAttributes(NamedTuple):
    """Index 0 of each pair is the height, 1 the width."""

    strides: Pair
    dilations: Pair
    padding: str  # "VALID", "SAME" or "EXPLICIT"
    explicit_paddings: tuple[Pair, Pair]  # ((top, bottom), (left, right)); zeros unless EXPLICIT


class Conv2dGeometry(NamedTuple):
    """What the attributes come to for one input and filter."""

    strides: Pair
    dilations: Pair
    paddings: tuple[Pair, Pair]  # ((top, bottom), (left, right))
    output_shape: tuple[int, int, int, int]  # [n, p, q, k]


def _spatial_pair(name, value):
    """Height and width of TensorFlow's int or list of 1, 2 or 4 (NHWC) positive ints."""
    try:
        values = [operator.index(value)]
    except TypeError:
        values = [operator.index(element) for element in value]
    if len(values) == 4 and values[0] == 1 and values[3] == 1:
        values = values[1:3]
    if len(values) == 1:
        values *= 2
    if len(values) != 2 or min(values) < 1:
        raise ValueError(
            f"{name} is {value!r}, expected a positive int or a list of 1, 2 or, as [1, height, width, 1], 4"
        )
    return values[0], values[1]


def _explicit_paddings(padding):
    try:
        pairs = [tuple(operator.index(element) for element in pair) for pair in padding]
    except TypeError:
        pairs = []
    valid = (
        len(pairs) == 4 and all(len(pair) == 2 and min(pair) >= 0 for pair in pairs) and pairs[0] == pairs[3] == (0, 0)
    )
    if not valid:
        raise ValueError(
            f"padding is {padding!r}, expected 'SAME', 'VALID' or [[0, 0], [top, bottom], [left, right], [0, 0]] "
            "with no negative number"
        )
    return pairs[1], pairs[2]


def conv2d_attributes(strides, padding, data_format="NHWC", dilations=None):
    """Checks and normalises TensorFlow's arguments.

    Raises ValueError for a malformed argument and NotImplementedError for a layout other than NHWC.
    """
    if data_format == "NCHW":
        raise NotImplementedError("data_format is 'NCHW', expected 'NHWC'")
    if data_format != "NHWC":
        raise ValueError(f"data_format is {data_format!r}, expected 'NHWC'")
    strides = _spatial_pair("strides", strides)
    dilations = _spatial_pair("dilations", 1 if dilations is None else dilations)
    if isinstance(padding, str) and padding in ("SAME", "VALID"):
        return Conv2dAttributes(strides, dilations, padding, ((0, 0), (0, 0)))
    return Conv2dAttributes(strides, dilations, "EXPLICIT", _explicit_paddings(padding))


def conv2d_geometry(input_shape, filter_shape, attributes):
    """Paddings and output shape for input [n, h, w, c] and filter [r, s, c, k].

    Source: TensorFlow's GetWindowedOutputSizeVerbose. Raises ValueError where the shapes do not fit.
    """
    for name, shape in (("input", input_shape), ("filter", filter_shape)):
        if len(shape) != 4 or min(shape) < 1:
            raise ValueError(f"{name} has shape {list(shape)}, expected 4 positive sizes")
    if input_shape[3] != filter_shape[2]:
        raise ValueError(f"filter has shape {list(filter_shape)}, expected {input_shape[3]} input channels at index 2")
    paddings, output_size = [], []
    for axis, name in enumerate(("height", "width")):
        size, stride = input_shape[1 + axis], attributes.strides[axis]
        reach = (filter_shape[axis] - 1) * attributes.dilations[axis] + 1
        if attributes.padding == "SAME":
            output = -(-size // stride)
            total = max(0, (output - 1) * stride + reach - size)
            before, after = total // 2, total - total // 2
        else:
            before, after = attributes.explicit_paddings[axis]
            output = (size + before + after - reach) // stride + 1
        if output < 1:
            raise ValueError(
                f"the filter reaches over {reach} of the input's {name}, expected at most {size + before + after}, "
                "padding included"
            )
        paddings.append((before, after))
        output_size.append(output)
    output_shape = (input_shape[0], *output_size, filter_shape[3])
    return Conv2dGeometry(attributes.strides, attributes.dilations, tuple(paddings), output_shape)


def check_shape(name, shape, expected):
    """Raises ValueError unless the shapes are equal."""
    if tuple(shape) != tuple(expected):
        raise ValueError(f"{name} has shape {list(shape)}, expected {list(expected)}")
