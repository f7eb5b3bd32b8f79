"""The attributes of a convolution as TensorFlow's functions take them, and the shapes that they lead to.

Errors have TensorFlow's words; what can be wrong comes in TensorFlow's order.
"""

import math
import operator
from typing import NamedTuple

import numpy as np

Pair = tuple[int, int]


class Conv2dAttributes(NamedTuple):
    """Index 0 of each pair is the height, 1 the width."""

    strides: Pair
    dilations: Pair
    padding: str  # "VALID", "SAME" or "EXPLICIT"
    explicit_paddings: tuple[Pair, Pair]  # ((top, bottom), (left, right)); zeros unless EXPLICIT
    data_format: str  # "NHWC" or "NCHW"

    @property
    def height_dimension(self):
        """Which dimension of an image is the height; the width is the next."""
        return height_dimension(self.data_format)


def integers(value):
    """The list that an int, None (1) or anything with ints in it stands for."""
    if value is None:
        return [1]
    try:
        return [operator.index(value)]
    except TypeError:
        return [operator.index(element) for element in value]


def sizes(name, value):
    """The list of a shape that is an argument of its own; `name` says of which operation and argument."""
    rank = np.ndim(value)
    if rank != 1:
        raise ValueError(f"{name} input must be 1-dim, not {rank} (it is {value!r}, expected a list of ints)")
    return integers(value)


def split_padding(padding):
    """TensorFlow's `padding` as its string and the 8 values of explicit_paddings, none for a string."""
    if isinstance(padding, str):
        if padding == "EXPLICIT":
            raise ValueError(
                "'EXPLICIT' is not a valid value for `padding`. To use explicit padding, `padding` must be a list."
            )
        return padding, []
    try:
        pairs = list(padding)
    except TypeError:
        raise TypeError(
            f"padding is {padding!r}, expected 'SAME', 'VALID' or [[0, 0], [top, bottom], [left, right], [0, 0]]"
        ) from None
    for index, pair in enumerate(pairs):
        if not hasattr(pair, "__len__") or len(pair) != 2:
            found = f"size {len(pair)}" if hasattr(pair, "__len__") else f"type {type(pair)}"
            raise ValueError(
                "When `padding` is a list, each element of `padding` must be a list/tuple of size 2. "
                f"Received: padding={padding} with element at index {index} of {found}"
            )
    if len(pairs) != 4:
        raise ValueError(
            f"When padding is a list, it must be of size 4. Received: padding={padding} of size {len(pairs)}"
        )
    return "EXPLICIT", [operator.index(side) for pair in pairs for side in pair]


def activation_bounds(activation):
    """The (lower, upper) that a fused convolution's output is kept between."""
    named = {None: (-math.inf, math.inf), "relu": (0, math.inf), "relu6": (0, 6)}
    if activation is None or isinstance(activation, str):
        if activation not in named:
            raise ValueError(f'activation is "{activation}", expected None, relu, relu6 or (lower, upper)')
        return named[activation]
    try:
        lower, upper = map(float, activation)
    except (TypeError, ValueError):
        raise TypeError(f"activation is {activation!r}, expected None, 'relu', 'relu6' or (lower, upper)") from None
    return lower, upper


def checked_data_format(data_format):
    """The data format, NHWC where it is None. Raises ValueError for an unknown one."""
    if data_format is None:
        return "NHWC"
    if data_format not in ("NHWC", "NCHW"):
        raise ValueError(
            f"Value for attr 'data_format' of \"{data_format}\" is not in the list of allowed values: " '"NHWC", "NCHW"'
        )
    return data_format


def height_dimension(data_format):
    """Which dimension of an image is the height; the width is the next, and what is left but the batch the channels."""
    return 2 if data_format == "NCHW" else 1


def channel_dimension(data_format):
    return 1 if data_format == "NCHW" else 3


def nhwc_shape(shape, data_format):
    """The shape of an image as NHWC has it. One of another rank than 4 stays as it is."""
    if data_format != "NCHW" or len(shape) != 4:
        return shape
    batch, channels, height, width = shape
    return batch, height, width, channels


def image_shape(nhwc, data_format):
    """The shape [n, h, w, c] as the data format has it."""
    batch, height, width, channels = nhwc
    return (batch, channels, height, width) if data_format == "NCHW" else (batch, height, width, channels)


def nhwc_view(image, data_format):
    """The image as [n, h, w, c], without a copy. One of another rank than 4 stays as it is."""
    return np.moveaxis(image, 1, 3) if data_format == "NCHW" and image.ndim == 4 else image


def image_view(nhwc, data_format):
    """The image [n, h, w, c] as the data format has it, without a copy."""
    return np.moveaxis(nhwc, 3, 1) if data_format == "NCHW" else nhwc


def _spatial_pair(name, values, data_format, not_positive):
    """Height and width of 1, 2 or 4 positive ints."""
    if len(values) not in (1, 2, 4):
        raise ValueError(
            f"Sliding window {name} field must specify 4 dimensions ({name} should be of length 1, 2 or 4. Received: "
            f"{name}={values} of length {len(values)})"
        )
    if len(values) == 4 and (values[0], values[channel_dimension(data_format)]) != (1, 1):
        raise NotImplementedError(
            f"Current implementation does not yet support {name} in the batch and depth dimensions. ({name} is "
            f"{values}, expected {list(image_shape((1, 'height', 'width', 1), data_format))})"
        )
    first = height_dimension(data_format)
    height, width = values[first : first + 2] if len(values) == 4 else values if len(values) == 2 else 2 * values
    if min(height, width) < 1:
        raise ValueError(f"{not_positive} ({name} is {values}, expected 1 or more)")
    return height, width


def _explicit_paddings(values, data_format):
    if min(values) < 0:
        raise ValueError(f"All elements of explicit_paddings must be nonnegative (explicit_paddings is {values})")
    depth, first = 2 * channel_dimension(data_format), 2 * height_dimension(data_format)
    if any(values[:2] + values[depth : depth + 2]):
        raise ValueError(
            "Nonzero explicit padding in the batch or depth dimensions is not supported (explicit_paddings is "
            f"{values}, expected 0 but for height and width of {data_format})"
        )
    top, bottom, left, right = values[first : first + 4]
    return (top, bottom), (left, right)


def conv2d_attributes(strides, padding, data_format="NHWC", dilations=None):
    """Checks and normalises TensorFlow's arguments.

    Raises ValueError for a malformed argument and NotImplementedError for what TensorFlow calls unimplemented.
    """
    data_format = checked_data_format(data_format)
    padding, explicit_paddings = split_padding(padding)
    if padding not in ("SAME", "VALID", "EXPLICIT"):
        raise ValueError(f"{padding} is not an allowed padding type")
    strides = _spatial_pair("strides", integers(strides), data_format, "Row and column strides should be larger than 0.")
    dilations = _spatial_pair(
        "dilations", integers(dilations), data_format, "Dilated rates should be larger than 0."
    )
    sides = _explicit_paddings(explicit_paddings, data_format) if padding == "EXPLICIT" else ((0, 0), (0, 0))
    return Conv2dAttributes(strides, dilations, padding, sides, data_format)
