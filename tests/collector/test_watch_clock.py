"""A clock that was ahead and is set right: no rule, no incident and no detector waits for the wrong time."""

from collections import Counter
from datetime import timedelta

from clickhouse_connect.driver.client import Client
from collector.detection_rig import HOUR, USUAL, detector
from collector.incident_rows import Batch, add
from collector.watch_rig import MINUTE, NOON, Clock, add_requests, at, rule

from kansoku_collector.store.lease import Lease
from kansoku_collector.store.process import process_name
from kansoku_collector.store.read.hours import kept_hours
from kansoku_collector.store.read.incidents import open_incidents
from kansoku_collector.store.scope import Period
from kansoku_collector.store.signals import last_states
from kansoku_collector.watch.detection import last_hour
from kansoku_collector.watch.lookout import Lookout

YEAR = timedelta(days=365)


def told(clock: Clock) -> list[str]:
    """Return what was sent, without repetitions of the same state."""
    return [message.event for message in clock.post.sent]


def test_rules_are_evaluated_again_when_a_clock_is_set_back(store: Client, engine_url: str) -> None:
    """In the process that had the wrong time, and in the next one that finds it in the store."""
    clock = Clock(store, engine_url, [rule()])
    clock.run(at(12, 5))
    clock.moment = at(12, 6) + YEAR
    clock.watch.tick()
    add_requests(store, *((NOON + i * MINUTE, 1, 9) for i in range(6, 20)))
    clock.moment = at(12, 7)
    clock.run(at(12, 18))
    assert told(clock) == ["opened"]
    clock.moment = at(12, 19) + YEAR
    clock.watch.tick()
    clock.watch.stop()
    second = Clock(store, engine_url, [rule(name="other")])
    second.moment = at(12, 20)
    second.run(at(12, 24))
    assert told(second) == ["opened"]


def test_an_incident_of_a_wrong_time_does_not_stay_open(store: Client, engine_url: str) -> None:
    """What was opened a year ahead is over when the clock is right, though its end is written earlier."""
    add_requests(store, *((at(12, i) + YEAR, 1, 9) for i in range(10)))
    clock = Clock(store, engine_url, [rule()])
    clock.moment = at(12, 5) + YEAR
    clock.run(at(12, 9) + YEAR)
    (incident,) = open_incidents(store)
    assert incident.opened > NOON + YEAR
    clock.moment = at(12, 10)
    clock.run(at(12, 12))
    assert open_incidents(store) == []


def test_an_incident_ends_though_it_was_last_told_by_a_clock_ahead(store: Client, engine_url: str) -> None:
    """The latest state is the one that was written last, whatever the clock said when."""
    add_requests(store, *((NOON + i * MINUTE, 1, 9) for i in range(10)))
    clock = Clock(store, engine_url, [rule(window="5m")])
    clock.run(at(12, 8))
    assert told(clock) == ["opened"]
    book = clock.watch._book
    assert book is not None
    (incident,) = book.incidents.values()
    book._keep(incident)
    book.save(store, at(23, 0))
    clock.moment = at(12, 9)
    clock.run(at(12, 30))
    assert open_incidents(store) == []


def test_a_claim_of_a_wrong_time_keeps_nobody_from_leading(store: Client) -> None:
    """A collector that is gone and gave its last sign of life a year ahead is not alive for a year."""
    ahead = NOON + 10 * YEAR
    row = ["gone", process_name(), NOON, ahead, NOON, 0]
    store.insert(
        "watch_lease", [row], column_names=["claim", "holder", "started", "beat", "evaluated", "released"]
    )
    assert Lease(3600).hold(store)


def test_the_detector_goes_on_when_a_clock_is_set_back(store: Client) -> None:
    """Hours that are still to come are not taken as seen: they were empty only because they had not been."""
    add(store, Batch(Period(NOON - 24 * HOUR, NOON), USUAL, 1, "default"))
    moment = NOON
    lookout = Lookout(detector("default"), Counter(), lambda: moment)
    for moment in (NOON + HOUR, NOON + 8 * HOUR):  # noqa: B007 - the lookout's clock
        lookout.look(store, "default", lambda *_: None)
    moment = NOON + 3 * HOUR
    lookout.forget()
    assert lookout.projects(store, moment) == ["default"]
    lookout.look(store, "default", lambda *_: None)
    found = last_states(store, "default")
    assert found is not None
    assert found[0] == last_hour(moment)
    assert kept_hours(store, "default", Period(NOON + 3 * HOUR, NOON + 9 * HOUR)) == []
