"""Slow calls beside the others of their hour: told apart from a provider that is slow as a whole."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from kansoku_collector.store.read.hours import BINS, Signals
from kansoku_collector.watch.detect import Detector, Series
from kansoku_collector.watch.detection import Part
from kansoku_collector.watch.signals import Limits, hour_of, limits_of, plan_of

TAIL, SPREAD = Series("latency", "tail", "share"), Series("latency", "spread", "share")


def hour(number: int, slow: float = 0.04, factor: float = 1.0) -> Signals:
    """Return an hour of 500 calls of about two seconds, a few of them four times as slow."""
    chance = np.random.default_rng(number)
    seconds = factor * 2 * np.exp(chance.normal(0, 0.3, 500)) * np.where(chance.random(500) < slow, 4, 1)
    bins: dict[int, float] = {}
    for at in np.floor(BINS * np.log2(seconds)).astype(int).tolist():
        bins[at] = bins.get(at, 0.0) + 1.0
    start = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=number)
    sums = {"latency": (500.0, 500.0, float(np.log(seconds).sum()))}
    return Signals(start, "guide", "production", 500, sums, {"latency": bins})


def share(series: Series, signals: list[Signals], limits: Limits) -> float:
    """Return the mean share of a series over some hours."""
    sums = [hour_of(i, one, limits).sums[series] for i, one in enumerate(signals)]
    return sum(one.total for one in sums) / sum(one.weight for one in sums)


def test_a_spread_stays_where_all_calls_are_slower_and_moves_where_some_are() -> None:
    """All calls twice as slow: the tail moves, the spread does not. Twice the slow calls: the spread does."""
    usual = [hour(number) for number in range(48)]
    limits = limits_of(usual)
    slower = [hour(number, factor=2.0) for number in range(100, 148)]
    more = [hour(number, slow=0.08) for number in range(200, 248)]
    assert share(TAIL, slower, limits) > 1.3 * share(TAIL, usual, limits)
    assert share(SPREAD, usual, limits) == pytest.approx(0.03, abs=0.01)
    assert share(SPREAD, slower, limits) == pytest.approx(share(SPREAD, usual, limits), rel=0.2)
    assert share(SPREAD, more, limits) > 1.6 * share(SPREAD, usual, limits)


def test_calls_that_all_take_the_same_time_have_no_spread() -> None:
    """Where no call is far above the others there is nothing to count, and no series."""
    same = Signals(
        hour(0).hour,
        "guide",
        "production",
        9,
        {"latency": (9.0, 9.0, 9 * math.log(2))},
        {"latency": {4: 9.0}},
    )
    assert limits_of([same]) == Limits()


def test_a_spread_has_a_part_of_its_signals_budget() -> None:
    """Mean, tail and spread of the latency share what one signal may spend."""
    plan = plan_of({"latency": 99}, (), limits=limits_of([hour(1)]), budget_days=30.0, warm_up_days=14)
    assert [one.name for one in plan.series] == ["mean", "tail", "spread"]
    assert sum(plan.weight(one.signal) for one in plan.series) == pytest.approx(1.0)


def test_a_part_that_was_stored_without_spreads_goes_on_without() -> None:
    """A snapshot of before spreads were counted is taken up; one of today keeps its limits."""
    limits = limits_of([hour(1)])
    plan = plan_of({"latency": 99}, (), limits=limits, budget_days=30.0, warm_up_days=14)
    state = Part(Detector(plan), limits).state()
    assert Part.restore(state).limits == limits
    del state["spreads"]
    assert Part.restore(state).limits == Limits(limits.tails, {})
