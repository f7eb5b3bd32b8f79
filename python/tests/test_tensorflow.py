"""halconv against TensorFlow itself, where tensorflow-cpu is installed (`make tensorflow`): results and errors.

Data are small integers, so that both are exact whatever the order of their sums.
"""

import os
import re

import halconv
import numpy as np
import problems
import pytest
import test_errors
from hypothesis import given, settings
from test_random import arguments, in_format, out_backprop_shape

# TensorFlow's own kernels, whose conditions and messages halconv has; those of oneDNN check less.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
tf = pytest.importorskip("tensorflow", reason="tensorflow-cpu is not installed: make tensorflow")

randomly = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def four_values(value):
    """Strides or dilations as TensorFlow's raw operations take them; a wrong number of them stays wrong."""
    values = [1] if value is None else np.ravel(value).tolist()
    if len(values) in (1, 2):
        return [1, values[0], values[-1], 1]
    return values


def raw_attributes(strides, padding, data_format="NHWC", dilations=None):
    paddings = {} if isinstance(padding, str) else {"explicit_paddings": [int(side) for side in np.ravel(padding)]}
    return {
        "strides": four_values(strides),
        "dilations": four_values(dilations),
        "padding": padding if isinstance(padding, str) else "EXPLICIT",
        "data_format": data_format,
        **paddings,
    }


class TensorFlow:
    """TensorFlow's functions with the gradients' names and arguments of halconv."""

    conv2d = staticmethod(tf.nn.conv2d)
    conv2d_transpose = staticmethod(tf.nn.conv2d_transpose)

    @staticmethod
    def conv2d_backprop_input(input_sizes, filter, out_backprop, strides, padding, **attributes):
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=input_sizes,
            filter=filter,
            out_backprop=out_backprop,
            **raw_attributes(strides, padding, **attributes),
        )

    @staticmethod
    def conv2d_backprop_filter(input, filter_sizes, out_backprop, strides, padding, **attributes):
        return tf.raw_ops.Conv2DBackpropFilter(
            input=input,
            filter_sizes=filter_sizes,
            out_backprop=out_backprop,
            **raw_attributes(strides, padding, **attributes),
        )


def outcome(function, *args, **kwargs):
    """The result as a NumPy array; or the error, TensorFlow's as halconv raises it: without its frame."""
    try:
        return np.asarray(function(*args, **kwargs))
    except (ValueError, NotImplementedError) as error:
        return error
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        text = re.sub(r"^\{\{.*?\}\} | \[Op:\w+\].*$", "", error.message, flags=re.DOTALL)
        return NotImplementedError(text) if isinstance(error, tf.errors.UnimplementedError) else ValueError(text)


def assert_agrees(ours, theirs):
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs), (ours, theirs)
        assert str(ours).startswith(str(theirs))
    else:
        assert not isinstance(ours, Exception), ours
        np.testing.assert_array_equal(ours, theirs)


@randomly
@given(arguments())
def test_conv2d(problem):
    input_shape, filter_shape, attributes = problem
    x, w = problems.integers(input_shape, 1), problems.integers(filter_shape, 2)
    attributes = attributes | {"strides": four_values(attributes["strides"])}
    attributes["dilations"] = four_values(attributes["dilations"])
    assert_agrees(outcome(halconv.conv2d, x, w, **attributes), outcome(tf.nn.conv2d, x, w, **attributes))


@randomly
@given(arguments())
def test_nchw(problem):
    """TensorFlow refuses NCHW on a CPU: its result of the same problem in NHWC, in another order."""
    input_shape, filter_shape, attributes = problem
    x, w = problems.integers(input_shape, 1), problems.integers(filter_shape, 2)
    strides, dilations = four_values(attributes["strides"]), four_values(attributes["dilations"])
    theirs = outcome(tf.nn.conv2d, x, w, strides, attributes["padding"], dilations=dilations)
    planes = np.ascontiguousarray(np.moveaxis(x, 3, 1))
    _, ours = in_format("NCHW", x.shape, attributes | {"strides": strides, "dilations": dilations})
    ours = outcome(halconv.conv2d, planes, w, **ours)
    assert_agrees(ours, theirs if isinstance(theirs, Exception) else np.moveaxis(theirs, 3, 1))


def dilated(filter, dilations):
    """The filter with its taps apart: what TensorFlow's gradients, which refuse dilations, can take."""
    if 0 in filter.shape[:2]:
        return filter
    rows, columns = (dilation * (size - 1) + 1 for dilation, size in zip(dilations, filter.shape))
    result = np.zeros((rows, columns, *filter.shape[2:]), filter.dtype)
    result[:: dilations[0], :: dilations[1]] = filter
    return result


@randomly
@given(arguments())
def test_gradients(problem):
    """TensorFlow refuses dilation and groups here; each group by itself, with a filter dilated by hand, it takes."""
    input_shape, filter_shape, attributes = problem
    x, w = problems.integers(input_shape, 1), problems.integers(filter_shape, 2)
    d_out = problems.integers(out_backprop_shape(*problem), 3)
    _, *dilations, _ = four_values(attributes["dilations"])
    ours_d_x = outcome(halconv.conv2d_backprop_input, input_shape, w, d_out, **attributes)
    ours_d_w = outcome(halconv.conv2d_backprop_filter, x, filter_shape, d_out, **attributes)
    groups = input_shape[3] // filter_shape[2] if filter_shape[2] else 1
    if groups == 0 or filter_shape[3] % groups != 0:
        return  # refused by halconv in its own way
    split = [np.split(tensor, groups, axis=3) for tensor in (x, w, d_out)]
    dense = {"strides": attributes["strides"], "padding": attributes["padding"]}
    theirs_d_x, theirs_d_w = [], []
    for x_group, w_group, d_out_group in zip(*split):
        spread = dilated(w_group, dilations)
        theirs_d_x.append(outcome(TensorFlow.conv2d_backprop_input, x_group.shape, spread, d_out_group, **dense))
        if isinstance(theirs_d_x[-1], Exception):
            gradient = theirs_d_x[-1]
        elif d_out.size == 0 and w.size > 0:
            gradient = np.zeros(spread.shape)  # TensorFlow returns memory that it has not written, or crashes
        else:
            gradient = outcome(TensorFlow.conv2d_backprop_filter, x_group, spread.shape, d_out_group, **dense)
        if not isinstance(gradient, Exception):
            gradient = gradient[:: dilations[0], :: dilations[1]]
        theirs_d_w.append(gradient)
    for ours, theirs in ((ours_d_x, theirs_d_x), (ours_d_w, theirs_d_w)):
        if isinstance(theirs[0], Exception):
            assert type(ours) is type(theirs[0]), (ours, theirs[0])
        else:
            assert_agrees(ours, np.concatenate(theirs, axis=3))


def is_ours(function, words):
    """Whether TensorFlow begins the message in other words; README says why."""
    return (
        "is not an allowed padding type" in words
        or words.startswith(("padding is None", "number of groups must be"))
        or "Input: out_backprop must be 4-dimensional" in words
        or (words.startswith("Dilated rates") and function is not test_errors.forward)  # it refuses dilation itself
    )


def assert_words_are_tensorflows(function, arguments, words):
    if is_ours(function, words):
        pytest.skip("halconv differs on purpose")
    error = outcome(lambda **changed: function(TensorFlow, **changed), **arguments)
    assert isinstance(error, Exception)
    theirs = "Sliding window" if "should be of length 1, 2 or 4" in str(error) else str(error)
    assert theirs.startswith(words) or words.startswith(theirs)


@pytest.mark.parametrize(
    "function", [test_errors.forward, test_errors.input_gradient, test_errors.filter_gradient, test_errors.transpose]
)
@pytest.mark.parametrize("arguments, exception, words", test_errors.ATTRIBUTES, ids=str)
def test_attributes(function, arguments, exception, words):
    is_raw = function in (test_errors.input_gradient, test_errors.filter_gradient)
    if is_raw and words.startswith(("When", "'EXPLICIT'")):
        pytest.skip("the raw operations take a string and a list of 8 paddings")
    if arguments.get("data_format") == "NCHW":
        pytest.skip("TensorFlow's kernels for the CPU refuse it")
    assert_words_are_tensorflows(function, arguments, words)


@pytest.mark.parametrize(
    "function", [test_errors.forward, test_errors.input_gradient, test_errors.filter_gradient, test_errors.transpose]
)
@pytest.mark.parametrize("arguments, words", test_errors.BATCH_OR_DEPTH, ids=str)
def test_strides_and_dilations_of_batch_or_depth(function, arguments, words):
    ours = outcome(lambda **changed: function(halconv, **changed), **arguments)
    assert_agrees(ours, outcome(lambda **changed: function(TensorFlow, **changed), **arguments))


@pytest.mark.parametrize("arguments, exception, words", test_errors.FORWARD, ids=str)
def test_conv2d_errors(arguments, exception, words):
    assert_words_are_tensorflows(test_errors.forward, arguments, words)


@pytest.mark.parametrize("arguments, words", test_errors.INPUT_GRADIENT, ids=str)
def test_conv2d_backprop_input_errors(arguments, words):
    assert_words_are_tensorflows(test_errors.input_gradient, arguments, words)


@pytest.mark.parametrize("arguments, words", test_errors.FILTER_GRADIENT, ids=str)
def test_conv2d_backprop_filter_errors(arguments, words):
    assert_words_are_tensorflows(test_errors.filter_gradient, arguments, words)


@pytest.mark.parametrize("batch", [(2, 3), (1, 2, 2), (0, 3)])
def test_conv2d_takes_several_batch_dimensions(batch):
    x, w = problems.integers((*batch, 5, 6, 2), 1), problems.integers((3, 3, 2, 4), 2)
    np.testing.assert_array_equal(halconv.conv2d(x, w, 2, "SAME"), tf.nn.conv2d(x, w, 2, "SAME"))


@pytest.mark.parametrize("strides, dilations", [([1, 1, 1, 1], [1, 1]), ([1, 2, 2, 1], [1, 1]), ([1, 1, 1, 1], [2, 3])])
@pytest.mark.parametrize("padding", ["SAME", "VALID", problems.explicit(1, 2, 0, 1)], ids=str)
def test_depthwise(strides, dilations, padding):
    x, w = problems.integers((2, 9, 8, 5), 1), problems.integers((3, 2, 5, 2), 2)
    output = halconv.depthwise_conv2d(x, w, strides, padding, dilations=dilations)
    np.testing.assert_array_equal(output, tf.nn.depthwise_conv2d(x, w, strides, padding, dilations=dilations))
    if dilations != [1, 1]:
        return  # TensorFlow's gradients refuse
    for ours, theirs, arguments in (
        (halconv.depthwise_conv2d_backprop_input, tf.nn.depthwise_conv2d_backprop_input, (x.shape, w, output)),
        (halconv.depthwise_conv2d_backprop_filter, tf.nn.depthwise_conv2d_backprop_filter, (x, w.shape, output)),
    ):
        np.testing.assert_array_equal(ours(*arguments, strides, padding), theirs(*arguments, strides, padding))

ACTIVATIONS = [("relu", tf.nn.relu, tf.raw_ops.ReluGrad), ("relu6", tf.nn.relu6, tf.raw_ops.Relu6Grad)]


@randomly
@given(arguments())
def test_fused_conv2d_and_its_gradients(problem):
    input_shape, filter_shape, attributes = problem
    x, w = problems.integers(input_shape, 1), problems.integers(filter_shape, 2)
    attributes = attributes | {"strides": four_values(attributes["strides"])}
    attributes["dilations"] = four_values(attributes["dilations"])
    sums = outcome(tf.nn.conv2d, x, w, **attributes)
    if isinstance(sums, Exception):
        assert_agrees(outcome(halconv.fused_conv2d, x, w, **attributes), sums)
        return
    bias, residual = problems.integers(sums.shape[3:], 4), problems.integers(sums.shape, 5)
    d_out = problems.integers(sums.shape, 6)
    for name, activation, gradient in ACTIVATIONS:
        theirs = activation(tf.nn.bias_add(sums, bias) + residual)
        ours = halconv.fused_conv2d(x, w, **attributes, bias=bias, residual=residual, activation=name)
        np.testing.assert_array_equal(ours, theirs)
        masked, d_bias = halconv.fused_conv2d_backprop_epilogue(ours, d_out, name)
        their_masked = gradient(gradients=d_out, features=theirs)
        np.testing.assert_array_equal(masked, their_masked)
        np.testing.assert_array_equal(d_bias, tf.raw_ops.BiasAddGrad(out_backprop=their_masked))


def test_fused_epilogue_of_infinity_and_nan():
    values = np.array([-np.inf, -1, 0, 3, 6, 7, np.inf, np.nan], np.float32).reshape(1, 1, -1, 1)
    one, d_out = np.ones((1, 1, 1, 1), np.float32), np.arange(1, 9, dtype=np.float32).reshape(values.shape)
    for name, activation, gradient in ACTIVATIONS:
        ours, theirs = halconv.fused_conv2d(values, one, 1, "VALID", activation=name), activation(values)
        np.testing.assert_array_equal(ours, theirs)
        masked, _ = halconv.fused_conv2d_backprop_epilogue(ours, d_out, name)
        np.testing.assert_array_equal(masked, gradient(gradients=d_out, features=theirs))
