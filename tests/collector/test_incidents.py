"""Incidents as the store gives them back: the latest state, those of a period, the gravest first."""

from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.incidents import save_incidents
from kansoku_collector.store.read.incidents import Delivery, Incident, open_incidents, past_incidents
from kansoku_collector.store.scope import Period

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def incident(name: str, **fields: Any) -> Incident:
    """Return an incident that opened at noon, changed by `fields`."""
    base: dict[str, Any] = {
        "incident_id": name, "rule": name, "metric": "error_rate", "severity": "ticket", "opened": NOON,
        "updated": NOON, "value": 0.2, "peak": 0.3, "threshold": 0.1, "comparison": "above", "samples": 40,
        "window": timedelta(minutes=15),
    }  # fmt: skip
    return Incident(**base | fields)


def test_an_incident_comes_back_as_it_was_saved(store: Client) -> None:
    """Scope, window, deliveries and times, to the millisecond and in UTC."""
    told = Delivery("hook", "opened", "2026-11-10T12:00:01.000+00:00", True, 3, "HTTP 200")
    saved = incident("a", scope={"model": "日本語", "environment": "production"}, deliveries=(told,))
    save_incidents(store, [saved])
    assert open_incidents(store) == [saved]


def test_only_the_latest_state_is_seen(store: Client) -> None:
    """An incident that was updated and resolved is one incident, and no longer open."""
    save_incidents(store, [incident("a")])
    save_incidents(store, [incident("a", value=0.5, updated=NOON + HOUR)])
    assert [one.value for one in open_incidents(store)] == [0.5]
    save_incidents(store, [incident("a", updated=NOON + 2 * HOUR, resolved=NOON + 2 * HOUR)])
    assert open_incidents(store) == []
    assert [one.state for one in past_incidents(store, "default", Period(NOON, NOON + HOUR))] == ["resolved"]


def test_a_period_has_what_was_open_in_it(store: Client) -> None:
    """Opened before and still open, or ended within: yes; ended before or opened after: no."""
    save_incidents(
        store,
        [
            incident("running"),
            incident("ended within", resolved=NOON + 3 * HOUR),
            incident("ended before", resolved=NOON + HOUR),
            incident("opened after", opened=NOON + 5 * HOUR),
            incident("elsewhere", project="other"),
        ],
    )
    period = Period(NOON + 2 * HOUR, NOON + 4 * HOUR)
    assert {one.rule for one in past_incidents(store, "default", period)} == {"running", "ended within"}


def test_the_gravest_come_first(store: Client) -> None:
    """Pages before tickets before notes, and the latest of each first."""
    save_incidents(
        store,
        [
            incident("note", severity="info"),
            incident("old ticket"),
            incident("ticket", opened=NOON + HOUR),
            incident("page", severity="page"),
        ],
    )
    assert [one.rule for one in open_incidents(store)] == ["page", "ticket", "old ticket", "note"]
