"""What moved most since the period before, by model, service, prompt version and environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import asin, log, sqrt

from kansoku_collector.store.read.slices import Slice
from kansoku_dashboard import change
from kansoku_dashboard.change import MIN_VOTES, Change

_OF_CALLS = ("model", "prompt")
MIN_SAMPLES = 20  # of a slice, in each period, for its change to be ranked


@dataclass(frozen=True, slots=True)
class Mover:
    """One slice in both periods; `effect` is the size of its largest change, 0 where there is too little."""

    dimension: str
    name: str
    count: int
    count_before: int
    cost: Change  # of the stretch, in dollars; None where nothing has a price
    cost_each: Change  # of one priced call, or of one request
    of_calls: bool  # samples are calls; else requests, of which one may hold priced and unpriced calls
    p95: Change
    errors: Change
    liked: Change
    unpriced: int
    liked_votes: int
    effect: float


def movers(now: Sequence[Slice], before: Sequence[Slice], *, of_calls: bool = False) -> list[Mover]:
    """Return every slice, the one that moved most first; `of_calls` says that filters leave no requests."""
    past = {(row.dimension, row.name): row for row in before}
    present = {(row.dimension, row.name): row for row in now}
    keys = dict.fromkeys([*present, *past])
    rows = [
        _mover(
            present.get(key, _nothing(*key)), past.get(key, _nothing(*key)), of_calls or key[0] in _OF_CALLS
        )
        for key in keys
    ]
    return sorted(rows, key=lambda row: (-row.effect, -(row.cost.now or 0), -row.count))


def _mover(now: Slice, before: Slice, of_calls: bool) -> Mover:
    cost = Change(_cost(now), _cost(before))
    each = Change(_each(now, of_calls), _each(before, of_calls))
    p95 = Change(now.p95, before.p95)
    errors = change.rate(now.errors, now.samples, before.errors, before.samples)
    liked = change.rate(now.likes, now.votes, before.likes, before.votes)
    effect = 0.0
    if min(now.samples, before.samples) >= MIN_SAMPLES:
        effect = max(_times(each), _times(p95), _rates(errors))
        if min(now.votes, before.votes) >= MIN_VOTES:
            effect = max(effect, _rates(liked))
    return Mover(
        now.dimension,
        now.name,
        now.samples,
        before.samples,
        cost,
        each,
        of_calls,
        p95,
        errors,
        liked,
        now.unpriced,
        now.votes,
        effect,
    )


def _nothing(dimension: str, name: str) -> Slice:
    return Slice(dimension, name, 0, 0, 0.0, 0, None, 0, 0)


def _cost(row: Slice) -> float | None:
    # Calls that all failed, or that nobody has a price for, cost an unknown sum, not none.
    unknown = row.samples and not row.cost and (row.unpriced or row.errors == row.samples)
    return None if unknown else row.cost


def _each(row: Slice, of_calls: bool) -> float | None:
    # Unpriced calls are no requests: those stay, and their cost is a lower bound.
    priced = row.samples - row.unpriced if of_calls else row.samples
    cost = _cost(row)
    return cost / priced if cost is not None and priced > 0 else None


def _times(changed: Change) -> float:
    return abs(log(changed.now / changed.before)) if changed.now and changed.before else 0.0


def _rates(changed: Change) -> float:
    # Cohen's h, the usual size of a difference of rates; a rate counts only if chance does not explain it.
    if not changed.significant or changed.now is None or changed.before is None:
        return 0.0
    return abs(2 * asin(sqrt(changed.now)) - 2 * asin(sqrt(changed.before)))
