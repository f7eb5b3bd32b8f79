"""Which numbers to try next."""

import math
import random


def distance(a, b):
    """How far apart two choices of numbers are: a doubling counts one. Numbers may be 0."""
    return sum(abs(math.log2((a[name] + 1) / (b.get(name, 0) + 1))) for name in a)


def identity(numbers):
    return tuple(sorted(numbers.items()))


class Space:
    """The candidates of one kernel, best estimate first, less those that were tried."""

    SAMPLES = 8  # before the search gathers around the incumbent

    def __init__(self, kernel, candidates):
        self.candidates = {identity(numbers): numbers for numbers in candidates}
        self.tried = set()
        self.random = random.Random(kernel)

    def mark_tried(self, numbers):
        self.tried.add(identity(numbers))

    def untried(self):
        return [numbers for key, numbers in self.candidates.items() if key not in self.tried]

    def choose(self, incumbent, count):
        """Up to `count` untried choices: a sample of all first, with the better estimates more often; then, in turns,
        the incumbent's nearest neighbours and further samples."""
        chosen = []
        for _ in range(count):
            rest = self.untried()
            if not rest:
                break
            tries = len(self.tried)
            if tries < self.SAMPLES or tries % 4 == 3:
                numbers = rest[int(len(rest) * self.random.random() ** 2)]
            else:
                numbers = min(rest, key=lambda other: distance(other, incumbent))
            self.mark_tried(numbers)
            chosen.append(numbers)
        return chosen
