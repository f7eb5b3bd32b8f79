"""Convolution problems for the tests: random ones from a seed, and the corner cases that randomness rarely hits."""

from typing import NamedTuple

import numpy as np

from halconv.attributes import conv2d_attributes, image_view
from halconv.geometry import conv2d_geometry


class Problem(NamedTuple):
    input_shape: tuple
    filter_shape: tuple
    strides: tuple
    padding: object
    dilations: tuple

    @property
    def attributes(self):
        """Keyword arguments of every function under test."""
        return {"strides": self.strides, "padding": self.padding, "dilations": self.dilations}

    @property
    def nchw_attributes(self):
        """The same for images that `in_planes` returns."""
        batch_and_depth, pixels = [[0, 0], [0, 0]], self.padding[1:3]
        padding = self.padding if isinstance(self.padding, str) else [*batch_and_depth, *pixels]
        return self.attributes | {"padding": padding, "data_format": "NCHW"}

    @property
    def geometry(self):
        attributes = conv2d_attributes(self.strides, self.padding, dilations=self.dilations)
        return conv2d_geometry(self.input_shape, self.filter_shape, attributes)

    @property
    def output_shape(self):
        return self.geometry.output_shape

    def __str__(self):
        padding = self.padding if isinstance(self.padding, str) else self.padding[1:3]
        return (
            f"x{list(self.input_shape)} w{list(self.filter_shape)} stride{list(self.strides)} {padding} "
            f"dilation{list(self.dilations)}"
        ).replace(" ", "_")


def in_planes(image):
    """The image [n, h, w, c] as [n, c, h, w]."""
    return np.ascontiguousarray(image_view(image, "NCHW"))


def explicit(top, bottom, left, right):
    return [[0, 0], [top, bottom], [left, right], [0, 0]]


CORNER_CASES = [
    Problem((1, 4, 4, 1), (3, 3, 1, 1), (1, 1), "VALID", (1, 1)),
    Problem((2, 7, 5, 3), (1, 1, 3, 4), (1, 1), "VALID", (1, 1)),
    Problem((1, 8, 9, 2), (3, 3, 2, 3), (3, 2), "VALID", (1, 1)),  # rows and columns that no output sees
    Problem((2, 6, 6, 3), (1, 1, 3, 2), (3, 3), "VALID", (1, 1)),  # stride larger than the filter
    Problem((1, 9, 8, 2), (3, 2, 2, 2), (2, 3), "SAME", (2, 2)),  # stride and dilation share factors
    Problem((1, 5, 6, 2), (2, 3, 2, 3), (2, 1), explicit(0, 3, 2, 0), (1, 1)),  # asymmetric
    Problem((1, 3, 4, 2), (2, 2, 2, 1), (1, 2), explicit(4, 5, 6, 3), (1, 1)),  # outputs that see only padding
    Problem((1, 1, 1, 1), (1, 1, 1, 1), (4, 4), explicit(10, 0, 10, 0), (1, 1)),  # and never the input
    Problem((1, 11, 12, 1), (4, 3, 1, 5), (6, 4), "SAME", (3, 2)),
    Problem((3, 5, 5, 1), (5, 5, 1, 2), (1, 1), "VALID", (1, 1)),  # one output pixel
    Problem((2, 6, 5, 6), (3, 2, 2, 9), (2, 1), "SAME", (1, 2)),  # three groups
    Problem((2, 5, 6, 4), (3, 3, 1, 4), (1, 1), "SAME", (1, 1)),  # one channel each
    Problem((2, 2, 5, 3), (3, 3, 3, 2), (1, 1), "VALID", (1, 1)),  # no output rows: the division truncates
    Problem((2, 1, 5, 3), (6, 3, 3, 2), (3, 1), "VALID", (1, 1)),  # nor here, under a stride
    Problem((0, 5, 5, 3), (3, 3, 3, 2), (1, 1), "SAME", (1, 1)),
    Problem((2, 0, 5, 3), (3, 3, 3, 2), (1, 1), explicit(2, 1, 0, 0), (1, 1)),  # outputs of padding alone
    Problem((2, 4, 5, 3), (3, 3, 3, 0), (1, 1), "SAME", (1, 1)),
]


def random_problem(seed):
    random = np.random.default_rng(seed)
    filter_size = random.integers(1, 5, 2)
    dilations = random.integers(1, 4, 2)
    strides = random.integers(1, 5, 2)
    reach = (filter_size - 1) * dilations + 1
    kind = random.choice(["SAME", "VALID", "EXPLICIT"])
    paddings = random.integers(0, 5, (2, 2)) if kind == "EXPLICIT" else np.zeros((2, 2), int)
    smallest = np.ones(2, int) if kind == "SAME" else np.maximum(1, reach - paddings.sum(axis=1))
    batch, in_channels, out_channels, groups = random.integers(1, 4, 4).tolist()
    return Problem(
        (batch, *(smallest + random.integers(0, 9, 2)).tolist(), groups * in_channels),
        (*filter_size.tolist(), in_channels, groups * out_channels),
        tuple(strides.tolist()),
        explicit(*paddings.ravel().tolist()) if kind == "EXPLICIT" else str(kind),
        tuple(dilations.tolist()),
    )


RANDOM_SEEDS = range(20)
ALL = CORNER_CASES + [random_problem(seed) for seed in RANDOM_SEEDS]
IDS = [str(problem) for problem in CORNER_CASES] + [f"seed{seed}_{random_problem(seed)}" for seed in RANDOM_SEEDS]


def integers(shape, seed):
    """Small integers as float32: every sum of their products in these tests is exact."""
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32)
