"""Lists of traces read one row a trace: what crosses an hour, comes in parts or has no root counts once."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from kansoku_collector.store import migrate
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrations
from kansoku_collector.store.read import errors, facets, quality, traces
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.scope import Period, Scope

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = Period(NOON - timedelta(hours=12), NOON + timedelta(hours=12))
WEEK = Period(NOON - timedelta(days=6), NOON + timedelta(days=1))


def add(client: Client, *rows: dict[str, Any]) -> None:
    """Insert spans in one batch, each with the fields that it names."""
    names = sorted({name for row in rows for name in row} | {"project", "trace_id", "span_id", "start"})
    empty: dict[str, Any] = {"cost_usd": "0", "billed": 0, "duration_ns": 10**9}
    filled = [
        {"project": "default", "span_id": uuid.uuid4().hex[:16], "start": NOON, "trace_id": "a"} | empty | row
        for row in rows
    ]
    values = [[row.get(name, "") for name in names] for row in filled]
    client.insert("spans", values, column_names=names)


def root(**fields: Any) -> dict[str, Any]:
    """Return a root span."""
    return {"name": "ask", "status": "ok", "user_id": "u", "service": "web"} | fields


def call(**fields: Any) -> dict[str, Any]:
    """Return a billed call below a root."""
    return {
        "parent_span_id": "r",
        "name": "chat",
        "billed": 1,
        "cost_usd": "0.5",
        "request_model": "luna",
    } | fields


def test_a_trace_that_crosses_the_hour_is_one_trace(store: Client) -> None:
    """Its two rows by hour are one row of the list, found by what stands in either, with the sum of both."""
    add(store, root(start=NOON - MINUTE, span_id="r"), call(start=NOON + MINUTE))
    by_user, by_model = Filter(DAY, user="u"), Filter(DAY, Scope(model="luna"))
    for wanted in (Filter(DAY), by_user, by_model, Filter(DAY, min_cost=0.4)):
        found = traces.totals(store, wanted)
        assert (found.traces, found.calls, float(found.cost_usd)) == (1, 1, 0.5)
        assert [(row.name, row.spans) for row in traces.page(store, wanted)] == [("ask", 2)]
    assert traces.totals(store, Filter(DAY, max_cost=0.4)).traces == 0


def test_a_root_without_words_shows_those_of_its_first_call(store: Client) -> None:
    """Each text by itself, also across the hour; the list and its export say the same."""
    add(
        store,
        root(trace_id="whole", input_text="asked", output_text="told"),
        call(trace_id="whole", input_text="sent", output_text="got"),
        root(trace_id="half", input_text="asked", start=NOON - MINUTE),
        call(trace_id="half", input_text="sent", output_text="got", start=NOON + MINUTE),
        root(trace_id="bare"),
        call(trace_id="bare", input_text="sent", output_text="got"),
        root(trace_id="mute"),
    )
    expected = {"whole": "asked told", "half": "asked got", "bare": "sent got", "mute": " "}
    for rows in (traces.page(store, Filter(DAY)), traces.export(store, Filter(DAY))):
        assert {row.trace_id: f"{row.input} {row.output}" for row in rows} == expected


def test_words_of_a_call_that_its_root_has_too_are_not_kept_twice(store: Client) -> None:
    """Each text by itself; a root that comes in a later batch finds those of its call, which lists leave."""
    add(
        store,
        root(trace_id="whole", input_text="asked", output_text="told"),
        call(trace_id="whole", input_text="sent", output_text="got"),
        root(trace_id="half", input_text="asked"),
        call(trace_id="half", input_text="sent", output_text="got"),
        call(trace_id="late", input_text="sent", output_text="got"),
    )
    add(store, root(trace_id="late", input_text="asked", output_text="told"))
    kept = store.query("SELECT trace_id, max(call_input), max(call_output) FROM traces GROUP BY trace_id")
    assert sorted(kept.result_rows) == [("half", "", "got"), ("late", "sent", "got"), ("whole", "", "")]
    shown = {(row.trace_id, row.input, row.output) for row in traces.page(store, Filter(DAY))}
    assert shown == {("whole", "asked", "told"), ("half", "asked", "got"), ("late", "asked", "told")}


def test_what_came_in_parts_is_put_together_before_a_merge_does_it(store: Client) -> None:
    """A condition on the sum of a trace holds for the sum, not for the rows of its batches."""
    store.command("SYSTEM STOP MERGES traces")
    try:
        add(store, root(span_id="r"), call(cost_usd="0.3"))
        add(store, call(cost_usd="0.3"))
        assert traces.totals(store, Filter(DAY, min_cost=0.5)).traces == 1
        assert traces.totals(store, Filter(DAY, max_cost=0.5)).traces == 0
        assert [row.spans for row in traces.page(store, Filter(DAY))] == [3]
    finally:
        store.command("SYSTEM START MERGES traces")  # the next test is lent the same table


def test_a_trace_without_a_root_is_listed_once(store: Client) -> None:
    """Spans whose root lives elsewhere, in two hours, are one trace that is not rooted."""
    add(store, call(start=NOON - MINUTE), call(start=NOON + MINUTE))
    assert traces.totals(store, Filter(DAY)).traces == 1
    assert [(row.rooted, row.calls) for row in traces.page(store, Filter(DAY))] == [(False, 2)]


def test_traces_whose_ids_have_one_key_stay_two(store: Client) -> None:
    """The key is short, so two ids may share it, of traces within an hour and across one."""
    (first, second) = store.query(
        """SELECT groupArray(lower(hex(MD5(toString(number)))) AS id) FROM numbers(200000)
        GROUP BY toUInt32(cityHash64(id)) HAVING count() = 2 LIMIT 1"""
    ).result_rows[0][0]
    spans = [root(start=NOON - MINUTE, span_id="r"), call(start=NOON + MINUTE)]
    add(store, *(span | {"trace_id": first} for span in spans), root(trace_id=second))
    (keys,) = store.query("SELECT uniqExact(trace_key), uniqExact(trace_id) FROM traces").result_rows
    assert keys == (1, 2)
    assert traces.totals(store, Filter(DAY)).traces == 2
    assert {row.trace_id: row.spans for row in traces.page(store, Filter(DAY))} == {first: 2, second: 1}


def test_a_trace_without_a_root_within_an_hour_is_listed_as_it_is(store: Client) -> None:
    """Where the roots of all traces are elsewhere, each is still one trace with its own sums."""
    add(store, call(trace_id="a"), call(trace_id="a"), call(trace_id="b", start=NOON + MINUTE))
    found = traces.totals(store, Filter(DAY))
    assert (found.traces, found.calls, float(found.cost_usd)) == (2, 3, 1.5)
    assert [(row.trace_id, row.calls) for row in traces.page(store, Filter(DAY))] == [("b", 1), ("a", 2)]


def test_two_properties_of_spans_must_be_of_one_span(store: Client) -> None:
    """A trace over two services is found by each, but by a service and a model only where a span has both."""
    add(store, root(service="web"), call(service="brain"))
    assert traces.totals(store, Filter(DAY, Scope(service="web"))).traces == 1
    assert traces.totals(store, Filter(DAY, Scope(service="brain"))).traces == 1
    assert traces.totals(store, Filter(DAY, Scope(service="brain", model="luna"))).traces == 1
    assert traces.totals(store, Filter(DAY, Scope(service="web", model="luna"))).traces == 0


@pytest.mark.parametrize("period", [DAY, WEEK])
def test_facets_count_traces_by_what_their_spans_hold(store: Client, period: Period) -> None:
    """Each value has as many traces as a filter by it leaves, over hours and over a week."""
    prompt = {"prompt_name": "greet", "prompt_version": "v@1"}
    add(store, root(), call(service="brain", operation="chat", **prompt), call(service="brain"))
    add(store, root(trace_id="b"), call(trace_id="b", service="brain", request_model="sol"))
    found = {name: dict(values) for name, values in facets.facets(store, Filter(period)).items()}
    assert found["service"] == {"brain": 2, "web": 2}
    assert found["model"] == {"luna": 1, "sol": 1}
    assert found["prompt"] == {"greet@v@1": 1}
    assert traces.totals(store, Filter(period, Scope(prompt_name="greet", prompt_version="v@1"))).traces == 1
    assert traces.totals(store, Filter(period, operation="chat")).traces == 1


def test_an_older_store_has_the_lists_and_the_errors_after_the_migration(
    engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored before is filtered, counted and split as what comes after, its figures unchanged."""
    everything = migrations()
    client = connect(engine_url, database=f"test_{uuid.uuid4().hex[:12]}")
    monkeypatch.setattr(migrate, "migrations", lambda: [one for one in everything if one[0] < "0020"])
    migrate.migrate(client)
    refused = {"status": "error", "error_type": "RateLimitError", "language": "ja"}
    add(client, root(span_id="r"), call(service="brain", operation="chat", **refused))
    figures = "SELECT sum(spans), sum(calls), sum(errors), sum(cost_usd), max(root_name) FROM traces"
    before = client.query(figures).result_rows
    monkeypatch.setattr(migrate, "migrations", lambda: everything)
    assert migrate.migrate(client)[:2] == ["0020_trace_parts.sql", "0021_errors.sql"]
    assert client.query(figures).result_rows == before
    assert traces.totals(client, Filter(DAY, Scope(service="brain"))).traces == 1
    assert [(row.kind, row.errors) for row in errors.errors_over_time(client, Scope(), DAY)] == [
        ("rate_limit", 1)
    ]
    client.insert(
        "feedback", [["default", NOON, "a", "like", 1.0]], ["project", "time", "trace_id", "name", "value"]
    )
    assert [row.name for row in quality.liked_by(client, Scope(), DAY, "language")] == ["ja"]
    client.command(f"DROP DATABASE {client.database}")
    client.close()
