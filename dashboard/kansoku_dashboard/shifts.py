"""What drifted from when to when, and who moved it: runs of drifted cells, and the parts of a change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from typing import Any, NamedTuple

from kansoku_collector.store.read.drift import REFERENCE, DriftCell, level
from kansoku_collector.store.read.drift_detail import BAD, GOOD, Both, Histogram
from kansoku_collector.store.scope import Period

PAUSE = 1  # cells without drift that do not end a run: noise has its say in the middle of it, too
MOST = 5
FEW = 0.01  # of the whole change: a part that is smaller is left out
SIDE = timedelta(days=1)  # how far from a change its examples may lie
PARTS = 3  # bins that an example may lie in


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch in which one signal was away from its reference; `over` is false where it still is."""

    signal: str
    period: Period
    peak: float
    samples: int
    level: float | None
    reference_level: float | None
    over: bool

    @property
    def code(self) -> str:
        """What stands for it in the URL."""
        return f"{self.period.start:%Y%m%dT%H%M}"


class Contribution(NamedTuple):
    """What one value of a dimension did to a change: its weight and its level before and since."""

    dimension: str
    name: str
    samples: int
    weight_before: float
    weight: float
    level_before: float | None
    level: float | None
    effect: float  # in the unit of the level; those of all values of a dimension add up to the change


def shifts(cells: Sequence[DriftCell], end: datetime) -> list[Shift]:
    """Return the runs of drifted cells of one signal, the latest first; `end` is where knowledge ends."""
    marked = [place for place, cell in enumerate(cells) if cell.drifted]
    groups: list[list[int]] = []
    for place in marked:
        if groups and place - groups[-1][-1] <= PAUSE + 1:
            groups[-1].append(place)
        else:
            groups.append([place])
    known = [place for place, cell in enumerate(cells) if cell.psi is not None]
    return [_shift([cells[place] for place in group], end, group[-1] >= known[-1]) for group in groups[::-1]]


def _shift(cells: Sequence[DriftCell], end: datetime, last: bool) -> Shift:
    samples = sum(cell.samples for cell in cells)
    levels = [(cell.level, cell.samples) for cell in cells if cell.level is not None]
    total = sum(count for _, count in levels)
    stretch = Period(cells[0].time, end if last else min(end, cells[-1].time + cells[-1].width))
    return Shift(
        cells[0].signal,
        stretch,
        max(cell.psi or 0.0 for cell in cells),
        samples,
        sum(value * count for value, count in levels) / total if total else None,
        cells[0].reference_level,
        not last,
    )


def compared(cells: Sequence[DriftCell], period: Period, shift: Shift | None) -> tuple[Period, Period] | None:
    """Return the stretch of the reference and the one that is held against it; None without a reference."""
    kind = next((cell.reference for cell in cells if cell.reference != "none"), "none")
    if kind == "none" or not cells:
        return None
    if kind == "before":
        reference = Period(cells[0].time - REFERENCE, cells[0].time)
    else:
        first = next((cell.time for cell in cells if cell.raw_psi is not None), None)
        if first is None:
            return None
        reference = Period(cells[0].time, first)
    return reference, shift.period if shift else Period(reference.end, period.end)


def parts_of_index(both: Both) -> dict[Any, float]:
    """Return what each bin gives to the stability index: positive, whichever way it moved."""
    bins = sorted({*both.before, *both.now})
    n = sum(both.now.values()) + 0.5 * len(bins)
    m = sum(both.before.values()) + 0.5 * len(bins)
    found = {}
    for bin_ in bins:
        q, p = (both.now.get(bin_, 0) + 0.5) / n, (both.before.get(bin_, 0) + 0.5) / m
        found[bin_] = (q - p) * log(q / p)
    return found


def telling(both: Both) -> tuple[list[Any], list[Any]]:
    """Return the bins that became rarer and those that became more frequent, the most telling first."""
    parts = parts_of_index(both)
    ranked = sorted(parts, key=lambda bin_: -parts[bin_])
    fell = [bin_ for bin_ in ranked if share(both.now, bin_) < share(both.before, bin_)]
    rose = [bin_ for bin_ in ranked if share(both.now, bin_) > share(both.before, bin_)]
    if parts and parts.keys() <= {BAD, GOOD}:
        return [GOOD], [BAD]  # of a rate the news is what went wrong, whichever way it moved
    return fell[:PARTS], rose[:PARTS]


def share(histogram: Histogram, bin_: Any) -> float:
    """Return the share of a bin in its histogram, 0 in an empty one."""
    total = sum(histogram.values())
    return histogram.get(bin_, 0) / total if total else 0.0


def around(reference: Period, now: Period) -> tuple[Period, Period]:
    """Return where examples are taken from: the last day before a change and its first day."""
    before = Period(max(reference.start, reference.end - SIDE), reference.end)
    if reference.end < now.start:
        before = Period(max(reference.start, now.start - SIDE), now.start)
    return before, Period(now.start, min(now.end, now.start + SIDE))


def contributions(
    signal: str, found: Mapping[str, Mapping[str, Both]], language: str = ""
) -> list[Contribution]:
    """Cut the change of a signal's level into the values of each dimension, the largest part first.

    A part holds how much more or less of the traffic a value is, times how far its level is from the mean,
    and how much its own level moved, times its weight. A dimension with a single value explains nothing.
    For the language mix the level is the share of `language`.
    """
    parts = []
    for dimension, values in found.items():
        if len(values) > 1:
            parts += _of_dimension(signal, dimension, values, language)
    whole = max((abs(part.effect) for part in parts), default=0.0)
    return sorted(
        (part for part in parts if whole and abs(part.effect) >= FEW * whole),
        key=lambda part: (-abs(part.effect), part.name),
    )


def _of_dimension(
    signal: str, dimension: str, values: Mapping[str, Both], language: str
) -> list[Contribution]:
    counted = {name: (sum(both.before.values()), sum(both.now.values())) for name, both in values.items()}
    before, now = (sum(count[side] for count in counted.values()) for side in (0, 1))
    if not before or not now:
        return []
    levels = {
        name: tuple(_level(signal, histogram, language) for histogram in both)
        for name, both in values.items()
    }
    means = [
        sum((levels[name][side] or 0.0) * counted[name][side] for name in values) / (before, now)[side]
        for side in (0, 1)
    ]
    middle = sum(means) / 2
    parts = []
    for name, (earlier, later) in counted.items():
        w0, w1 = earlier / before, later / now
        l0, l1 = levels[name]
        known0, known1 = (l1 if l0 is None else l0), (l0 if l1 is None else l1)
        if known0 is None or known1 is None:
            continue
        effect = (w1 - w0) * ((known0 + known1) / 2 - middle) + (w1 + w0) / 2 * (known1 - known0)
        parts.append(Contribution(dimension, name, later, w0, w1, l0, l1, effect))
    return parts


def _level(signal: str, histogram: Histogram, language: str) -> float | None:
    if signal == "language_mix":
        return share(histogram, language) if sum(histogram.values()) else None
    return level(signal, histogram)
