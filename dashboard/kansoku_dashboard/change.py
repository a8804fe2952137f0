"""Whether a figure really changed: the tests behind the tiles' colours, the interval around a rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, log, sqrt

LEVEL = 0.01  # a change is told in colour when chance alone would show as much in less than one of a hundred
MIN_PAIRS = 12
MIN_VOTES = 8  # a rate of fewer is not drawn


@dataclass(frozen=True, slots=True)
class Change:
    """A figure now and in the period before; `p_value` is None where there is too little to test."""

    now: float | None
    before: float | None
    p_value: float | None = None

    @property
    def significant(self) -> bool:
        """Tell whether chance is a poor explanation."""
        return self.p_value is not None and self.p_value < LEVEL

    @property
    def ratio(self) -> float | None:
        """Return the relative change, 0.05 for five per cent more; None without a period before."""
        if self.now is None or not self.before:
            return None
        return self.now / self.before - 1

    @property
    def difference(self) -> float | None:
        """Return the absolute change, for rates."""
        return None if self.now is None or self.before is None else self.now - self.before


def rate(hits: int, of: int, hits_before: int, of_before: int) -> Change:
    """Compare two rates with the two-proportion z-test."""
    now = hits / of if of else None
    before = hits_before / of_before if of_before else None
    if min(of, of_before) < MIN_VOTES:
        return Change(now, before)
    pooled = (hits + hits_before) / (of + of_before)
    spread = sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_before))
    if not spread:
        return Change(now, before, 1.0)
    return Change(now, before, _two_sided((hits / of - hits_before / of_before) / spread))


def level(
    now: float | None,
    before: float | None,
    buckets: Sequence[float | None],
    buckets_before: Sequence[float | None],
) -> Change:
    """Compare two figures with the paired t-test over the buckets at the same place of both periods."""
    pairs = zip(buckets, buckets_before, strict=False)
    steps = [a - b for a, b in pairs if a is not None and b is not None]
    if len(steps) < MIN_PAIRS:
        return Change(now, before)
    mean = sum(steps) / len(steps)
    variance = sum((step - mean) ** 2 for step in steps) / (len(steps) - 1)
    if not variance:
        return Change(now, before, 0.0 if mean else 1.0)
    return Change(now, before, _student(mean / sqrt(variance / len(steps)), len(steps) - 1))


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of Wilson around a rate; inside 0 to 1, and honest for few votes."""
    z = 1.96
    share = hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def _two_sided(z: float) -> float:
    return erfc(abs(z) / sqrt(2))


def _student(t: float, freedom: int) -> float:
    # Wallace's normal approximation, good to three digits from five degrees of freedom on.
    z = (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log(1 + t * t / freedom))
    return _two_sided(z)
