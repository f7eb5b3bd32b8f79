"""The shapes that a convolution's attributes lead to.

Errors have TensorFlow's words; what can be wrong comes in TensorFlow's order.
"""

from typing import NamedTuple

from .attributes import Pair, nhwc_shape


class Conv2dGeometry(NamedTuple):
    """What the attributes come to for one input and filter."""

    strides: Pair
    dilations: Pair
    paddings: tuple[Pair, Pair]  # ((top, bottom), (left, right))
    output_shape: tuple[int, int, int, int]  # [n, p, q, k]
    groups: int


def _check_rank(name, shape):
    if len(shape) != 4:
        raise ValueError(f"{name} must be 4-dimensional: {list(shape)}".replace(", ", ","))


def _check_extents(**shapes):
    for name, shape in shapes.items():
        if min(shape) < 0:
            raise ValueError(f"Dimension {min(shape)} must be >= 0 ({name} has shape {list(shape)})")


def _truncated_quotient(numerator, denominator):
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


def _output_axis(size, filter_size, axis, attributes):
    """The output's size along height (0) or width (1), and the padding before and after."""
    stride = attributes.strides[axis]
    reach = (filter_size - 1) * attributes.dilations[axis] + 1
    if attributes.padding == "SAME":
        output = -(-size // stride)
        total = max(0, (output - 1) * stride + reach - size)
        return output, (total // 2, total - total // 2)
    padding = attributes.explicit_paddings[axis]
    output = _truncated_quotient(size + sum(padding) - reach + stride, stride)
    if output < 0:
        raise ValueError(
            f"Computed output size would be negative: {output} [input_size: {size}, effective_filter_size: {reach}, "
            f"stride: {stride}]"
        )
    return output, padding


def conv2d_geometry(input_shape, filter_shape, attributes):
    """Paddings and output shape for input [n, h, w, c], whatever the data format, and filter [r, s, c / groups, k].

    Source: TensorFlow's GetWindowedOutputSizeVerbose, whose division truncates. Raises ValueError where the shapes do
    not fit.
    """
    _check_rank("convolution input", input_shape)
    _check_rank("convolution filter", filter_shape)
    _check_extents(input=input_shape, filter=filter_shape)
    if filter_shape[2] == 0:
        raise ValueError("filter depth must be stricly positive, got 0")
    if input_shape[3] % filter_shape[2] != 0:
        raise ValueError(f"input depth must be evenly divisible by filter depth: {input_shape[3]} vs {filter_shape[2]}")
    height, rows = _output_axis(input_shape[1], filter_shape[0], 0, attributes)
    width, columns = _output_axis(input_shape[2], filter_shape[1], 1, attributes)
    return Conv2dGeometry(
        attributes.strides,
        attributes.dilations,
        (rows, columns),
        (input_shape[0], height, width, filter_shape[3]),
        input_shape[3] // filter_shape[2],
    )


def gradient_geometry(label, input_shape, filter_shape, out_backprop_shape, attributes):
    """conv2d_geometry with an out_backprop that must have the output's shape.

    Messages begin with `label`, as those of TensorFlow's gradients.
    """
    _check_rank(f"{label}: input", input_shape)
    _check_rank(f"{label}: filter", filter_shape)
    _check_rank(f"{label}: out_backprop", out_backprop_shape)
    _check_extents(input=input_shape, filter=filter_shape)
    if input_shape[0] != out_backprop_shape[0]:
        raise ValueError(
            f"{label}: input and out_backprop must have the same batch size. Input batch: {input_shape[0]}, "
            f"outbackprop batch: {out_backprop_shape[0]}, batch_dim: 0"
        )
    if filter_shape[2] == 0:
        raise ValueError(f"{label}: filter depth must be strictly greated than zero")
    if input_shape[3] % filter_shape[2] != 0:
        raise ValueError(
            f"{label}: input depth must be evenly divisible by filter depth: {input_shape[3]} vs {filter_shape[2]}"
        )
    if filter_shape[3] != out_backprop_shape[3]:
        raise ValueError(f"{label}: filter and out_backprop must have the same out_depth")
    for axis, (stride, dilation) in enumerate(zip(attributes.strides, attributes.dilations)):
        computed, _ = _output_axis(input_shape[1 + axis], filter_shape[axis], axis, attributes)
        actual = out_backprop_shape[1 + axis]
        if actual != computed:
            raise ValueError(
                f"{label}: Size of out_backprop doesn't match computed: actual = {actual}, computed = {computed} "
                f"spatial_dim: {attributes.height_dimension + axis} input: {input_shape[1 + axis]} "
                f"filter: {filter_shape[axis]} "
                f"output: {actual} stride: {stride} dilation: {dilation}"
            )
    geometry = conv2d_geometry(input_shape, filter_shape, attributes)
    if 0 not in filter_shape:
        check_groups(filter_shape, geometry)
    return geometry


def check_groups(filter_shape, geometry):
    """Raises ValueError unless the filter has elements and its groups divide the output's channels."""
    if 0 in filter_shape:
        raise ValueError("filter must not have zero elements (i.e. all dimensions must be non-zero)")
    if geometry.groups == 0:
        raise ValueError("number of groups must be stricly positive, got 0")
    if filter_shape[3] % geometry.groups != 0:
        raise ValueError(
            f"output depth must be evenly divisible by number of groups: {filter_shape[3]} vs {geometry.groups}"
        )


def resolve_input_sizes(input_sizes, filter_shape, out_backprop_shape, data_format="NHWC"):
    """input_sizes as [n, h, w, c]: its 4 values, or its 2 with out_backprop's batch and the filter's channels."""
    if len(input_sizes) == 4:
        return tuple(nhwc_shape(input_sizes, data_format))
    if len(input_sizes) != 2:
        raise ValueError(
            f"Conv2DBackpropInput requires input_sizes to contain 4 values or 2 values, but got: {len(input_sizes)}"
        )
    if min(input_sizes) < 0:
        raise ValueError(
            f"Conv2DBackpropInput: elements of input_sizes must be >= 0, not {input_sizes[0]}x{input_sizes[1]}"
        )
    return (out_backprop_shape[0], *input_sizes, filter_shape[2])
