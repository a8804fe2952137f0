"""Split the difference of two means along a chain of dimensions: what came in, what we asked, who answered.

The mean of the calls of now is predicted with ever more known about each call: first only what the reference
says of all calls, then of calls in this language, of this length, and so on. What a prediction moves by
knowing one dimension more is that dimension's part; what the last prediction still lacks is the rest. The
parts telescope: they and the rest sum to the difference, whatever the data.

A value that the reference has never had (a new model) cannot be predicted from it. Its calls of now are then
looked at themselves, as far as possible those whose later dimensions are not new too.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kansoku_collector.store.read.attribution import State
from kansoku_collector.watch.attribution.model import Cause

DIMENSIONS: tuple[Cause, ...] = (
    "language", "length", "topic", "request_model", "prompt", "answered", "release",
)  # fmt: skip
INPUTS = 3  # the first dimensions are of the input: backing off drops them first
NEW, MANY = 0.005, 0.02  # a value new to the reference has less than this share of it, and more than that now
SUPPORT = 3  # calls of the reference that a prediction needs


class Group(NamedTuple):
    """Calls of one state in one stretch."""

    state: State
    calls: int
    total: float


@dataclass(frozen=True, slots=True)
class Step:
    """What knowing one dimension explains, for each value of it; per call of now."""

    dimension: Cause
    effect: float
    by_value: dict[str, float]


Key = tuple[str, ...]
Sums = dict[Key, list[float]]


def split(reference: Sequence[Group], current: Sequence[Group]) -> list[Step]:
    """Return a step for every dimension; what they leave of the difference of the means is the rest."""
    known = _Known(reference, current)
    count = sum(group.calls for group in current)
    guesses = [known.mean] * len(current)
    steps = []
    for depth, dimension in enumerate(DIMENSIONS):
        by_value: dict[str, float] = defaultdict(float)
        for place, group in enumerate(current):
            better = known.predict(group.state, depth + 1, guesses[place])
            by_value[group.state[depth]] += (better - guesses[place]) * group.calls / count
            guesses[place] = better
        steps.append(Step(dimension, sum(by_value.values()), dict(by_value)))
    return steps


class _Known:
    """Means by prefix of the state, with and without the input's dimensions, in both stretches."""

    def __init__(self, reference: Sequence[Group], current: Sequence[Group]) -> None:
        self.mean = _mean([sum(g.calls for g in reference), sum(g.total for g in reference)])
        self._new = _new_values(reference, current)
        self._before = _sums(reference)
        self._now = _sums(current)
        # For each depth: the calls of now whose later dimensions are none of them new.
        self._old = [
            _sums([group for group in current if not self._any_new(group.state, depth)])
            for depth in range(len(DIMENSIONS) + 1)
        ]

    def predict(self, state: State, depth: int, otherwise: float) -> float:
        """Predict a call of which `depth` dimensions are known; `otherwise` with one less."""
        value = state[depth - 1]
        if value in self._new[depth - 1]:
            return self._look(state, depth)
        if self._any_new(state[:depth], 0):
            # An earlier dimension is new: the reference cannot say more, the calls of now can.
            return self._look(state, depth)
        whole = self._before.get(state[:depth])
        if whole is not None and whole[0] >= SUPPORT:
            return _mean(whole)
        return otherwise + self._shift(state, depth)

    def _look(self, state: State, depth: int) -> float:
        old = self._old[depth]
        for key in (state[:depth], ("",) * INPUTS + state[INPUTS:depth] if depth > INPUTS else None):
            if key is not None and key in old:
                return _mean(old[key])
        return _mean(self._now[state[:depth]])

    def _shift(self, state: State, depth: int) -> float:
        """Return what the dimension does when the input is left out, where the whole prefix is too rare."""
        if depth <= INPUTS:
            wide = self._before.get((*("*",) * (depth - 1), state[depth - 1]))
            return _mean(wide) - self.mean if wide is not None and wide[0] >= SUPPORT else 0.0
        longer = self._before.get(("",) * INPUTS + state[INPUTS:depth])
        shorter = self._before.get(("",) * INPUTS + state[INPUTS : depth - 1])
        if longer is None or shorter is None or longer[0] < SUPPORT:
            return 0.0
        return _mean(longer) - _mean(shorter)

    def _any_new(self, state: Sequence[str], start: int) -> bool:
        return any(state[i] in self._new[i] for i in range(start, len(state)))


def _new_values(reference: Sequence[Group], current: Sequence[Group]) -> list[set[str]]:
    """Return for each dimension the values of now that the reference hardly had."""
    found = []
    for depth in range(len(DIMENSIONS)):
        before, now = shares_of(reference, depth), shares_of(current, depth)
        found.append({value for value, share in now.items() if before.get(value, 0) < NEW and share > MANY})
    return found


def shares_of(groups: Sequence[Group], depth: int) -> dict[str, float]:
    """Return the share of the calls that each value of a dimension has."""
    total = sum(group.calls for group in groups)
    shares: dict[str, float] = defaultdict(float)
    for group in groups:
        shares[group.state[depth]] += group.calls / total
    return dict(shares)


def _sums(groups: Sequence[Group]) -> Sums:
    """Return calls and totals by every prefix of the state, as it is and without the input's dimensions."""
    sums: Sums = defaultdict(lambda: [0.0, 0.0])
    for state, calls, total in groups:
        keys = [state[:depth] for depth in range(1, len(state) + 1)]
        keys += [("",) * INPUTS + state[INPUTS:depth] for depth in range(INPUTS, len(state) + 1)]
        keys += [("*",) * depth + (state[depth],) for depth in range(1, INPUTS)]
        for key in dict.fromkeys(keys):
            sums[key][0] += calls
            sums[key][1] += total
    return dict(sums)


def _mean(sums: Sequence[float]) -> float:
    return sums[1] / sums[0] if sums[0] else 0.0
