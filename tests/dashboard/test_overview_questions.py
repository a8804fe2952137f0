"""The Overview's questions, against rows that are counted by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from support import schemas

from kansoku_collector.model import FEEDBACK_COLUMNS, SPAN_COLUMNS, Feedback, Span
from kansoku_collector.store.connect import connect
from kansoku_collector.store.read import beside, overview, slices
from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.scope import Period, Scope

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = Period(NOON - 24 * HOUR, NOON)


@pytest.fixture(scope="module")
def database(engine_url: str):
    """Return a client on one migrated database: the schema takes longer than the questions."""
    client = connect(engine_url, database="dashboard_questions")
    schemas.create(client, engine_url)
    return client


@pytest.fixture
def store(database):
    """Return the client on empty tables."""
    for table in ("spans", "traces", "rollup_minute", "rollup_hour", "feedback"):
        database.command(f"TRUNCATE TABLE {table}")
    return database


def write(store, *spans: Span) -> None:
    """Insert spans."""
    store.insert("spans", [[getattr(s, c) for c in SPAN_COLUMNS] for s in spans], column_names=SPAN_COLUMNS)


def span(moment: datetime, seconds: float = 1.0, **values) -> Span:
    """Return a root span that is a billed call of ten tokens for one dollar."""
    known = {
        "trace_id": f"{int(moment.timestamp() * 1000):032x}",
        "span_id": "1" * 16,
        "operation": "chat",
        "billed": True,
        "start": int(moment.timestamp() * 1e9),
        "duration_ns": int(seconds * 1e9),
        "request_model": "m",
        "environment": "production",
        "cost_usd": Decimal(1),
        "cost_source": "computed",
        "usage_source": "reported",
        "input_fresh": 7,
        "reasoning": 3,
        "service": "guide",
        "received": int(moment.timestamp() * 1000),
    }
    return Span(**known | values)


def vote(moment: datetime, like: bool, trace_id: str = "t", user: str = "u", **values) -> Feedback:
    """Return a thumb."""
    ms = int(moment.timestamp() * 1000)
    return Feedback(time=ms, received=ms, trace_id=trace_id, value=float(like), user_id=user, **values)


def give(store, *rows: Feedback) -> None:
    """Insert feedback."""
    table = [[getattr(row, c) for c in FEEDBACK_COLUMNS] for row in rows]
    store.insert("feedback", table, column_names=FEEDBACK_COLUMNS)


def test_totals_are_exact_at_both_edges(store):
    """A day that does not start on the hour must not count the whole hours it cuts."""
    start, end = NOON - 24 * HOUR + timedelta(minutes=20), NOON + timedelta(minutes=20)
    inside = [start, start + timedelta(minutes=39), NOON - HOUR, NOON, end - timedelta(minutes=1)]
    outside = [start - timedelta(minutes=1), end, end + timedelta(minutes=5)]
    write(store, *(span(moment) for moment in inside + outside))
    assert overview.totals(store, Scope(), Period(start, end)).requests == len(inside)


@pytest.mark.parametrize("minutes", [3, 61, 150])
def test_totals_of_short_stretches_are_exact(store, minutes):
    """Stretches without a whole hour inside, or with one, are minutes added up."""
    start = NOON - timedelta(minutes=minutes + 7)
    period = Period(start, start + timedelta(minutes=minutes))
    write(store, *(span(NOON - timedelta(minutes=minute)) for minute in range(200)))
    assert overview.totals(store, Scope(), period).requests == minutes


def test_totals_count_money_tokens_and_what_has_no_price(store):
    """Unpriced calls are counted by call and by model, and a container's usage not at all."""
    write(
        store,
        span(NOON - HOUR, 1.0),
        span(
            NOON - HOUR, 3.0, cost_usd=Decimal(0), cost_source="unpriced", request_model="x", span_id="2" * 16
        ),
        span(NOON - HOUR, 9.0, billed=False, cost_usd=Decimal(0), cost_source="", parent_span_id="1" * 16),
        span(
            NOON - HOUR,
            5.0,
            status="error",
            usage_source="none",
            input_fresh=0,
            reasoning=0,
            span_id="4" * 16,
        ),
    )
    found = overview.totals(store, Scope(), DAY)
    assert (found.requests, found.errors, found.calls) == (3, 1, 3)
    assert (found.cost, found.unpriced_calls, found.unpriced_models, found.tokens) == (2.0, 1, 1, 20)
    assert found.p50 == pytest.approx(3.0)


def test_nothing_measured_is_none_and_not_zero(store):
    """An empty store has no latency."""
    found = overview.totals(store, Scope(), DAY)
    assert (found.requests, found.p95) == (0, None)
    assert all(row.p50 is None and row.requests == 0 for row in beside.series(store, Scope(), DAY).now)


def test_a_slice_by_model_counts_calls(store):
    """A root span has no model, so a filter by model would show no requests at all."""
    write(
        store,
        span(NOON - HOUR, request_model="", billed=False, operation="chain"),
        span(NOON - HOUR, parent_span_id="1" * 16, span_id="2" * 16),
    )
    assert overview.totals(store, Scope(), DAY).requests == 1
    assert overview.totals(store, Scope(model="m"), DAY).requests == 1
    assert overview.totals(store, Scope(model="other"), DAY).requests == 0


def test_series_has_every_bucket_in_order(store):
    """A bucket without a row is zero requests and no latency."""
    write(store, span(NOON - 5 * HOUR), span(NOON - 5 * HOUR, 3.0, span_id="2" * 16))
    rows = beside.series(store, Scope(), DAY).now
    assert [row.time for row in rows] == [DAY.start + place * timedelta(minutes=15) for place in range(96)]
    assert {row.requests for row in rows} == {0, 2}


def test_cost_by_model_names_the_model_that_answered(store):
    """The vendor may answer with another version than was asked for."""
    write(store, span(NOON - HOUR, response_model="m-2026"), span(NOON - 2 * HOUR))
    assert {row.model for row in overview.cost_by_model(store, Scope(), DAY)} == {"m-2026", "m"}


def test_an_outage_is_a_gap_and_a_quiet_night_is_not(store):
    """Four empty hours amid twenty spans an hour are an outage; between single spans they are chance."""
    times = [DAY.start + place * HOUR for place in range(24)]
    busy = [(time, 0 if 10 <= place < 14 else 100) for place, time in enumerate(times)]
    quiet = [(time, 1 if place % 5 == 0 else 0) for place, time in enumerate(times)]
    assert overview.find_gaps(busy, HOUR) == [Period(times[10], times[14])]
    assert overview.find_gaps(quiet, HOUR) == []
    assert overview.find_gaps([(time, 0) for time in times], HOUR) == []


def test_nights_that_are_always_empty_are_no_gaps():
    """A town sleeps; only a night that used to be busy is missing something."""
    times = [DAY.start + place * HOUR for place in range(24 * 7)]
    sleepy = [(time, 0 if 1 <= time.hour < 6 else 100) for time in times]
    assert overview.find_gaps(sleepy, HOUR) == []
    out = [(time, 0 if 60 <= place < 66 else count) for place, (time, count) in enumerate(sleepy)]
    assert len(overview.find_gaps(out, HOUR)) == 1


def test_silence_before_the_first_span_is_no_gap():
    """Nothing was promised before the application was switched on."""
    times = [DAY.start + place * HOUR for place in range(6)]
    assert (
        overview.find_gaps([(time, 0 if place < 5 else 500) for place, time in enumerate(times)], HOUR) == []
    )


def test_the_last_vote_of_a_person_counts(store):
    """Who changes their mind has one vote, the later one."""
    early = NOON - 2 * HOUR
    give(
        store,
        vote(early, True),
        vote(early + HOUR, False),
        vote(early, True, user="v"),
        vote(early, True, name="helpful", user="w"),
    )
    assert beside.thumbs(store, Scope(), DAY).now.total == (1, 2)
    assert sum(row.votes for row in beside.thumbs(store, Scope(), DAY).now.series) == 2


def test_votes_follow_the_filter_of_their_trace(store):
    """Feedback knows only its trace; model and environment are the trace's."""
    write(
        store,
        span(NOON - 3 * HOUR, trace_id="a" * 32, request_model="x"),
        span(NOON - 30 * HOUR, trace_id="b" * 32, environment="staging"),
    )
    give(store, vote(NOON - HOUR, True, "a" * 32), vote(NOON - HOUR, False, "b" * 32))
    assert beside.thumbs(store, Scope(model="x"), DAY).now.total == (1, 1)
    assert beside.thumbs(store, Scope(environment="staging"), DAY).now.total == (0, 1)
    assert beside.thumbs(store, Scope(environment="nowhere"), DAY).now.total == (0, 0)


def test_slices_cover_the_four_dimensions_with_their_votes(store):
    """The movers need model, service, prompt version and environment."""
    write(store, span(NOON - HOUR, trace_id="a" * 32, prompt_name="p", prompt_version="v2"))
    give(store, vote(NOON - HOUR, True, "a" * 32))
    found = {(row.dimension, row.name): row for row in slices.slices(store, Scope(), DAY).now}
    assert set(found) == {
        ("model", "m"),
        ("service", "guide"),
        ("prompt", "p@v2"),
        ("environment", "production"),
    }
    assert {(row.samples, row.cost, row.likes, row.votes) for row in found.values()} == {(1, 1.0, 1, 1)}


def test_slices_tell_the_period_from_the_one_before(store):
    """One question answers for both: each span and each person's latest vote counts on its own side."""
    start = DAY.start
    minute = timedelta(minutes=1)
    write(store, *(span(start - (place + 1) * minute, trace_id="b" * 32) for place in range(2)))
    write(store, span(start, trace_id="a" * 32), span(start - 2 * DAY.length))
    give(store, vote(start - minute, True, "b" * 32), vote(start + minute, False, "b" * 32))
    found = slices.slices(store, Scope(service="guide"), DAY)
    now, before = (next(row for row in side if row.dimension == "model") for side in found)
    assert (now.samples, now.likes, now.votes) == (1, 0, 1)
    assert (before.samples, before.likes, before.votes) == (2, 1, 1)


def test_another_project_sees_nothing(store):
    """Projects share tables, never rows."""
    write(store, span(NOON - HOUR))
    assert overview.totals(store, Scope(project="other"), DAY).requests == 0
    assert overview.health(store, "other") == overview.Health(None, None, 0)


def test_values_are_bound_and_not_pasted(store):
    """A filter from the URL is text, whatever it says."""
    evil = Scope(model="'; DROP TABLE spans; --", environment="\\' OR 1=1")
    assert overview.totals(store, evil, DAY).requests == 0
    assert beside.series(store, evil, DAY).now
    assert beside.thumbs(store, evil, DAY).now.total == (0, 0)


@pytest.mark.parametrize(
    ("length", "width", "table"),
    [
        (HOUR, timedelta(minutes=1), "rollup_minute"),
        (6 * HOUR, timedelta(minutes=5), "rollup_minute"),
        (24 * HOUR, timedelta(minutes=15), "rollup_minute"),
        (7 * 24 * HOUR, HOUR, "rollup_hour"),
        (30 * 24 * HOUR, 6 * HOUR, "rollup_hour"),
        (900 * 24 * HOUR, 7 * 24 * HOUR, "rollup_day"),
    ],
)
def test_the_grid_fits_the_range(length, width, table):
    """A chart wants about a hundred buckets, from the rollup that has them."""
    grid = Grid.of(Period(NOON - length, NOON))
    assert (grid.width, grid.table) == (width, table)
    assert grid.times()[0] <= NOON - length
    assert grid.times()[-1] < NOON
