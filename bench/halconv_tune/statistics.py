"""The same order statistics as bench/statistics.h."""

import math


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def median_interval(values, confidence):
    """Two order statistics that hold the median of the values' distribution with at least the probability `confidence`
    (H. A. David, H. N. Nagaraja, Order Statistics, 3rd ed., section 7.1); minus and plus infinity for too few values."""
    ordered = sorted(values)
    tail, outside = 0.0, 0
    while 2 * outside + 2 < len(ordered):
        tail += math.comb(len(ordered), outside) / 2 ** len(ordered)
        if tail > (1 - confidence) / 2:
            break
        outside += 1
    if outside == 0:
        return -math.inf, math.inf
    return ordered[outside - 1], ordered[-outside]
