"""Depthwise convolutions: the kernels against NumPy's formula, and that against the grouped convolution."""

import halconv
import numpy as np
import problems
import pytest
from halconv import reference

CASES = [
    # input shape, channel multiplier, filter size, strides, padding, dilations
    ((2, 7, 6, 5), 1, (3, 3), 1, "SAME", 1),
    ((1, 9, 8, 19), 2, (3, 3), 2, "SAME", 1),
    ((1, 10, 9, 16), 3, (2, 3), (3, 2), problems.explicit(0, 2, 1, 0), 1),
    ((1, 11, 12, 8), 1, (3, 3), 1, "VALID", (2, 3)),
    ((2, 9, 9, 3), 20, (5, 5), 2, "SAME", 2),
    ((1, 6, 6, 1), 4, (3, 3), 1, "SAME", 1),
]


@pytest.fixture(params=CASES, ids=str)
def case(request):
    input_shape, multiplier, size, strides, padding, dilations = request.param
    attributes = {"strides": strides, "padding": padding, "dilations": dilations}
    x = problems.integers(input_shape, 1)
    w = problems.integers((*size, input_shape[3], multiplier), 2)
    y = reference.depthwise_conv2d(x, w, **attributes)
    return x, w, y, problems.integers(y.shape, 3), attributes


def grouped(w):
    return w.reshape(*w.shape[:2], 1, -1)


def test_reference_is_the_grouped_convolution(case):
    x, w, y, d_out, attributes = case
    np.testing.assert_array_equal(y, reference.conv2d(x, grouped(w), **attributes))
    np.testing.assert_array_equal(
        reference.depthwise_conv2d_backprop_input(x.shape, w, d_out, **attributes),
        reference.conv2d_backprop_input(x.shape, grouped(w), d_out, **attributes),
    )
    np.testing.assert_array_equal(
        reference.depthwise_conv2d_backprop_filter(x, w.shape, d_out, **attributes),
        reference.conv2d_backprop_filter(x, grouped(w).shape, d_out, **attributes).reshape(w.shape),
    )


def test_kernels_are_exact(case):
    x, w, y, d_out, attributes = case
    np.testing.assert_array_equal(halconv.depthwise_conv2d(x, w, **attributes), y)
    np.testing.assert_array_equal(
        halconv.depthwise_conv2d_backprop_input(x.shape, w, d_out, **attributes),
        reference.depthwise_conv2d_backprop_input(x.shape, w, d_out, **attributes),
    )
    np.testing.assert_array_equal(
        halconv.depthwise_conv2d_backprop_filter(x, w.shape, d_out, **attributes),
        reference.depthwise_conv2d_backprop_filter(x, w.shape, d_out, **attributes),
    )


def planar(image):
    return np.ascontiguousarray(np.moveaxis(image, 3, 1))


@pytest.mark.parametrize("module", [halconv, reference])
def test_planes_are_the_same_in_another_order(module, case):
    x, w, y, d_out, attributes = case
    padding = attributes["padding"]
    if not isinstance(padding, str):
        padding = [padding[0], padding[3], *padding[1:3]]
    attributes = attributes | {"padding": padding, "data_format": "NCHW"}
    x, y, d_out = planar(x), planar(y), planar(d_out)
    np.testing.assert_array_equal(module.depthwise_conv2d(x, w, **attributes), y)
    nhwc = case[4]
    np.testing.assert_array_equal(
        module.depthwise_conv2d_backprop_input(x.shape, w, d_out, **attributes),
        planar(reference.depthwise_conv2d_backprop_input(case[0].shape, w, case[3], **nhwc)),
    )
    np.testing.assert_array_equal(
        module.depthwise_conv2d_backprop_filter(x, w.shape, d_out, **attributes),
        reference.depthwise_conv2d_backprop_filter(case[0], w.shape, case[3], **nhwc),
    )


@pytest.mark.parametrize("accuracy", ["strict", "standard", "fast"])
def test_every_accuracy_is_the_direct_sum(accuracy):
    x, w = problems.integers((1, 9, 8, 19), 1), problems.integers((3, 3, 19, 2), 2)
    y = reference.depthwise_conv2d(x, w, 1, "SAME")
    np.testing.assert_array_equal(halconv.depthwise_conv2d(x, w, 1, "SAME", accuracy=accuracy), y)
    d_out = problems.integers(y.shape, 3)
    np.testing.assert_array_equal(
        halconv.depthwise_conv2d_backprop_input(x.shape, w, d_out, 1, "SAME", accuracy=accuracy),
        reference.depthwise_conv2d_backprop_input(x.shape, w, d_out, 1, "SAME"),
    )
    np.testing.assert_array_equal(
        halconv.depthwise_conv2d_backprop_filter(x, w.shape, d_out, 1, "SAME", accuracy=accuracy),
        reference.depthwise_conv2d_backprop_filter(x, w.shape, d_out, 1, "SAME"),
    )


def test_refuses_an_unknown_accuracy():
    with pytest.raises(ValueError, match="accuracy is \"exact\", expected strict, standard or fast"):
        halconv.depthwise_conv2d(
            np.zeros((1, 5, 5, 4), np.float32), np.zeros((3, 3, 4, 1), np.float32), 1, "SAME", accuracy="exact"
        )


@pytest.mark.parametrize("module", [halconv, reference])
def test_refuses_a_filter_of_another_depth(module):
    x, w = np.zeros((1, 5, 5, 4), np.float32), np.zeros((3, 3, 1, 4), np.float32)
    with pytest.raises(ValueError, match="input and filter must have the same depth: 4 vs 1"):
        module.depthwise_conv2d(x, w, 1, "SAME")
