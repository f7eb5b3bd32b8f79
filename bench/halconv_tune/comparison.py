"""When a candidate takes the incumbent's place: measured in turns, by more than the noise, several times."""

from dataclasses import dataclass

from .statistics import median, median_interval


@dataclass(frozen=True)
class Rule:
    gain: float = 1.02  # the incumbent's time over the candidate's that an interval has to lie above
    confidence: float = 0.99
    least_rounds: int = 9  # fewer give no interval at that confidence
    most_rounds: int = 45
    confirmations: int = 2  # comparisons besides the first that a candidate has to pass


@dataclass(frozen=True)
class Comparison:
    """`ratio` is the incumbent's time over the candidate's: above 1 the candidate is faster."""

    ratio: float
    low: float
    high: float
    rounds: int
    seconds: float  # of a call of the candidate, median

    def is_better(self, rule):
        return self.low > rule.gain

    def is_settled(self, rule):
        return self.low > rule.gain or self.high < rule.gain


def compare_once(incumbent, candidate, rule):
    """`incumbent()` and `candidate()` take a turn and return the seconds of a call. Ends as soon as the interval of
    their ratio lies on one side of the gain, or after the most rounds."""
    ratios, seconds = [], []
    while True:
        # Forth and back, so that a drift of the clock favours nobody.
        if len(ratios) % 2:
            mine, other = candidate(), incumbent()
        else:
            other, mine = incumbent(), candidate()
        ratios.append(other / mine)
        seconds.append(mine)
        if len(ratios) < rule.least_rounds:
            continue
        comparison = Comparison(
            median(ratios), *median_interval(ratios, rule.confidence), len(ratios), median(seconds)
        )
        if comparison.is_settled(rule) or len(ratios) >= rule.most_rounds:
            return comparison


def compare(start_incumbent, start_candidate, rule):
    """(comparison, adopted), the comparison that says least for the candidate. Each start opens a process, as a context,
    with a `turn`. A candidate that looks better is measured again from the start, by new processes: among hundreds, one
    that was lucky once, with the noise or the pages of memory that a process got, would otherwise be taken."""
    comparisons = []
    for _ in range(1 + rule.confirmations):
        with start_candidate() as candidate, start_incumbent() as incumbent:
            comparisons.append(compare_once(incumbent.turn, candidate.turn, rule))
        if not comparisons[-1].is_better(rule):
            return comparisons[-1], False
    return min(comparisons, key=lambda comparison: comparison.ratio), True
