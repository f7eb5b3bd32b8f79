"""The fused functions against the reference, and what bad arguments get."""

import halconv
import ml_dtypes
import numpy as np
import problems
import pytest
from halconv import reference
from test_halconv import assert_same, every_problem, every_problem_on_every_target, tensors

ACTIVATIONS = [None, "relu", "relu6", (-7, 20)]


def addends(problem):
    return {
        "bias": problems.integers(problem.output_shape[3:], 4),
        "residual": problems.integers(problem.output_shape, 5),
    }


def assert_same_planes(actual, expected):
    assert_same(actual, problems.in_planes(expected))


@every_problem_on_every_target
def test_fused_conv2d(problem, target):
    x, w, _ = tensors(problem)
    for activation in ACTIVATIONS:
        epilogue = addends(problem) | {"activation": activation} | problem.attributes
        assert_same(halconv.fused_conv2d(x, w, **epilogue, target=target), reference.fused_conv2d(x, w, **epilogue))


@every_problem
def test_parts_of_the_epilogue(problem):
    x, w, _ = tensors(problem)
    plain = halconv.conv2d(x, w, **problem.attributes)
    np.testing.assert_array_equal(halconv.fused_conv2d(x, w, **problem.attributes), plain)
    for name, addend in addends(problem).items():
        assert_same(halconv.fused_conv2d(x, w, **{name: addend}, **problem.attributes), plain + addend)


@every_problem
def test_gradients_through_the_epilogue(problem):
    x, w, d_out = tensors(problem)
    for activation in ACTIVATIONS:
        output = halconv.fused_conv2d(x, w, **addends(problem), activation=activation, **problem.attributes)
        actual = halconv.fused_conv2d_backprop_epilogue(output, d_out, activation)
        for gradient, expected in zip(actual, reference.fused_conv2d_backprop_epilogue(output, d_out, activation)):
            assert_same(gradient, expected)


@every_problem
def test_fused_conv2d_of_planes(problem):
    x, w, d_out = tensors(problem)
    planes, d_planes = problems.in_planes(x), problems.in_planes(d_out)
    for activation in ACTIVATIONS:
        epilogue = addends(problem) | {"activation": activation}
        in_order = epilogue | {"residual": problems.in_planes(epilogue["residual"])} | problem.nchw_attributes
        expected = reference.fused_conv2d(x, w, **epilogue, **problem.attributes)
        output = halconv.fused_conv2d(planes, w, **in_order)
        assert_same_planes(output, expected)
        assert_same_planes(reference.fused_conv2d(planes, w, **in_order).astype(np.float32), expected)
        masked, bias = reference.fused_conv2d_backprop_epilogue(expected, d_out, activation)
        for module in (halconv, reference):
            actual = module.fused_conv2d_backprop_epilogue(output, d_planes, activation, "NCHW")
            assert_same_planes(actual[0].astype(np.float32), masked)
            assert_same(actual[1].astype(np.float32), bias)


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_fused_depthwise_conv2d(data_format):
    shapes = {"NHWC": (2, 7, 6, 5), "NCHW": (2, 5, 7, 6)}
    x, w = problems.integers(shapes[data_format], 1), problems.integers((3, 3, 5, 2), 2)
    epilogue = {"bias": problems.integers((10,), 3), "activation": "relu", "data_format": data_format}
    expected = reference.fused_depthwise_conv2d(x, w, 1, "SAME", **epilogue)
    assert_same(halconv.fused_depthwise_conv2d(x, w, 1, "SAME", **epilogue), expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ml_dtypes.bfloat16, np.int32], ids=lambda d: d.__name__)
def test_every_dtype(dtype):
    x, w, bias, residual, d_out = (
        problems.integers(shape, 1) % 3 for shape in ((2, 8, 5, 3), (3, 2, 3, 4), (4,), (2, 8, 5, 4), (2, 8, 5, 4))
    )
    typed = [tensor.astype(dtype) for tensor in (x, w, bias, residual, d_out)]
    expected = reference.fused_conv2d(x, w, 1, "SAME", bias, residual, "relu6")
    output = halconv.fused_conv2d(*typed[:2], 1, "SAME", typed[2], typed[3], "relu6")
    assert_same(output, expected.astype(dtype), dtype)
    if dtype == np.int32:
        return
    masked, d_bias = halconv.fused_conv2d_backprop_epilogue(output, typed[4], "relu6")
    expected_masked, expected_d_bias = reference.fused_conv2d_backprop_epilogue(expected, d_out, "relu6")
    assert_same(masked, expected_masked.astype(dtype), dtype)
    assert_same(d_bias, expected_d_bias.astype(dtype), dtype)


def test_nan_passes_forward_and_stops_backward():
    x, w = np.full((1, 4, 4, 1), np.nan, np.float32), np.ones((3, 3, 1, 2), np.float32)
    output = halconv.fused_conv2d(x, w, 1, "VALID", activation="relu6")
    assert np.isnan(output).all()
    masked, _ = halconv.fused_conv2d_backprop_epilogue(output, np.ones_like(output), "relu6")
    np.testing.assert_array_equal(masked, 0)


@pytest.mark.parametrize(
    "epilogue, error, message",
    [
        ({"bias": np.zeros(3, np.float32)}, ValueError, r"bias has shape \[3\], expected \[2\]"),
        ({"residual": np.zeros((1, 2, 2, 1), np.float32)}, ValueError, r"residual has shape .*expected \[1, 2, 2, 2\]"),
        ({"activation": "tanh"}, ValueError, 'activation is "tanh", expected None, relu, relu6'),
        ({"activation": (1, 0)}, ValueError, "expected lower <= upper"),
        ({"activation": (0, float("nan"))}, ValueError, "expected lower <= upper"),
        ({"activation": 6}, TypeError, "activation is 6"),
    ],
    ids=str,
)
def test_what_does_not_fit(epilogue, error, message):
    x, w = np.zeros((1, 4, 4, 1), np.float32), np.zeros((3, 3, 1, 2), np.float32)
    for function in (halconv.fused_conv2d, reference.fused_conv2d):
        with pytest.raises(error, match=message):
            function(x, w, 1, "VALID", **epilogue)


def test_the_bias_has_one_dimension():
    x, w = np.zeros((1, 4, 4, 1), np.float32), np.zeros((3, 3, 1, 2), np.float32)
    with pytest.raises(ValueError, match="bias must be 1-dimensional"):
        halconv.fused_conv2d(x, w, 1, "VALID", np.zeros((1, 2), np.float32))
