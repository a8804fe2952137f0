"""Rates of what is rare: from nothing to something, and a single wild hour."""

import numpy as np
import pytest
from collector.test_detect import PLAN, found, traffic

from kansoku_collector.watch.detect import Detector, counts


@pytest.mark.parametrize("late", [1, 40])
def test_what_never_happened_and_now_does_is_found_within_hours(late: int) -> None:
    """Refusals come after a week without any: nobody waits for the next fit of what is usual."""
    began = 7 * 24 + late
    detector = Detector(PLAN)
    findings = found(detector, traffic(began + 5, refused=lambda hour: 0.1 if hour >= began else 0.0))
    assert [(one.signal, one.measure, one.before) for one in findings[:1]] == [("refusal", "difference", 0.0)]
    assert abs(findings[0].change.hour - began) <= 1
    assert 0 < findings[0].low < findings[0].effect < findings[0].high


def test_a_single_hour_with_what_never_happened_is_no_change() -> None:
    """A handful of refusals in one hour come from one cause, and are over."""
    began = 7 * 24 + 9
    hours = traffic(began + 48, refused=lambda hour: 0.1 if hour == began else 0.0)
    assert found(Detector(PLAN), hours) == []


def test_a_service_that_is_silent_is_judged_without_a_word() -> None:
    """Where no call came nothing is expected: no evidence, and no warning of arithmetic in the log."""
    nothing, hours = np.zeros((2, 30)), np.arange(30)
    late = np.hstack([nothing[:, :20], np.ones((2, 10))])
    start = np.zeros(2, int)
    for events, expected in ((nothing, nothing), (nothing, late), (late, late)):
        rates = counts.judge(events, expected, np.ones(2), start, hours, 0)
        assert np.all(rates.log_factor[:, :20] == -np.inf)
        assert not np.isnan(rates.log_factor).any()
