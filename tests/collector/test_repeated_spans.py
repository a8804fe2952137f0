"""A span that is sent again counts once in every view: in another batch, segment, process, on another day."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from collector.conftest import START_NS, call, request_of
from hypothesis import given, settings
from hypothesis import strategies as st

from kansoku.pricing.prices import Prices
from kansoku_collector import arrivals as module
from kansoku_collector.arrivals import Arrival, Arrivals
from kansoku_collector.enrich.cost import pricing
from kansoku_collector.entries import Entry, Kind, digest_of
from kansoku_collector.journal import Journal, Segment
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import RawSpan
from kansoku_collector.pipeline import Pipeline
from kansoku_collector.store import presence
from kansoku_collector.store.read.receipts import receipts
from kansoku_collector.store.write import Writer

TRACE = bytes(range(1, 17))
HOUR = 3600 * 10**9
VIEWS = {
    "spans": "count(), countIf(billed), sum(cost_usd)",
    "traces": "sum(spans), sum(calls), sum(cost_usd)",
    "rollup_minute": "sum(spans), sum(calls), sum(cost_usd)",
    "rollup_hour": "sum(spans), sum(calls), sum(cost_usd)",
    "rollup_day": "sum(spans), sum(calls), sum(cost_usd)",
    "rollup_session": "sum(calls), sum(calls), sum(cost_usd)",
}


def span(number: int, start: int = START_NS) -> dict[str, Any]:
    """Return a billed call of a session, which is a root."""
    attributes = call(session__id="s", gen_ai__conversation__id="s", user__id="u")
    return {
        "trace_id": TRACE,
        "span_id": number.to_bytes(8, "big"),
        "start": start,
        "end": start + 10**9,
        "attributes": attributes,
    }


def sent(*spans: dict[str, Any], received_ns: int = 0) -> Entry:
    """Return a request as the journal holds it."""
    body = request_of(*spans).SerializeToString()
    received_ms = (received_ns or time.time_ns()) // 10**6
    return Entry(Kind.TRACES, "default", received_ms, digest_of(Kind.TRACES, "default", body), body)


def segment(directory: Path, *entries: Entry) -> Segment:
    """Return a closed segment of these requests."""
    journal = Journal(directory, max_bytes=1 << 24, segment_bytes=1 << 20, flush_seconds=3600)
    journal.append(list(entries))
    return journal.due(everything=True)[-1]


def pipeline(alone: bool = False) -> Pipeline:
    """Return the pipeline of a new process; is it `alone`, nobody else stores spans."""
    metrics = Metrics()
    return Pipeline([pricing(Prices(), metrics)], metrics, alone=alone)


def counts(store: Any) -> dict[str, tuple[Any, ...]]:
    """Return spans, calls and cost of every view."""
    return {name: tuple(store.query(f"SELECT {sql} FROM {name}").first_row) for name, sql in VIEWS.items()}


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("restart", [False, True])
def test_a_span_in_another_batch_counts_once_in_every_view(
    store: Any, tmp_path: Path, restart: bool, alone: bool
) -> None:
    """Requests that overlap, in two segments, in one process and across a restart: three spans, not five."""
    now = time.time_ns() - 10**9
    line, writer = pipeline(alone), Writer(store)
    line.write(segment(tmp_path, sent(span(1, now), span(2, now))), writer)
    line = pipeline(alone) if restart else line
    line.write(
        segment(tmp_path / "b", sent(span(2, now), span(3, now)), sent(span(3, now), span(1, now))), writer
    )
    found = counts(store)
    assert {values[:2] for values in found.values()} == {(3, 3)}
    assert len({values[2] for values in found.values()}) == 1
    assert found["spans"][2] > 0
    (receipt,) = receipts(store, "default")
    assert (receipt.received, receipt.stored, receipt.repeated, receipt.balance) == (6, 3, 3, 0)


@pytest.mark.parametrize("alone", [False, True])
def test_a_late_span_is_known_however_long_ago_it_was_stored(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    """What memory has forgotten is asked of the store: a spool sent again after hours doubles nothing."""
    monkeypatch.setattr(module, "REMEMBERED", 2)
    old = time.time_ns() - 30 * HOUR
    line, writer = pipeline(alone), Writer(store)
    for number in range(1, 5):  # twice what is remembered
        line.write(segment(tmp_path / str(number), sent(span(number, old), received_ns=old)), writer)
    line.write(segment(tmp_path / "all", sent(*[span(n, old) for n in range(1, 7)])), writer)
    assert {values[:2] for values in counts(store).values()} == {(6, 6)}


def test_a_clock_that_is_put_right_hides_nothing_that_was_stored(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that begins in the past, until its clock is set: what came before the start comes again."""
    now = time.time_ns()
    first = pipeline(alone=True)
    first.write(segment(tmp_path / "1", sent(span(1, now - HOUR), received_ns=now - HOUR)), Writer(store))
    with monkeypatch.context() as patch:
        patch.setattr(module, "_now", lambda: (now - 72 * HOUR) // 10**6)
        line, writer = pipeline(alone=True), Writer(store)
    line.write(segment(tmp_path / "2", sent(span(1, now - HOUR), span(2, now - HOUR))), writer)
    assert {values[:2] for values in counts(store).values()} == {(2, 2)}


@pytest.fixture
def two_collectors(store: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Pipeline, Writer]]:
    """Return two processes that store into one ClickHouse, and have for a minute."""
    monkeypatch.setattr(module, "_now", lambda: time.time_ns() // 10**6 - 60_000)
    both = []
    for name in ("one", "other"):
        monkeypatch.setattr(presence, "process_name", lambda name=name: name)
        both.append((pipeline(), Writer(store)))
    return both


def test_a_span_that_is_sent_to_another_collector_counts_once(
    store: Any, tmp_path: Path, two_collectors: list[tuple[Pipeline, Writer]]
) -> None:
    """A sender whose connection broke tries again elsewhere, within the second, there and back."""
    now = time.time_ns() - 2 * 10**9
    for number, at in enumerate((0, 1, 0, 1)):
        line, writer = two_collectors[at]
        line.write(
            segment(tmp_path / str(number), sent(span(number + 1, now), span(number + 2, now))), writer
        )
    assert {values[:2] for values in counts(store).values()} == {(5, 5)}
    (receipt,) = receipts(store, "default")
    assert (receipt.received, receipt.stored, receipt.repeated, receipt.balance) == (8, 5, 3, 0)


def test_a_collector_that_others_left_to_itself_asks_for_none_of_its_live_spans(
    store: Any, tmp_path: Path, two_collectors: list[tuple[Pipeline, Writer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was last there before a span ended has not stored it: a deployment costs questions for minutes."""
    (line, writer), (_, other) = two_collectors
    asked: list[int] = []
    monkeypatch.setattr(writer, "stored", lambda sought: asked.append(len(sought)) or {})
    now = time.time_ns() - 2 * 10**9
    line.write(segment(tmp_path / "alone", sent(span(1, now))), writer)
    assert (asked, writer.others_until()) == ([], 0)
    assert other.others_until() > now // 10**6
    line.write(segment(tmp_path / "both", sent(span(2, now), span(3, now))), writer)
    assert asked == [2]
    store.command("TRUNCATE TABLE collectors")
    store.command("INSERT INTO collectors VALUES ('other', now64(3) - INTERVAL 5 MINUTE)")
    line.write(segment(tmp_path / "left", sent(span(4, now), span(5, now - 400 * 10**9))), writer)
    assert asked == [2, 1]


def test_a_segment_interrupted_in_the_middle_is_completed(store: Any, tmp_path: Path) -> None:
    """Rows that are in the table and not yet in the rollups are no repeats: the replay fills the rollups."""
    part = segment(tmp_path, sent(span(1), span(2)))
    # What a crash between a table and its views leaves: the rows, under their token, and nothing else.
    view = "rollup_hour_mv"
    store.command(f"DETACH TABLE {view}")
    pipeline().write(part, Writer(store))
    store.command(f"ATTACH TABLE {view}")
    assert counts(store)["rollup_hour"][0] == 0
    assert counts(store)["spans"][0] == 2
    pipeline().write(part, Writer(store))
    assert {values[:2] for values in counts(store).values()} == {(2, 2)}


def test_a_retried_segment_stores_what_is_missing_only(store: Any, tmp_path: Path) -> None:
    """Set aside whole after it was half stored, and retried: the store is asked about every span."""
    now = time.time_ns()
    line, writer = pipeline(), Writer(store)
    line.write(segment(tmp_path, sent(span(1, now))), writer)
    again = segment(tmp_path / "b", sent(span(1, now), span(2, now)))
    path = again.path.rename(again.path.with_name(f"{again.token}r1.seg"))
    pipeline().write(replace(again, path=path), writer)
    assert {values[:2] for values in counts(store).values()} == {(2, 2)}


def arrival(number: int, received_ms: int, end_ms: int) -> Arrival:
    """Return a span that ended and was received at these moments."""
    ended = end_ms * 10**6
    raw = RawSpan("t", str(number), "", "x", ended, ended, 0, "", {}, [], [], {}, "", "")
    return Arrival(raw, "p", received_ms)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=5), max_size=12),
    st.integers(0, 400_000),
    st.sets(st.integers(0, 11)),
    st.sets(st.integers(0, 11)),
    st.booleans(),
)
def test_each_span_passes_once_whatever_is_sent_again(
    segments: list[list[int]], age_ms: int, restarts: set[int], elsewhere: set[int], alone: bool
) -> None:
    """With any overlap, age, restarts, two collectors and a tiny memory, the store gets each span once."""
    clock = module._now()
    stored: dict[str, set[int]] = {}
    ended: dict[int, int] = {}
    guards, beats = [Arrivals(), Arrivals()], [0, 0]

    def held(places: set[module.Place]) -> set[module.Place]:
        return places & {("p", ended[int(name)] * 10**6 // HOUR) for name in stored}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "REMEMBERED", 6)
        patch.setattr(module, "_now", lambda: clock)
        for number, names in enumerate(segments):
            clock += 20_000
            at = int(number in elsewhere and not alone)
            if number in restarts:
                guards[at] = Arrivals()
            guard, beats[at] = guards[at], clock
            batch = [arrival(name, clock - 1, ended.setdefault(name, clock - age_ms)) for name in names]
            fresh = guard.sift(
                batch,
                f"segment-{number}",
                set(),
                lambda unsure: {a.identity: stored[a.raw.span_id] for a in unsure if a.raw.span_id in stored},
                held=held if alone else None,
                others_until=beats[1 - at],
            )
            for one in fresh:
                assert one.raw.span_id not in stored
                stored[one.raw.span_id] = {one.received_ms}
            guard.remember(fresh, f"segment-{number}")
    assert set(stored) == {str(name) for names in segments for name in names}


def test_live_traffic_asks_the_store_nothing() -> None:
    """Spans that ended after this process began are decided from memory, the first after a start are not."""
    guard, asked = Arrivals(), []
    now = module._now()

    def find(unsure: list[Arrival]) -> dict[Any, set[int]]:
        asked.append(len(unsure))
        return {}

    later = now + 60_000
    assert len(guard.sift([arrival(1, later, later)], "a", set(), find)) == 1
    assert asked == []
    guard.sift([arrival(2, now, now - 1)], "b", set(), find)
    guard.sift([arrival(3, now, now + 3_600_000)], "c", set(), find)  # a clock that is ahead
    assert asked == [1, 1]


def test_an_hour_without_older_spans_is_asked_for_once(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is filled in from an archive costs one question an hour and none a span while memory lasts."""
    old = time.time_ns() // HOUR * HOUR - 30 * HOUR
    line, writer, asked = pipeline(alone=True), Writer(store), list[int]()
    find = writer.stored

    def stored(sought: Any) -> Any:
        asked.append(len(sought))
        return find(sought)

    monkeypatch.setattr(writer, "stored", stored)
    for number in range(3):
        at = old + number * 10**9
        two = sent(span(2 * number + 1, at), span(2 * number + 2, at))
        line.write(segment(tmp_path / str(number), two), writer)
    assert (asked, counts(store)["spans"][0]) == ([], 6)
    line = pipeline(alone=True)
    line.write(segment(tmp_path / "again", sent(span(1, old), span(9, old + HOUR))), writer)
    assert (asked, counts(store)["spans"][0]) == ([2], 7)


def test_memory_of_spans_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many spans are stored, no more than the limit are remembered."""
    monkeypatch.setattr(module, "REMEMBERED", 100)
    guard = Arrivals()
    for number in range(1000):
        guard.remember([arrival(number, 0, 0)], "t")
    assert len(guard._young) + len(guard._old) <= 100
