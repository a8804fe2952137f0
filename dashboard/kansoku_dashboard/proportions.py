"""Two rates compared: the interval of their difference, and how many samples a difference needs to show."""

from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

from kansoku_dashboard.change import wilson

POWER = 0.8  # the chance to see a difference that is there
Z = NormalDist().inv_cdf(0.975)  # 95 %, two sides


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much the second rate is above the first, with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def told(self) -> bool:
        """Tell whether the interval leaves out no difference at all."""
        return self.low > 0 or self.high < 0


def difference(hits: int, of: int, other_hits: int, other_of: int) -> Difference | None:
    """Return `other` minus the first with Newcombe's hybrid score interval; None without samples of both.

    It takes the distances of each rate to the ends of its own Wilson interval, so it stays inside -1 to 1 and
    holds for rates near 0 and 1, where the usual interval of Wald is too short.
    """
    if not of or not other_of:
        return None
    first, second = hits / of, other_hits / other_of
    (low, high), (other_low, other_high) = wilson(hits, of), wilson(other_hits, other_of)
    value = second - first
    return Difference(
        value,
        value - sqrt((second - other_low) ** 2 + (high - first) ** 2),
        value + sqrt((other_high - second) ** 2 + (first - low) ** 2),
    )


def needed(rate: float, step: float) -> int | None:
    """Return the samples that each of two groups needs to tell `rate` from `rate + step`.

    A two-sided test at 5 % that finds the difference in 80 of 100 cases; None where no rate can be that far.
    """
    other = rate + step
    if not step or not 0 <= other <= 1:
        return None
    mean = (rate + other) / 2
    together = Z * sqrt(2 * mean * (1 - mean))
    apart = NormalDist().inv_cdf(POWER) * sqrt(rate * (1 - rate) + other * (1 - other))
    return ceil(((together + apart) / step) ** 2)
