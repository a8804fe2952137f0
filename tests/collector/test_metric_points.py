"""OTLP metrics: which points are stored, in what shape, and what they add up to when they are read."""

import math
import time
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.collector.conftest import put

from kansoku_collector.decode.metrics import read_points, sift
from kansoku_collector.receive.answer import Rejected
from kansoku_collector.settings import Settings
from kansoku_collector.store.read.metric_points import list_metrics, read_metric
from kansoku_collector.store.scope import Period, Scope
from kansoku_collector.store.write import Writer

DELTA, CUMULATIVE = 1, 2
HOUR = datetime(2026, 11, 20, 10, tzinfo=UTC)
NOW_MS = int((HOUR.timestamp() + 3600) * 1000)
NAMES = ("gen_ai.",)


def ns(minutes):
    """Return a moment of the hour in ns since the epoch."""
    return int((HOUR + timedelta(minutes=minutes)).timestamp()) * 10**9


def metric(request, kind, name="gen_ai.client.token.usage", temporality=CUMULATIVE, service="shop"):
    """Add a metric of a kind to a request; return its data."""
    group = request.resource_metrics.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    part = group.scope_metrics.add()
    part.scope.name = "test"
    data = getattr(part.metrics.add(name=name, unit="{token}"), kind)
    if kind != "gauge" and kind != "summary":
        data.aggregation_temporality = temporality
    if kind == "sum":
        data.is_monotonic = True
    data.SetInParent()
    return data


def point(data, at, attributes=None, start=None, **values):
    """Add a point to the data of a metric."""
    found = data.data_points.add(
        time_unix_nano=ns(at), start_time_unix_nano=ns(0) if start is None else start, **values
    )
    for key, value in (attributes or {}).items():
        put(found.attributes.add(key=key).value, value)
    return found


def sifted(request, names=NAMES, most=1000):
    """Return what was left out of a request, and the rows of the rest."""
    rejected = Rejected()
    received = sift(request, names, NOW_MS, most, rejected.add)
    rows = list(read_points(request, "default", NOW_MS))
    assert received == len(rows) + rejected.total
    return rejected, rows


def course(store, request, name="gen_ai.client.token.usage", by="", minutes=60):
    """Store a request; return its course over the hour."""
    Writer(store).metric_points(sifted(request)[1], f"{time.time_ns()}")
    period = Period(HOUR, HOUR + timedelta(hours=1))
    return read_metric(store, Scope(), name, period, timedelta(minutes=minutes), by=by)


CALL = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}


def test_a_histogram_becomes_a_row_with_its_dimensions():
    """Model, provider, operation and kind of token are columns; every attribute is kept."""
    request = ExportMetricsServiceRequest()
    data = metric(request, "histogram")
    attributes = CALL | {"gen_ai.token.type": "input", "tenant": "a", "gen_ai.response.model": "gpt-4o-1"}
    point(
        data,
        5,
        attributes,
        count=3,
        sum=30.0,
        explicit_bounds=[5, 20],
        bucket_counts=[1, 1, 1],
        min=2,
        max=21,
    )
    (row,) = sifted(request)[1]
    assert (row.name, row.unit, row.kind, row.temporality) == (
        "gen_ai.client.token.usage",
        "{token}",
        "histogram",
        "cumulative",
    )
    assert (row.service, row.operation, row.provider, row.model, row.token_type) == (
        "shop",
        "chat",
        "openai",
        "gpt-4o-1",
        "input",
    )
    assert (row.value, row.count, row.minimum, row.maximum) == (30.0, 3, 2, 21)
    assert (row.bounds, row.counts, row.attributes["tenant"]) == ([5, 20], [1, 1, 1], "a")


def test_what_is_not_stored_is_said_with_its_reason():
    """Other metrics, summaries, and points without a number, time or sane buckets are counted apart."""
    request = ExportMetricsServiceRequest()
    point(metric(request, "gauge", "http.server.duration"), 1, as_int=1)
    metric(request, "summary").data_points.add(time_unix_nano=ns(1))
    point(metric(request, "sum", temporality=0), 1, as_int=1)
    gauge = metric(request, "gauge")
    point(gauge, 1, as_double=math.nan)
    point(gauge, 1, as_int=4, flags=1)
    point(gauge, 60 * 24 * 3, as_int=4)
    point(gauge, 2, as_int=7)
    histogram = metric(request, "histogram")
    point(histogram, 1, count=1, sum=1, explicit_bounds=[1, 2], bucket_counts=[1])
    point(histogram, 1, count=1, sum=1, explicit_bounds=[2, 1], bucket_counts=[1, 0, 0])
    wild = point(metric(request, "exponential_histogram"), 1, count=1, sum=1, scale=-100)
    wild.positive.bucket_counts.extend([1, 1])
    rejected, rows = sifted(request)
    assert dict(rejected.counts) == {
        "metric_not_stored": 1,
        "summary_not_stored": 1,
        "no_temporality": 1,
        "not_a_number": 1,
        "no_value": 1,
        "absurd_time": 1,
        "invalid_buckets": 3,
    }
    assert [row.value for row in rows] == [7]
    assert "http.server.duration" in rejected.message


def test_the_names_that_are_stored_are_a_setting():
    """A star stores every metric; a limit on points leaves out those beyond it."""
    request = ExportMetricsServiceRequest()
    data = metric(request, "gauge", "http.server.duration")
    for at in range(5):
        point(data, at, as_int=at)
    rejected, rows = sifted(request, names=("*",), most=3)
    assert ([row.value for row in rows], dict(rejected.counts)) == ([0, 1, 2], {"too_many_points": 2})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("codex.turn.token_usage", "token_type"),
        ("gemini_cli.token.usage", "type"),
        ("claude_code.token.usage", "type"),
    ],
)
def test_coding_agents_have_names_of_their_own_for_a_kind_of_token(name, told):
    """Their metrics are stored unless a setting says otherwise."""
    request = ExportMetricsServiceRequest()
    point(metric(request, "sum", name=name), 30, {"model": "m", told: "output"}, as_int=9)
    _, rows = sifted(request, Settings(_env_file=None).metric_names)
    assert [(row.model, row.token_type, row.value) for row in rows] == [("m", "output", 9)]


def test_an_exponential_histogram_has_explicit_buckets():
    """Powers of two around zero become ascending bounds; nothing lies beyond the outermost."""
    request = ExportMetricsServiceRequest()
    found = point(metric(request, "exponential_histogram"), 1, count=10, sum=1, scale=0, zero_count=2)
    found.positive.offset = 1
    found.positive.bucket_counts.extend([3, 4])
    found.negative.bucket_counts.extend([1])
    (row,) = sifted(request)[1]
    assert row.bounds == [-2.0, -1.0, 2.0, 4.0, 8.0]
    assert row.counts == [0, 1, 2, 3, 4, 0]


def test_cumulative_points_count_what_they_add(store):
    """The same total sent each minute counts once; a restarted process begins anew."""
    request = ExportMetricsServiceRequest()
    data = metric(request, "sum")
    for at, value in ((10, 100), (20, 150), (40, 150)):
        point(data, at, CALL, as_int=value)
    point(data, 50, CALL, start=ns(45), as_int=30)
    halves = course(store, request, minutes=30)
    assert [(step.time, step.total) for step in halves] == [
        (HOUR, 150),
        (HOUR + timedelta(minutes=30), 30),
    ]


def test_delta_points_and_points_that_came_twice_count_once(store):
    """A second batch that holds a point again changes nothing."""
    request = ExportMetricsServiceRequest()
    data = metric(request, "sum", temporality=DELTA)
    point(data, 10, as_int=5)
    point(data, 20, as_int=7, start=ns(10))
    course(store, request)
    assert [step.total for step in course(store, request)] == [12]


def test_histograms_are_read_by_dimension_with_quantiles(store):
    """Counts of two cumulative points are taken apart, and each model has its own quantiles."""
    request = ExportMetricsServiceRequest()
    data = metric(request, "histogram")
    for model, scale in (("small", 1), ("large", 100)):
        call = CALL | {"gen_ai.request.model": model}
        bounds = [scale * edge for edge in (10, 20, 40)]
        point(data, 5, call, count=4, sum=40.0 * scale, explicit_bounds=bounds, bucket_counts=[4, 0, 0, 0])
        point(data, 15, call, count=8, sum=160.0 * scale, explicit_bounds=bounds, bucket_counts=[4, 0, 4, 0])
    steps = {step.part: step for step in course(store, request, by="model")}
    assert {part: (step.number, step.mean) for part, step in steps.items()} == {
        "small": (8, 20.0),
        "large": (8, 2000.0),
    }
    assert steps["small"].quantile(0.5) == 10
    assert steps["large"].quantile(0.75) == 3000
    later = course(store, request, by="model", minutes=10)
    assert [step.quantile(0.5) for step in later if step.part == "small"] == [5, 30]


def test_a_gauge_is_a_level(store):
    """Readings have a mean; adding them up would say nothing."""
    request = ExportMetricsServiceRequest()
    data = metric(request, "gauge", "gen_ai.queue")
    for at, value in ((1, 2.0), (2, 4.0)):
        point(data, at, as_double=value, start=0)
    (step,) = course(store, request, "gen_ai.queue")
    assert (step.is_level, step.mean) == (True, 3.0)


def test_the_metrics_of_a_project_are_listed(store):
    """Name, unit, kind and series are known; another project sees nothing; a wrong dimension is named."""
    request = ExportMetricsServiceRequest()
    point(metric(request, "sum"), 10, as_int=5)
    point(metric(request, "sum", service="other"), 10, as_int=5)
    course(store, request)
    period = Period(HOUR, HOUR + timedelta(hours=1))
    (found,) = list_metrics(store, "default", period)
    assert (found.name, found.unit, found.kind, found.points, found.series) == (
        "gen_ai.client.token.usage",
        "{token}",
        "sum",
        2,
        2,
    )
    assert list_metrics(store, "shop", period) == []
    with pytest.raises(ValueError, match="no dimension"):
        read_metric(store, Scope(), found.name, period, timedelta(hours=1), by="colour")
