"""The ways to compute a convolution and its gradients: how far from exact each is, and how long it takes."""

import time
from functools import partial
from typing import Callable, NamedTuple

import halconv
import numpy as np
from halconv import reference, relations


class Way(NamedTuple):
    """One way to compute one of a layer's results."""

    result: str  # "output", "d_x" or "d_w"
    name: str
    compute: Callable[[], np.ndarray]
    kernel: str  # empty for NumPy


class Expected(NamedTuple):
    """What the reference says, and how far rounding can take a float32 result from it."""

    value: np.ndarray
    bound: np.ndarray


class Measurement(NamedTuple):
    way: Way
    difference: float  # the largest from the reference
    of_bound: float  # the largest ratio of an element's difference to its bound
    seconds: float  # the fastest of the rounds

    @property
    def agrees(self):
        return self.of_bound <= 1  # not so for NaN


class Layer:
    """The problem of a line of a suite, with random tensors."""

    def __init__(self, entry, random):
        self.name, self.problem = entry.name, entry.problem
        p = self.problem
        x_shape = p.batch, p.in_height, p.in_width, p.in_channels
        w_shape = p.filter_height, p.filter_width, p.in_channels, p.out_channels
        d_out_shape = p.batch, p.out_height, p.out_width, p.out_channels
        self.x, self.w, self.d_out = (random.standard_normal(s, np.float32) for s in (x_shape, w_shape, d_out_shape))
        # Where the last rows reach no output the problem's padding there is negative; TensorFlow's is zero.
        rows, columns = (p.pad_top, max(0, p.pad_bottom)), (p.pad_left, max(0, p.pad_right))
        self.attributes = {
            "strides": (p.stride_height, p.stride_width),
            "padding": [(0, 0), rows, columns, (0, 0)],
            "dilations": (p.dilation_height, p.dilation_width),
        }

    def expected(self):
        """The reference's results and their bounds."""
        x, w, d_out = self.x, self.w, self.d_out
        height, width, in_channels, out_channels = w.shape
        conv2d = partial(reference.conv2d, **self.attributes)

        def backprop_input(w, d_out):
            return reference.conv2d_backprop_input(x.shape, w, d_out, **self.attributes)

        def backprop_filter(x, d_out):
            return reference.conv2d_backprop_filter(x, w.shape, d_out, **self.attributes)

        def with_bound(function, terms, first, second):
            bound = reference.rounding_error_bound(terms, function(abs(first), abs(second)))
            return Expected(function(first, second), bound)

        return {
            "output": with_bound(conv2d, height * width * in_channels, x, w),
            "d_x": with_bound(backprop_input, height * width * out_channels, w, d_out),
            "d_w": with_bound(backprop_filter, d_out[..., 0].size, x, d_out),
        }

    def ways(self, target=None):
        """The forward pass, four ways to the input's gradient and three to the filter's."""
        conv2d, conv2d_transpose, backprop_input, backprop_filter, autodiff_input, autodiff_filter = (
            partial(function, target=target, accuracy="strict")
            for function in (
                halconv.conv2d,
                halconv.conv2d_transpose,
                halconv.conv2d_backprop_input,
                halconv.conv2d_backprop_filter,
                halconv.conv2d_backprop_input_autodiff,
                halconv.conv2d_backprop_filter_autodiff,
            )
        )
        forward, backward_input, backward_filter = (
            halconv.kernel_for(operation, str(self.problem), target, "strict")
            for operation in ("forward", "backward_input", "backward_filter")
        )
        suffix = "_autodiff__generic__f32__" + forward.rsplit("__", 1)[1]
        by_hand_input, by_hand_filter = (
            relations.conv2d_backprop_input_by_conv2d,
            relations.conv2d_backprop_filter_by_conv2d,
        )
        for_output = self.x, self.w
        for_d_x = self.x.shape, self.w, self.d_out
        for_d_w = self.x, self.w.shape, self.d_out

        def way(result, name, kernel, function, tensors):
            return Way(result, name, partial(function, *tensors, **self.attributes), kernel)

        def by_hand(result, relation, tensors):
            kernel = self._kernel_by_hand(relation, tensors, target)
            return way(result, "by hand, conv2d alone", kernel, partial(relation, conv2d), tensors)

        transposed = partial(relations.conv2d_backprop_input_by_conv2d_transpose, conv2d_transpose)
        return [
            way("output", "conv2d", forward, conv2d, for_output),
            way("output", "NumPy", "", reference.conv2d, for_output),
            way("d_x", "conv2d_backprop_input", backward_input, backprop_input, for_d_x),
            way("d_x", "conv2d_transpose", backward_input, transposed, for_d_x),
            by_hand("d_x", by_hand_input, for_d_x),
            way("d_x", "autodiff", "conv2d_backward_input" + suffix, autodiff_input, for_d_x),
            way("d_w", "conv2d_backprop_filter", backward_filter, backprop_filter, for_d_w),
            by_hand("d_w", by_hand_filter, for_d_w),
            way("d_w", "autodiff", "conv2d_backward_filter" + suffix, autodiff_filter, for_d_w),
        ]

    def _kernel_by_hand(self, relation, tensors, target):
        """The kernel of the convolution that a relation comes to."""
        kernels = []

        def conv2d(input, filters, strides, padding, data_format, dilations):
            problem = str(valid_problem(input.shape, filters.shape, strides, dilations))
            kernels.append(halconv.kernel_for("forward", problem, target, "strict"))
            return halconv.conv2d(
                input, filters, strides, padding, data_format, dilations, target=target, accuracy="strict"
            )

        relation(conv2d, *tensors, **self.attributes)
        return kernels[0]


def valid_problem(input_shape, filter_shape, strides, dilations):
    """The problem of a conv2d with VALID padding."""
    output_shape, _ = halconv.conv2d_output_shape(input_shape, filter_shape, strides, "VALID", dilations=dilations)
    p = halconv.Conv2dProblem()
    p.batch, p.in_height, p.in_width, p.in_channels = input_shape
    p.filter_height, p.filter_width, _, p.out_channels = filter_shape
    _, p.out_height, p.out_width, _ = output_shape
    p.stride_height, p.stride_width = (strides, strides) if isinstance(strides, int) else strides
    p.dilation_height, p.dilation_width = dilations
    return p


def measure(layer, seconds, target=None):
    """Checks every way, then times all of them for about so many seconds."""
    expected, ways = layer.expected(), layer.ways(target)
    agreements = []
    for way in ways:
        value, bound = expected[way.result]
        differences = abs(way.compute() - value)
        of_bound = np.where(differences == 0, 0, np.inf)  # where the bound is zero, as in rows that no output sees
        np.divide(differences, bound, out=of_bound, where=bound > 0)
        agreements.append((float(differences.max()), float(of_bound.max())))
    fastest = [float("inf")] * len(ways)
    end = time.perf_counter() + seconds
    rounds = 0
    random = np.random.default_rng(0)
    # Interleaved, so that what else the machine does meets all ways, and in another order each round, so that none
    # always finds the caches as the same other one left them.
    while rounds < 3 or (rounds < 1000 and time.perf_counter() < end):
        for i in random.permutation(len(ways)):
            start = time.perf_counter()
            ways[i].compute()
            fastest[i] = min(fastest[i], time.perf_counter() - start)
        rounds += 1
    return [Measurement(way, *agreement, best) for way, agreement, best in zip(ways, agreements, fastest)]
