"""How a series moves while nothing changes: noise of single records, and a level that wanders.

A level is mean + course of the week + wandering + noise, with wandering an AR(1) of variance `wander` and
memory `memory` an hour, and noise of variance `single` / records. Both are fitted by likelihood on a grid.
Shares come in logarithmic odds (see `shares`). A count has the dispersion of its hours, quarter days, days.
"""

from dataclasses import dataclass

import numpy as np

from kansoku_collector.watch.detect.series import Floats

MEMORY = np.array([0.0, 0.4, 0.7, 0.85, 0.93, 0.97])
SHARE = np.array([0.05, 0.15, 0.4, 1.0, 3.0, 10.0])
MARGIN = 1.1  # the fit is an estimate; its variance is taken a tenth larger
BOUND = 4.0
STRANGE, ENOUGH = 3.0, 20  # the dispersion of a count without events; so many tell their own
NOTHING = 1e-12  # the variance of a series that never moves


@dataclass(frozen=True, slots=True)
class Noise:
    """Variance of a single record, variance of the wandering level, and its memory from hour to hour."""

    single: Floats
    wander: Floats
    memory: Floats


def fit(rest: Floats, n: Floats, least: Floats) -> Noise:
    """Fit the noise of levels: `rest` is what remains of hourly means without mean, course and changes.

    `least` is the variance that a single record has at least: one for shares, which come in units of theirs.
    """
    rows, full = len(rest), n > 0
    typical = np.array([np.median(n[row][full[row]]) if full[row].any() else 1.0 for row in range(rows)])
    size = np.sqrt(np.where(full, n / typical[:, None], 0.0)) * np.abs(rest)
    spread = np.array([_spread(size[row][full[row]]) for row in range(rows)])
    spread = np.maximum(spread, np.sqrt(least / typical))
    bound = BOUND * spread[:, None] * np.sqrt(typical[:, None] / np.maximum(n, 1e-9))
    y = np.where(full, np.clip(rest, -bound, bound) if (spread > 0).any() else rest, 0.0)
    memory = np.concatenate([[0.0], np.repeat(MEMORY, len(SHARE))])
    share = np.concatenate([[0.0], np.tile(SHARE, len(MEMORY))])
    likelihood, single = _likelihood(y, n, typical, memory, share)
    likelihood[:, 1:][single[:, 1:] < 0.9 * least[:, None]] = -np.inf  # it would wander by what is chance
    best = likelihood.argmax(1)
    single = single[np.arange(rows), best] * MARGIN
    wander = single * share[best] / typical
    return Noise(np.maximum(np.maximum(single, least), NOTHING), wander, memory[best])


def _spread(size: Floats) -> float:
    """Return a standard deviation that a few far values do not move, from distances to the centre."""
    return float(max(np.median(size) / 0.6745, np.quantile(size, 0.9) / 1.645)) if len(size) else 0.0


def _likelihood(
    y: Floats, n: Floats, typical: Floats, memory: Floats, share: Floats
) -> tuple[Floats, Floats]:
    """Run one filter for each pair of the grid; the variance of a single record is concentrated out."""
    wander = share[None, :] / typical[:, None]
    new, kept = wander * (1 - memory**2), memory**2
    doubt, (level, squares, logs) = wander.copy(), np.zeros((3, *wander.shape))
    error, variance, gain, some = np.empty((4, *wander.shape))  # written in place: this is most of a fit
    full = n > 0
    inverse = 1.0 / np.maximum(n, 1e-9)
    for hour in range(y.shape[1]):
        seen = full[:, hour, None]
        np.subtract(y[:, hour, None], level, out=error)
        np.add(doubt, inverse[:, hour, None], out=variance)
        np.multiply(np.divide(doubt, variance, out=gain), seen, out=gain)
        np.divide(np.multiply(error, error, out=some), variance, out=some)
        squares += np.multiply(some, seen, out=some)
        logs += np.multiply(np.log(variance, out=some), seen, out=some)
        np.multiply(memory, np.add(level, np.multiply(gain, error, out=some), out=some), out=level)
        doubt -= np.multiply(gain, doubt, out=some)
        doubt *= kept
        doubt += new
    count = np.maximum(full.sum(1), 1)[:, None]
    single = squares / count
    return -0.5 * (logs + count * np.log(np.maximum(single, 1e-300))), single


def dispersion(events: Floats, expected: Floats) -> Floats:
    """Return by how much the variance of counts exceeds a Poisson's, one figure a series, at least 1.

    Judged by hour, quarter of a day and day; the coarser scales see events that come in company. Where hardly
    any was seen nothing is known of their company: they are taken to come by threes.
    """
    found = np.ones(len(events))
    if not len(events):
        return found
    for hours in (1, 6, 24):
        whole = events.shape[1] // hours * hours
        if whole < 7 * hours:
            continue
        k = events[:, :whole].reshape(len(events), -1, hours).sum(2)
        e = expected[:, :whole].reshape(len(events), -1, hours).sum(2)
        used = e > 0.02
        floor = np.maximum(e, 0.02)
        surprise = np.where(used, np.minimum((k - e) ** 2 / floor, BOUND**2 + 4 / floor), 0.0)
        freedom = np.maximum(used.sum(1) - 1, 1)
        ratio = surprise.sum(1) / freedom
        error = np.sqrt(2.0 / freedom)
        found = np.maximum(found, 1.0 + np.maximum(0.0, ratio - 1.0 - error * (hours > 1)))
    few = np.clip(1 - events.sum(1) / ENOUGH, 0.0, 1.0)
    return np.asarray(np.maximum(np.where(found > 1.15, found * MARGIN, found), 1 + (STRANGE - 1) * few))
