"""TensorFlow's conv2d and its gradients over NumPy arrays, by Halide kernels compiled ahead of time.

Tensors are float32, float64, float16, bfloat16 (ml_dtypes') or, for conv2d, int32, all of a call of one dtype: input
[n, h, w, c], filter [r, s, c, k], output [n, p, q, k], in `data_format` "NCHW" input [n, c, h, w], output [n, k, p, q],
as NumPy arrays or anything with __dlpack__ in host memory; dense ones are read where they lie, others copied first.
Results are new NumPy arrays. Names, order and defaults of the arguments are TensorFlow's: `strides` and `dilations` an
int or 1, 2 or 4 of them, `padding` "SAME", "VALID" or [[0, 0], [top, bottom], [left, right], [0, 0]], lists of four in
the order of `data_format`; `name` is ignored. Besides, as keywords only,

- `target` forces the kernels of a target ("avx2", ...); None takes the environment variable HALCONV_TARGET, and without
  it the best target of this machine;
- `threads` is the most CPU threads a call may use; 0 means one per core. Results are the same for any number. The
  interpreter runs on while a kernel computes;
- `accuracy` is "strict" for the direct sum only, "standard", or "fast" for Winograd's algorithm on larger tiles too;
  README.md says what each promises.

ValueError, with TensorFlow's words where TensorFlow checks the same, says which argument does not fit and what was
expected; NotImplementedError what no kernel can do; RuntimeError what went wrong in one. Extents may be zero: sums
without terms are zero.

`halconv.reference` computes the same with NumPy alone, `halconv.relations` shows how the functions follow from one
another.
"""

import math

import numpy as np

from . import _halconv
from ._halconv import Conv2dProblem, Kernel, SuiteEntry, explain, kernel_for, kernels, parse_suite, targets
from .attributes import (
    activation_bounds,
    channel_dimension,
    checked_data_format,
    integers,
    sizes,
    split_padding,
)
from .depthwise import grouped_filter_shape, input_shape

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
    "depthwise_conv2d",
    "depthwise_conv2d_backprop_filter",
    "depthwise_conv2d_backprop_input",
    "explain",
    "fused_conv2d",
    "fused_conv2d_backprop_epilogue",
    "fused_depthwise_conv2d",
    "kernel_for",
    "kernels",
    "parse_suite",
    "targets",
]


def _attributes(strides, padding, data_format, dilations):
    data_format = checked_data_format(data_format)
    return _halconv.Attributes(integers(strides), integers(dilations), *split_padding(padding), data_format)


_DTYPES = ("float32", "float64", "float16", "bfloat16", "int32")


def _array(name, tensor):
    """The tensor as a dense NumPy array, without a copy where it is one already."""
    if not isinstance(tensor, np.ndarray):
        if not hasattr(tensor, "__dlpack__"):
            raise TypeError(f"{name} is a {type(tensor).__name__}, expected a NumPy array or an object with __dlpack__")
        try:
            tensor = np.from_dlpack(tensor)
        except (BufferError, RuntimeError) as error:
            raise ValueError(f"{name} cannot be read as a NumPy array: {error}") from error
    if tensor.dtype.name not in _DTYPES:
        raise ValueError(f"{name} is {tensor.dtype}, expected one of {', '.join(_DTYPES)}")
    return np.ascontiguousarray(tensor) if tensor.ndim else tensor


def _compute(function, *arguments):
    """What `function` of the C module returns. Between Python and C an array of bfloat16 goes as its bits."""
    dtype = next(argument.dtype for argument in arguments if isinstance(argument, np.ndarray))
    if dtype.name == "bfloat16":
        arguments = [a.view(np.uint16) if isinstance(a, np.ndarray) and a.dtype == dtype else a for a in arguments]
    result = function(*arguments)
    return tuple(array.view(dtype) for array in result) if isinstance(result, tuple) else result.view(dtype)


def conv2d_output_shape(input_shape, filter_shape, strides, padding, data_format="NHWC", dilations=None):
    """The shape [n, p, q, k] that conv2d returns, and the paddings [[top, bottom], [left, right]] it takes."""
    return _halconv.conv2d_output_shape(
        integers(input_shape), integers(filter_shape), _attributes(strides, padding, data_format, dilations)
    )


def conv2d(
    input,
    filters,
    strides,
    padding,
    data_format="NHWC",
    dilations=None,
    name=None,
    *,
    target=None,
    threads=0,
    accuracy="standard",
):
    """The convolution of input [n, h, w, c] with filters [r, s, c, k]: output [n, p, q, k].

    The input may have several batch dimensions, which are the output's.
    """
    attributes = _attributes(strides, padding, data_format, dilations)
    input, filters = _array("input", input), _array("filters", filters)
    batch = input.shape[:-3]
    if len(batch) > 1:
        input = input.reshape(math.prod(batch), *input.shape[-3:])
    output = _compute(_halconv.conv2d, input, filters, attributes, _halconv.Execution(target, threads, accuracy))
    return output.reshape(*batch, *output.shape[1:]) if len(batch) > 1 else output


def _activation(activation):
    if activation is None or isinstance(activation, str):
        return _halconv.Activation(activation or "none", 0, 0)
    return _halconv.Activation("clamp", *activation_bounds(activation))


def fused_conv2d(
    input,
    filters,
    strides,
    padding,
    bias=None,
    residual=None,
    activation=None,
    data_format="NHWC",
    dilations=None,
    *,
    target=None,
    threads=0,
    accuracy="standard",
):
    """activation(conv2d(input, filters) + bias + residual) in one pass: bias [k], residual of the output's shape.

    `activation` is None, "relu", "relu6", or the (lower, upper) that the output is kept between.
    """
    attributes = _attributes(strides, padding, data_format, dilations)
    input, filters = _array("input", input), _array("filters", filters)
    bias = bias if bias is None else _array("bias", bias)
    residual = residual if residual is None else _array("residual", residual)
    execution = _halconv.Execution(target, threads, accuracy)
    return _compute(
        _halconv.fused_conv2d, input, filters, bias, residual, _activation(activation), attributes, execution
    )


def fused_conv2d_backprop_epilogue(
    output, out_backprop, activation=None, data_format="NHWC", *, target=None, threads=0
):
    """The gradients through fused_conv2d's epilogue, from its output and out_backprop: (masked_out_backprop [n, p, q,
    k], bias_backprop [k]).

    The first is out_backprop where `output` lies strictly between the activation's bounds, else 0: the gradient with
    respect to the residual, and the out_backprop that conv2d's gradients take. The second is its sum over n, p and q.
    """
    output, out_backprop = _array("output", output), _array("out_backprop", out_backprop)
    epilogue = _activation(activation), checked_data_format(data_format)
    execution = _halconv.Execution(target, threads)
    masked, bias = _compute(_halconv.fused_conv2d_backprop_epilogue, output, out_backprop, *epilogue, execution)
    return masked, bias.reshape(-1)


def _input_gradient(name, summary):
    """A function with the signature of TensorFlow's conv2d_backprop_input over the kernels behind `name`."""

    def gradient(
        input_sizes,
        filter,
        out_backprop,
        strides,
        padding,
        data_format="NHWC",
        dilations=(1, 1, 1, 1),
        name=None,
        *,
        target=None,
        threads=0,
        accuracy="standard",
    ):
        attributes = _attributes(strides, padding, data_format, dilations)
        input_sizes = sizes("Conv2DBackpropInput: input_sizes", input_sizes)
        filter, out_backprop = _array("filter", filter), _array("out_backprop", out_backprop)
        execution = _halconv.Execution(target, threads, accuracy)
        return _compute(compute, input_sizes, filter, out_backprop, attributes, execution)

    compute = getattr(_halconv, name)
    gradient.__name__ = gradient.__qualname__ = name
    gradient.__doc__ = summary
    return gradient


def _filter_gradient(name, summary):
    """A function with the signature of TensorFlow's conv2d_backprop_filter over the kernels behind `name`."""

    def gradient(
        input,
        filter_sizes,
        out_backprop,
        strides,
        padding,
        data_format="NHWC",
        dilations=(1, 1, 1, 1),
        name=None,
        *,
        target=None,
        threads=0,
        accuracy="standard",
    ):
        attributes = _attributes(strides, padding, data_format, dilations)
        filter_sizes = sizes("Conv2DCustomBackpropFilter: filter_sizes", filter_sizes)
        input, out_backprop = _array("input", input), _array("out_backprop", out_backprop)
        execution = _halconv.Execution(target, threads, accuracy)
        return _compute(compute, input, filter_sizes, out_backprop, attributes, execution)

    compute = getattr(_halconv, name)
    gradient.__name__ = gradient.__qualname__ = name
    gradient.__doc__ = summary
    return gradient


conv2d_backprop_input = _input_gradient(
    "conv2d_backprop_input",
    """The gradient with respect to conv2d's input, of shape `input_sizes`, from out_backprop [n, p, q, k].

    `input_sizes` is [n, h, w, c], or [h, w] with out_backprop's batch and the filter's channels.
    """,
)
conv2d_backprop_filter = _filter_gradient(
    "conv2d_backprop_filter",
    "The gradient with respect to conv2d's filter, of shape `filter_sizes`, from out_backprop [n, p, q, k].",
)
conv2d_backprop_input_autodiff = _input_gradient(
    "conv2d_backprop_input_autodiff",
    "conv2d_backprop_input by differentiating conv2d's algorithm (Halide's propagate_adjoints): an oracle, slow.",
)
conv2d_backprop_filter_autodiff = _filter_gradient(
    "conv2d_backprop_filter_autodiff",
    "conv2d_backprop_filter by differentiating conv2d's algorithm (Halide's propagate_adjoints): an oracle, slow.",
)


def conv2d_transpose(
    input,
    filters,
    output_shape,
    strides,
    padding="SAME",
    data_format="NHWC",
    dilations=None,
    name=None,
    *,
    target=None,
    threads=0,
    accuracy="standard",
):
    """The transpose of conv2d: input [n, p, q, k], filters [r, s, c, k], output [n, h, w, c] as `output_shape` says.

    `output_shape` has to be one that conv2d turns into the input's shape; [h, w] stands for [n, h, w, c].
    """
    attributes = _attributes(strides, padding, data_format, dilations)
    output_shape = sizes("Conv2DBackpropInput: input_sizes", output_shape)
    filters, input = _array("filters", filters), _array("input", input)
    execution = _halconv.Execution(target, threads, accuracy)
    return _compute(_halconv.conv2d_transpose, output_shape, filters, input, attributes, execution)


def depthwise_conv2d(
    input,
    filter,
    strides,
    padding,
    data_format=None,
    dilations=None,
    name=None,
    **execution,
):
    """Each channel of input [n, h, w, c] with its own filters [r, s, c, m]: output [n, p, q, c * m]."""
    input, filter = _array("input", input), _array("filter", filter)
    filter = filter.reshape(grouped_filter_shape(input.shape[channel_dimension(data_format)], filter.shape))
    return conv2d(input, filter, strides, padding, data_format or "NHWC", dilations, **execution)


def fused_depthwise_conv2d(
    input,
    filter,
    strides,
    padding,
    bias=None,
    residual=None,
    activation=None,
    data_format="NHWC",
    dilations=None,
    **execution,
):
    """fused_conv2d for depthwise_conv2d: input [n, h, w, c], filter [r, s, c, m], bias [c * m]."""
    input, filter = _array("input", input), _array("filter", filter)
    filter = filter.reshape(grouped_filter_shape(input.shape[channel_dimension(data_format)], filter.shape))
    epilogue = {"bias": bias, "residual": residual, "activation": activation}
    attributes = {"data_format": data_format, "dilations": dilations}
    return fused_conv2d(input, filter, strides, padding, **epilogue, **attributes, **execution)


def depthwise_conv2d_backprop_input(
    input_sizes,
    filter,
    out_backprop,
    strides,
    padding,
    data_format="NHWC",
    dilations=(1, 1, 1, 1),
    name=None,
    **execution,
):
    """The gradient with respect to depthwise_conv2d's input [n, h, w, c], from out_backprop [n, p, q, c * m]."""
    input_sizes, filter = input_shape(sizes("input_sizes", input_sizes)), _array("filter", filter)
    filter = filter.reshape(grouped_filter_shape(input_sizes[channel_dimension(data_format)], filter.shape))
    arguments = (input_sizes, filter, out_backprop, strides, padding, data_format, dilations)
    return conv2d_backprop_input(*arguments, **execution)


def depthwise_conv2d_backprop_filter(
    input,
    filter_sizes,
    out_backprop,
    strides,
    padding,
    data_format="NHWC",
    dilations=(1, 1, 1, 1),
    name=None,
    **execution,
):
    """The gradient with respect to depthwise_conv2d's filter, of shape `filter_sizes`, from out_backprop."""
    input, filter_sizes = _array("input", input), sizes("filter_sizes", filter_sizes)
    grouped = grouped_filter_shape(input.shape[channel_dimension(data_format)], filter_sizes)
    arguments = (input, grouped, out_backprop, strides, padding, data_format, dilations)
    return conv2d_backprop_filter(*arguments, **execution).reshape(filter_sizes)
