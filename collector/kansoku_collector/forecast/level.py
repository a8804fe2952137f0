"""Follow the level of a daily series: a robust filter whose parameters are integrated out, not chosen.

The logarithm of a day's spend is level + weekday + noise. Five ways in which the level may move and six sizes
of the noise make thirty models; each is a Kalman filter, and the data weigh them. At every day a model weighs
three readings: an ordinary day, a one-off (a batch job) that says nothing about the level, and a jump to a
new level; their posteriors are merged by their first two moments. `docs/drift/forecast.md` tells more.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOISE = np.array([0.06, 0.11, 0.18, 0.3, 0.5, 0.8]) * 1.14  # standard deviations of the logarithm
# How the level moves: its daily step, the spread of its slope at first, the slope's daily step, its damping.
TRENDS = np.array(
    [
        (0.003, 0.0, 0.0, 1.0),  # steady
        (0.009, 0.0, 0.0, 1.0),  # wandering
        (0.025, 0.0, 0.0, 1.0),  # restless
        (0.009, 0.007, 0.0001, 0.999),  # growing for months
        (0.010, 0.005, 0.012, 0.9),  # a launch: steep and soon over
    ]
)
TREND_PRIOR = np.array([0.3, 0.4, 0.04, 0.2, 0.06])
JUMP_RATE, JUMP_SPREAD = 1 / 300, 0.4  # a day; a launch, another model, a price: what no history shows
ODD_RATE, ODD_MEAN, ODD_SPREAD = 0.02, 0.7, 0.8  # one-offs are mostly upwards
_LEVEL, _SLOPE, _WEEK = 0, 1, 2  # places in the state: seven weekday effects follow
_STATES = 9


@dataclass(frozen=True, slots=True)
class Level:
    """What is known at the end of a series: thirty weighted models, each with a state and its covariance."""

    weights: Floats
    mean: Floats
    covariance: Floats
    noise: Floats  # standard deviation of a day, by model
    trend: Floats  # the row of TRENDS, by model
    odd: float  # days that were read as one-offs
    days: int  # days with spend


def follow(costs: Floats, weekdays: NDArray[np.int64]) -> Level:
    """Run the filter over daily costs, oldest first; days without spend carry no news of the level."""
    spent = costs > 0
    logs = np.log(np.where(spent, costs, 1.0))
    mean, covariance, noise, trend, scores = _start(logs[spent])
    move = np.repeat(np.eye(_STATES)[None], len(noise), 0)
    move[:, _LEVEL, _SLOPE] = trend[:, 3]
    odd = 0.0
    for value, weekday, known in zip(logs, weekdays, spent, strict=True):
        mean = (move @ mean[:, :, None])[:, :, 0]
        covariance = move @ covariance @ move.transpose(0, 2, 1)
        covariance[:, _LEVEL, _LEVEL] += trend[:, 0] ** 2
        covariance[:, _SLOPE, _SLOPE] += trend[:, 2] ** 2
        if known:
            mean, covariance, score, one_off = _learn(mean, covariance, noise, value, _WEEK + weekday)
            scores = scores + score
            odd += float(_normalised(scores) @ one_off)
    return Level(_normalised(scores), mean, covariance, noise, trend, odd, int(spent.sum()))


def simulate(level: Level, weekdays: NDArray[np.int64], paths: int, generator: np.random.Generator) -> Floats:
    """Draw `paths` futures of daily spend, one row each, for days that have any."""
    chosen = np.sort(generator.choice(len(level.weights), paths, p=level.weights))
    spread = np.linalg.cholesky(level.covariance + 1e-10 * np.eye(_STATES))[chosen]
    state = level.mean[chosen] + (spread @ generator.standard_normal((paths, _STATES, 1)))[:, :, 0]
    height, slope, effects = state[:, _LEVEL], state[:, _SLOPE], state[:, _WEEK:]
    trend, noise = level.trend[chosen], level.noise[chosen]
    odd_rate = generator.beta(1 + level.odd, 24 + level.days - level.odd, paths)
    future = np.empty((paths, len(weekdays)))
    for day, weekday in enumerate(weekdays):
        slope = trend[:, 3] * slope + trend[:, 2] * generator.standard_normal(paths)
        jump = (generator.random(paths) < JUMP_RATE) * generator.normal(0, JUMP_SPREAD, paths)
        height = height + slope + trend[:, 0] * generator.standard_normal(paths) + jump
        odd = (generator.random(paths) < odd_rate) * generator.normal(ODD_MEAN, ODD_SPREAD, paths)
        wobble = noise * generator.standard_t(5, paths) * np.sqrt(3 / 5)  # heavy tails, the same spread
        future[:, day] = np.exp(height + effects[:, weekday] + wobble + odd)
    return future


def _start(logs: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return mean, covariance, noise, trend and log weight of every model before the first day."""
    count = len(NOISE) * len(TRENDS)
    noise, trend = np.repeat(NOISE, len(TRENDS)), np.tile(TRENDS, (len(NOISE), 1))
    mean, covariance = np.zeros((count, _STATES)), np.zeros((count, _STATES, _STATES))
    mean[:, _LEVEL] = np.median(logs[:7])
    covariance[:, _LEVEL, _LEVEL] = 1.0
    covariance[:, _SLOPE, _SLOPE] = trend[:, 1] ** 2
    week = 0.12**2 * np.eye(7)
    week[5:, 5:] += 0.7**2  # Saturday and Sunday move together and far
    covariance[:, _WEEK:, _WEEK:] = week
    return mean, covariance, noise, trend, np.log(np.tile(TREND_PRIOR, len(NOISE)))


def _learn(
    mean: Floats, covariance: Floats, noise: Floats, value: float, weekday: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the state after one day, the log likelihood of that day, and how likely it was a one-off."""
    toward = covariance[:, :, _LEVEL] + covariance[:, :, weekday]
    jumped = toward.copy()
    jumped[:, _LEVEL] += JUMP_SPREAD**2
    ordinary = toward[:, _LEVEL] + toward[:, weekday] + noise**2
    variance = np.stack([ordinary, ordinary + ODD_SPREAD**2, ordinary + JUMP_SPREAD**2], 1)
    missed = value - mean[:, _LEVEL] - mean[:, weekday]
    errors = np.stack([missed, missed - ODD_MEAN, missed], 1)
    prior = np.log([1 - ODD_RATE - JUMP_RATE, ODD_RATE, JUMP_RATE])
    scores = prior - 0.5 * (np.log(variance) + errors**2 / variance)
    best = scores.max(1)
    belief = np.exp(scores - best[:, None])
    total = belief.sum(1)
    belief /= total[:, None]
    toward_each = np.stack([toward, toward, jumped], 1)
    gains = toward_each / variance[:, :, None]
    means = mean[:, None] + gains * errors[:, :, None]
    merged = (belief[:, :, None] * means).sum(1)
    apart = means - merged[:, None]
    after = covariance + _outer(belief, apart, apart) - _outer(belief, gains, toward_each)
    after[:, _LEVEL, _LEVEL] += belief[:, 2] * JUMP_SPREAD**2
    return merged, after, best + np.log(total), belief[:, 1]


def _outer(weights: Floats, left: Floats, right: Floats) -> Floats:
    """Return the weighted sum of outer products over the three readings."""
    product: Floats = (weights[:, :, None] * left).transpose(0, 2, 1) @ right
    return product


def _normalised(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max())
    normalised: Floats = weights / weights.sum()
    return normalised
