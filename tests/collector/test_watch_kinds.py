"""Rules relative to the past, on a budget and by user; and what a replay says of a file."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from collector.watch_rig import MINUTE, NOON, add_requests, at, rule
from pydantic import ValidationError

from kansoku_collector.errors import RulesError
from kansoku_collector.watch.readings import read
from kansoku_collector.watch.replay import replay
from kansoku_collector.watch.report import Label, read_labels, report
from kansoku_collector.watch.sentences import describe, tell

WEEK = timedelta(days=7)


def spend(client: Client, *calls: tuple[datetime, str, float]) -> None:
    """Store billed calls: (time, user, USD), each a trace whose root alone knows the user."""
    names = ["project", "trace_id", "span_id", "parent_span_id", "operation", "start", "status", "user_id",
             "billed", "cost_usd", "cost_source", "usage_source"]  # fmt: skip
    rows = []
    for i, (time, user, usd) in enumerate(calls):
        trace = f"{i:032x}"
        rows.append(["default", trace, f"{i:016x}", "", "chain", time, "ok", user, 0, 0, "", ""])
        call = [1, usd, "computed", "reported"]
        rows.append(["default", trace, f"{i + 1000:016x}", f"{i:016x}", "chat", time, "ok", "", *call])
    client.insert("spans", rows, column_names=names)


def test_a_rate_is_compared_with_the_same_hour_of_the_weeks_before(store: Client) -> None:
    """Twice the median of three weeks; one odd week does not move it."""
    before = [(NOON - weeks * WEEK, 100 - bad, bad) for weeks, bad in ((1, 10), (2, 50), (3, 10))]
    add_requests(store, *before, (NOON, 80, 20))
    relative = rule(baseline_weeks=3, threshold="1.5x", window="1m")
    (found,) = read(store, relative, [at(12, 1)])
    assert found.value == pytest.approx(2.0)
    assert found.low is not None
    assert found.low == pytest.approx(1.33, abs=0.05)  # not yet beyond doubt
    (replayed,) = replay(
        store, [relative.model_copy(update={"interval_aware": False})], NOON, at(12, 3), MINUTE
    )
    assert "2x of the usual" in str(replayed)
    assert "above the limit of 1.5x" in str(replayed)


def test_without_two_weeks_to_compare_with_nothing_is_judged(store: Client) -> None:
    """One week before is an anecdote."""
    add_requests(store, (NOON - WEEK, 90, 10), (NOON, 0, 100))
    (found,) = read(store, rule(baseline_weeks=4, threshold="1.5x", window="1m"), [at(12, 1)])
    assert found.value is None


def test_a_budget_burns_at_a_multiple_of_even_spending(store: Client) -> None:
    """Three dollars an hour of a budget of 720 in 30 days: three times too fast."""
    spend(store, *((NOON + i * MINUTE, "a", 0.1) for i in range(30)))
    burning = rule(metric="cost_usd", budget="$720", threshold="2x", window="1h")
    (found,) = read(store, burning, [at(13, 0)])
    assert found.value == pytest.approx(3.0)
    (replayed,) = replay(store, [burning], NOON, at(13, 0), MINUTE)
    english, japanese = tell(burning, replayed.incident)
    assert "of the even spending of $720.00 in 30 days" in english
    assert "予算(30日で $720.00)" in japanese


def test_a_user_who_spends_too_much_is_an_incident_of_their_own(store: Client) -> None:
    """Named, with the user of the trace, and over once the window has passed."""
    spend(
        store,
        (NOON, "花子", 3.0),
        (at(12, 10), "花子", 3.0),
        (at(12, 10), "taro", 3.0),
        (at(12, 10), "", 50.0),
    )
    greedy = rule(metric="cost_per_user", threshold="$5", window="30m", resolve_after=1)
    (found,) = replay(store, [greedy], NOON, at(13, 0), MINUTE)
    assert found.incident.scope == {"user": "花子"}
    assert (found.incident.opened, found.incident.resolved) == (at(12, 11), at(12, 31))
    assert found.incident.peak == pytest.approx(6.0)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"baseline_weeks": 4}, "is not a multiple"),
        ({"baseline_weeks": 4, "threshold": "2x", "budget": "$5"}, "exclude each other"),
        ({"budget": "$5", "threshold": "2x"}, "budget is for cost_usd"),
        ({"metric": "cost_usd", "budget": "$0", "threshold": "2x"}, "budget is zero"),
        ({"metric": "cost_per_user", "threshold": "$5", "group_by": "service"}, "no group_by"),
        ({"resolve_threshold": "20%"}, "beyond the threshold"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(fields: dict[str, Any], reason: str) -> None:
    """When the file is read."""
    with pytest.raises(ValidationError, match=reason):
        rule(**fields)


def test_each_kind_is_read_aloud() -> None:
    """The sentence says what the multiple is of, and when it is told again."""
    said = describe(rule(baseline_weeks=4, threshold="1.5x", remind="1h", resolve_threshold="1.2x"))
    assert "above 1.5x of the usual (same window, 4 weeks before)" in said
    assert "ends only at 1.2x" in said
    assert "tells again every 1 hour" in said


def test_a_report_counts_pages_delays_misses_and_silent_rules(store: Client) -> None:
    """Two incidents were: one is told after three minutes, one is missed; one rule never fires."""
    add_requests(store, *((NOON + i * MINUTE, 9, 9 if 30 <= i < 40 else 0) for i in range(60)))
    rules = [rule(severity="page"), rule(name="never", threshold="99%")]
    labels = [
        Label.model_validate({"from": at(12, 30), "to": at(12, 45)}),
        Label.model_validate({"from": at(12, 0), "to": at(12, 10), "rules": "errors"}),
        Label.model_validate({"from": at(12, 30), "to": at(12, 45), "rules": "never"}),
    ]
    found = report(rules, replay(store, rules, NOON, at(13, 0), MINUTE), labels, NOON, NOON + WEEK)
    assert (found.pages_per_week, found.incidents, found.silent) == (1.0, 1, ("never",))
    assert found.delays == (timedelta(minutes=3), None, None)
    assert "1 of 3 told, median delay 3 min" in str(found)
    assert found.problems(1.0, never_fires=False) == ["2 of 3 labelled incidents missed"]
    assert len(found.problems(0.5, never_fires=True)) == 3


def test_labels_are_read_with_their_mistakes_named(tmp_path: Path) -> None:
    """File, line and reason."""
    path = tmp_path / "labels.yaml"
    path.write_text("- from: 2026-11-10T12:30:00Z\n  to: 2026-11-10T12:45:00Z\n  rules: errors\n", "utf-8")
    (label,) = read_labels(path)
    assert (label.start, label.rules) == (at(12, 30), ("errors",))
    path.write_text("- from: 2026-11-10T12:30:00Z\n  to: 2026-11-09\n- form: x\n", "utf-8")
    with pytest.raises(RulesError, match=r"labels.yaml:1: .*to is before from"):
        read_labels(path)
