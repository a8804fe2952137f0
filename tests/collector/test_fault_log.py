"""Faults of ours in the log: where and how often, without the words that tripped us up."""

import pytest

from kansoku_collector import fault_log
from kansoku_collector.fault_log import FaultLog


def trip(log: FaultLog, span: str, text: str) -> None:
    """Fail as a reader does that takes words for a number."""
    try:
        int(text)
    except ValueError as error:
        log.say("reading", span, error)


def test_a_prompt_that_trips_us_up_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The type, the span and the places are said; the message, which quotes the value, is not."""
    trip(FaultLog(), "00f067aa0ba902b7", "my secret prompt")
    (record,) = caplog.records
    said = record.getMessage()
    assert "reading failed on span 00f067aa0ba902b7: ValueError" in said
    assert "test_fault_log.py" in said
    assert "secret" not in said
    assert record.exc_info is None


def test_a_fault_that_meets_every_span_is_said_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand spans are one entry; the next one, a minute later, counts those between."""
    now = [1000.0]
    monkeypatch.setattr(fault_log.time, "monotonic", lambda: now[0])
    log = FaultLog()
    for number in range(1000):
        trip(log, f"{number:016x}", "x")
    assert len(caplog.records) == 1
    now[0] += 61
    trip(log, "f" * 16, "x")
    assert "and on 999 more since it was said last" in caplog.records[-1].getMessage()
    assert len(caplog.records) == 2


def test_another_fault_is_said_at_once_and_memory_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Each place has its own entry; the number of places that are remembered is limited."""
    log = FaultLog()
    for number in range(fault_log._MOST_PLACES + 5):
        log.say(f"stage {number}", "a" * 16, ValueError("x"))
    assert len(caplog.records) == fault_log._MOST_PLACES + 5
    assert len(log._said) <= fault_log._MOST_PLACES
