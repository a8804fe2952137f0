"""Rows of traces that cross an hour are brought together: whenever and however often, no sum changes."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kansoku_collector import housekeeping
from kansoku_collector.errors import StoreError
from kansoku_collector.housekeeping import Housekeeping
from kansoku_collector.store import crossing
from kansoku_collector.store.connect import connect
from kansoku_collector.store.crossing import apart, bring_together, emptied, merge_month
from kansoku_collector.store.read import traces
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.read.whole import APART
from kansoku_collector.store.scope import Period

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DAY = Period(NOON - 12 * HOUR, NOON + 12 * HOUR)
SUMS = "SELECT trace_id, sum(spans), sum(calls), sum(errors), sum(cost_usd), min(start), max(end) FROM traces"


def add(client: Client, *spans: dict[str, Any]) -> None:
    """Insert spans in one batch: a billed call of half a dollar each, unless it says otherwise."""
    call = {
        "parent_span_id": "r",
        "billed": 1,
        "cost_usd": Decimal("0.5"),
        "duration_ns": 10**9,
        "status": "ok",
    }
    names = ["project", "span_id", "trace_id", "start", *call]
    rows = [
        {"project": "default", "span_id": uuid.uuid4().hex[:16], "trace_id": "a"} | call | span
        for span in spans
    ]
    client.insert("spans", [[row[name] for name in names] for row in rows], column_names=names)


def root(**fields: Any) -> dict[str, Any]:
    """Return a root span, which costs nothing."""
    return {"parent_span_id": "", "billed": 0, "cost_usd": Decimal(0)} | fields


def sums(client: Client) -> list[Any]:
    """Return what the rows of each trace add up to."""
    return list(client.query(f"{SUMS} GROUP BY trace_id ORDER BY trace_id").result_rows)


def live(client: Client) -> list[tuple[str, datetime, int]]:
    """Return the rows with something in them."""
    rows = client.query(
        "SELECT trace_id, hour, spans FROM traces FINAL WHERE spans > 0 ORDER BY trace_id, hour"
    ).result_rows
    return [(str(trace), hour.replace(tzinfo=UTC), int(spans)) for trace, hour, spans in rows]


def listed(client: Client, period: Period = DAY) -> list[tuple[str, int, int, Decimal]]:
    """Return the list of traces, which must agree with its totals."""
    page = traces.page(client, Filter(period))
    found = traces.totals(client, Filter(period))
    assert (found.traces, found.calls) == (len(page), sum(row.calls for row in page))
    assert found.cost_usd == sum((row.cost_usd for row in page), Decimal(0))
    return sorted((row.trace_id, row.spans, row.calls, row.cost_usd) for row in page)


@pytest.fixture
def unmerged(store: Client) -> Iterator[Client]:
    """Return a store in which nothing is merged until a test says so."""
    store.command("SYSTEM STOP MERGES traces")
    yield store
    store.command("SYSTEM START MERGES traces")


def test_all_of_a_trace_stands_where_its_root_is(store: Client) -> None:
    """The later row is empty, the list says what it said, and no row is looked at again."""
    add(store, root(start=NOON - MINUTE, span_id="r"), {"start": NOON + MINUTE}, {"start": NOON + 2 * MINUTE})
    before, shown = sums(store), listed(store)
    assert bring_together(store, DAY) == 1
    assert sums(store) == before
    assert listed(store) == shown == [("a", 3, 2, Decimal(1))]
    assert live(store) == [("a", NOON - HOUR, 3)]
    merge_month(store, NOON)
    assert store.query(f"SELECT count() FROM traces WHERE {APART}").result_rows[0][0] == 0
    assert bring_together(store, DAY) == 0


def test_a_trace_whose_root_comes_later_stands_with_its_root(store: Client) -> None:
    """A clock that goes wrong, or a root that another service sends with a later start."""
    add(store, root(start=NOON + MINUTE, span_id="r"), {"start": NOON - MINUTE})
    assert bring_together(store, DAY) == 1
    assert live(store) == [("a", NOON, 2)]


def test_a_trace_without_a_root_stands_where_it_begins(store: Client) -> None:
    """However many hours it goes on; one within an hour stays as it is."""
    add(store, *({"start": NOON + hour * HOUR} for hour in range(4)), {"trace_id": "b", "start": NOON})
    assert bring_together(store, DAY) == 3
    assert live(store) == [("a", NOON, 4), ("b", NOON, 1)]


def test_a_trace_of_days_comes_together_round_by_round(store: Client) -> None:
    """Each day is looked at with the day before it, so that the rows of the last day take the longest."""
    add(store, *({"start": NOON + hour * HOUR} for hour in range(0, 72, 6)))
    for _ in range(3):
        for hours in apart(store, Period(NOON - 80 * HOUR, NOON + 80 * HOUR)):
            bring_together(store, hours)
    assert live(store) == [("a", NOON, 12)]


def test_what_comes_after_it_counts(store: Client) -> None:
    """A span and a corrected price, for hours that were emptied, are in the list at once."""
    add(store, root(start=NOON - MINUTE, span_id="r"), {"start": NOON + MINUTE, "span_id": "c"})
    bring_together(store, DAY)
    store.command("OPTIMIZE TABLE traces FINAL")
    store.command(
        """INSERT INTO corrections (project, trace_id, span_id, start, old_cost_usd, cost_usd)
        VALUES ('default', 'a', 'c', '2026-11-10 12:01:00', 0.5, 0.75)"""
    )
    store.command("OPTIMIZE TABLE traces FINAL")
    assert listed(store) == [("a", 2, 1, Decimal("0.75"))]
    add(store, {"start": NOON + 2 * MINUTE})
    assert listed(store) == [("a", 3, 2, Decimal("1.25"))]
    assert bring_together(store, DAY) == 1
    assert listed(store) == [("a", 3, 2, Decimal("1.25"))]
    assert live(store) == [("a", NOON - HOUR, 3)]


def rows_of(client: Client, expected: int) -> list[tuple[str, datetime]]:
    """Return the rows there are, empty ones too, once as many as expected are left or time is up."""
    deadline = time.monotonic() + 120
    while True:
        rows = client.query("SELECT trace_id, hour FROM traces ORDER BY trace_id, hour").result_rows
        if len(rows) == expected or time.monotonic() > deadline:
            return [(str(trace), hour.replace(tzinfo=UTC)) for trace, hour in rows]
        time.sleep(0.05)


def test_a_row_that_was_emptied_is_dropped_once_its_month_is_merged(store: Client) -> None:
    """A list that leaves out a row in every block copies the others; what comes late makes a row again."""
    add(store, root(start=NOON - MINUTE, span_id="r"), {"start": NOON + MINUTE})
    add(store, {"trace_id": "b", "start": NOON})
    bring_together(store, DAY)
    store.command("OPTIMIZE TABLE traces FINAL")
    assert emptied(store) == [NOON.replace(day=1, hour=0)]
    merge_month(store, NOON)
    assert rows_of(store, 2) == [("a", NOON - HOUR), ("b", NOON)]
    assert emptied(store) == []
    assert listed(store) == [("a", 2, 1, Decimal("0.5")), ("b", 1, 1, Decimal("0.5"))]
    add(store, {"start": NOON + 2 * MINUTE})
    assert listed(store) == [("a", 3, 2, Decimal(1)), ("b", 1, 1, Decimal("0.5"))]


def test_a_row_that_only_says_what_its_trace_belongs_to_is_kept(unmerged: Client) -> None:
    """A migration adds such rows to older ones: they have no sums of their own until they are merged."""
    add(unmerged, {"start": NOON})
    unmerged.command(
        "INSERT INTO traces (project, hour, trace_id, start, end, services) VALUES"
        " ('default', '2026-11-10 12:00:00', 'a', '2026-11-10 12:00:00', '2026-11-10 12:00:00', ['second'])"
    )
    with pytest.raises(Exception, match="ABORTED"):
        merge_month(unmerged, NOON)
    unmerged.command("SYSTEM START MERGES traces")
    merge_month(unmerged, NOON)
    rows = unmerged.query("SELECT has(services, 'second'), spans FROM traces").result_rows
    assert rows == [(1, 1)]


def test_two_collectors_that_move_the_same_move_it_once(
    unmerged: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read what was there before either has written: the second block is the first one again."""
    add(unmerged, root(start=NOON - MINUTE, span_id="r"), {"start": NOON + MINUTE})
    unmerged.command("CREATE TABLE before AS traces")
    unmerged.command("INSERT INTO before SELECT * FROM traces")
    later = crossing._later
    monkeypatch.setattr(
        crossing, "_later", lambda aggregates: later(aggregates).replace("FROM traces", "FROM before")
    )
    try:
        assert [bring_together(unmerged, DAY) for _ in range(2)] == [1, 1]
    finally:
        unmerged.command("DROP TABLE before")
    assert live(unmerged) == [("a", NOON - HOUR, 2)]


def test_a_list_that_begins_after_a_trace_does_not_show_its_emptied_row(unmerged: Client) -> None:
    """A trace is listed where it starts, and nowhere else."""
    add(unmerged, root(start=NOON - 5 * HOUR, span_id="r"), {"start": NOON + MINUTE})
    bring_together(unmerged, DAY)
    assert listed(unmerged, Period(NOON, NOON + HOUR)) == []
    assert [row[0] for row in listed(unmerged)] == ["a"]


def test_a_trace_that_crosses_a_month_is_left_and_still_one(store: Client) -> None:
    """Two partitions cannot take both sides of a move at once."""
    turn = datetime(2026, 11, 1, tzinfo=UTC)
    around = Period(turn - 12 * HOUR, turn + 12 * HOUR)
    add(store, root(start=turn - MINUTE, span_id="r"), {"start": turn + MINUTE})
    assert bring_together(store, around) == 0
    assert listed(store, around) == [("a", 2, 1, Decimal("0.5"))]


def test_hours_are_taken_a_day_at_a_time_or_less(store: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in which rows have no root, as many as fit into memory."""
    hours = [NOON + hour * HOUR for hour in (0, 1, 3, 14)]
    add(store, *({"trace_id": f"{number}", "start": start} for number, start in enumerate(hours)))
    add(store, root(trace_id="rooted", start=NOON + 5 * HOUR))
    ever = Period(NOON - 80 * HOUR, NOON + 80 * HOUR)
    days = [Period(NOON, NOON + 4 * HOUR), Period(NOON + 14 * HOUR, NOON + 15 * HOUR)]
    assert apart(store, ever) == days
    monkeypatch.setattr(crossing, "MOST", 2)
    first, second = Period(NOON, NOON + 2 * HOUR), Period(NOON + 3 * HOUR, NOON + 4 * HOUR)
    assert apart(store, ever) == [first, second, days[1]]


spans = st.tuples(st.sampled_from("abc"), st.integers(0, 8 * 60), st.booleans())


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(spans, min_size=1, max_size=6), min_size=1, max_size=5), merged=st.booleans()
)
def test_lists_say_the_same_however_often_rows_are_moved(
    store: Client, batches: list[list[tuple[str, int, bool]]], merged: bool
) -> None:
    """Spans come in any order, roots first or last; after each batch everything that can be moved is."""
    for table in ("spans", "traces"):
        store.command(f"TRUNCATE TABLE {table}")
    expected: dict[str, list[int]] = {}
    for batch in batches:
        made = []
        for trace, minute, is_root in batch:
            calls = expected.setdefault(trace, [0, 0, 0])
            only = is_root and not calls[2]  # a trace has one root
            calls[0], calls[1], calls[2] = calls[0] + 1, calls[1] + (not only), calls[2] or only
            at = {"trace_id": trace, "start": NOON - 6 * HOUR + minute * MINUTE}
            made.append(root(**at) if only else at)
        add(store, *made)
        bring_together(store, DAY)
        if merged:
            store.command("OPTIMIZE TABLE traces FINAL")
        assert listed(store) == sorted(
            (trace, count, calls, Decimal(calls) / 2) for trace, (count, calls, _) in expected.items()
        )
    bring_together(store, DAY)
    assert sorted(trace for trace, _, _ in live(store)) == sorted(expected)


def test_housekeeping_looks_at_the_last_hours_and_once_at_all(store: Client) -> None:
    """An hour that is not over is left alone."""
    old = NOON - timedelta(days=5)
    add(store, root(start=NOON - MINUTE, span_id="r"), {"start": NOON + MINUTE})
    add(store, root(trace_id="b", start=old - MINUTE, span_id="r"), {"trace_id": "b", "start": old + MINUTE})
    house = Housekeeping(lambda: store, embedded=True)
    house.look(NOON + 2 * HOUR)
    assert live(store) == [("a", NOON - HOUR, 2), ("b", old - HOUR, 2)]
    add(store, {"start": NOON + 2 * HOUR})
    house.look(NOON + 2 * HOUR + 59 * MINUTE)
    assert len(live(store)) == 3
    house.look(NOON + 3 * HOUR + 11 * MINUTE)
    assert len(live(store)) == 2


def test_housekeeping_outlives_a_store_that_is_away(
    store: Client, engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks again at its next turn, and ends at once when it is told to."""
    problems = iter([StoreError("away"), StoreError("away")])

    def open_client() -> Client:
        if problem := next(problems, None):
            raise problem
        return connect(engine_url, database=str(store.database))

    add(store, root(start=NOON - MINUTE, span_id="r"), {"start": NOON + MINUTE})
    monkeypatch.setattr(housekeeping, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(housekeeping, "SECONDS", 0.01)
    house = Housekeeping(open_client, embedded=True)
    house.start()
    deadline = time.monotonic() + 120
    while live(store) != [("a", NOON - HOUR, 2)] and time.monotonic() < deadline:
        time.sleep(0.05)
    house.stop()
    assert live(store) == [("a", NOON - HOUR, 2)]
    house._thread.join(120)  # a stop waits for some seconds only, and a busy machine may need more
    assert not house._thread.is_alive()


def test_a_month_that_cannot_be_merged_keeps_no_other_from_it(
    store: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed is raised after the others, so that it is told and tried again another day."""
    october = NOON - timedelta(days=31)
    for day, trace in ((october, "a"), (NOON, "b")):
        add(store, root(trace_id=trace, start=day - MINUTE, span_id="r"))
        add(store, {"trace_id": trace, "start": day + MINUTE})

    def stuck(client: Client, month: datetime) -> None:
        if month.month == october.month:
            raise StoreError("a part is being read")
        merge_month(client, month)

    monkeypatch.setattr(housekeeping, "merge_month", stuck)
    with pytest.raises(StoreError, match="being read"):
        Housekeeping(lambda: store, embedded=True).look(NOON + 2 * HOUR)
    rows = rows_of(store, 5)
    assert [hour for trace, hour in rows if trace == "b"] == [NOON - HOUR]
    assert len(rows) == 5  # of the other nothing is together
