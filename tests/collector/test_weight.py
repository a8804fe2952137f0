"""Sampled spans count for as many as they stand for, in every total, and in none of the lists."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from kansoku import semconv
from kansoku_collector.model import Span
from kansoku_collector.store import migrate as migrations_module
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrate, migrations
from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.read.measures import measure, wilson
from kansoku_collector.store.read.overview import series, totals
from kansoku_collector.store.scope import Period, Scope
from kansoku_collector.store.write import Writer

START = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
SCOPE = Scope("p")
PERIOD = Period(START, START + timedelta(hours=2))


def call(number, *, weight=1.0, seconds=1.0, status="ok"):
    """Return a model call that is a trace of its own."""
    return Span(
        project="p",
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        start=int(START.timestamp()) * 10**9 + number,
        duration_ns=int(seconds * 1e9),
        operation="chat",
        response_model="m",
        input_fresh=7,
        output_visible=3,
        usage_source="reported",
        cost_usd=Decimal("0.000000000001"),
        cost_source="computed",
        billed=True,
        status=status,
        weight=weight,
    )


def test_totals_weigh_counts_tokens_and_money(store):
    """Two that stand for ten each and an error that stands for itself are 21 calls, 18 of them estimated."""
    Writer(store).spans([call(1, weight=10.0), call(2, weight=10.0), call(3, status="error")], "a")
    found = totals(store, SCOPE, PERIOD)
    assert (found.requests, found.errors, found.calls, found.tokens) == (21, 1, 21, 210)
    assert found.estimated == 18
    assert found.cost == pytest.approx(21e-12)
    assert [bucket.requests for bucket in series(store, SCOPE, Grid.of(PERIOD)) if bucket.requests] == [21]
    exact = store.query("SELECT sum(cost_usd), sum(unrecorded_calls) FROM rollup_hour").result_rows[0]
    assert exact == (Decimal("0.000000000021"), 18)


def test_lists_are_not_weighed(store):
    """A trace is one row with the spans that it has."""
    Writer(store).spans([call(1, weight=10.0)], "a")
    assert store.query("SELECT sum(spans), sum(calls), sum(input_tokens) FROM traces").result_rows == [
        (1, 1, 7)
    ]


def test_quantiles_weigh_too(store):
    """Thirty quick calls seen by one of them outweigh ten slow ones that were all kept."""
    rows = [call(1, weight=30.0, seconds=1), *(call(number, seconds=60) for number in range(2, 12))]
    Writer(store).spans(rows, "a")
    found = totals(store, SCOPE, PERIOD)
    assert found.p50 == pytest.approx(1)
    assert found.p95 == pytest.approx(60)


def test_an_interval_rests_on_what_was_seen(store):
    """A rate of errors is that of all traffic, and as uncertain as the few calls that were stored make it."""
    rows = [call(number, weight=10.0) for number in range(1, 41)]
    Writer(store).spans([*rows, *(call(number, status="error") for number in range(100, 110))], "a")
    (found,) = measure(store, "call_error_rate", SCOPE, [PERIOD.end], PERIOD.length)
    assert found.value == pytest.approx(10 / 410)
    assert found.samples == 410
    assert (found.low, found.high) == pytest.approx(wilson(10 / 410 * 50, 50))
    (slow,) = measure(store, "call_latency_p95", SCOPE, [PERIOD.end], PERIOD.length)
    assert (slow.value, slow.samples) == (pytest.approx(1), 410)


def test_a_fractional_weight_is_right_on_average_and_one_number_a_trace(store):
    """A weight of 10/3 becomes 3 or 4, the same for all spans of a trace, 3.33 on average."""
    rows = [call(number, weight=10 / 3) for number in range(1, 3001)]
    second = call(1, weight=10 / 3)
    second.span_id = "f" * 16
    Writer(store).spans([*rows, second], "a")
    times = "SELECT trace_id, times FROM spans"
    found = {}
    for trace, count in store.query(times).result_rows:
        found.setdefault(trace, set()).add(count)
    assert all(len(counts) == 1 for counts in found.values())
    assert {next(iter(counts)) for counts in found.values()} == {3, 4}
    assert totals(store, SCOPE, PERIOD).calls == pytest.approx(10_003, abs=120)


def test_a_table_with_data_goes_on_counting_as_before(engine_url, monkeypatch):
    """Rows stored before the column exist count once; a second run of the migration changes nothing."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    client = connect(engine_url, database=name)
    everything = migrations()
    try:
        with monkeypatch.context() as before:
            before.setattr(migrations_module, "migrations", lambda: [m for m in everything if m[0] < "0006"])
            migrate(client)
        columns = [
            ["p", f"{1:032x}", f"{1:016x}", int(START.timestamp()) * 10**9, 10**9, 1, "0.5", 3, "reported"]
        ]
        client.insert("spans", columns, column_names=[
            "project", "trace_id", "span_id", "start", "duration_ns", "billed", "cost_usd", "input_fresh",
            "usage_source",
        ])  # fmt: skip
        assert "0006_weight.sql" in migrate(client)
        client.command("DELETE FROM migrations WHERE name >= '0006'")
        assert "0006_weight.sql" in migrate(client)
        assert client.query("SELECT weight, times FROM spans").result_rows == [(1.0, 1)]
        Writer(client).spans([call(2, weight=4.0)], "b")
        client.command("OPTIMIZE TABLE rollup_minute FINAL")
        found = totals(client, SCOPE, PERIOD)
        assert (found.calls, found.tokens, found.estimated) == (5, 43, 3)
        assert found.p50 == pytest.approx(1)
    finally:
        client.command(f"DROP DATABASE {name}")
        client.close()


@pytest.mark.parametrize(
    ("value", "weight"),
    [(10.0, 10.0), ("2.5", 2.5), (None, 1.0), (0.2, 1.0), (-3, 1.0), ("nan", 1.0), (1e12, 1.0), ("x", 1.0)],
)
def test_a_weight_that_makes_no_sense_counts_as_one(value, weight):
    """Nobody may drown the totals with an attribute; the attribute is read and not stored again."""
    from kansoku_collector.model import RawSpan
    from kansoku_collector.normalise.frame import open_row

    left = {} if value is None else {semconv.SAMPLE_WEIGHT: value}
    raw = RawSpan("t", "s", "", "n", 1, 2, 0, "", {}, [], [], {}, "", "")
    assert open_row(raw, left, "p", 0).weight == weight
    assert left == {}
