"""The number of calls as a signal: a collapse is told within hours, a flood by one user is not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from kansoku_collector.store.read.hours import Signals
from kansoku_collector.watch.detect import Detector, Finding
from kansoku_collector.watch.signals import VOLUME, Limits, hour_of, plan_of

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


def test_volume_takes_part_with_the_calls_and_not_where_it_is_ignored() -> None:
    """It needs no column of its own, and can be left out like any signal."""
    shared = {"limits": Limits(), "budget_days": 30.0, "warm_up_days": 7}
    assert VOLUME in plan_of({"error": 24}, (), **shared).series
    assert VOLUME not in plan_of({"error": 23}, (), **shared).series
    assert VOLUME not in plan_of({"error": 24}, ("volume",), **shared).series
