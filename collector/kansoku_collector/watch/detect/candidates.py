"""The moments at which a change may have begun, and the sum of evidence over them.

Every hour of the last two days is a candidate, and every sixth hour of the last three weeks. The two kinds
have half of the weight each, and a candidate keeps its weight until it is too old: dropping it only lowers
the sum.
"""

import numpy as np
from numpy.typing import NDArray

from kansoku_collector.watch.detect.series import Floats

RECENT = 48
STEP = 6
OLDEST = 21 * 24
Hours = NDArray[np.int64]


def at(now: int) -> Hours:
    """Return the candidates once the hour `now` has begun to be seen, oldest first."""
    coarse = np.arange(-(-(now - OLDEST) // STEP) * STEP, now - RECENT + 1, STEP)
    return np.concatenate([coarse, np.arange(now - RECENT + 1, now + 1)]).astype(np.int64)


def weights(hours: Hours, now: int) -> Floats:
    """Return the weight of each candidate: together they are worth one an hour."""
    return np.asarray(0.5 * (hours > now - RECENT) + 0.5 * STEP * (hours % STEP == 0))


def spans(hours: Hours) -> Floats:
    """Return the number of hours that each candidate stands for: those back to the one before it."""
    return np.diff(hours, prepend=hours[0] - STEP).astype(float)


def total(logs: Floats, weight: Floats) -> Floats:
    """Return the logarithm of the weighted sum over candidates, one figure a series."""
    with np.errstate(divide="ignore"):
        shifted = logs + np.log(weight)
    return log_sum(shifted, 1)


def log_sum(logs: Floats, axis: int) -> Floats:
    """Return log(sum(exp(logs))) along an axis; -inf where every term is."""
    top = logs.max(axis)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(safe + np.log(np.exp(logs - np.expand_dims(safe, axis)).sum(axis)))
