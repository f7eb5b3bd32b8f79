"""TensorFlow's errors, in halconv and in the reference: the same exception, the same first words."""

import re

import halconv
import numpy as np
import pytest
from halconv import reference

every_module = pytest.mark.parametrize("module", [halconv, reference], ids=["halconv", "reference"])


def zeros(*shape):
    return np.zeros(shape, np.float32)


def explicit(*sides):
    return [list(sides[i : i + 2]) for i in range(0, len(sides), 2)]


# Changed arguments of a call that fits, the exception, its first words.
ATTRIBUTES = [
    ({"data_format": "CHWN", "strides": 0}, ValueError, "Value for attr 'data_format' of \"CHWN\" is not in the"),
    ({"data_format": "NCHW", "strides": 0}, ValueError, "Row and column strides should be larger than 0."),
    ({"padding": "FULL", "strides": 0}, ValueError, "FULL is not an allowed padding type"),
    ({"padding": "same"}, ValueError, "same is not an allowed padding type"),
    ({"padding": "EXPLICIT"}, ValueError, "'EXPLICIT' is not a valid value for `padding`. To use "),
    ({"padding": explicit(0, 0, 1, 1, 1, 1)}, ValueError, "When padding is a list, it must be of size 4. Received: "),
    ({"padding": [0, 0, 1, 1]}, ValueError, "When `padding` is a list, each element of `padding` must be a"),
    ({"padding": [[0, 0], [1], [1, 1], [0, 0]]}, ValueError, "When `padding` is a list, each element of `padding` "),
    ({"padding": None}, TypeError, "padding is None, expected 'SAME', 'VALID' or"),
    ({"strides": [1, 1, 1]}, ValueError, "Sliding window strides field must specify 4 dimensions"),
    ({"strides": []}, ValueError, "Sliding window strides field must specify 4 dimensions"),
    ({"strides": 0, "dilations": 0}, ValueError, "Row and column strides should be larger than 0."),
    ({"strides": [1, -1]}, ValueError, "Row and column strides should be larger than 0."),
    ({"dilations": [1, 1, 1]}, ValueError, "Sliding window dilations field must specify 4 dimensions"),
    ({"dilations": [0, 1]}, ValueError, "Dilated rates should be larger than 0."),
    (
        {"padding": explicit(1, 0, 0, -1, 0, 0, 0, 0)},
        ValueError,
        "All elements of explicit_paddings must be nonnegative",
    ),
    (
        {"padding": explicit(0, 0, 1, 1, 1, 1, 0, 1)},
        ValueError,
        "Nonzero explicit padding in the batch or depth dimensions is not supported",
    ),
]
BATCH_OR_DEPTH = [
    (
        {"strides": [2, 1, 1, 1]},
        "Current implementation does not yet support strides in the batch and depth dimensions.",
    ),
    (
        {"strides": [1, 0, 1, 2]},
        "Current implementation does not yet support strides in the batch and depth dimensions.",
    ),
    (
        {"dilations": [1, 1, 1, 2]},
        "Current implementation does not yet support dilations in the batch and depth dimensions.",
    ),
]

FORWARD = [
    ({"input": zeros(4, 4, 1), "filters": zeros(3)}, ValueError, "convolution input must be 4-dimensional: [4,4,1]"),
    ({"filters": zeros(3, 3, 1)}, ValueError, "convolution filter must be 4-dimensional: [3,3,1]"),
    ({"filters": zeros(9, 9, 0, 1)}, ValueError, "filter depth must be stricly positive, got 0"),
    ({"filters": zeros(9, 9, 2, 1)}, ValueError, "input depth must be evenly divisible by filter depth: 1 vs 2"),
    (
        {"filters": zeros(6, 7, 1, 1)},
        ValueError,
        "Computed output size would be negative: -1 [input_size: 4, effective_filter_size: 6, stride: 1]",
    ),
    ({"filters": zeros(0, 3, 1, 1)}, ValueError, "filter must not have zero elements (i.e. all dimensions must be "),
    (
        {"input": zeros(1, 4, 4, 6), "filters": zeros(3, 3, 2, 4)},
        ValueError,
        "output depth must be evenly divisible by number of groups: 4 vs 3",
    ),
]

INPUT_GRADIENT = [
    ({"input_sizes": 4}, "Conv2DBackpropInput: input_sizes input must be 1-dim, not 0"),
    ({"input_sizes": [[1, 4, 4, 1]]}, "Conv2DBackpropInput: input_sizes input must be 1-dim, not 2"),
    ({"input_sizes": [[[1], [4]]]}, "Conv2DBackpropInput: input_sizes input must be 1-dim, not 3"),
    (
        {"input_sizes": [4, 4, 1]},
        "Conv2DBackpropInput requires input_sizes to contain 4 values or 2 values, but got: 3",
    ),
    ({"input_sizes": [-4, 4]}, "Conv2DBackpropInput: elements of input_sizes must be >= 0, not -4x4"),
    ({"input_sizes": [1, -4, 4, 1]}, "Dimension -4 must be >= 0"),
    ({"filter": zeros(3, 3, 1)}, "Conv2DCustomBackpropInput: filter must be 4-dimensional"),
    ({"out_backprop": zeros(2, 2, 1)}, "Conv2DCustomBackpropInput: out_backprop must be 4-dimensional"),
    ({"input_sizes": [2, 4, 4, 1]}, "Conv2DCustomBackpropInput: input and out_backprop must have the same batch size."),
    ({"filter": zeros(3, 3, 0, 1)}, "Conv2DCustomBackpropInput: filter depth must be strictly greated than zero"),
    (
        {"filter": zeros(3, 3, 2, 1)},
        "Conv2DCustomBackpropInput: input depth must be evenly divisible by filter depth: 1 vs 2",
    ),
    (
        {"filter": zeros(3, 3, 1, 2)},
        "Conv2DCustomBackpropInput: filter and out_backprop must have the same out_depth",
    ),
    (
        {"input_sizes": [1, 5, 4, 1]},
        "Conv2DCustomBackpropInput: Size of out_backprop doesn't match computed: actual = 2, computed = 3 "
        "spatial_dim: 1 input: 5 filter: 3 output: 2 stride: 1 dilation: 1",
    ),
    ({"input_sizes": [1, 4, 4, 0]}, "number of groups must be stricly positive, got 0"),
]
FILTER_GRADIENT = [
    ({"filter_sizes": 3}, "Conv2DCustomBackpropFilter: filter_sizes input must be 1-dim, not 0"),
    ({"filter_sizes": [[3, 3, 1, 1]]}, "Conv2DCustomBackpropFilter: filter_sizes input must be 1-dim, not 2"),
    ({"filter_sizes": [3, 3, 1]}, "Conv2DCustomBackpropFilter: filter must be 4-dimensional"),
    ({"filter_sizes": [3, -3, 1, 1]}, "Dimension -3 must be >= 0"),
    ({"input": zeros(4, 4, 1)}, "Conv2DCustomBackpropFilter: input must be 4-dimensional"),
    ({"out_backprop": zeros(1, 2)}, "Conv2DCustomBackpropFilter: out_backprop must be 4-dimensional"),
    (
        {"out_backprop": zeros(1, 3, 2, 1)},
        "Conv2DCustomBackpropFilter: Size of out_backprop doesn't match computed: actual = 3, computed = 2 "
        "spatial_dim: 1 input: 4 filter: 3 output: 3 stride: 1 dilation: 1",
    ),
]


def raises(exception, words):
    return pytest.raises(exception, match="^" + re.escape(words))


def forward(module, **changed):
    fitting = {"input": zeros(1, 4, 4, 1), "filters": zeros(3, 3, 1, 1), "strides": 1, "padding": "VALID"}
    return module.conv2d(**(fitting | changed))


def input_gradient(module, **changed):
    fitting = {
        "input_sizes": (1, 4, 4, 1),
        "filter": zeros(3, 3, 1, 1),
        "out_backprop": zeros(1, 2, 2, 1),
        "strides": 1,
        "padding": "VALID",
    }
    return module.conv2d_backprop_input(**(fitting | changed))


def filter_gradient(module, **changed):
    fitting = {
        "input": zeros(1, 4, 4, 1),
        "filter_sizes": (3, 3, 1, 1),
        "out_backprop": zeros(1, 2, 2, 1),
        "strides": 1,
        "padding": "VALID",
    }
    return module.conv2d_backprop_filter(**(fitting | changed))


def transpose(module, **changed):
    fitting = {
        "input": zeros(1, 2, 2, 1),
        "filters": zeros(3, 3, 1, 1),
        "output_shape": (1, 4, 4, 1),
        "strides": 1,
        "padding": "VALID",
    }
    return module.conv2d_transpose(**(fitting | changed))


@pytest.mark.parametrize("function", [forward, input_gradient, filter_gradient, transpose])
@every_module
def test_what_fits_raises_nothing(module, function):
    assert not function(module).any()


@pytest.mark.parametrize("function", [forward, input_gradient, filter_gradient, transpose])
@pytest.mark.parametrize("arguments, exception, words", ATTRIBUTES, ids=str)
@every_module
def test_attributes(module, function, arguments, exception, words):
    with raises(exception, words):
        function(module, **arguments)


@pytest.mark.parametrize("function", [forward, input_gradient, filter_gradient, transpose])
@pytest.mark.parametrize("arguments, words", BATCH_OR_DEPTH, ids=str)
@every_module
def test_strides_and_dilations_of_batch_or_depth(module, function, arguments, words):
    # TensorFlow's filter gradient alone calls them invalid rather than unimplemented; the reference does not tell.
    is_invalid = module is halconv and function is filter_gradient
    with raises(ValueError if is_invalid else NotImplementedError, words):
        function(module, **arguments)


@pytest.mark.parametrize("arguments, exception, words", FORWARD, ids=str)
@every_module
def test_conv2d(module, arguments, exception, words):
    with raises(exception, words):
        forward(module, **arguments)


@pytest.mark.parametrize("arguments, words", INPUT_GRADIENT, ids=str)
@every_module
def test_conv2d_backprop_input(module, arguments, words):
    with raises(ValueError, words):
        input_gradient(module, **arguments)


@pytest.mark.parametrize("arguments, words", FILTER_GRADIENT, ids=str)
@every_module
def test_conv2d_backprop_filter(module, arguments, words):
    with raises(ValueError, words):
        filter_gradient(module, **arguments)


@every_module
def test_conv2d_transpose(module):
    with raises(ValueError, "Conv2DCustomBackpropInput: Size of out_backprop doesn't match computed: actual = 2, "):
        transpose(module, output_shape=(1, 5, 4, 1))
    with raises(ValueError, "Conv2DBackpropInput: input_sizes input must be 1-dim, not 0 (it is None"):
        transpose(module, output_shape=None)
    with raises(ValueError, "Conv2DBackpropInput requires input_sizes to contain 4 values or 2 values, but got: 3"):
        transpose(module, output_shape=(4, 4, 1))
