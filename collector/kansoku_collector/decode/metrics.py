"""OTLP metrics to rows: one a data point, every kind of histogram in explicit buckets."""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from kansoku import semconv
from kansoku_collector.decode.otlp import AHEAD_NS, EARLIEST_NS, attributes
from kansoku_collector.model import Attributes, MetricPoint
from kansoku_collector.values import text

Reject = Callable[[str, str, int], None]
_TEMPORALITY = ("", "delta", "cumulative")
_NO_VALUE = 1  # flag: the series ended, there is no number
_MOST_BUCKETS = 2000


def sift(
    request: ExportMetricsServiceRequest,
    names: tuple[str, ...],
    received_ms: int,
    most: int,
    reject: Reject,
) -> int:
    """Take out of a request whatever is not stored, with its reason; return the points that were in it."""
    number = 0
    for group in request.resource_metrics:
        for part in group.scope_metrics:
            kept = []
            for metric in part.metrics:
                points = points_in(metric)
                number += len(points)
                if found := _unwanted(metric, names):
                    if len(points):
                        reject(*found, len(points))
                    continue
                _sift_points(metric, points, received_ms, reject)
                if over := max(0, min(len(points), number - most)):
                    del points[len(points) - over :]
                    reject("too_many_points", f"a request may hold {most} (KANSOKU_MAX_SPANS)", over)
                if len(points):
                    kept.append(metric)
            if len(kept) < len(part.metrics):
                del part.metrics[:]
                part.metrics.extend(kept)
    return number


def points_in(metric: Any) -> Any:
    """Return the data points of a metric, whatever its kind."""
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else []


def points_of(request: ExportMetricsServiceRequest) -> Iterator[Any]:
    """Yield every data point of a request."""
    for group in request.resource_metrics:
        for part in group.scope_metrics:
            for metric in part.metrics:
                yield from points_in(metric)


def _unwanted(metric: Any, names: tuple[str, ...]) -> tuple[str, str] | None:
    kind = metric.WhichOneof("data")
    if not (metric.name.startswith(names) or "*" in names):
        begin = ", ".join(names)
        return (
            "metric_not_stored",
            f"{metric.name[:80]!r} is not stored: it begins with none of {begin} (KANSOKU_METRIC_NAMES)",
        )
    if kind == "summary":
        return "summary_not_stored", f"{metric.name[:80]!r} is a summary; send a histogram"
    if kind in {"histogram", "exponential_histogram", "sum"} and not 1 <= _temporality(metric) <= 2:
        return "no_temporality", f"{metric.name[:80]!r} is neither delta nor cumulative"
    return None


def _sift_points(metric: Any, points: Any, received_ms: int, reject: Reject) -> None:
    latest = received_ms * 10**6 + AHEAD_NS
    kind = metric.WhichOneof("data")
    for at in reversed(range(len(points))):
        if found := _fault(points[at], kind, latest):
            del points[at]
            reject(found[0], f"a point of {metric.name[:80]!r} {found[1]}", 1)


def _fault(point: Any, kind: str, latest: int) -> tuple[str, str] | None:
    if point.flags & _NO_VALUE:
        return "no_value", "says that it has no value"
    if not EARLIEST_NS <= point.time_unix_nano <= latest:
        return "absurd_time", f"is of {point.time_unix_nano} ns, before 2000 or more than a day ahead"
    value = _number(point) if kind in {"gauge", "sum"} else point.sum
    if not math.isfinite(value):
        return "not_a_number", f"has the value {value}"
    return None if kind in {"gauge", "sum"} else _bucket_fault(point, kind)


def _bucket_fault(point: Any, kind: str) -> tuple[str, str] | None:
    try:
        bounds, counts = _buckets(point, kind)
    except OverflowError:
        return "invalid_buckets", "has bounds beyond every number"
    if len(counts) != len(bounds) + 1 and (counts or bounds):
        return "invalid_buckets", f"has {len(counts)} buckets and {len(bounds)} bounds"
    if len(bounds) > _MOST_BUCKETS or any(not a < b for a, b in itertools.pairwise(bounds)):
        return "invalid_buckets", f"has {len(bounds)} bounds that are too many or do not ascend"
    return None


def read_points(
    request: ExportMetricsServiceRequest, project: str, received_ms: int
) -> Iterator[MetricPoint]:
    """Yield the rows of a request that was sifted."""
    for group in request.resource_metrics:
        resource = attributes(group.resource.attributes)
        for part in group.scope_metrics:
            for metric in part.metrics:
                for point in points_in(metric):
                    row = _row(metric, point, resource)
                    row.project, row.received = project, received_ms
                    row.scope_name, row.scope_version = part.scope.name, part.scope.version
                    yield row


def _row(metric: Any, point: Any, resource: Attributes) -> MetricPoint:
    kind = metric.WhichOneof("data")
    found = {key: text(value) for key, value in attributes(point.attributes).items()}
    whence = {key: text(value) for key, value in resource.items()}
    temporality = _TEMPORALITY[_temporality(metric)]
    row = MetricPoint(
        name=metric.name,
        unit=metric.unit,
        kind=kind,
        temporality=temporality,
        monotonic=kind == "sum" and metric.sum.is_monotonic,
        series=_series(
            metric.name, metric.unit, kind, temporality, sorted(found.items()), sorted(whence.items())
        ),
        start=point.start_time_unix_nano if point.start_time_unix_nano <= point.time_unix_nano else 0,
        time=point.time_unix_nano,
        service=whence.get(semconv.SERVICE_NAME, ""),
        environment=whence.get(semconv.ENVIRONMENT) or whence.get("deployment.environment", ""),
        release=whence.get(semconv.SERVICE_VERSION, ""),
        operation=found.get("gen_ai.operation.name", ""),
        provider=found.get("gen_ai.provider.name") or found.get("gen_ai.system", ""),
        model=_model(found),
        token_type=found.get("gen_ai.token.type")
        or (found.get("token_type") or found.get("type", "") if "token" in metric.name else ""),
        error_type=found.get("error.type", ""),
        attributes=found,
        resource=whence,
    )
    _fill(row, point, kind)
    return row


def _model(found: dict[str, str]) -> str:
    names = ("gen_ai.response.model", "gen_ai.request.model", "model")
    return next((found[name] for name in names if found.get(name)), "")


def _fill(row: MetricPoint, point: Any, kind: str) -> None:
    if kind in {"gauge", "sum"}:
        row.value, row.count = _number(point), 1
        return
    row.value, row.count = point.sum, point.count
    row.minimum = point.min if point.HasField("min") and math.isfinite(point.min) else None
    row.maximum = point.max if point.HasField("max") and math.isfinite(point.max) else None
    row.bounds, row.counts = _buckets(point, kind)


def _temporality(metric: Any) -> int:
    kind = metric.WhichOneof("data")
    return 0 if kind in {"gauge", None} else int(getattr(metric, kind).aggregation_temporality)


def _number(point: Any) -> float:
    return float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)


def _buckets(point: Any, kind: str) -> tuple[list[float], list[int]]:
    """Return upper bounds and counts; the last count, above every bound, has none."""
    if kind == "histogram":
        return list(point.explicit_bounds), list(point.bucket_counts)
    bounds: list[float] = []
    counts: list[int] = []
    step = 2.0**-point.scale
    below, above = point.negative, point.positive
    if len(below.bucket_counts):
        counts.append(0)
        bounds.append(-(2.0 ** ((below.offset + len(below.bucket_counts)) * step)))
        for at in reversed(range(len(below.bucket_counts))):
            counts.append(below.bucket_counts[at])
            bounds.append(-(2.0 ** ((below.offset + at) * step)))
    counts.append(point.zero_count)
    if len(above.bucket_counts):
        bounds.append(2.0 ** (above.offset * step))
        for at, number in enumerate(above.bucket_counts, 1):
            counts.append(number)
            bounds.append(2.0 ** ((above.offset + at) * step))
        counts.append(0)
    return bounds, counts


def _series(*parts: Any) -> int:
    """Return the identity of a series: the same attributes of the same source and metric."""
    mark = repr(parts).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(mark, digest_size=8).digest(), "little")
