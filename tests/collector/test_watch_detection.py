"""The detector in the watch: silent while it learns and while nothing happens, one incident for one cause."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import cache

import pytest
from clickhouse_connect.driver.client import Client
from collector.detection_rig import BACK, CHANGED, HOUR, LOOKED, START, USUAL, Hourly, detector, fill
from collector.incident_rows import END, Batch, add
from collector.watch_rig import MINUTE
from support import schemas

from kansoku_collector.store.connect import connect
from kansoku_collector.store.read.evidence import example_texts, read_evidence, write_evidence
from kansoku_collector.store.read.hours import kept_hours
from kansoku_collector.store.read.incidents import find_incident, open_incidents
from kansoku_collector.store.scope import Period
from kansoku_collector.store.signals import save_states
from kansoku_collector.watch.detection import Detection, Part
from kansoku_collector.watch.judgement import Change
from kansoku_collector.watch.lookout import Lookout
from kansoku_collector.watch.replay import Replayed, detected, replay
from kansoku_collector.watch.seen import Seen, StoppedError
from kansoku_collector.watch.sentences import words


@pytest.fixture(scope="module")
def history(engine_url: str) -> Iterator[Client]:
    """Return a database with nine days of five projects."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    client = connect(engine_url, database=name)
    schemas.create(client, engine_url)
    fill(client)
    yield client
    client.command(f"DROP DATABASE {name}")
    client.close()


@cache
def replayed(client: Client, project: str, *, warm_up_days: int = 7) -> list[Replayed]:
    """Return what the detector says of a project from the moment on at which the tests look."""
    entry = detector(project, warm_up_days=warm_up_days)
    return replay(client, [], LOOKED, END, 15 * MINUTE, [entry])


def test_nothing_is_said_where_nothing_changed(history: Client) -> None:
    """A day of usual traffic after the warm-up: no incident."""
    assert replayed(history, "quiet") == []


def test_nothing_is_said_while_it_learns(history: Client) -> None:
    """With a warm-up that is not over yet, a model that changes in it is what is learned."""
    assert replayed(history, "model", warm_up_days=10) == []


def test_another_model_is_one_incident_that_says_so(history: Client) -> None:
    """The vendor swaps the model: one incident that names it, its hour, its causes and its first trace."""
    (found,) = replayed(history, "model")
    incident = found.incident
    assert (incident.rule, incident.severity, incident.scope) == ("detector", "page", {"service": "guide"})
    evidence = read_evidence(incident.evidence)
    assert evidence is not None
    assert evidence.silent
    assert evidence.earliest <= CHANGED <= evidence.latest
    assert incident.opened - CHANGED < timedelta(hours=12)
    assert {"out_tokens", "cost", "latency"} <= {move.signal for move in evidence.moves}
    assert evidence.split is not None
    assert evidence.split.parts[0].cause == "answered"
    assert (
        sum((p.amount for p in evidence.split.parts), Decimal(0))
        == evidence.split.now - evidence.split.before
    )
    assert evidence.first is not None
    assert CHANGED <= evidence.first.time < CHANGED + HOUR
    assert str(found).count("Silent model change: ") == 1
    assert "rose from" in str(found)
    assert "無通知のモデル変更" in words(found.rule, incident, "opened").text_ja


def test_a_price_that_rises_is_one_incident_with_its_size(history: Client) -> None:
    """Sixty percent more: within the interval that is told, and the price is the cause."""
    (found,) = replayed(history, "price")
    evidence = read_evidence(found.incident.evidence)
    assert evidence is not None
    assert not evidence.silent
    (move,) = [one for one in evidence.moves if one.signal == "cost" and one.measure == "ratio"]
    assert move.low < 1.6 < move.high
    assert move.after / move.before == pytest.approx(move.change)
    assert found.incident.value > found.incident.threshold
    assert evidence.split is not None
    assert evidence.split.parts[0].cause == "price"
    assert "The cost of a call rose from $" in str(found)


def test_the_evidence_has_a_figure_and_texts_of_both_sides(history: Client) -> None:
    """Points before and after, and calls whose texts are read from the store, not copied."""
    (found,) = replayed(history, "model")
    evidence = read_evidence(found.incident.evidence)
    assert evidence is not None
    loudest = evidence.moves[0]
    before = [point for point in loudest.points if point.time < CHANGED - 6 * HOUR and point.value]
    after = [point for point in loudest.points if point.time >= CHANGED and point.value]
    assert len(before) > 20
    assert after
    assert max(point.value or 0 for point in before) < min(point.value or 0 for point in after)
    assert all(one.time < CHANGED for one in evidence.before)
    assert all(one.time >= CHANGED - 2 * HOUR for one in evidence.after)
    texts = example_texts(history, "model", [*evidence.before, *evidence.after])
    assert len(texts) == len({*evidence.before, *evidence.after}) == 6
    assert all(asked for asked, _ in texts.values())
    assert not any(asked in found.incident.evidence for asked, _ in texts.values())
    assert read_evidence(write_evidence(evidence)) == evidence


def test_what_goes_back_ends_its_incident_and_opens_none(history: Client) -> None:
    """The price is taken back after a day: the incident is resolved, and says why."""
    (found,) = replayed(history, "back")
    assert found.incident.resolved is not None
    assert BACK < found.incident.resolved < BACK + timedelta(hours=10)
    told = words(found.rule, found.incident, "resolved", "back")
    assert "it has gone back to what it was" in told.text
    assert "元の状態に戻りました" in told.text_ja


def test_the_clock_says_what_the_replay_says_and_a_restart_changes_nothing(
    history: Client, engine_url: str
) -> None:
    """Event for event, evidence included, with a new watch in the middle; told once, open in the store."""
    entry = detector("back")
    until = CHANGED + timedelta(hours=14, minutes=10)
    first = Hourly(history, engine_url, entry)
    first.run(CHANGED + timedelta(hours=1))
    first.watch.stop()
    second = Hourly(history, engine_url, entry)
    second.moment = first.moment
    second.run(until)
    second.watch.stop()
    changes = [*first.changes, *second.changes]
    again = list(detected(history, entry, LOOKED, until))
    assert [_told(change) for change in changes] == [_told(change) for change in again]
    assert [change.event for change in changes if change.event != "updated"] == ["opened", "resolved"]
    assert [one.event for one in (*first.post.sent, *second.post.sent)] == ["opened", "resolved"]
    assert second.watch.counts["failures"] == first.watch.counts["failures"] == 0
    (stored,) = find_incident(history, "back", changes[-1].incident.incident_id)
    assert stored.evidence == changes[-1].incident.evidence


def test_calls_that_come_too_late_are_counted_and_change_nothing(history: Client, engine_url: str) -> None:
    """A hundred dear calls of an hour that was observed are in no finding; a replay reads what was seen."""
    entry = detector("late")
    clock = Hourly(history, engine_url, entry)
    clock.run(LOOKED + 2 * HOUR)
    clock.watch.stop()
    hour = LOOKED.replace(minute=0) + HOUR
    row = {"project": "late", "start": hour, "trace_id": "f" * 32, "span_id": "f" * 16, "service": "guide"}
    row |= {"billed": 1, "cost_usd": Decimal(1000), "cost_source": "computed", "operation": "chat"}
    history.insert("spans", [list(row.values())] * 100, column_names=list(row))
    counts: Counter[str] = Counter()
    lookout = Lookout(entry, counts, lambda: END)
    lookout.count_late(history, "late", hour)
    lookout.count_late(history, "late", hour + HOUR)
    assert counts["late_calls"] == 100
    seen = Seen("late", keeps=False).history(history, Period(hour, hour + HOUR), ())
    assert [one.calls for one in seen] == [14]
    assert replay(history, [], LOOKED, LOOKED + 4 * HOUR, 15 * MINUTE, [entry]) == []


def test_a_collector_that_stops_waits_for_one_hour_at_most(history: Client) -> None:
    """Weeks of hours may be due when it is told to stop: the one under way is the last."""
    lookout = Lookout(detector("late"), Counter(), lambda: END, stopping=lambda: True)
    done = []
    for _ in range(2):
        lookout.look(history, "late", lambda *_: None)
        done.append(lookout._finished["late"])
    assert done[0] < END - 2 * HOUR
    assert done[1] - done[0] == HOUR


def test_the_reading_of_weeks_is_stopped_between_two_days(history: Client) -> None:
    """A large project's weeks take minutes: what was read is kept, and the next start reads the rest."""
    told = iter([False] * 7 + [True])
    period = Period(END.replace(minute=0) - timedelta(days=21), END.replace(minute=0))
    places = {("guide", "production")}
    with pytest.raises(StoppedError):
        Seen("stopped", keeps=True, stopping=lambda: next(told)).history(history, period, places)
    assert len(kept_hours(history, "stopped", period)) == 7 * 24
    Seen("stopped", keeps=True).history(history, period, places)
    assert len(kept_hours(history, "stopped", period)) == 21 * 24


def test_learning_is_stopped_between_two_hours(history: Client) -> None:
    """Months of hours take a while to observe: a stop leaves that, and what is half learned is not used."""
    asked = Counter[str]()

    def stopping() -> bool:
        asked["days and hours"] += 1
        return asked["days and hours"] > 50  # nine of them for the days that are read

    detection = Detection(detector("quiet"), Seen("quiet", keeps=False, stopping=stopping), LOOKED)
    with pytest.raises(StoppedError):
        detection.step(history, LOOKED.replace(minute=0))
    assert asked["days and hours"] == 51
    assert detection.parts == {}


def test_a_fit_that_is_put_off_survives_a_kill(history: Client) -> None:
    """An hour is saved with its fit due: made in a quiet tick or after a restart, it is the same."""
    entry = detector("quiet", utc_offset=-1)  # by this clock the hour of END is one that calls for a fit
    moment = END + HOUR + timedelta(minutes=10)
    lookout, killed = (Lookout(entry, Counter(), lambda: moment) for _ in range(2))
    begun = Detection.begin(entry, Seen("quiet", keeps=True), END + timedelta(minutes=10))
    save_states(history, "quiet", begun.done, begun.states(), END)
    for one in (lookout, killed):
        one.look(history, "quiet", lambda *_: None)
        assert _part(one).detector.fit_due
    lookout.fit()
    assert not _part(lookout).detector.fit_due
    killed.forget()
    moment += HOUR
    for one in (lookout, killed):
        one.look(history, "quiet", lambda *_: None)
    assert json.dumps(_part(lookout).state()) == json.dumps(_part(killed).state())


def test_of_two_collectors_one_observes_and_the_other_goes_on(history: Client, engine_url: str) -> None:
    """The second is silent while the first lives; after it was killed it goes on, and tells nothing twice."""
    entry = detector("model")
    first, second = Hourly(history, engine_url, entry), Hourly(history, engine_url, entry)
    until = CHANGED + timedelta(hours=4, minutes=10)
    for clock in (first, second):
        clock.moment = CHANGED + timedelta(minutes=10)
    while first.moment <= until:
        first.watch.tick()
        second.watch.tick()
        first.moment += HOUR
        second.moment += HOUR
    assert second.changes == []
    assert [message.event for message in first.post.sent] == ["opened"]
    history.command("TRUNCATE TABLE watch_lease")  # the first was killed, and is dead by now
    second.moment += 2 * HOUR
    second.watch.tick()
    second.watch.tick()
    assert second.post.sent == []
    (incident,) = open_incidents(history, "model", second.moment)
    assert incident.opened <= until
    second.watch.stop()


def test_a_store_without_calls_is_looked_at_without_a_word(store: Client, engine_url: str) -> None:
    """No traffic is no data: nothing is observed, nothing fails, nothing is stored of it."""
    clock = Hourly(store, engine_url, detector("default", projects=()))
    clock.run(LOOKED + 2 * HOUR)
    clock.watch.stop()
    assert clock.watch.counts["failures"] == 0
    assert store.query("SELECT count() FROM signal_hour").result_rows == [(0,)]


def test_hours_without_calls_say_nothing_and_are_remembered_as_such(store: Client, engine_url: str) -> None:
    """A service that falls silent after the warm-up is no change of any signal."""
    add(store, Batch(Period(START, CHANGED), USUAL, 1))
    clock = Hourly(store, engine_url, detector("default"))
    clock.moment = CHANGED + timedelta(minutes=10)
    clock.run(CHANGED + timedelta(hours=3, minutes=10))
    clock.watch.stop()
    rows = store.query(
        "SELECT hour, calls FROM signal_hour WHERE hour >= {hour:DateTime('UTC')} ORDER BY hour",
        parameters={"hour": CHANGED},
    ).result_rows
    assert [calls for _, calls in rows] == [0, 0, 0]
    assert clock.changes == []


def _part(lookout: Lookout) -> Part:
    """Return the only part of the only project."""
    (detection,) = lookout._detections.values()
    (part,) = detection.parts.values()
    return part


def _told(change: Change) -> tuple[object, ...]:
    incident = change.incident
    return (
        change.event,
        change.reason,
        incident.incident_id,
        incident.opened,
        incident.resolved,
        incident.evidence,
    )
