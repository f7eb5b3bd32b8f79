"""TensorFlow's conv2d and its gradients over NumPy arrays, by Halide kernels compiled ahead of time.

Tensors are contiguous float32 arrays: input [n, h, w, c], filter [r, s, c, k], output [n, p, q, k]. Names, order and
defaults of the arguments are TensorFlow's: `strides` and `dilations` an int or 1, 2 or 4 of them, `padding` "SAME",
"VALID" or [[0, 0], [top, bottom], [left, right], [0, 0]], `data_format` "NHWC". Besides,

- `target` forces the kernels of a target ("avx2", ...); None takes the environment variable HALCONV_TARGET, and without
  it the best target of this machine;
- `threads` is the most CPU threads a call may use; 0 means one per core. Results are the same for any number.

ValueError says which argument does not fit and what was expected, NotImplementedError what no kernel can do,
RuntimeError what went wrong in one.

`halconv.reference` computes the same with NumPy alone, `halconv.relations` shows how the functions follow from one
another.
"""

from . import _halconv
from ._halconv import Conv2dProblem, Kernel, SuiteEntry, explain, kernel_for, kernels, parse_suite, targets
from .attributes import conv2d_attributes

__all__ = [
    "Conv2dProblem",
    "Kernel",
    "SuiteEntry",
    "conv2d",
    "conv2d_backprop_filter",
    "conv2d_backprop_filter_autodiff",
    "conv2d_backprop_input",
    "conv2d_backprop_input_autodiff",
    "conv2d_output_shape",
    "conv2d_transpose",
    "explain",
    "kernel_for",
    "kernels",
    "parse_suite",
    "targets",
]


def _attributes(strides, padding, data_format, dilations):
    return _halconv.Attributes(*conv2d_attributes(strides, padding, data_format, dilations))


def conv2d_output_shape(input_shape, filter_shape, strides, padding, data_format="NHWC", dilations=None):
    """The shape [n, p, q, k] that conv2d returns, and the paddings [[top, bottom], [left, right]] it takes."""
    return _halconv.conv2d_output_shape(
        input_shape, filter_shape, _attributes(strides, padding, data_format, dilations)
    )


def conv2d(input, filters, strides, padding, data_format="NHWC", dilations=None, *, target=None, threads=0):
    """The convolution of input [n, h, w, c] with filters [r, s, c, k]: output [n, p, q, k]."""
    attributes = _attributes(strides, padding, data_format, dilations)
    output_shape, _ = _halconv.conv2d_output_shape(input.shape, filters.shape, attributes)
    return _halconv.conv2d(input, filters, output_shape, attributes, target, threads)


def conv2d_backprop_input(
    input_sizes,
    filter,
    out_backprop,
    strides,
    padding,
    data_format="NHWC",
    dilations=(1, 1, 1, 1),
    *,
    target=None,
    threads=0,
):
    """The gradient with respect to conv2d's input, of shape `input_sizes`, from out_backprop [n, p, q, k]."""
    attributes = _attributes(strides, padding, data_format, dilations)
    return _halconv.conv2d_backprop_input(filter, out_backprop, input_sizes, attributes, target, threads)


def conv2d_backprop_filter(
    input,
    filter_sizes,
    out_backprop,
    strides,
    padding,
    data_format="NHWC",
    dilations=(1, 1, 1, 1),
    *,
    target=None,
    threads=0,
):
    """The gradient with respect to conv2d's filter, of shape `filter_sizes`, from out_backprop [n, p, q, k]."""
    attributes = _attributes(strides, padding, data_format, dilations)
    return _halconv.conv2d_backprop_filter(input, out_backprop, filter_sizes, attributes, target, threads)


def conv2d_transpose(
    input,
    filters,
    output_shape,
    strides,
    padding="SAME",
    data_format="NHWC",
    dilations=None,
    *,
    target=None,
    threads=0,
):
    """The transpose of conv2d: input [n, p, q, k], filters [r, s, c, k], output [n, h, w, c] as `output_shape` says."""
    attributes = _attributes(strides, padding, data_format, dilations)
    return _halconv.conv2d_transpose(input, filters, output_shape, attributes, target, threads)


def conv2d_backprop_input_autodiff(
    input_sizes,
    filter,
    out_backprop,
    strides,
    padding,
    data_format="NHWC",
    dilations=(1, 1, 1, 1),
    *,
    target=None,
    threads=0,
):
    """conv2d_backprop_input by differentiating conv2d's algorithm (Halide's propagate_adjoints): an oracle, slow."""
    attributes = _attributes(strides, padding, data_format, dilations)
    return _halconv.conv2d_backprop_input_autodiff(filter, out_backprop, input_sizes, attributes, target, threads)


def conv2d_backprop_filter_autodiff(
    input,
    filter_sizes,
    out_backprop,
    strides,
    padding,
    data_format="NHWC",
    dilations=(1, 1, 1, 1),
    *,
    target=None,
    threads=0,
):
    """conv2d_backprop_filter by differentiating conv2d's algorithm (Halide's propagate_adjoints): an oracle, slow."""
    attributes = _attributes(strides, padding, data_format, dilations)
    return _halconv.conv2d_backprop_filter_autodiff(input, out_backprop, filter_sizes, attributes, target, threads)
