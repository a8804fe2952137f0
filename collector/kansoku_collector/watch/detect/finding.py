"""What the detector says: which signal moved, since when, by how much, and how strong the evidence is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kansoku_collector.watch.detect.candidates import Hours
from kansoku_collector.watch.detect.series import Floats

Measure = Literal["difference", "ratio", "distance", "new_value"]
MASS = 0.9
SLACK = 2  # hours that two signals of one change may seem apart


@dataclass(frozen=True, slots=True)
class Moment:
    """The hour in which a change most likely began, and the hours that hold 90 % of the belief."""

    hour: int
    earliest: int
    latest: int

    def overlaps(self, other: "Moment") -> bool:
        """Tell whether two changes may have begun together."""
        return self.earliest - SLACK <= other.latest and other.earliest - SLACK <= self.latest

    def holds(self, hour: int) -> bool:
        """Tell whether the change may have begun in an hour."""
        return self.earliest - SLACK <= hour <= self.latest + SLACK


@dataclass(frozen=True, slots=True)
class Finding:
    """A change of one signal.

    `evidence` is the signal's weighted e-value and `threshold` what it had to reach. `effect` is the
    difference of means, the ratio of rates, the distance in standard deviations along the direction of
    change of a text, or the number of records with a new value; `low` and `high` hold it with 90 %.
    """

    signal: str
    series: str
    seen: int
    evidence: float
    threshold: float
    change: Moment
    measure: Measure
    effect: float
    low: float
    high: float
    before: float
    after: float
    value: str = ""

    def state(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            **{name: getattr(self, name) for name in self.__slots__ if name != "change"},
            "change": [self.change.hour, self.change.earliest, self.change.latest],
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "Finding":
        """Return the finding that `state` was taken from."""
        return cls(**{**state, "change": Moment(*state["change"])})


def locate(hours: Hours, log_belief: Floats) -> Moment:
    """Return the most likely hour of the change and the shortest run of candidates with 90 % of the belief.

    A candidate stands for the time back to the one before it.
    """
    belief = np.exp(log_belief - log_belief.max())
    belief /= belief.sum()
    best = int(belief.argmax())
    sums = np.concatenate([[0.0], belief.cumsum()])
    ends = np.searchsorted(sums, np.minimum(sums[:-1] + MASS, sums[-1]) - 1e-12)
    ends = np.minimum(ends, len(hours))
    reach = np.where(sums[ends] - sums[:-1] >= MASS - 1e-9, hours[ends - 1] - hours, np.iinfo(np.int64).max)
    first = int(reach.argmin())
    last = int(ends[first]) - 1
    first, last = min(first, best), max(last, best)
    before = hours[first - 1] + 1 if first > 0 else hours[first]
    return Moment(int(hours[best]), int(min(before, hours[first])), int(hours[last]))
