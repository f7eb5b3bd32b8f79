"""Shapes of depthwise convolutions as those of grouped ones.

A depthwise filter [r, s, c, m] holds, element for element in memory, the filter [r, s, 1, c * m] of a convolution with
a group for each input channel.
"""


def grouped_filter_shape(input_depth, filter_shape):
    """[r, s, 1, c * m] for a filter [r, s, c, m] that has to fit an input of that depth."""
    if len(filter_shape) != 4:
        raise ValueError(f"filter must be 4-dimensional, but its shape is {list(filter_shape)}")
    rows, columns, depth, multiplier = filter_shape
    if depth != input_depth:
        raise ValueError(f"input and filter must have the same depth: {input_depth} vs {depth}")
    return rows, columns, 1, depth * multiplier


def input_shape(input_sizes):
    """[n, h, w, c]."""
    if len(input_sizes) != 4:
        raise ValueError(f"input_sizes must contain 4 values, but got {len(input_sizes)}")
    return input_sizes
