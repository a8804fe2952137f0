"""How large a change is by now: from all hours since it began, where the detector bounds wild ones."""

import math
from typing import NamedTuple

import numpy as np

from kansoku_collector.watch.cases import name_of
from kansoku_collector.watch.detect import Finding
from kansoku_collector.watch.detect.panel import Z90, Panel
from kansoku_collector.watch.detect.series import HOURS_OF_WEEK


class Size(NamedTuple):
    """The levels of a series and their difference with its 90 % interval; of a ratio, the ratio."""

    before: float
    after: float
    change: float
    low: float
    high: float


def size_of(panel: Panel | None, finding: Finding, until: int | None) -> Size:
    """Return the size of a change, measured up to the hour `until`; as it was found, where that is better.

    The detector bounds single hours, so what it says of a large step in its first hours is too little. Rates
    of rare events are not bounded so, and texts have no level.
    """
    found = Size(finding.before, finding.after, finding.effect, finding.low, finding.high)
    row = _row(panel, finding)
    if panel is None or row is None or finding.measure != "difference":
        return found
    history = panel.history
    first = max(0, finding.change.hour - history.origin)
    last = history.n.shape[1] if until is None else max(first, until - history.origin)
    n = history.n[row, first:last].astype(float)
    if not n.sum():
        return found
    hours = (history.origin + first + np.arange(len(n))) % HOURS_OF_WEEK
    usual = (n * panel.course[row, hours]).sum() / n.sum()
    after = float((n * history.x[row, first:last]).sum() / n.sum() - usual)
    error = Z90 * panel.error(row, float(n.sum()), int((n > 0).sum()))
    change = after - finding.before
    return Size(finding.before, after, change, change - error, change + error)


def mean_since(panel: Panel, signal: str, series: str, since: int) -> float:
    """Return the mean of a series from an hour on, as the detector remembers it; NaN where nothing came."""
    rows = [i for i, one in enumerate(panel.series) if (one.signal, one.name) == (signal, series)]
    first = max(0, since - panel.history.origin)
    n, x = panel.history.n[rows, first:].astype(float), panel.history.x[rows, first:]
    return float((n * x).sum() / n.sum()) if n.sum() else math.nan


def _row(panel: Panel | None, finding: Finding) -> int | None:
    series = panel.series if panel else ()
    key = name_of(finding), finding.series
    return next((i for i, one in enumerate(series) if (one.signal, one.name) == key), None)
