"""What people decide about incidents, who of several collectors acts, and what is told when."""

import random
from datetime import timedelta

import pytest
from clickhouse_connect.driver.client import Client
from collector.watch_rig import MINUTE, NOON, Clock, add_requests, at, rule

from kansoku_collector.errors import PayloadError
from kansoku_collector.receive.incident_actions import read_action
from kansoku_collector.store.incidents import save_action
from kansoku_collector.store.lease import Lease, last_evaluated
from kansoku_collector.store.read.incidents import Action, find_incident, open_incidents
from kansoku_collector.watch.judgement import Change
from kansoku_collector.watch.replay import events


def failing(store: Client, minutes: int) -> None:
    """Store ten failing requests a minute from noon on."""
    add_requests(store, *((NOON + i * MINUTE, 0, 10) for i in range(minutes)))


def told(clock: Clock) -> list[str]:
    """Return the steps that the clock's channel was told."""
    return [message.step for message in clock.post.sent]


def test_an_open_incident_is_told_again_until_somebody_acknowledges_it(
    store: Client, engine_url: str
) -> None:
    """Every five minutes; then once that it was acknowledged, and nothing more."""
    failing(store, 60)
    clock = Clock(store, engine_url, [rule(remind="5m")])
    clock.run(at(12, 15))
    assert told(clock) == ["opened", "updated 1", "updated 2"]
    (incident,) = open_incidents(store, now=at(12, 15))
    assert incident.state == "updated"
    save_action(store, "default", Action(incident.incident_id, "acknowledge", "花子"), at(12, 16))
    clock.run(at(12, 30))
    assert told(clock)[3:] == ["acknowledged"]
    assert "Acknowledged by 花子" in clock.post.sent[-1].words.text
    (incident,) = open_incidents(store, now=at(12, 30))
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", "花子")


def test_a_silenced_incident_is_not_told_until_the_silence_is_over(store: Client, engine_url: str) -> None:
    """Not that it goes on; and afterwards once, if it still does."""
    failing(store, 60)
    clock = Clock(store, engine_url, [rule(remind="5m")])
    clock.run(at(12, 5))
    (incident,) = open_incidents(store, now=at(12, 5))
    save_action(store, "default", Action(incident.incident_id, "silence", "", at(12, 20)), at(12, 6))
    clock.run(at(12, 19))
    assert told(clock) == ["opened"]
    assert open_incidents(store, now=at(12, 19))[0].state == "silenced"
    clock.run(at(12, 25))
    assert told(clock) == ["opened", "updated 3", "updated 4"]


def test_a_release_takes_both_back(store: Client, engine_url: str) -> None:
    """The incident is open again for everybody."""
    failing(store, 10)
    Clock(store, engine_url, [rule()]).run(at(12, 5))
    (incident,) = open_incidents(store)
    for action in ("acknowledge", "silence", "release"):
        save_action(store, "default", Action(incident.incident_id, action, "me", NOON + timedelta(days=999)))
    assert [one.state for one in find_incident(store, "default", incident.incident_id[:6])] == ["open"]


def test_values_between_the_two_limits_neither_open_nor_end(store: Client, engine_url: str) -> None:
    """It opens above 10 %, and ends at 5 % only."""
    share = [0] * 2 + [20] * 3 + [8] * 10 + [2] * 5
    add_requests(store, *((NOON + i * MINUTE, 100 - bad, bad) for i, bad in enumerate(share)))
    fields = {"window": "1m", "interval_aware": False, "resolve_after": 2}
    clock = Clock(store, engine_url, [rule(resolve_threshold="5%", **fields), rule(name="one", **fields)])
    clock.run(at(12, 20))
    ended = {c.incident.rule: c.incident.resolved for c in clock.changes if c.event == "resolved"}
    assert ended == {"one": at(12, 7), "errors": at(12, 17)}


def test_of_two_collectors_one_acts_and_the_other_takes_over(store: Client, engine_url: str) -> None:
    """The second is silent while the first lives, goes on after it was killed, and repeats nothing."""
    failing(store, 60)
    first, second = Clock(store, engine_url, [rule()]), Clock(store, engine_url, [rule()])
    for minute in range(5, 10):
        for clock in (first, second):
            clock.moment = at(12, minute)
            clock.watch.tick()
    assert (told(first), told(second)) == (["opened"], [])
    assert second.watch.counts["evaluations"] == 0
    _kill(store)
    second.moment = at(12, 20)
    second.watch.tick()
    second.run(at(12, 30))
    assert told(second) == []
    assert second.watch.counts["evaluations"] > 0
    (incident,) = open_incidents(store)
    assert incident.opened == at(12, 5)


def test_who_was_away_too_long_does_not_act_any_more(store: Client, engine_url: str) -> None:
    """A collector that comes back after another took over finds itself without the lease."""
    lost, present = Lease(3600), Lease(3600)
    assert lost.hold(store)
    _kill(store)
    assert present.hold(store)
    assert [lost.hold(store), present.hold(store)] == [False, True]


def test_two_that_start_together_never_both_act(store: Client) -> None:
    """Whatever the order of their looks, at most one holds; and soon one does."""
    draw = random.Random(7)
    for _ in range(5):
        store.command("TRUNCATE TABLE watch_lease")
        leases = [Lease(3600) for _ in range(3)]
        holds = [False] * 3
        for _ in range(4):
            order = draw.sample(range(3), 3)
            for i in order:
                holds[i] = leases[i].hold(store)
            assert sum(holds) <= 1
        assert sum(holds) == 1


def test_a_released_lease_is_taken_at_once(store: Client) -> None:
    """A clean stop makes nobody wait."""
    first, second = Lease(3600), Lease(3600)
    assert first.hold(store)
    assert not second.hold(store)
    first.note(store, NOON)
    first.release(store)
    assert second.hold(store)
    assert last_evaluated(store, NOON) == NOON


def test_minutes_missed_during_a_restart_are_evaluated_late(store: Client, engine_url: str) -> None:
    """An incident that began and ended while nobody looked is in the record, at its own times."""
    add_requests(store, *((NOON + i * MINUTE, 10, 10 if 10 <= i < 13 else 0) for i in range(40)))
    first = Clock(store, engine_url, [rule(window="2m")])
    first.moment = at(12, 4)
    first.run(at(12, 8))
    first.watch.stop()
    second = Clock(store, engine_url, [rule(window="2m")])
    second.moment = at(12, 30)
    second.run(at(12, 30))
    opened = [c.incident.opened for c in second.changes if c.event == "opened"]
    ended = [c.incident.resolved for c in second.changes if c.event == "resolved"]
    assert (opened, ended) == ([at(12, 11)], [at(12, 17)])


def test_the_replay_of_a_period_is_what_the_clock_did_event_for_event(store: Client, engine_url: str) -> None:
    """Random traffic, three rules, a restart and a gap: the same events, moments, values and ids."""
    draw = random.Random(3)
    rows = [(NOON + i * MINUTE, draw.randint(0, 12), draw.choice([0, 0, 0, 6])) for i in range(60)]
    add_requests(store, *rows)
    rules = [
        rule(window="3m", min_samples=5, resolve_after=2),
        rule(name="sustained", window="2m", min_samples=5, interval_aware=False, **{"for": 3}),
        rule(name="volume", metric="requests", threshold="30", window="3m"),
    ]
    first = Clock(store, engine_url, rules)
    first.moment = at(12, 1)
    first.run(at(12, 25))
    first.watch.stop()
    second = Clock(store, engine_url, rules)
    second.moment = at(12, 37)
    second.run(at(13, 0))
    lived = [_seen(change) for change in first.changes + second.changes]
    replayed = [_seen(change) for _, change in events(store, rules, at(12, 1), at(13, 0), MINUTE)]
    assert sorted(lived) == sorted(replayed)
    assert {event for _, _, event, *_ in lived} == {"opened", "updated", "resolved"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"action": "silence", "incident_id": "a"}',
        b'{"action": "silence", "incident_id": "a", "minutes": 1e9}',
        b'{"action": "silence", "incident_id": "a", "minutes": true}',
        b'{"action": "delete", "incident_id": "a"}',
        b'{"action": "acknowledge"}',
        b'{"action": "acknowledge", "incident_id": 7}',
    ],
)
def test_a_decision_that_means_nothing_is_refused(body: bytes) -> None:
    """With a reason, before anything is stored."""
    with pytest.raises(PayloadError):
        read_action(body, NOON)


def test_a_silence_counts_from_now() -> None:
    """Half an hour from the moment it arrives."""
    body = b'{"action": "silence", "incident_id": "a", "minutes": 30, "person": "me"}'
    assert read_action(body, NOON) == Action("a", "silence", "me", NOON + timedelta(minutes=30))


def _seen(change: Change) -> tuple[str, str, str, str, float, float]:
    """Return what of a change must be the same in a replay."""
    incident, event = change.incident, change.event
    moment = incident.resolved or incident.updated
    return incident.rule, incident.incident_id, event, str(moment), incident.value, incident.peak


def _kill(store: Client) -> None:
    """Make every claim as old as that of a collector that was killed a day ago."""
    store.command("ALTER TABLE watch_lease UPDATE released = 1 WHERE true SETTINGS mutations_sync = 2")
