"""Metrics as their senders counted them: which there are, and their course by any dimension."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period, Scope

DIMENSIONS = (
    "service",
    "environment",
    "release",
    "operation",
    "provider",
    "model",
    "token_type",
    "error_type",
)
_RANGE = "time >= {start:DateTime64(6, 'UTC')} AND time < {end:DateTime64(6, 'UTC')}"
_NAMES = f"""SELECT name, unit, argMax(kind, time) AS kind, count() AS points, uniq(series) AS series,
    max(time) AS latest FROM metric_points WHERE project = {{project:String}} AND {_RANGE}
    GROUP BY name, unit ORDER BY name, unit"""  # noqa: S608

# A point that came twice counts once. A cumulative one counts what it adds to the one before it; the first of
# a known start counts whole, the first of an unknown start nothing, and a lower number is a new beginning.
_STEPS = """
WITH points AS (
    SELECT series, start, time, any(kind) AS kind, any(temporality) AS temporality,
        any(monotonic) AS monotonic, any({group}) AS part, any(value) AS value, any(count) AS count,
        any(bounds) AS bounds, any(counts) AS counts
    FROM metric_points
    WHERE {where} AND name = {{name:String}} AND time < {{end:DateTime64(6, 'UTC')}}
    GROUP BY series, start, time
), steps AS (
    SELECT *, row_number() OVER w AS place,
        lagInFrame(value) OVER w AS value_0, lagInFrame(count) OVER w AS count_0,
        lagInFrame(bounds) OVER w AS bounds_0, lagInFrame(counts) OVER w AS counts_0
    FROM points
    WINDOW w AS (
        PARTITION BY series, start ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
), added AS (
    SELECT time, part, bounds,
        kind = 'gauge' OR (kind = 'sum' AND NOT monotonic AND temporality = 'cumulative') AS level,
        temporality = 'cumulative' AND NOT level AS running,
        running AND place = 1 AND toUnixTimestamp64Nano(start) = 0 AS unknown,
        running AND place > 1 AND (kind = 'sum' ? value >= value_0 : count >= count_0) AS follows,
        multiIf(unknown, 0., follows, value - value_0, value) AS total,
        toInt64(follows ? count - count_0 : count) AS grown,
        multiIf(unknown, 0, kind = 'sum', 1, grown) AS number,
        unknown OR (follows AND bounds != bounds_0) ? [] : (follows
            ? arrayMap(
                (now, before) -> toUInt64(greatest(toInt64(now) - toInt64(before), 0)),
                counts, arrayResize(counts_0, length(counts))
            )
            : counts) AS spread
    FROM steps
    WHERE time >= {{start:DateTime64(6, 'UTC')}}
)
SELECT
    toInt64(intDiv(
        toUnixTimestamp(time) - toUnixTimestamp({{start:DateTime64(6, 'UTC')}}), {{step:UInt32}}
    )) AS slot,
    part, any(level) AS is_level, sum(total) AS total, sum(number) AS number,
    length(spread) > 1 ? bounds : [] AS edges, sumForEach(spread) AS counts
FROM added GROUP BY slot, part, edges ORDER BY slot, part, edges"""


@dataclass(frozen=True, slots=True)
class MetricName:
    """A metric that was sent: `kind` is gauge, sum, histogram or exponential_histogram."""

    name: str
    unit: str
    kind: str
    points: int
    series: int
    latest: datetime


@dataclass(slots=True)
class Step:
    """What a metric counted in one step of time for one value of the dimension."""

    time: datetime
    part: str
    total: float = 0.0  # of what was measured; of a gauge the sum of its readings
    number: int = 0  # measurements of a histogram, points of the others
    is_level: bool = False  # a gauge or an up-and-down counter: read its mean, not its total
    buckets: list[tuple[float, int]] = field(default_factory=list)  # upper bound, how many

    @property
    def mean(self) -> float | None:
        """The mean of what was measured."""
        return self.total / self.number if self.number else None

    def quantile(self, level: float) -> float | None:
        """Return a quantile as far as the buckets tell: linear inside one, the lowest edge above the last."""
        known = sorted(self.buckets)
        wanted, passed, lower = level * sum(number for _, number in known), 0, 0.0
        for upper, number in known:
            if number and passed + number >= wanted:
                share = (wanted - passed) / number
                return lower if upper == float("inf") else min(lower, upper) + share * abs(upper - lower)
            passed, lower = passed + number, upper
        return None


def list_metrics(client: Client, project: str, period: Period) -> list[MetricName]:
    """Return the metrics of which points of this stretch are stored."""
    rows = client.query(_NAMES, parameters={"project": project, **period.params()}).named_results()
    return [MetricName(**{**row, "latest": _aware(row["latest"])}) for row in rows]


def read_metric(
    client: Client, scope: Scope, name: str, period: Period, step: timedelta, *, by: str = ""
) -> list[Step]:
    """Return the course of a metric in steps, in order of time, by a dimension or as a whole.

    Metrics know no prompts: a scope with one finds nothing.
    """
    if by and by not in DIMENSIONS:
        raise ValueError(f"{by!r} is no dimension; known are {', '.join(DIMENSIONS)}")
    if scope.prompt_name or scope.prompt_version:
        return []
    sql = _STEPS.format(group=f"toString({by})" if by else "''", where=replace(scope).where())
    seconds = max(1, int(step.total_seconds()))
    values = scope.params() | period.params() | {"name": name, "step": seconds}
    found: dict[tuple[int, str], Step] = {}
    for row in client.query(sql, parameters=values).named_results():
        moment = period.start.astimezone(UTC) + timedelta(seconds=row["slot"] * seconds)
        one = found.setdefault((row["slot"], row["part"]), Step(moment, row["part"]))
        one.total += row["total"]
        one.number += int(row["number"])
        one.is_level = bool(row["is_level"])
        one.buckets += _buckets(row["edges"], row["counts"])
    return list(found.values())


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[float, int]]:
    """Pair the counts with their upper bounds; none where only sums are known."""
    return list(zip([*bounds, float("inf")], map(int, counts), strict=True)) if bounds else []


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
