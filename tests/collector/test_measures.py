"""What a metric is, over a window: sums, shares, percentiles, votes and silence, from the store."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from kansoku_collector.store.read.measures import measure, wilson
from kansoku_collector.store.scope import Scope

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def add_spans(client: Client, rows: list[dict[str, Any]]) -> None:
    """Insert spans; every row names the same fields."""
    filled = [
        {"project": "default", "trace_id": f"{i:032x}", "span_id": f"{i:016x}", "operation": "chat"} | row
        for i, row in enumerate(rows)
    ]
    names = list(filled[0])
    client.insert("spans", [[row[name] for name in names] for row in filled], column_names=names)


def add_votes(client: Client, rows: list[tuple[datetime, int, float, str]]) -> None:
    """Insert votes: (time, number of the trace, value, user)."""
    client.insert(
        "feedback",
        [["default", time, f"{trace:032x}", "like", value, user] for time, trace, value, user in rows],
        column_names=["project", "time", "trace_id", "name", "value", "user_id"],
    )


def one(client: Client, metric: str, end: datetime, window: timedelta, scope: Scope | None = None) -> Any:
    """Return the only measure of a window."""
    (found,) = measure(client, metric, scope or Scope(), [end], window)
    return found


def test_a_window_holds_its_first_minute_and_not_its_end(store: Client) -> None:
    """A span at the window's start counts, one at its end belongs to the next."""
    add_spans(store, [{"start": NOON - 15 * MINUTE}, {"start": NOON - MINUTE}, {"start": NOON}])
    assert one(store, "requests", NOON, 15 * MINUTE).value == 2


def test_a_long_window_counts_every_span_once_across_hours_and_minutes(store: Client) -> None:
    """A window that starts and ends inside an hour takes whole hours and single minutes, none twice."""
    end = NOON + 37 * MINUTE
    add_spans(store, [{"start": end - i * MINUTE} for i in range(1, 2000)])
    assert one(store, "requests", end, timedelta(days=1)).value == 1440


def test_many_moments_give_what_each_gives_alone(store: Client) -> None:
    """The question asked for many ends at once has the answers of the single questions."""
    draw = random.Random(3)
    add_spans(
        store,
        [
            {
                "start": NOON - draw.randrange(600) * MINUTE,
                "duration_ns": int(draw.expovariate(1) * 1e9),
                "status": draw.choice(["ok", "ok", "error"]),
                "billed": 1,
                "cost_usd": 0.25,
                "output_text": "x",
                "refusal": draw.randrange(2),
            }
            for _ in range(2000)
        ],
    )
    add_votes(store, [(NOON - draw.randrange(600) * MINUTE, i, draw.randrange(2), "") for i in range(300)])
    ends = [NOON - 35 * i * MINUTE for i in range(6)]
    for metric in ("cost_usd", "latency_p95", "error_rate", "refusal_rate", "like_rate", "no_data"):
        for found in measure(store, metric, Scope(), ends, timedelta(hours=4)):
            alone = one(store, metric, found.end, timedelta(hours=4))
            assert found.value == pytest.approx(alone.value, rel=0.05), metric
            assert found.samples == alone.samples


def test_a_percentile_is_merged_not_averaged(store: Client) -> None:
    """Ninety fast requests in one minute and ten slow ones in another have a slow p95 and a fast p50."""
    rows = [{"start": NOON - 5 * MINUTE, "duration_ns": 10**9}] * 90
    rows += [{"start": NOON - 2 * MINUTE, "duration_ns": 9 * 10**9}] * 10
    add_spans(store, rows)
    assert one(store, "latency_p95", NOON, 15 * MINUTE).value == pytest.approx(9, rel=0.01)
    assert one(store, "latency_p50", NOON, 15 * MINUTE).value == pytest.approx(1, rel=0.01)


def test_the_interval_of_a_percentile_narrows_with_samples(store: Client) -> None:
    """The interval holds the value, and the true percentile of what was drawn from."""
    draw = random.Random(5)
    widths = []
    for count, end in ((40, NOON), (4000, NOON + timedelta(hours=1))):
        rows = [{"start": end - MINUTE, "duration_ns": int(draw.uniform(0, 10) * 1e9)} for _ in range(count)]
        add_spans(store, rows)
        found = one(store, "latency_p50", end, 15 * MINUTE)
        assert found.low <= found.value <= found.high
        assert found.low < 5 < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 5


def test_nothing_measured_is_unknown_and_not_zero(store: Client) -> None:
    """Without samples a rate or a percentile has no value, a sum is zero."""
    for metric in ("error_rate", "latency_p95", "like_rate", "cost_per_call"):
        assert one(store, metric, NOON, 15 * MINUTE).value is None
    assert one(store, "requests", NOON, 15 * MINUTE).value == 0
    assert one(store, "cost_usd", NOON, 15 * MINUTE).value == 0


def test_unpriced_calls_do_not_dilute_the_cost_of_a_call(store: Client) -> None:
    """The mean is over calls with a price, and the measure says how many had none."""
    call = {"start": NOON - MINUTE, "billed": 1, "cost_source": "computed", "cost_usd": 0.5}
    add_spans(store, [call, call, call | {"cost_source": "unpriced", "cost_usd": 0}])
    found = one(store, "cost_per_call", NOON, 15 * MINUTE)
    assert (found.value, found.samples, found.unpriced) == (0.5, 2, 1)
    assert one(store, "unpriced_calls", NOON, 15 * MINUTE).value == 1


def test_the_last_vote_of_a_person_counts(store: Client) -> None:
    """A like taken back is a dislike; two persons on one trace are two votes."""
    add_spans(store, [{"start": NOON - 10 * MINUTE}])
    add_votes(
        store,
        [(NOON - 9 * MINUTE, 0, 1, "a"), (NOON - 8 * MINUTE, 0, 0, "a"), (NOON - 7 * MINUTE, 0, 1, "b")],
    )
    found = one(store, "like_rate", NOON, 15 * MINUTE)
    assert (found.value, found.samples) == (0.5, 2)
    assert one(store, "dislike_rate", NOON, 15 * MINUTE).value == 0.5
    assert one(store, "like_rate", NOON - 8 * MINUTE, 15 * MINUTE).value == 1  # not yet taken back


def test_a_vote_takes_the_dimensions_of_its_trace(store: Client) -> None:
    """Votes are grouped by the prompt version and the model of the trace, however old that is."""
    old = NOON - timedelta(days=3)
    row = {"start": old, "billed": 1, "response_model": "m", "prompt_name": "p", "service": "guide"}
    add_spans(store, [row | {"prompt_version": f"v{1 + i % 2}"} for i in range(20)])
    add_votes(store, [(NOON - MINUTE, i, i % 2, "") for i in range(20)])
    found = measure(
        store, "like_rate", Scope(service="guide"), [NOON], 15 * MINUTE, ("prompt_name", "prompt_version")
    )
    assert [(m.group, m.value, m.samples) for m in found] == [(("p", "v1"), 0, 10), (("p", "v2"), 1, 10)]
    (of_model,) = measure(store, "like_rate", Scope(model="m"), [NOON], 15 * MINUTE, ("model",))
    assert (of_model.group, of_model.samples) == (("m",), 20)
    assert one(store, "like_rate", NOON, 15 * MINUTE, Scope(service="other")).samples == 0


def test_silence_is_counted_from_the_last_span_s_minute(store: Client) -> None:
    """The value is the time since; where nothing was ever seen there is none."""
    assert one(store, "no_data", NOON, 15 * MINUTE).value is None
    add_spans(store, [{"start": NOON - 31 * MINUTE}, {"start": NOON - timedelta(days=2)}])
    assert one(store, "no_data", NOON, 15 * MINUTE).value == 30 * 60


def test_groups_are_of_filled_values_only(store: Client) -> None:
    """Spans that are no model call have no model and make no group."""
    add_spans(store, [{"start": NOON - MINUTE, "billed": i % 2, "response_model": "m"} for i in range(4)])
    (found,) = measure(store, "calls", Scope(), [NOON], 15 * MINUTE, ("model",))
    assert (found.group, found.value) == (("m",), 2)


def test_a_scope_s_value_cannot_become_sql(store: Client) -> None:
    """A quote in a filter is a value like any other."""
    assert one(store, "requests", NOON, 15 * MINUTE, Scope(service="' OR 1=1 --")).value == 0


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(1, 500))
def test_a_wilson_interval_holds_its_share_and_stays_in_bounds(hits: int, total: int) -> None:
    """Also at no hits and at all hits."""
    hits = min(hits, total)
    low, high = wilson(hits, total)
    assert 0 <= low <= hits / total <= high <= 1
    assert low < high
