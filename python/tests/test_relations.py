"""The relations of the four functions, exactly, on integers, over the reference's conv2d."""

import numpy as np
import problems
import pytest
from halconv import reference, relations


def tensors(problem):
    return (
        problems.integers(problem.input_shape, 1),
        problems.integers(problem.filter_shape, 2),
        problems.integers(problem.output_shape, 3),
    )


def tensors_and_attributes(problem, data_format):
    """x, w, d_out, with images in the data format, and the attributes for them."""
    x, w, d_out = tensors(problem)
    if data_format == "NHWC":
        return x, w, d_out, problem.attributes
    return problems.in_planes(x), w, problems.in_planes(d_out), problem.nchw_attributes


every_problem_in_every_format = pytest.mark.parametrize(
    "problem, data_format",
    [
        pytest.param(problem, data_format, id=f"{data_format}-{name}")
        for problem, name in zip(problems.ALL, problems.IDS)
        for data_format in ("NHWC", "NCHW")
    ],
)


@every_problem_in_every_format
def test_conv2d_backprop_input_by_conv2d(problem, data_format):
    x, w, d_out, attributes = tensors_and_attributes(problem, data_format)
    by_hand = relations.conv2d_backprop_input_by_conv2d(reference.conv2d, x.shape, w, d_out, **attributes)
    np.testing.assert_array_equal(by_hand, reference.conv2d_backprop_input(x.shape, w, d_out, **attributes))


@every_problem_in_every_format
def test_conv2d_backprop_filter_by_conv2d(problem, data_format):
    x, w, d_out, attributes = tensors_and_attributes(problem, data_format)
    by_hand = relations.conv2d_backprop_filter_by_conv2d(reference.conv2d, x, w.shape, d_out, **attributes)
    np.testing.assert_array_equal(by_hand, reference.conv2d_backprop_filter(x, w.shape, d_out, **attributes))


@every_problem_in_every_format
def test_conv2d_transpose_by_conv2d(problem, data_format):
    x, w, d_out, attributes = tensors_and_attributes(problem, data_format)
    by_hand = relations.conv2d_transpose_by_conv2d(reference.conv2d, d_out, w, x.shape, **attributes)
    np.testing.assert_array_equal(by_hand, reference.conv2d_transpose(d_out, w, x.shape, **attributes))


@every_problem_in_every_format
def test_conv2d_backprop_input_by_conv2d_transpose(problem, data_format):
    x, w, d_out, attributes = tensors_and_attributes(problem, data_format)
    transposed = relations.conv2d_backprop_input_by_conv2d_transpose(
        reference.conv2d_transpose, x.shape, w, d_out, **attributes
    )
    np.testing.assert_array_equal(transposed, reference.conv2d_backprop_input(x.shape, w, d_out, **attributes))


def test_at_stride_1_the_gradients_are_the_textbook_one_liners():
    x, w, d_out = (problems.integers(shape, 4) for shape in ((2, 6, 7, 3), (3, 2, 3, 4), (2, 4, 6, 4)))
    full = relations.pad_to_full(d_out, (6, 7), (3, 2), (1, 1), ((0, 0), (0, 0)))
    assert full.shape == (2, 4 + 2 * 2, 6 + 2 * 1, 4)
    d_x = reference.conv2d(full, relations.swap_in_out(relations.rot180(w)), 1, "VALID")
    d_w = relations.nhwc_to_hwio(reference.conv2d(relations.swap_n_c(x), relations.nhwc_to_hwio(d_out), 1, "VALID"))
    np.testing.assert_array_equal(d_x, reference.conv2d_backprop_input(x.shape, w, d_out, 1, "VALID"))
    np.testing.assert_array_equal(d_w, reference.conv2d_backprop_filter(x, w.shape, d_out, 1, "VALID"))


def test_dilate_puts_zeros_between_neighbours_only():
    dilated = relations.dilate(np.ones((1, 2, 3, 1)), (3, 2))
    np.testing.assert_array_equal(
        dilated[0, :, :, 0], [[1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 0, 1, 0, 1]]
    )


def test_pad_or_crop_takes_away_from_what_the_other_side_adds():
    tensor = np.arange(1.0, 4.0).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(relations.pad_or_crop(tensor, ((-4, 2), (0, 0))).ravel(), [0])
    np.testing.assert_array_equal(relations.pad_or_crop(tensor, ((1, -2), (0, 0))).ravel(), [0, 1])
