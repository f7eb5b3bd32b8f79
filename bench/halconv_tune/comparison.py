"""When a candidate takes the incumbent's place: measured in turns, by more than the noise, twice."""

from dataclasses import dataclass

from .statistics import median, median_interval


@dataclass(frozen=True)
class Rule:
    gain: float = 1.02  # the incumbent's time over the candidate's that an interval has to lie above
    confidence: float = 0.99
    least_rounds: int = 9  # fewer give no interval at that confidence
    most_rounds: int = 45


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


def compare(incumbent, candidate, rule):
    """(comparison, adopted). A candidate that looks better is measured again from the start: among hundreds, one that
    was lucky once would otherwise be taken."""
    first = compare_once(incumbent, candidate, rule)
    if not first.is_better(rule):
        return first, False
    second = compare_once(incumbent, candidate, rule)
    return second, second.is_better(rule)
