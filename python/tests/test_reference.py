"""The NumPy reference against the bare formula, and its functions against one another by exact adjoint identities."""

import numpy as np
import problems
import pytest
from halconv import reference
from halconv.attributes import conv2d_attributes, conv2d_geometry

every_problem = pytest.mark.parametrize("problem", problems.ALL, ids=problems.IDS)


def formula(x, w, problem):
    """The definition, one multiplication at a time."""
    (top, _), (left, _) = problem.geometry.paddings
    output = np.zeros(problem.output_shape)
    for n, p, q, k in np.ndindex(*output.shape):
        for r, s, c in np.ndindex(*w.shape[:3]):
            h = problem.strides[0] * p + problem.dilations[0] * r - top
            v = problem.strides[1] * q + problem.dilations[1] * s - left
            if 0 <= h < x.shape[1] and 0 <= v < x.shape[2]:
                output[n, p, q, k] += float(x[n, h, v, c]) * float(w[r, s, c, k])
    return output


@every_problem
def test_conv2d_is_the_formula(problem):
    x, w = problems.integers(problem.input_shape, 1), problems.integers(problem.filter_shape, 2)
    np.testing.assert_array_equal(reference.conv2d(x, w, **problem.attributes), formula(x, w, problem))


@every_problem
def test_gradients_are_the_adjoints_of_conv2d(problem):
    """<d_out, conv2d(x, w)> = <d_x, x> = <d_w, w>: with conv2d linear in x and in w, this defines both gradients."""
    x, w = problems.integers(problem.input_shape, 1), problems.integers(problem.filter_shape, 2)
    d_out = problems.integers(problem.output_shape, 3)
    product = np.vdot(d_out, reference.conv2d(x, w, **problem.attributes))
    d_x = reference.conv2d_backprop_input(x.shape, w, d_out, **problem.attributes)
    d_w = reference.conv2d_backprop_filter(x, w.shape, d_out, **problem.attributes)
    transposed = reference.conv2d_transpose(d_out, w, x.shape, **problem.attributes)
    assert np.vdot(d_x, x) == product
    assert np.vdot(transposed, x) == product
    assert np.vdot(d_w, w) == product


@pytest.mark.parametrize("problem", problems.CORNER_CASES[:3], ids=problems.IDS[:3])
def test_gradients_are_difference_quotients(problem):
    """Exact, since conv2d is linear in each argument: moving one element by 1 moves <d_out, output> by its gradient."""
    x, w = problems.integers(problem.input_shape, 1), problems.integers(problem.filter_shape, 2)
    d_out = problems.integers(problem.output_shape, 3)

    def quotients(tensor):
        base = np.vdot(d_out, reference.conv2d(x, w, **problem.attributes))
        result = np.empty(tensor.shape)
        for index in np.ndindex(*tensor.shape):
            tensor[index] += 1
            result[index] = np.vdot(d_out, reference.conv2d(x, w, **problem.attributes)) - base
            tensor[index] -= 1
        return result

    d_x = reference.conv2d_backprop_input(x.shape, w, d_out, **problem.attributes)
    d_w = reference.conv2d_backprop_filter(x, w.shape, d_out, **problem.attributes)
    np.testing.assert_array_equal(d_x, quotients(x))
    np.testing.assert_array_equal(d_w, quotients(w))


@pytest.mark.parametrize(
    "size, reach, stride, expected_output, expected_padding",
    [
        (224, 7, 2, 112, (2, 3)),
        (56, 3, 1, 56, (1, 1)),
        (56, 3, 2, 28, (0, 1)),
        (5, 1, 3, 2, (0, 0)),
        (7, 4, 1, 7, (1, 2)),
    ],
)
def test_same_padding_puts_what_is_left_over_at_the_end(size, reach, stride, expected_output, expected_padding):
    attributes = conv2d_attributes(stride, "SAME")
    geometry = conv2d_geometry((1, size, size, 1), (reach, reach, 1, 1), attributes)
    assert geometry.output_shape == (1, expected_output, expected_output, 1)
    assert geometry.paddings == (expected_padding, expected_padding)


def test_strides_and_dilations_are_spelled_as_in_tensorflow():
    for spelling in (2, [2], [2, 2], [1, 2, 2, 1], np.int64(2), np.array([2, 2])):
        attributes = conv2d_attributes(spelling, "VALID", dilations=spelling)
        assert attributes.strides == attributes.dilations == (2, 2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"strides": 0}, "strides is 0"),
        ({"strides": [1, 2, 3]}, "strides is"),
        ({"strides": [2, 1, 1, 1]}, "strides is"),
        ({"dilations": -1}, "dilations is -1"),
        ({"padding": "FULL"}, "padding is 'FULL'"),
        ({"padding": [[0, 0], [1, -1], [0, 0], [0, 0]]}, "padding is"),
        ({"padding": [[1, 0], [0, 0], [0, 0], [0, 0]]}, "padding is"),
        ({"data_format": "CHWN"}, "data_format is 'CHWN'"),
        ({"dilations": 2}, "the filter reaches over 5 of the input's height, expected at most 4"),
        ({"filters": np.zeros((3, 3, 2, 1))}, "filter has shape"),
        ({"input": np.zeros((4, 4, 1))}, "input has shape"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_a_value_error(arguments, message):
    fitting = {"input": np.zeros((1, 4, 4, 1)), "filters": np.zeros((3, 3, 1, 1)), "strides": 1, "padding": "VALID"}
    with pytest.raises(ValueError, match=message):
        reference.conv2d(**(fitting | arguments))


def test_out_backprop_of_another_shape_is_a_value_error():
    x, w, d_out = np.zeros((1, 4, 4, 1)), np.zeros((3, 3, 1, 1)), np.zeros((1, 3, 3, 1))
    with pytest.raises(ValueError, match=r"out_backprop has shape \[1, 3, 3, 1\], expected \[1, 2, 2, 1\]"):
        reference.conv2d_backprop_input(x.shape, w, d_out, 1, "VALID")
    with pytest.raises(ValueError, match=r"out_backprop has shape \[1, 3, 3, 1\], expected \[1, 2, 2, 1\]"):
        reference.conv2d_backprop_filter(x, w.shape, d_out, 1, "VALID")


def test_rounding_error_bound_holds_and_is_not_vacuous():
    random = np.random.default_rng(5)
    a, b = random.standard_normal((2, 1000, 512)).astype(np.float32)
    total = np.zeros(1000, np.float32)
    for i in range(512):
        total += a[:, i] * b[:, i]
    exact = np.einsum("ij,ij->i", a.astype(np.float64), b.astype(np.float64))
    bound = reference.rounding_error_bound(
        512, np.einsum("ij,ij->i", abs(a.astype(np.float64)), abs(b.astype(np.float64)))
    )
    assert np.all(abs(total - exact) <= bound)
    assert bound.max() < 0.05
