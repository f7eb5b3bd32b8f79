"""The NumPy reference against the bare formula, and its functions against one another by exact adjoint identities."""

import numpy as np
import problems
import pytest
from halconv import reference
from halconv.attributes import conv2d_attributes
from halconv.geometry import conv2d_geometry

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
                group = k // (w.shape[3] // problem.geometry.groups)
                output[n, p, q, k] += float(x[n, h, v, group * w.shape[2] + c]) * float(w[r, s, c, k])
    return output


@every_problem
def test_conv2d_is_the_formula(problem):
    x, w = problems.integers(problem.input_shape, 1), problems.integers(problem.filter_shape, 2)
    np.testing.assert_array_equal(reference.conv2d(x, w, **problem.attributes), formula(x, w, problem))


@every_problem
def test_nchw_is_nhwc_in_another_order(problem):
    x, w = problems.integers(problem.input_shape, 1), problems.integers(problem.filter_shape, 2)
    d_out = problems.integers(problem.output_shape, 3)
    attributes = problem.nchw_attributes
    planes, d_planes = problems.in_planes(x), problems.in_planes(d_out)
    output = reference.conv2d(planes, w, **attributes)
    np.testing.assert_array_equal(output, problems.in_planes(reference.conv2d(x, w, **problem.attributes)))
    d_x = reference.conv2d_backprop_input(planes.shape, w, d_planes, **attributes)
    np.testing.assert_array_equal(
        d_x, problems.in_planes(reference.conv2d_backprop_input(x.shape, w, d_out, **problem.attributes))
    )
    d_w = reference.conv2d_backprop_filter(planes, w.shape, d_planes, **attributes)
    np.testing.assert_array_equal(d_w, reference.conv2d_backprop_filter(x, w.shape, d_out, **problem.attributes))


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
    assert conv2d_attributes(None, "VALID").strides == (1, 1)


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
