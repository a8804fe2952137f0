"""Days, sessions, tokens, durations and prompts: what the rollups answer is what the spans say."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from kansoku_collector.store.migrate import migrate
from kansoku_collector.store.read import latency, overview, prompts, sessions, slices, tokens
from kansoku_collector.store.read.traces_api import read_trace
from kansoku_collector.store.scope import Period, Scope

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEK = Period(NOON - 7 * DAY, NOON + HOUR)
TOKEN = {
    "insert_deduplicate": 1,
    "insert_deduplication_token": "segment-1",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}


def add(client: Client, rows: list[dict[str, Any]], settings: dict[str, Any] | None = None) -> None:
    """Insert spans; every row names the same fields."""
    filled = [
        {"project": "default", "trace_id": f"{i:032x}", "span_id": f"{i:016x}", "start": NOON} | row
        for i, row in enumerate(rows)
    ]
    names = list(filled[0])
    values = [[row[name] for name in names] for row in filled]
    client.insert("spans", values, column_names=names, settings=settings or {})


def calls(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Return `count` billed calls, one each seven minutes before noon."""
    call = {
        "billed": 1,
        "request_model": "luna",
        "cost_usd": "0.25",
        "input_fresh": 7,
        "duration_ns": 2 * 10**9,
    }
    return [{"start": NOON - 7 * i * MINUTE} | call | fields for i in range(count)]


def sums(client: Client, table: str) -> list[float]:
    """Return what a rollup adds up to."""
    row = client.query(
        f"""SELECT sum(spans), sum(calls), sum(cost_usd), sum(input_fresh),
            arraySum(mapValues(sumMap(input_length))),
            quantilesTDigestMerge(0.5, 0.95, 0.99)(call_seconds)[1] FROM {table}"""
    ).result_rows[0]
    return [float(value) for value in row]


def test_days_hold_what_hours_hold_and_count_a_segment_once(store: Client) -> None:
    """The same segment twice, over several days, leaves hours and days with the same sums."""
    for _ in range(2):
        add(store, calls(900), TOKEN)
    assert sums(store, "rollup_day")[:2] == [900, 900]
    assert sums(store, "rollup_day") == pytest.approx(sums(store, "rollup_hour"))


def test_a_store_with_data_gets_the_new_rollups_filled(store: Client) -> None:
    """A store from before the days and the sessions has them after a migration, corrections included."""
    add(store, calls(500, session_id="s", user_id="u"))
    _correct(store, "0.25", "0.75")
    before = [*sums(store, "rollup_day"), _spent(store)]
    for view in ("rollup_day_mv", "rollup_session_mv", "corrections_session_mv"):
        store.command(f"DROP VIEW {view}")
    for table in ("rollup_day", "rollup_session"):
        store.command(f"DROP TABLE {table}")
    store.command("DELETE FROM migrations WHERE name LIKE '0011%' OR name LIKE '0012%'")
    migrate(store)
    assert [*sums(store, "rollup_day"), _spent(store)] == pytest.approx(before)
    assert before[-1] == 125.5
    add(store, [{"trace_id": "f" * 32, "span_id": "f" * 16} | calls(1)[0]])
    assert sums(store, "rollup_day")[0] == 501


def test_totals_are_exact_to_the_minute_whatever_the_range(store: Client) -> None:
    """Minutes, hours and days are put together so that no span is left out and none counts twice."""
    add(store, calls(900))
    lengths = (10 * MINUTE, 5 * HOUR, DAY, 3 * DAY + 5 * HOUR + 13 * MINUTE)
    ends = (NOON + MINUTE, NOON - 11 * HOUR - 17 * MINUTE, NOON.replace(hour=0))
    for length, end in product(lengths, ends):
        period = Period(end - length, end)
        expected = sum(1 for row in calls(900) if period.start <= row["start"] < period.end)
        assert overview.totals(store, Scope(), period).calls == expected


def _correct(client: Client, old: str, new: str) -> None:
    client.insert(
        "corrections",
        [["default", f"{0:032x}", f"{0:016x}", NOON, 1, old, new, "computed", "computed", NOON]],
        column_names=[
            "project", "trace_id", "span_id", "start", "times", "old_cost_usd", "cost_usd",
            "old_cost_source", "cost_source", "corrected",
        ],
    )  # fmt: skip


def _spent(client: Client) -> float:
    return float(sum(row.cost_usd for row in sessions.sessions(client, Scope(), WEEK)))


def test_a_corrected_price_reaches_the_session_and_the_user(store: Client) -> None:
    """What reprice changes is changed where the trace's session and user are listed."""
    add(store, calls(1, session_id="s", user_id="u"))
    _correct(store, "0.25", "0.75")
    assert _spent(store) == 0.75
    assert [float(row.cost_usd) for row in sessions.users(store, Scope(), WEEK)] == [0.75]


def test_a_span_counts_for_the_session_that_its_trace_names(store: Client) -> None:
    """The call of a trace whose root alone names session and user is theirs; sampled spans weigh more."""
    root = {"trace_id": "a" * 32, "session_id": "s", "user_id": "u", "parent_span_id": ""}
    call = {"trace_id": "a" * 32, "session_id": "", "user_id": "", "parent_span_id": "0" * 16}
    free = {"weight": 4.0, "billed": 0, "cost_usd": "0", "duration_ns": 3 * 10**9}
    add(store, [root | free, call | free | {"billed": 1, "cost_usd": "0.5"}])
    (row,) = sessions.sessions(store, Scope(), WEEK)
    assert (row.session_id, row.user_id, row.requests, row.calls) == ("s", "u", 4, 4)
    assert (float(row.cost_usd), row.mean_seconds) == (2.0, 3.0)


def test_pages_of_sessions_and_users_give_each_once(store: Client) -> None:
    """Page after page, in any order, every session comes once, also where the key is the same for many."""
    add(
        store,
        [row | {"session_id": f"s{i % 40}", "user_id": f"u{i % 15}"} for i, row in enumerate(calls(120))],
    )
    for order in ("latest", "cost", "requests", "failed"):
        seen: list[str] = []
        place = None
        while page := sessions.sessions(store, Scope(), WEEK, order=order, size=7, after=place):
            seen += [row.session_id for row in page]
            place = page[-1].place
        assert sorted(seen) == sorted({f"s{i}" for i in range(40)})
    assert sessions.count_active(store, Scope(), WEEK) == (40, 15)
    assert {row.sessions for row in sessions.users(store, Scope(), WEEK)} == {8}
    assert {row.user_id for row in sessions.sessions(store, Scope(), WEEK, user="u3")} == {"u3"}


def test_usage_by_model_counts_unpriced_calls_apart(store: Client) -> None:
    """Each model has its own tokens, and the number of its calls without a price."""
    rows = calls(200) + calls(50, request_model="own", cost_usd="0", cost_source="unpriced", reasoning=3)
    add(store, [{"reasoning": 0, "cost_source": "computed"} | row for row in rows])
    by_model = tokens.usage_by(store, Scope(), WEEK, "model")
    assert [(name, use.calls, use.unpriced, use.reasoning) for name, use in by_model] == [
        ("luna", 200, 0, 0),
        ("own", 50, 50, 150),
    ]


def test_the_heat_map_puts_durations_where_they_are(store: Client) -> None:
    """Counts add up to the samples, lie in the rows of the durations, and empty buckets are there."""
    quick, slow = calls(60, duration_ns=3 * 10**8), calls(20, duration_ns=7 * 10**9)
    add(store, quick + slow)
    columns = latency.heat_map(store, Scope(model="luna"), Period(NOON - 8 * HOUR, NOON + MINUTE))
    total = [sum(column.counts[row] for column in columns) for row in range(len(latency.EDGES) + 1)]
    assert all(sum(column.counts) == column.samples for column in columns)
    assert total[latency.EDGES.index(0.5)] == pytest.approx(60, abs=4)
    assert total[latency.EDGES.index(10.0)] == pytest.approx(20, abs=4)
    assert sum(total) == 80


def test_versions_of_a_prompt_have_their_calls_and_votes(store: Client) -> None:
    """Each version has its own figures, the latest version of a prompt first."""
    old = calls(30, prompt_name="answer", prompt_version="v1", refusal=0, output_text="yes")
    new = [row | {"start": NOON + MINUTE, "prompt_version": "v2", "refusal": 1} for row in old[:10]]
    add(store, old + new)
    store.insert(
        "feedback",
        [["default", NOON + 2 * MINUTE, f"{i:032x}", "like", float(i < 33), f"u{i}"] for i in range(25, 40)],
        column_names=["project", "time", "trace_id", "name", "value", "user_id"],
    )
    found = prompts.prompt_versions(store, Scope(), WEEK)
    assert [(row.version, row.calls, row.refusals, row.likes, row.votes) for row in found] == [
        ("v2", 10, 10, 3, 10),
        ("v1", 30, 0, 5, 5),
    ]


def test_slices_have_the_totals_of_their_slice(store: Client) -> None:
    """What the movers show of a model or a service is what the totals of that slice say."""
    add(store, [row | {"service": "ab"[i % 2], "environment": "prod"} for i, row in enumerate(calls(300))])
    found = {(row.dimension, row.name): row for row in slices.slices(store, Scope(), WEEK).now}
    assert set(found) == {("model", "luna"), ("service", "a"), ("service", "b"), ("environment", "prod")}
    for name in ("a", "b"):
        total = overview.totals(store, Scope(service=name), WEEK)
        row = found["service", name]
        assert (row.samples, row.cost, row.p95) == (total.requests, total.cost, pytest.approx(total.p95))


def test_a_trace_is_read_whole_by_its_id_alone(store: Client) -> None:
    """Spans of one trace hours apart are all there, and an unknown id is an empty trace."""
    trace = {"trace_id": "b" * 32}
    add(store, [trace | {"start": NOON - 5 * HOUR}, trace | {"start": NOON}])
    assert len(read_trace(store, "default", "b" * 32)["spans"]) == 2
    assert read_trace(store, "default", "c" * 32) == {"trace_id": "c" * 32, "spans": [], "feedback": []}


def test_a_trace_is_read_with_its_feedback_which_may_be_there_before_it(store: Client) -> None:
    """What was said about a trace comes with it; of a trace without spans, what was said is all there is."""
    add(store, [{"trace_id": "b" * 32}, {"trace_id": "d" * 32}])
    given = [["default", NOON, name * 32, "like", 1.0] for name in "bbc"]
    store.insert("feedback", given, column_names=["project", "time", "trace_id", "name", "value"])
    found = {name: read_trace(store, "default", name * 32) for name in "bcd"}
    assert {name: len(one["spans"]) for name, one in found.items()} == {"b": 1, "c": 0, "d": 1}
    assert {name: len(one["feedback"]) for name, one in found.items()} == {"b": 2, "c": 1, "d": 0}
    assert not set(found["b"]["spans"][0]) & {"any_corrected", "any_feedback"}
    assert read_trace(store, "other", "b" * 32) == {"trace_id": "b" * 32, "spans": [], "feedback": []}


def test_a_traces_money_is_text_that_is_neither_rounded_nor_padded(store: Client) -> None:
    """A cost in the API has all the digits that are stored and no zeros behind them; none stays none."""
    costs = [Decimal("0.000000000001"), Decimal(100), Decimal(0), Decimal("12345678.5")]
    spans = [
        {
            "trace_id": "e" * 32,
            "span_id": f"{n:016x}",
            "start": NOON + n * MINUTE,
            "cost_usd": cost,
            "reported_usd": cost,
        }
        for n, cost in enumerate(costs)
    ]
    add(
        store,
        [
            *spans,
            {
                "trace_id": "e" * 32,
                "span_id": "f" * 16,
                "start": NOON + HOUR,
                "cost_usd": 0,
                "reported_usd": None,
            },
        ],
    )
    found = read_trace(store, "default", "e" * 32)["spans"]
    told = ["0.000000000001", "100", "0", "12345678.5"]
    assert [span["cost_usd"] for span in found[:4]] == told
    assert [span["reported_usd"] for span in found] == [*told, None]


def test_the_engine_keeps_no_log_of_its_own(store: Client) -> None:
    """Embedded ClickHouse has no system table that grows: nothing of it needs a retention."""
    store.command("SYSTEM FLUSH LOGS")
    found = store.query(
        "SELECT name FROM system.tables WHERE database = 'system' AND engine LIKE '%MergeTree'"
    )
    assert found.result_rows == []
