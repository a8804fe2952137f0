"""The number of calls as a signal: a collapse is told within hours, a flood by one user is not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from kansoku_collector.store.read.hours import Signals
from kansoku_collector.watch.detect import Detector, Finding
from kansoku_collector.watch.detection import Part
from kansoku_collector.watch.signals import DAYS, SIGNALS, VOLUME, Limits, hour_of, labels_of, plan_of

START = datetime(2026, 9, 7, tzinfo=UTC)
CHANGED = 8 * 24 + 10


def findings(factor: float, *, last: int = CHANGED + 24) -> list[Finding]:
    """Return what is found in calls of an office day, times a factor from the ninth day on."""
    plan = plan_of({"error": 500}, (), limits=Limits(), budget_days=30.0, warm_up_days=7)
    chance, found, detector = np.random.default_rng(3), [], Detector(plan)
    for hour in range(last):
        usual = 60 * (1 + 0.6 * np.sin(hour / 24 * 2 * np.pi)) * (factor if hour >= CHANGED else 1.0)
        calls = float(chance.poisson(usual))
        sums = {"error": (calls, calls, float(chance.binomial(int(calls), 0.02)))} if calls else {}
        signals = Signals(START + timedelta(hours=hour), "guide", "", int(calls), sums)
        found += detector.observe(hour_of(hour, signals, Limits()))
    return found


def test_the_day_and_its_noise_are_no_news() -> None:
    """Calls that come and go with the hour of the day say nothing."""
    assert findings(1.0, last=12 * 24) == []


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_a_collapse_and_a_surge_are_found_within_hours(factor: float) -> None:
    """A third of the calls, or three times as many, beside what is usual at that hour."""
    first = findings(factor)[0]
    assert (first.signal, first.series) == ("volume", "mean")
    assert first.seen - CHANGED < 12
    assert abs(first.change.hour - CHANGED) <= 1


def test_a_third_fewer_calls_that_hours_hide_are_found_by_days() -> None:
    """Hours swing twofold by themselves, days hardly: 30 % fewer is told within a week, by the day."""
    chance, limits, found = np.random.default_rng(5), Limits(), []
    part = Part(
        Detector(plan_of({"error": 500}, (), limits=limits, budget_days=30.0, warm_up_days=14)), limits
    )
    for hour in range(28 * 24):
        usual = 60 * float(np.exp(chance.normal(0, 0.7))) * (0.7 if hour >= 21 * 24 else 1.0)
        calls = float(chance.poisson(usual))
        sums = {"error": (calls, calls, 0.0)} if calls else {}
        found += part.observe(hour, Signals(START + timedelta(hours=hour), "guide", "", int(calls), sums))
    assert [(one.signal, one.series) for one in found] == [("volume", "days")]
    assert found[0].change.earliest <= 21 * 24 <= found[0].change.latest + 24
    assert np.exp(found[0].before) > 24 * 60
    assert labels_of(SIGNALS["volume"], "days")[0] == "The number of calls in a day"


def test_a_day_is_counted_from_its_first_hour() -> None:
    """The first day of a series may be a part of one: it is no record."""
    part = Part(
        Detector(plan_of({"error": 500}, (), limits=Limits(), budget_days=30.0, warm_up_days=7)), Limits()
    )
    for hour in range(10, 48):
        signals = Signals(START + timedelta(hours=hour), "guide", "", 5, {"error": (5.0, 5.0, 0.0)})
        part.observe(hour, signals if hour != 40 else None)
    days = part.detector.panel.history.x[part.detector.plan.series.index(DAYS)]
    assert np.exp(days[days > 0]).round(3).tolist() == [23 * 5.0]


def test_volume_takes_part_with_the_calls_and_not_where_it_is_ignored() -> None:
    """It needs no column of its own, and can be left out like any signal."""
    shared = {"limits": Limits(), "budget_days": 30.0, "warm_up_days": 7}
    assert VOLUME in plan_of({"error": 24}, (), **shared).series
    assert VOLUME not in plan_of({"error": 23}, (), **shared).series
    assert VOLUME not in plan_of({"error": 24}, ("volume",), **shared).series
