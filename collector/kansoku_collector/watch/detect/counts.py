"""Evidence for a change of the rate of rare events, from counts before and after each candidate.

Given the number of events in both parts, the number after is binomial whatever the rate is: the ratio of
its likelihoods with and without a change does not depend on the unknown rate. Events that come in company
(dispersion above 1) count as fewer events.
"""

from dataclasses import dataclass

import numpy as np

from kansoku_collector.watch.detect import candidates
from kansoku_collector.watch.detect.series import Floats

RATIOS = np.array([0.25, 0.5, 0.67, 0.8, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0])
PRIOR = np.array([0.05, 0.05, 0.05, 0.05, 0.15, 0.2, 0.2, 0.13, 0.07, 0.05])
CLIP = 4.2  # an hour's count is bounded at this many standard deviations above what is expected

_NEARLY_NONE = 1e-12  # events expected where a service was silent: there is no logarithm of none


@dataclass(frozen=True, slots=True)
class Rates:
    """For each series and candidate: events and expected events before and after, log of the Bayes factor."""

    before: Floats
    usual_before: Floats
    after: Floats
    usual_after: Floats
    log_factor: Floats


def bounded(events: Floats, expected: Floats, dispersion: Floats) -> Floats:
    """Cut the counts of hours in which a single incident, or a single user, made very many events."""
    spread = np.sqrt(np.maximum(expected * dispersion[:, None], 0.5))
    return np.minimum(events, expected + CLIP * spread + 1.0)


def judge(
    events: Floats, expected: Floats, dispersion: Floats, start: np.ndarray, hours: np.ndarray, origin: int
) -> Rates:
    """Weigh every candidate; columns are hours from `origin` on, hours before a series' base hold zeros."""
    zero = np.zeros((len(events), 1))
    k, e = np.hstack([zero, events.cumsum(1)]), np.hstack([zero, expected.cumsum(1)])
    at = np.clip(hours - origin, 0, events.shape[1])
    k0, e0 = k[:, at], e[:, at]
    k1, e1 = k[:, -1:] - k0, e[:, -1:] - e0
    both = np.maximum(e0 + e1, _NEARLY_NONE)
    logs = [
        (k1 * np.log(ratio) - (k0 + k1) * np.log(np.maximum(ratio * e1 + e0, _NEARLY_NONE) / both))
        / dispersion[:, None]
        for ratio in RATIOS
    ]
    factor = candidates.log_sum(np.stack(logs) + np.log(PRIOR)[:, None, None], 0)
    known = (e0 > 0.5) & (e1 > 0) & (hours[None, :] >= start[:, None])
    return Rates(k0, e0, k1, e1, np.where(known, factor, -np.inf))
