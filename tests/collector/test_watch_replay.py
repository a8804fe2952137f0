"""Replay finds what the clock would have found, and leaves no trace."""

from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client

from kansoku_collector.watch.replay import replay
from kansoku_collector.watch.rule import Rule

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ERRORS = Rule.model_validate(
    {"name": "errors", "metric": "error_rate", "comparison": "above", "threshold": "10%", "window": "15m"}
)


def test_history_is_judged_as_the_clock_would_have(store: Client) -> None:
    """Errors from 12:30 to 12:39 are the incident that the running watch opens, at the same minute."""
    rows = [
        ["default", NOON + i * MINUTE, status]
        for i in range(90)
        for status in ["ok"] * 9 + ["error"] * (9 if 30 <= i < 40 else 0)
    ]
    store.insert("spans", rows, column_names=["project", "start", "status"])
    (found,) = replay(store, [ERRORS], NOON, NOON + 90 * MINUTE, MINUTE)
    assert found.incident.opened == NOON + 33 * MINUTE
    assert found.incident.resolved is not None
    assert "Error rate of requests" in str(found)
    assert "above the limit of 10%" in str(found)
    assert "requests)" not in str(found), "the samples of the end are not those of the worst value"
    assert store.query("SELECT count() FROM incidents").result_rows == [(0,)]


def test_a_step_that_the_rollups_cannot_answer_is_refused(store: Client) -> None:
    """Half a minute is finer than what is kept."""
    with pytest.raises(ValueError, match="whole minutes"):
        replay(store, [ERRORS], NOON, NOON + MINUTE, timedelta(seconds=30))
