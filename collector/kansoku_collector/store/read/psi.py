"""Compare two histograms: the population stability index, and how much of it is noise.

The index of two samples of the same population is not zero: with sizes n and m and b bins its mean is about
(b - 1)(1/n + 1/m), and divided by (1/n + 1/m) it is about chi-square with b - 1 degrees of freedom. Real
traffic also wanders between stretches of time; `spread` is that extra variance, estimated on the reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erfc, log, sqrt
from typing import Generic, TypeVar

MAX_GROUPS = 10
MIN_EXPECTED = 5.0  # samples a bin should hold by the reference, for the chi-square shape to be fair
_Z80 = 0.8416

Bin = TypeVar("Bin", int, str)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a sample is from its reference."""

    raw: float  # the index as the textbook defines it, with half a sample added to every bin
    excess: float  # what is left of it after its expected value under no change, never below 0
    p_value: float  # how often no change gives at least this index
    bins: int


class Base(Generic[Bin]):
    """A histogram that others are compared with; how its bins are pooled is kept for those of a like size."""

    def __init__(self, bins: Mapping[Bin, int], *, ordered: bool) -> None:
        self.bins: Mapping[Bin, int] = bins
        self.ordered = ordered
        self.total = sum(bins.values())
        self._pools: dict[float, _Pool[Bin]] = {}

    def compare(self, sample: Mapping[Bin, int], spread: float = 0.0) -> Comparison:
        """Compare a histogram with this one; see the function of this name."""
        n = sum(sample.values())
        pool = self._pool(n)
        counts = pool.regroup(sample)
        filled = [pair for pair in zip(counts, pool.counts, strict=True) if any(pair)]
        bins = len(filled)
        if bins < 2:
            return Comparison(0.0, 0.0, 1.0, bins)
        raw = index([got for got, _ in filled], [known for _, known in filled])
        scale = 1 / n + 1 / self.total + spread
        excess = max(0.0, raw - (bins - 1) * scale)
        return Comparison(raw, excess, chi_square_tail(raw / scale, bins - 1), bins)

    def _pool(self, n: int) -> "_Pool[Bin]":
        wanted = MIN_EXPECTED / max(n, 1)
        if self.ordered:
            wanted = max(wanted, 1 / MAX_GROUPS)
        if wanted not in self._pools:
            pool = _pool_neighbours if self.ordered else _pool_rare
            groups = pool(self.bins, self.total * wanted)
            self._pools[wanted] = _Pool(groups, self.bins, ordered=self.ordered)
        return self._pools[wanted]


class _Pool(Generic[Bin]):
    """Groups of bins; `counts` are the reference's."""

    def __init__(self, groups: list[list[Bin]], reference: Mapping[Bin, int], *, ordered: bool) -> None:
        self._groups: list[list[Bin]] = groups
        self._ordered = ordered
        self._place: dict[Bin, int] = {bin_: i for i, group in enumerate(groups) for bin_ in group}
        self.counts = self.regroup(reference)

    def regroup(self, histogram: Mapping[Bin, int]) -> list[int]:
        """Sum a histogram by groups; a bin the reference never had joins its neighbours, or the rare ones."""
        counts = [0] * len(self._groups)
        for bin_, count in histogram.items():
            at = self._place.get(bin_)
            if at is None:
                at = _neighbour(bin_, self._groups) if self._ordered else len(self._groups) - 1
            counts[at] += count
        return counts


def compare(
    sample: Mapping[Bin, int], reference: Mapping[Bin, int], *, ordered: bool, spread: float = 0.0
) -> Comparison:
    """Compare two histograms that share their bins.

    Neighbouring bins (ordered), or the rarest ones, are pooled until each should hold five samples.
    """
    return Base(reference, ordered=ordered).compare(sample, spread)


def index(sample: Sequence[int], reference: Sequence[int]) -> float:
    """Return the population stability index of two histograms, each bin smoothed by half a sample."""
    n = sum(sample) + 0.5 * len(sample)
    m = sum(reference) + 0.5 * len(reference)
    total = 0.0
    for got, expected in zip(sample, reference, strict=True):
        q, p = (got + 0.5) / n, (expected + 0.5) / m
        total += (q - p) * log(q / p)
    return total


def spread_of(stretches: Sequence[Mapping[Bin, int]], *, ordered: bool) -> float:
    """Estimate the variance between stretches of a reference beyond sampling noise, per degree of freedom.

    Uses the eightieth percentile of what each stretch shows, so that an incident of up to a fifth of the
    reference does not hide the next one; 0.0 with fewer than 8 stretches.
    """
    if len(stretches) < 8:
        return 0.0
    total: dict[Bin, int] = {}
    for stretch in stretches:
        for bin_, count in stretch.items():
            total[bin_] = total.get(bin_, 0) + count
    whole = Base(total, ordered=ordered)
    found = []
    for stretch in stretches:
        shown = whole.compare(stretch)
        if shown.bins > 1:
            noise = 1 / sum(stretch.values()) + 1 / whole.total
            found.append(shown.raw / chi_square_quantile(_Z80, shown.bins - 1) - noise)
    if len(found) < 8:
        return 0.0
    return max(0.0, sorted(found)[int(0.8 * len(found))])


def chi_square_tail(x: float, freedom: int) -> float:
    """Return P(chi-square > x), by the cube-root approximation of Wilson and Hilferty."""
    if x <= 0:
        return 1.0
    spread = 2 / (9 * freedom)
    return 0.5 * erfc(((x / freedom) ** (1 / 3) - (1 - spread)) / sqrt(2 * spread))


def chi_square_quantile(z: float, freedom: int) -> float:
    """Return the chi-square quantile at the normal quantile `z`, by the same approximation."""
    spread = 2 / (9 * freedom)
    return float(freedom * max(0.0, 1 - spread + z * sqrt(spread)) ** 3)


def _pool_neighbours(reference: Mapping[Bin, int], wanted: float) -> list[list[Bin]]:
    """Return groups of neighbours of at least `wanted` samples each."""
    groups: list[list[Bin]] = [[]]
    weight = 0
    for bin_ in sorted(reference):
        if weight >= wanted:
            groups.append([])
            weight = 0
        groups[-1].append(bin_)
        weight += reference[bin_]
    if weight < wanted and len(groups) > 1:
        last = groups.pop()
        groups[-1].extend(last)
    return groups


def _pool_rare(reference: Mapping[Bin, int], wanted: float) -> list[list[Bin]]:
    kept: list[Bin] = [bin_ for bin_, count in reference.items() if count >= wanted][: MAX_GROUPS - 1]
    groups: list[list[Bin]] = [[bin_] for bin_ in kept]
    groups.append([bin_ for bin_ in reference if bin_ not in kept])
    return groups


def _neighbour(bin_: Bin, groups: list[list[Bin]]) -> int:
    """Return the last group that starts at or below a bin."""
    at = 0
    for i, group in enumerate(groups):
        if group and group[0] <= bin_:
            at = i
    return at
