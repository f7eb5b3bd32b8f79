"""Geometric means over rows."""

import math
from collections import defaultdict


def geometric_mean(values, weights):
    return math.exp(sum(w * math.log(v) for v, w in zip(values, weights)) / sum(weights))


def geometric_means(rows, value):
    """(mean, mean weighted by how often the network has the layer, count) of `value(row)` where it is not None."""
    pairs = [(value(row), row.repeat) for row in rows]
    pairs = [(number, repeat) for number, repeat in pairs if number is not None]
    if not pairs:
        return None
    values, repeats = zip(*pairs)
    return geometric_mean(values, [1] * len(values)), geometric_mean(values, repeats), len(values)


def groups(rows):
    """Rows by (target, dtype, threads, batch, operation), in the order of their first."""
    grouped = defaultdict(list)
    for row in rows:
        grouped[row.target, row.dtype, row.threads, row.batch, row.operation].append(row)
    return grouped
