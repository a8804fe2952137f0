"""The questions of the Latency screen, against rows that are counted by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from support import schemas

from kansoku_collector.model import SPAN_COLUMNS, Span
from kansoku_collector.store.connect import connect
from kansoku_collector.store.read import errors, latency, speed, started
from kansoku_collector.store.scope import Period, Scope

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOURS = Period(NOON - timedelta(hours=6), NOON)


@pytest.fixture(scope="module")
def database(engine_url: str):
    """Return a client on one migrated database."""
    client = connect(engine_url, database="latency_questions")
    schemas.create(client, engine_url)
    return client


@pytest.fixture
def store(database):
    """Return the client on empty tables."""
    for table in ("spans", "errors", "traces", "rollup_minute", "rollup_hour", "rollup_day"):
        database.command(f"TRUNCATE TABLE {table}")
    return database


def write(store, *spans: Span) -> None:
    """Insert spans."""
    store.insert("spans", [[getattr(s, c) for c in SPAN_COLUMNS] for s in spans], column_names=SPAN_COLUMNS)


def call(minutes: float, **values: object) -> Span:
    """Return a model call that started so many minutes before noon: two seconds, a hundred tokens."""
    moment = NOON - timedelta(minutes=minutes)
    known: dict[str, object] = {
        "trace_id": f"{round(minutes * 1000):032x}",
        "span_id": "c" * 16,
        "parent_span_id": "a" * 16,
        "name": "chat",
        "operation": "chat",
        "billed": True,
        "start": int(moment.timestamp() * 1e9),
        "duration_ns": 2 * 10**9,
        "request_model": "m",
        "output_visible": 60,
        "reasoning": 40,
        "usage_source": "reported",
        "received": int(moment.timestamp() * 1000),
    }
    return Span(**known | values)  # type: ignore[arg-type]


def test_tokens_a_second_count_reasoning_and_the_whole_duration(store):
    """A hundred tokens in two seconds are fifty a second, however many of them were thoughts."""
    write(store, *(call(minute) for minute in range(1, 6)))
    assert speed.summary(store, Scope(), HOURS).rate == pytest.approx(50)
    assert [row.rate for row in speed.by_model(store, Scope(), HOURS)] == [pytest.approx(50)]
    rows = speed.rates_over_time(store, Scope(), HOURS)
    assert sum(row.calls for row in rows) == 5
    assert {row.p50 for row in rows} == {50}


def test_a_failed_call_and_one_without_usage_have_no_speed(store):
    """Zero tokens a second would pull the middle down to what nobody measured."""
    write(store, call(1, status="error"), call(2, output_visible=0, reasoning=0))
    found = speed.summary(store, Scope(), HOURS)
    assert (found.rate, found.calls, found.call_errors) == (None, 2, 1)
    assert speed.rates_over_time(store, Scope(), HOURS) == []


def test_the_first_token_is_measured_on_streams_alone(store):
    """A call that was not streamed has no first token; it is not one of zero seconds."""
    write(store, call(1), call(2, time_to_first_token=0.4), call(3, time_to_first_token=0.4))
    found = speed.summary(store, Scope(), HOURS)
    assert found.first_p95 == pytest.approx(0.4)
    points = speed.over_time(store, Scope(), HOURS, first_token=True)
    assert [point.p95 for point in points if point.p95 is not None] == [pytest.approx(0.4)]
    columns = latency.heat_map(store, Scope(), HOURS, kind="first_token")
    assert sum(1 for column in columns if sum(column.counts)) >= 1
    assert sum(column.counts[5] for column in columns) == sum(sum(column.counts) for column in columns)


def test_steps_hold_what_is_no_model_call(store):
    """A slow search is found although no rollup keeps its time."""
    tool = {"billed": False, "operation": "retrieval", "name": "search", "duration_ns": 9 * 10**9}
    write(store, call(1), call(1, span_id="d" * 16, **tool), call(1, span_id="e" * 16, **tool))
    rows = speed.by_step(store, Scope(), HOURS)
    assert [(row.name, row.operation, row.spans) for row in rows] == [
        ("search", "retrieval", 2),
        ("chat", "chat", 1),
    ]
    assert rows[0].p95 == pytest.approx(9)


def test_months_that_lie_wholly_in_the_period_end_where_they_end(store):
    """What started a nanosecond before a month or a period is not in it, with whole months inside or none."""
    october, november = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    minutes = [(NOON - moment).total_seconds() / 60 for moment in (october, november)]
    write(store, *(call(at + late) for at in minutes for late in (0, 0.001, 60)), call(0.001), call(0))
    day, year = timedelta(days=1), [f"2026{month:02}" for month in range(1, 11)]
    for start, end, months, expected in (
        (october, november, ["202610"], 3),
        (october - day, NOON, ["202610"], 7),
        (october - timedelta(minutes=1), november - timedelta(hours=2), [], 2),
        (october, november + timedelta(minutes=1), ["202610"], 4),
        (october + timedelta(minutes=1), november, [], 2),
        (
            datetime(2025, 11, 30, tzinfo=UTC),
            NOON + day,
            ["202512", *year],
            8,
        ),
    ):
        period = Period(start, end)
        assert started.months(period) == months
        (step,) = speed.by_step(store, Scope(), period)
        assert step.spans == expected
        assert speed.summary(store, Scope(), period).rate == pytest.approx(50)


def test_a_span_of_a_sampled_trace_stands_for_several(store):
    """One kept of ten counts for ten, in the middle too."""
    write(store, call(1, weight=10.0), call(2, duration_ns=10 * 10**9))
    row = speed.by_step(store, Scope(), HOURS)[0]
    assert row.spans == 11
    assert row.p50 < 3  # a sketch of two, one of them ten times; unweighed it would be six


def test_an_error_is_counted_where_it_began(store):
    """A refused call that fails its agent and its request is one error, not three."""
    failed = {"status": "error", "error_type": "RateLimitError"}
    root = call(1, span_id="a" * 16, parent_span_id="", billed=False, name="ask", **failed)
    write(store, root, call(1, **failed), call(2))
    found = errors.errors_over_time(store, Scope(), HOURS)
    assert [(row.kind, row.errors, row.calls) for row in found] == [("rate_limit", 1, 1)]
    kinds = errors.errors_by_type(store, Scope(), HOURS)
    assert [(row.type, row.step, row.model, row.errors) for row in kinds] == [
        ("RateLimitError", "chat", "m", 1)
    ]
    assert (kinds[0].trace_id, kinds[0].span_id) == (root.trace_id, "c" * 16)


@pytest.mark.parametrize(
    ("said", "message", "kind"),
    [
        ("429", "", "rate_limit"),
        ("openai.RateLimitError", "", "rate_limit"),
        ("ClientError", "429 RESOURCE_EXHAUSTED", "rate_limit"),
        ("ThrottlingException", "", "rate_limit"),
        ("APITimeoutError", "Request timed out.", "timeout"),
        ("ReadTimeout", "", "timeout"),
        ("AuthenticationError", "Incorrect API key provided", "access"),
        ("OverloadedError", "Overloaded", "overload"),
        ("APIStatusError", "503 from the server", "overload"),
        ("APIConnectionError", "Connection error.", "connection"),
        ("BadRequestError", "maximum context length is 8192 tokens", "request"),
        ("BadRequestError", "filtered by the content management policy", "content_filter"),
        ("CancelledError", "", "cancelled"),
        ("ValueError", "took 4290 ms", "other"),
        ("", "", "other"),
    ],
)
def test_the_names_of_vendors_fall_into_classes(store, said, message, kind):
    """A chart of forty names tells nobody that it is the rate limit again."""
    write(store, call(1, status="error", error_type=said, error_message=message))
    assert [row.kind for row in errors.errors_over_time(store, Scope(), HOURS)] == [kind]


def test_a_slice_asks_only_for_its_own(store):
    """The filter of the screen holds for spans as it does for the rollups."""
    write(store, call(1), call(2, request_model="n", status="error", error_type="x"))
    scope = Scope(model="m")
    assert [row.model for row in speed.by_model(store, scope, HOURS)] == ["m"]
    assert {row.model for row in speed.rates_over_time(store, scope, HOURS)} == {"m"}
    assert errors.errors_by_type(store, scope, HOURS) == []
    assert speed.summary(store, scope, HOURS).p50 == pytest.approx(2)
