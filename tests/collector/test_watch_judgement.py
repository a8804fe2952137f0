"""When incidents open and end, and how often a fixed threshold is crossed by chance alone."""

import random
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kansoku_collector.store.read.measures import Measure, wilson
from kansoku_collector.watch.judgement import MAX_OPEN, Judge, identify
from kansoku_collector.watch.rule import Rule

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def rule(**fields: Any) -> Rule:
    """Return a rule on the error rate, changed by `fields`."""
    base = {
        "name": "errors",
        "metric": "error_rate",
        "comparison": "above",
        "threshold": "5%",
        "window": "15m",
    }
    return Rule.model_validate(base | fields)


def share(bad: int, total: int, at: datetime, group: tuple[str, ...] = ()) -> Measure:
    """Return the measure of a share."""
    return Measure(group, at, bad / total if total else None, total, *wilson(bad, total))


def false_incidents(judged: Rule, days: int, *, rate: float, per_minute: float, seed: int) -> int:
    """Count the incidents of a stream that never changes, evaluated every minute."""
    draw, judge, opened = random.Random(seed), Judge(judged), 0
    window: deque[tuple[int, int]] = deque(maxlen=15)
    for i in range(days * 1440):
        total = sum(draw.random() < per_minute / 40 for _ in range(40))
        window.append((sum(draw.random() < rate for _ in range(total)), total))
        bad, count = sum(b for b, _ in window), sum(n for _, n in window)
        now = NOON + i * MINUTE
        opened += sum(change.event == "opened" for change in judge.step([share(bad, count, now)], now))
    return opened


def test_a_threshold_close_to_the_usual_rate_is_crossed_by_chance_and_far_less_with_the_interval() -> None:
    """Ten requests a minute, 3 % of them errors for ever, limit 5 %: the figures are in docs/alerts."""
    blunt = false_incidents(rule(interval_aware=False), 10, rate=0.03, per_minute=10, seed=1)
    cautious = false_incidents(rule(), 10, rate=0.03, per_minute=10, seed=1)
    assert blunt > 100
    assert cautious <= blunt / 10


@pytest.mark.parametrize(
    ("bad", "total", "verdict"),
    [(0, 0, "unknown"), (5, 19, "unknown"), (1, 100, "within"), (8, 100, "between"), (20, 100, "beyond")],
)
def test_a_measure_is_beyond_within_between_or_unknown(bad: int, total: int, verdict: str) -> None:
    """Between is: the value is beyond the limit, its interval is not."""
    assert Judge(rule()).verdict(share(bad, total, NOON)) == verdict


def test_a_value_at_its_limit_is_within_it() -> None:
    """Above is above."""
    judge = Judge(rule(metric="cost_usd", threshold="$10"))
    assert judge.verdict(Measure((), NOON, 10.0, 5)) == "within"
    assert judge.verdict(Measure((), NOON, 10.01, 5)) == "beyond"


def test_between_neither_opens_nor_ends() -> None:
    """A doubtful value resets what was counted towards an opening, and keeps open what is open."""
    judge = Judge(rule(**{"for": 2, "resolve_after": 1}))
    events = [
        [change.event for change in judge.step([share(bad, 100, NOON + i * MINUTE)], NOON + i * MINUTE)]
        for i, bad in enumerate([20, 8, 20, 20, 8, 8, 1])
    ]
    assert events == [[], [], [], ["opened"], ["updated"], ["updated"], ["resolved"]]


def test_a_group_whose_requests_stop_is_missed() -> None:
    """A sum below its limit fires for a group that has vanished from the answers."""
    judge = Judge(rule(metric="requests", comparison="below", threshold="10", group_by="service"))
    assert judge.step([Measure(("guide",), NOON, 50.0, 50)], NOON) == []
    (change,) = judge.step([], NOON + MINUTE)
    assert (change.event, change.incident.scope, change.incident.value) == ("opened", {"service": "guide"}, 0)


def test_a_rule_opens_a_limited_number_of_incidents() -> None:
    """A dimension with thousands of values must not send thousands of messages."""
    judge = Judge(rule(group_by="release"))
    changes = judge.step([share(50, 100, NOON, (f"r{i}",)) for i in range(MAX_OPEN + 50)], NOON)
    assert len(changes) == judge.open == MAX_OPEN


def test_an_incident_has_one_id_wherever_it_is_computed() -> None:
    """The same for the same rule, group and opening, different for any other."""
    ids = {
        identify(rule(), ("a",), NOON),
        identify(rule(), ("a",), NOON),
        identify(rule(), ("b",), NOON),
        identify(rule(name="other"), ("a",), NOON),
        identify(rule(), ("a",), NOON + MINUTE),
    }
    assert len(ids) == 4
