"""The clock: incidents open once, are told once, survive restarts, and nothing that fails ends it."""

import json
import logging
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from collector.watch_rig import MINUTE, NOON, Clock, Post, add_requests, at, rule

from kansoku_collector.store.connect import connect
from kansoku_collector.store.read import measures
from kansoku_collector.store.read.incidents import Delivery, open_incidents, past_incidents
from kansoku_collector.store.scope import Period
from kansoku_collector.watch.message import Message
from kansoku_collector.watch.outbox import Outbox
from kansoku_collector.watch.rule import Rule
from kansoku_collector.watch.run import Watch


def test_a_rule_fires_in_the_right_minute_and_resolves(store: Client, engine_url: str) -> None:
    """Errors from 12:30 to 12:39 open an incident at the minute they are surely above, and it ends later."""
    add_requests(store, *((NOON + i * MINUTE, 9, 9 if 30 <= i < 40 else 0) for i in range(90)))
    clock = Clock(store, engine_url, [rule()])
    clock.moment = at(12, 30)
    clock.run(at(12, 58))
    (incident,) = past_incidents(store, "default", Period(NOON, at(14, 0)))
    # At 12:32 it is 18 of 153, surely above 7.6 %; at 12:33 it is 27 of 162, surely above 11.7 %.
    assert incident.opened == at(12, 33)
    assert incident.resolved is not None
    assert at(12, 50) < incident.resolved <= at(12, 58)
    assert incident.peak == pytest.approx(90 / 225, abs=0.03)
    assert [message.event for message in clock.post.sent] == ["opened", "resolved"]


def test_a_rate_that_hovers_at_its_limit_is_one_incident(store: Client, engine_url: str) -> None:
    """Values on both sides of the limit, minute by minute, neither reopen nor repeat."""
    add_requests(store, *((NOON + i * MINUTE, 17 if i % 2 else 15, 1 if i % 2 else 3) for i in range(20)))
    hovering = {"window": "1m", "min_samples": 18, "interval_aware": False}
    steady = rule(name="steady", resolve_after=2, **hovering)
    clock = Clock(store, engine_url, [steady, rule(name="nervous", resolve_after=1, **hovering)])
    clock.run(at(12, 19))
    told = [(message.incident.rule, message.event) for message in clock.post.sent]
    assert told.count(("steady", "opened")) == 1
    assert told.count(("nervous", "opened")) == 10


def test_few_samples_decide_nothing(store: Client, engine_url: str) -> None:
    """Two errors of two requests are below the minimum; with a minimum of two, or of one, they fire."""
    add_requests(store, (at(12, 1), 0, 2))
    blunt = {"min_samples": 2, "interval_aware": False}
    clock = Clock(
        store, engine_url, [rule(), rule(name="blunt", **blunt), rule(name="cautious", min_samples=1)]
    )
    clock.run(at(12, 3))
    assert {incident.rule for incident in open_incidents(store)} == {"blunt", "cautious"}


def test_one_dislike_of_two_pages_nobody(store: Client, engine_url: str) -> None:
    """A like rate of one half from two votes is not below 70 % beyond doubt, whatever the minimum says."""
    for user, value in (("a", 0.0), ("b", 1.0)):
        store.insert(
            "feedback",
            [["default", at(12, 0), "1" * 32, "like", value, user]],
            column_names=["project", "time", "trace_id", "name", "value", "user_id"],
        )
    likes = {"metric": "like_rate", "comparison": "below", "threshold": "70%", "min_samples": 1}
    clock = Clock(store, engine_url, [rule(**likes), rule(name="blunt", interval_aware=False, **likes)])
    clock.run(at(12, 3))
    assert [incident.rule for incident in open_incidents(store)] == ["blunt"]


def test_each_group_has_its_own_incident(store: Client, engine_url: str) -> None:
    """Of three models, the two that fail are two incidents that name their model."""
    for model, bad in (("a", 0), ("b", 30), ("c", 30)):
        add_requests(store, (at(12, 1), 30, bad), billed=1, response_model=model)
    clock = Clock(store, engine_url, [rule(metric="call_error_rate", group_by="model")])
    clock.run(at(12, 2))
    assert {incident.scope["model"] for incident in open_incidents(store)} == {"b", "c"}


def test_sustained_waits_for_evaluations_in_a_row(store: Client, engine_url: str) -> None:
    """With `for: 3` the incident opens at the third evaluation beyond the limit."""
    add_requests(store, (at(12, 0), 0, 30))
    clock = Clock(store, engine_url, [rule(**{"for": 3})])
    clock.run(at(12, 5))
    assert [incident.opened for incident in open_incidents(store)] == [at(12, 3)]


def test_a_restart_keeps_the_incident_and_tells_it_no_second_time(store: Client, engine_url: str) -> None:
    """A new watch takes up what is open: no second opening, and it can end it."""
    add_requests(store, *((NOON + i * MINUTE, 0, 10) for i in range(10)))
    first = Clock(store, engine_url, [rule()])
    first.run(at(12, 8))
    first.watch.stop()
    (before,) = open_incidents(store)
    second = Clock(store, engine_url, [rule()])
    second.moment = at(12, 9)
    second.run(at(12, 12))
    (after,) = open_incidents(store)
    assert (after.incident_id, after.opened) == (before.incident_id, before.opened)
    assert second.post.sent == []
    add_requests(store, *((NOON + i * MINUTE, 10, 0) for i in range(12, 40)))
    second.run(at(12, 32))
    assert open_incidents(store) == []
    assert [message.event for message in second.post.sent] == ["resolved"]


def test_a_message_that_was_never_delivered_is_sent_after_a_restart(store: Client, engine_url: str) -> None:
    """The store knows which messages arrived."""
    add_requests(store, (at(12, 0), 0, 30))
    first = Clock(store, engine_url, [rule()], Post(works=False))
    first.run(at(12, 2))
    first.watch.stop()
    second = Clock(store, engine_url, [rule()])
    second.moment = at(12, 3)
    second.run(at(12, 5))
    assert [message.event for message in second.post.sent] == ["opened"]
    (incident,) = open_incidents(store)
    assert [delivery.delivered for delivery in incident.deliveries] == [True]


def test_a_dead_webhook_is_tried_less_and_less_often_and_given_up(store: Client, engine_url: str) -> None:
    """Rounds follow after 1, 2, 4 ... intervals; after eight there are no more, and the incident shows it."""
    add_requests(store, *((NOON + i * MINUTE, 0, 5) for i in range(0, 300, 2)))
    clock = Clock(store, engine_url, [rule()], Post(works=False))
    for minutes in (5, *(5 + 2**i for i in range(8)), 200, 290):
        clock.moment = NOON + minutes * MINUTE
        clock.watch.tick()
        sent = len(clock.post.sent)
        clock.watch.tick()
        assert len(clock.post.sent) == sent  # not again before its time
    assert len(clock.post.sent) == 8
    (incident,) = open_incidents(store)
    assert [(d.delivered, d.attempts) for d in incident.deliveries] == [(False, 8)]


def test_a_rule_that_is_gone_ends_its_incident(store: Client, engine_url: str) -> None:
    """Nobody is left to end it otherwise."""
    add_requests(store, (at(12, 0), 0, 30))
    first = Clock(store, engine_url, [rule()])
    first.run(at(12, 2))
    first.watch.stop()
    clock = Clock(store, engine_url, [rule(name="another", threshold="99%")])
    clock.moment = at(12, 3)
    clock.run(at(12, 3))
    assert open_incidents(store) == []


def test_an_incident_without_samples_left_ends_after_a_window(store: Client, engine_url: str) -> None:
    """Traffic that stops cannot show a recovery; one window later there is nothing to judge."""
    add_requests(store, (at(12, 0), 0, 30))
    clock = Clock(store, engine_url, [rule()])
    clock.run(at(12, 4))
    clock.moment = at(12, 14)
    clock.run(at(12, 29))
    assert len(open_incidents(store)) == 1  # the window still held the errors until 12:15, then one more
    clock.run(at(12, 32))
    assert open_incidents(store) == []
    assert "too few samples" in json.loads(clock.post.sent[-1].json())["text"]


def test_silence_fires_once_something_was_seen(store: Client, engine_url: str) -> None:
    """An empty store is not silent; fifteen minutes after the last span it is, until the next span."""
    quiet = Rule.model_validate({"name": "quiet", "metric": "no_data", "window": "15m", "resolve_after": 1})
    clock = Clock(store, engine_url, [quiet])
    clock.moment = at(12, 20)
    clock.run(at(12, 20))
    assert open_incidents(store) == []
    add_requests(store, (at(12, 20), 1, 0))
    clock.moment = at(12, 35)
    clock.run(at(12, 36))
    assert open_incidents(store) == []
    clock.run(at(12, 37))
    assert [incident.opened for incident in open_incidents(store)] == [at(12, 37)]
    add_requests(store, (at(12, 38), 1, 0))
    clock.run(at(12, 40))
    assert open_incidents(store) == []


def test_a_store_that_is_away_is_waited_for(
    store: Client, engine_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Evaluations are skipped with a warning, and go on when it is back."""
    add_requests(store, (at(12, 0), 0, 30))
    away = True

    def open_client() -> Client:
        if away:
            raise OSError("no route to the store")
        return connect(engine_url, database=store.database)

    post = Post()
    watch = Watch(open_client, [rule()], 60, now=lambda: at(12, 2), outbox=post)
    with caplog.at_level(logging.WARNING):
        watch.tick()
    assert "no route to the store" in caplog.text
    assert watch.counts["failures"] == 1
    away = False
    watch.tick()
    assert [message.event for message in post.sent] == ["opened"]
    watch.stop()


def test_a_failing_query_spoils_only_its_own_rule(
    store: Client, engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other rules are evaluated, and the failing one again next time."""
    add_requests(store, (at(12, 0), 0, 30))
    real = measures.measure

    def measure(client: Client, metric: str, *rest: Any) -> Any:
        if metric == "latency_p95":
            raise RuntimeError("the query died")
        return real(client, metric, *rest)

    monkeypatch.setattr("kansoku_collector.watch.readings.measure", measure)
    slow = rule(name="slow", metric="latency_p95", threshold="5s")
    clock = Clock(store, engine_url, [slow, rule()])
    clock.run(at(12, 2))
    assert [incident.rule for incident in open_incidents(store)] == ["errors"]
    assert clock.watch.counts["failures"] == 3


def test_the_thread_starts_evaluates_and_stops(store: Client, engine_url: str) -> None:
    """The clock runs in the background; what was sent until the stop is recorded."""
    import threading

    add_requests(store, (at(12, 0), 0, 30))
    told = threading.Event()

    def send(message: Message, *, pause: Any) -> Delivery:
        told.set()
        return Delivery(message.channel.name, message.event, "", True, 1, "HTTP 200")

    watch = Watch(
        lambda: connect(engine_url, database=store.database),
        [rule()],
        0.05,
        now=lambda: at(12, 2),
        outbox=Outbox(send=send),
    )
    watch.start()
    assert told.wait(30)
    watch.stop()
    (incident,) = open_incidents(store)
    assert [delivery.delivered for delivery in incident.deliveries] == [True]
