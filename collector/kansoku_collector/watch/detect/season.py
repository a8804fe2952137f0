"""The week's usual course of a series: by hour of day, by weekend, by day of week, by hour of week.

Weekends may have an hour-of-day course of their own: load that halves halves what swings with it. Every
part is shrunk by its own F statistic: a course that the history does not show is not subtracted, because a
course that is only noise would itself be the change.
"""

import numpy as np

from kansoku_collector.watch.detect.series import HOURS_OF_WEEK, Floats

DAY = 24
THURSDAY = 3 * DAY  # the first hour of 1970 was a Thursday's


def profile(x: Floats, n: Floats, first: int) -> Floats:
    """Return the deviation from the mean for each hour of the week, one row a series.

    `x` are hourly means with the changes of level removed, `n` their weights (0: no data), `first` the
    index of the first hour.
    """
    hour = (first + np.arange(x.shape[1])) % HOURS_OF_WEEK
    weekend = _weekend(hour)
    parts = [hour % DAY, weekend, hour % DAY + DAY * weekend, hour // DAY, hour]
    return np.array([_course(x[row], n[row], parts) for row in range(len(x))]).reshape(-1, HOURS_OF_WEEK)


def _course(x: Floats, n: Floats, parts: list[np.ndarray]) -> Floats:
    course = np.zeros(HOURS_OF_WEEK)
    full = n > 0
    typical = np.median(n[full]) if full.any() else 1.0
    weight = np.where(full, n / (1.0 + n / typical), 0.0)
    if weight.sum() <= 0 or len(x) < 7 * DAY:
        return course
    rest = np.where(full, x - (weight * x).sum() / weight.sum(), 0.0)
    spread = np.sqrt((weight * rest**2).sum() / weight.sum())
    rest = np.clip(rest, -6 * spread, 6 * spread)
    of_week = np.arange(HOURS_OF_WEEK)
    weekend = _weekend(of_week)
    weeks = len(x) / HOURS_OF_WEEK
    for label, of_part, unit, enough in (
        (parts[0], of_week % DAY, 1, 1.0),
        (parts[1], weekend, DAY, 2.0),
        (parts[2], of_week % DAY + DAY * weekend, 1, 2.0),
        (parts[3], of_week // DAY, DAY, 3.0),
        (parts[4], of_week, 1, 4.0),
    ):
        if weeks >= enough:
            means = _shrunk(rest, weight, label, unit)
            course += means[of_part]
            rest = rest - np.where(full, means[label], 0.0)
    return course


def _weekend(hour: np.ndarray) -> np.ndarray:
    return (hour + THURSDAY) % HOURS_OF_WEEK // DAY // 5


def _shrunk(rest: Floats, weight: Floats, label: np.ndarray, unit: int) -> Floats:
    """Return the mean of each group, times the share of its variance that chance does not explain."""
    groups = int(label.max()) + 1
    total = np.bincount(label, weight, groups)
    means = np.bincount(label, weight * rest, groups) / np.maximum(total, 1e-12)
    left, heavy, left_label = rest - means[label], weight, label
    if unit > 1:  # hours of one day hang together: judge days by days
        days = len(rest) // unit * unit
        heavy = weight[:days].reshape(-1, unit).sum(1)
        left = (weight * left)[:days].reshape(-1, unit).sum(1) / np.maximum(heavy, 1e-12)
        left_label = label[:days].reshape(-1, unit)[:, unit // 2]
    freedom = (heavy > 0).sum() - len(np.unique(left_label))
    if freedom < 5:
        return np.zeros(groups)
    noise = (heavy * left**2).sum() / freedom
    signal = (total * means**2).sum() / max(1, (total > 0).sum() - 1)
    return means * max(0.0, 1.0 - noise / signal) if signal > 0 else np.zeros(groups)
