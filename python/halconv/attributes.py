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


def check_data_format(data_format):
    """Raises ValueError for an unknown layout and NotImplementedError for one that no kernel reads."""
    if data_format == "NCHW":
        raise NotImplementedError(
            "The Conv2D op currently only supports the NHWC tensor format on the CPU. The op was given the format: NCHW"
        )
    if data_format not in ("NHWC", None):
        raise ValueError(
            f"Value for attr 'data_format' of \"{data_format}\" is not in the list of allowed values: " '"NHWC", "NCHW"'
        )


def _spatial_pair(name, values, not_positive):
    """Height and width of 1, 2 or 4 positive ints."""
    if len(values) not in (1, 2, 4):
        raise ValueError(
            f"Sliding window {name} field must specify 4 dimensions ({name} should be of length 1, 2 or 4. Received: "
            f"{name}={values} of length {len(values)})"
        )
    if len(values) == 4 and (values[0], values[3]) != (1, 1):
        raise NotImplementedError(
            f"Current implementation does not yet support {name} in the batch and depth dimensions. ({name} is "
            f"{values}, expected [1, height, width, 1])"
        )
    height, width = values[1:3] if len(values) == 4 else values if len(values) == 2 else 2 * values
    if min(height, width) < 1:
        raise ValueError(f"{not_positive} ({name} is {values}, expected 1 or more)")
    return height, width


def _explicit_paddings(values):
    if min(values) < 0:
        raise ValueError(f"All elements of explicit_paddings must be nonnegative (explicit_paddings is {values})")
    if any(values[:2] + values[6:]):
        raise ValueError(
            "Nonzero explicit padding in the batch or depth dimensions is not supported (explicit_paddings is "
            f"{values}, expected [0, 0, top, bottom, left, right, 0, 0])"
        )
    return (values[2], values[3]), (values[4], values[5])


def conv2d_attributes(strides, padding, data_format="NHWC", dilations=None):
    """Checks and normalises TensorFlow's arguments.

    Raises ValueError for a malformed argument and NotImplementedError for what TensorFlow calls unimplemented.
    """
    check_data_format(data_format)
    padding, explicit_paddings = split_padding(padding)
    if padding not in ("SAME", "VALID", "EXPLICIT"):
        raise ValueError(f"{padding} is not an allowed padding type")
    strides = _spatial_pair("strides", integers(strides), "Row and column strides should be larger than 0.")
    dilations = _spatial_pair("dilations", integers(dilations), "Dilated rates should be larger than 0.")
    if padding == "EXPLICIT":
        return Conv2dAttributes(strides, dilations, padding, _explicit_paddings(explicit_paddings))
    return Conv2dAttributes(strides, dilations, padding, ((0, 0), (0, 0)))
