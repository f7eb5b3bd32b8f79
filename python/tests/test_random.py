"""Random problems, those that TensorFlow refuses among them: halconv says what the reference says."""

import halconv
import numpy as np
import problems
import pytest
from halconv import reference
from halconv.attributes import channel_dimension
from hypothesis import given, settings
from hypothesis import strategies as st

TARGETS = list({k.target: None for k in halconv.kernels() if k.runnable and k.dtype == "f32"})
CPU_TARGETS = [target for target in TARGETS if target in ("x86_64", "avx2", "avx512")]

sizes = st.integers(0, 9)
pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
explicit_paddings = st.tuples(*[st.integers(0, 4)] * 4).map(lambda sides: problems.explicit(*sides))
spellings = [
    lambda pair: pair,
    list,
    lambda pair: [1, *pair, 1],
    np.array,
    lambda pair: pair[0] if pair[0] == pair[1] else pair,
    lambda pair: [pair[0]] if pair[0] == pair[1] else pair,
]


@st.composite
def arguments(draw):
    """Shapes and attributes of conv2d; some do not fit."""
    groups, in_depth, out_depth = draw(st.integers(1, 3)), draw(st.integers(0, 3)), draw(st.integers(0, 4))
    input_shape = (draw(st.integers(0, 2)), draw(sizes), draw(sizes), groups * in_depth)
    filter_shape = (*draw(pairs), in_depth, groups * out_depth + draw(st.sampled_from([0, 0, 0, 1])))
    attributes = {
        "strides": draw(st.sampled_from(spellings))(draw(pairs)),
        "padding": draw(st.sampled_from(["SAME", "VALID"]) | explicit_paddings),
        "dilations": draw(st.none() | st.builds(lambda spell, pair: spell(pair), st.sampled_from(spellings), pairs)),
    }
    return input_shape, filter_shape, attributes


def in_format(data_format, input_shape, attributes):
    """The same problem with its shape and attributes in the order of the data format."""

    def in_order(value):
        if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 4 or data_format == "NHWC":
            return value
        batch, height, width, channels = value
        return [batch, channels, height, width]

    return in_order(input_shape), {name: in_order(value) for name, value in attributes.items()} | {
        "data_format": data_format
    }


def outcome(function, *args, **attributes):
    """What a call returns, or the error that it raises."""
    try:
        return function(*args, **attributes)
    except (ValueError, NotImplementedError) as error:
        return error


def assert_same(actual, expected):
    if isinstance(expected, Exception):
        assert type(actual) is type(expected)
        assert str(actual).startswith(str(expected).split(" (")[0])
    else:
        assert actual.dtype == np.float32
        np.testing.assert_array_equal(actual, expected)


def out_backprop_shape(input_shape, filter_shape, attributes):
    """Of a problem without an output any shape will do."""
    try:
        shape, _ = halconv.conv2d_output_shape(input_shape, filter_shape, **attributes)
        return shape
    except ValueError:
        n, *pixels = input_shape
        pixels[channel_dimension(attributes.get("data_format")) - 1] = filter_shape[3]
        return (n, *pixels)


@pytest.mark.parametrize("target", CPU_TARGETS)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(arguments(), st.sampled_from(["NHWC", "NCHW"]))
def test_every_function(target, problem, data_format):
    input_shape, filter_shape, attributes = problem
    input_shape, attributes = in_format(data_format, input_shape, attributes)
    forced = attributes | {"target": target}
    x, w = problems.integers(input_shape, 1), problems.integers(filter_shape, 2)
    d_out = problems.integers(out_backprop_shape(input_shape, filter_shape, attributes), 3)
    assert_same(outcome(halconv.conv2d, x, w, **forced), outcome(reference.conv2d, x, w, **attributes))
    d_x = outcome(reference.conv2d_backprop_input, input_shape, w, d_out, **attributes)
    assert_same(outcome(halconv.conv2d_backprop_input, input_shape, w, d_out, **forced), d_x)
    assert_same(outcome(halconv.conv2d_transpose, d_out, w, input_shape, **forced), d_x)
    d_w = outcome(reference.conv2d_backprop_filter, x, filter_shape, d_out, **attributes)
    assert_same(outcome(halconv.conv2d_backprop_filter, x, filter_shape, d_out, **forced), d_w)
