"""Evidence for a change of level: Bayes factors that are martingales while nothing changes.

One filter whitens the series under its noise (see `noise`). The same filter passes over the columns "the
mean" and "one from the candidate hour on", so that a step of unknown size on an unknown mean becomes a
regression on independent errors. With a flat prior on the mean and a normal one on the step, the ratio of
the two marginal likelihoods is the likelihood ratio of what does not depend on the mean: it has expectation
one at any time.
"""

from dataclasses import dataclass, replace

import numpy as np

from kansoku_collector.watch.detect import candidates
from kansoku_collector.watch.detect.noise import NOTHING, Noise
from kansoku_collector.watch.detect.series import Floats

SIZES = np.array([0.03, 0.1, 0.3, 1.0])  # of a step, in standard deviations of a single record
CLIP = 4.0  # an hour further off counts as this far: one wild hour is too little for an alarm, two are enough


@dataclass(frozen=True, slots=True)
class Filter:
    """What the filter knows after the last hour: predictions and sums for each series and candidate."""

    hours: candidates.Hours
    level: Floats  # predicted wandering of: series, mean, each candidate's step
    doubt: Floats
    mean_mean: Floats
    mean_y: Floats
    mean_step: Floats
    step_step: Floats
    step_y: Floats


@dataclass(frozen=True, slots=True)
class Steps:
    """For each series and candidate: size of the step, variance of that size, log of the Bayes factor."""

    size: Floats
    variance: Floats
    log_factor: Floats


def begin(noise: Noise) -> Filter:
    """Return the filter before the first hour."""
    rows = len(noise.single)
    none = np.zeros((rows, 0))
    return Filter(
        np.zeros(0, np.int64),
        np.zeros((rows, 2)),
        noise.wander.copy(),
        np.zeros(rows),
        np.zeros(rows),
        none,
        none,
        none,
    )


def aim(state: Filter, hours: candidates.Hours) -> Filter:
    """Keep the candidates that are still in `hours`, and add those that are new."""
    if np.array_equal(state.hours, hours):
        return state
    kept = np.flatnonzero(np.isin(state.hours, hours))
    fresh = hours[~np.isin(hours, state.hours)]
    order = np.argsort(np.concatenate([state.hours[kept], fresh]), kind="stable")
    zeros = np.zeros((len(state.doubt), len(fresh)))

    def columns(values: Floats) -> Floats:
        return np.hstack([values[:, kept], zeros])[:, order]

    return replace(
        state,
        hours=hours,
        level=np.hstack([state.level[:, :2], columns(state.level[:, 2:])]),
        mean_step=columns(state.mean_step),
        step_step=columns(state.step_step),
        step_y=columns(state.step_y),
    )


def advance(state: Filter, noise: Noise, y: Floats, n: Floats, hour: int) -> Filter:
    """Take one hour's means, freed of mean and course, with their numbers of records (0: nothing seen)."""
    seen = n > 0
    variance = state.doubt + noise.single / np.where(seen, n, 1.0)
    root = np.sqrt(np.maximum(variance, 1e-300))
    value = np.empty_like(state.level)
    value[:, 0], value[:, 1] = y, 1.0
    value[:, 2:] = state.hours <= hour
    error = value - state.level
    error[:, 0] = np.clip(error[:, 0], -CLIP * root, CLIP * root)
    error *= seen[:, None]
    gain = state.doubt / np.maximum(variance, 1e-300)
    white = error / root[:, None]
    mean, step = white[:, 1], white[:, 2:]
    return Filter(
        state.hours,
        noise.memory[:, None] * (state.level + gain[:, None] * error),
        noise.memory**2 * state.doubt * (1 - gain * seen) + noise.wander * (1 - noise.memory**2),
        state.mean_mean + mean * mean,
        state.mean_y + mean * white[:, 0],
        state.mean_step + mean[:, None] * step,
        state.step_step + step * step,
        state.step_y + step * white[:, :1],
    )


def judge(state: Filter, noise: Noise, start: np.ndarray, unit: Floats | None = None) -> Steps:
    """Weigh every candidate; `start` is the first hour that may be one, for each series.

    Sizes of steps are in units of a record's deviation: the square root of `unit`, else of the noise.
    """
    base = np.maximum(state.mean_mean, 1e-12)[:, None]
    information = state.step_step - state.mean_step**2 / base
    known = (information > 1e-9 * state.step_step) & (information > 1e-12)
    known &= (state.hours[None, :] >= start[:, None]) & (noise.single > 2 * NOTHING)[:, None]
    variance = 1.0 / np.where(known, information, 1.0)
    size = (state.step_y - state.mean_step * state.mean_y[:, None] / base) * variance
    half = 0.5 * size * size / variance
    logs = []
    of_record = noise.single if unit is None else unit
    for relative in SIZES:
        prior = relative**2 * of_record[:, None]
        kept = variance / (variance + prior)
        logs.append(0.5 * np.log(kept) + half * (1 - kept))
    factor = candidates.log_sum(np.stack(logs) - np.log(len(SIZES)), 0)
    return Steps(size, variance, np.where(known, factor, -np.inf))
