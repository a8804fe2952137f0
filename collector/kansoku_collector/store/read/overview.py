"""What the Overview asks: what there is, totals, series over time, cost by model. Rollups only.

A "request" is a root span. A slice by model, provider or prompt has no roots of its own, so there its billed
model calls are counted instead (`counts_calls`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.grid import DAY, HOUR, MINUTE, Grid, floor
from kansoku_collector.store.scope import Period, Scope

TOKENS = """input_fresh + cache_read + cache_write_5m + cache_write_1h + audio_in + image
    + output_visible + reasoning + audio_out"""


class Dimensions(NamedTuple):
    """The values that a reader can filter by, seen in the last 35 days; prompts as `name@version`."""

    environments: list[str]
    services: list[str]
    models: list[str]
    prompts: list[str]


class Totals(NamedTuple):
    """One stretch of time in figures; quantiles in seconds, None where nothing was measured."""

    requests: int
    errors: int
    calls: int
    cost: float
    unpriced_calls: int
    unpriced_models: int
    unmetered_calls: int
    tokens: int
    p50: float | None
    p95: float | None
    p99: float | None
    estimated: int = 0  # of the requests: counted because kept ones of sampled traces stand for them


class Bucket(NamedTuple):
    """One bucket of a chart: counts are true zeros, quantiles None where nothing was measured."""

    time: datetime
    requests: int
    errors: int
    cost: float
    tokens: int
    p50: float | None
    p95: float | None
    p99: float | None


class ModelCost(NamedTuple):
    """What one model cost in one bucket; `unpriced` of its `calls` have no price and are not in `cost`."""

    time: datetime
    model: str
    cost: float
    calls: int
    unpriced: int


class Health(NamedTuple):
    """Whether data arrives: since when there is any, when the last span came, and how many in 24 hours."""

    first: datetime | None
    last: datetime | None
    spans: int


def dimensions(client: Client, project: str) -> Dimensions:
    """Return what there is to filter by."""
    rows = client.query(
        """SELECT groupUniqArrayIf(1000)(environment, environment != ''),
            groupUniqArrayIf(1000)(service, service != ''), groupUniqArrayIf(1000)(model, model != ''),
            groupUniqArrayIf(1000)(concat(prompt_name, '@', prompt_version), prompt_version != '')
        FROM rollup_day WHERE project = {project:String} AND time >= now() - INTERVAL 36 DAY""",
        parameters={"project": project},
    ).result_rows
    return Dimensions(*(sorted(values) for values in rows[0]))


def health(client: Client, project: str) -> Health:
    """Return the hour of the first span, when the last arrived and how many started in the last 24 hours."""
    rows = client.query(
        """SELECT
            (SELECT time FROM rollup_hour WHERE project = {project:String} ORDER BY time LIMIT 1),
            (SELECT received FROM spans WHERE project = {project:String} ORDER BY start DESC LIMIT 1),
            (SELECT sum(spans) FROM rollup_minute
                WHERE project = {project:String} AND time >= now() - INTERVAL 1 DAY)""",
        parameters={"project": project},
    ).result_rows
    first, last, spans = rows[0]
    return Health(first and first.replace(tzinfo=UTC), last and last.replace(tzinfo=UTC), spans or 0)


def counts_calls(scope: Scope) -> bool:
    """Tell whether figures of this slice count model calls, because it has no requests of its own."""
    return bool(scope.model or scope.provider or scope.prompt_name or scope.prompt_version)


def totals(client: Client, scope: Scope, period: Period) -> Totals:
    """Return the figures of the stretch, exact to the minute."""
    rows = client.query(
        f"SELECT {sums(scope)} FROM {exact(scope)}",  # noqa: S608 - names of this file, values bound
        parameters=scope.params() | edges(period),
    ).result_rows
    return total(rows[0])


def sums(scope: Scope) -> str:
    """Return the SQL of the columns that `total` reads."""
    requests, errors, seconds = measured(scope)
    return f"""sum({requests}), sum({errors}), sum(calls), toFloat64(sum(cost_usd)), sum(unpriced_calls),
        arrayCount(n -> n > 0, mapValues(sumMap(map(toString(model), unpriced_calls)))),
        sum(unmetered_calls), sum({TOKENS}),
        quantilesTDigestMerge(0.5, 0.95, 0.99)({seconds}), sum(unrecorded_{requests})"""


def total(row: Sequence[Any]) -> Totals:
    """Return a row of `sums` as figures."""
    *figures, quantiles, estimated = row
    return Totals(*figures, *known(quantiles))._replace(estimated=estimated)


def series(client: Client, scope: Scope, grid: Grid) -> list[Bucket]:
    """Return every bucket of the grid in time order, the empty ones included."""
    requests, errors, seconds = measured(scope)
    rows = client.query(
        f"""SELECT {grid.bucket}, sum({requests}), sum({errors}), toFloat64(sum(cost_usd)), sum({TOKENS}),
            quantilesTDigestMerge(0.5, 0.95, 0.99)({seconds})
        FROM {grid.table} WHERE {scope.where()} AND {grid.within} GROUP BY bucket""",  # noqa: S608 - as above
        parameters=scope.params() | grid.params(),
    ).result_rows
    found = {time: (*figures, *known(quantiles)) for time, *figures, quantiles in grid.aware(rows)}
    nothing = (0, 0, 0.0, 0, None, None, None)
    return [Bucket(time, *found.get(time, nothing)) for time in grid.times()]


def cost_by_model(client: Client, scope: Scope, period: Period) -> list[ModelCost]:
    """Return what each model cost in each bucket in which it was called."""
    grid = Grid.of(period)
    rows = client.query(
        f"""SELECT {grid.bucket}, model, toFloat64(sum(cost_usd)), sum(calls), sum(unpriced_calls)
        FROM {grid.table} WHERE {scope.where()} AND {grid.within} AND model != ''
        GROUP BY bucket, model ORDER BY bucket, model""",  # noqa: S608 - as above
        parameters=scope.params() | grid.params(),
    ).result_rows
    return [ModelCost(*row) for row in grid.aware(rows)]


def gaps(client: Client, project: str, period: Period) -> list[Period]:
    """Return the stretches in which the whole project sent nothing although it should have.

    A run of empty buckets between full ones is a gap when its quieter side, and the same hours of other days
    where there are two or more, would leave it empty less than once in ten thousand times.
    """
    grid = Grid.of(period)
    rows = client.query(
        f"""SELECT {grid.bucket}, sum(spans) FROM {grid.table}
        WHERE project = {{project:String}} AND {grid.within} GROUP BY bucket""",  # noqa: S608 - as above
        parameters={"project": project} | grid.params(),
    ).result_rows
    spans: dict[datetime, int] = {time: int(count) for time, count in grid.aware(rows)}
    return find_gaps([(time, spans.get(time, 0)) for time in grid.times()], grid.width)


def find_gaps(counts: list[tuple[datetime, int]], width: timedelta) -> list[Period]:
    """Return the gaps of a series of counts; see `gaps`."""
    full = [place for place, (_, count) in enumerate(counts) if count]
    seen = dict(counts[full[0] : full[-1] + 1]) if full else {}
    found = []
    for before, after in pairwise(full):
        empty = counts[before + 1 : after]
        left, right = counts[max(0, before - 1) : before + 1], counts[after : after + 2]
        # The bucket in which it began or ended is itself cut short, so each side is its busier bucket of two.
        around = min(max(count for _, count in side) for side in (left, right))
        # Spans come in traces of several, so they are worth less than independent arrivals: a fifth.
        if sum(min(around, _usual(time, seen, around)) for time, _ in empty) / 5 > 9.2:
            found.append(Period(counts[before][0] + width, counts[after][0]))
    return found


def _usual(time: datetime, seen: dict[datetime, int], otherwise: float) -> float:
    """Return the middle count of the same hour on other days; `otherwise` where fewer than two are known."""
    days = (time + timedelta(days=step) for step in range(-7, 8) if step)
    same = sorted(seen[day] for day in days if day in seen)
    return same[len(same) // 2] if len(same) >= 2 else otherwise


def measured(scope: Scope) -> tuple[str, str, str]:
    """Return the columns of how many, how many failed and how long, for this slice."""
    if counts_calls(scope):
        return "calls", "call_errors", "call_seconds"
    return "roots", "root_errors", "root_seconds"


def exact(scope: Scope, stretches: Sequence[str] = ("",)) -> str:
    """Return the rows of a stretch as a sub-query: whole days by day, then hours, its edges by minute.

    Of several stretches, each by the prefix under which its `edges` are bound.
    """
    where = scope.where()

    def within(*pairs: tuple[str, str]) -> str:
        return " OR ".join(_between(name + start, name + end) for name in stretches for start, end in pairs)

    return f"""(
        SELECT * FROM rollup_minute
            WHERE {where} AND ({within(("start", "first_hour"), ("last_hour", "end"))})
        UNION ALL SELECT * FROM rollup_hour
            WHERE {where} AND ({within(("first_hour", "first_day"), ("last_day", "last_hour"))})
        UNION ALL SELECT * FROM rollup_day WHERE {where} AND ({within(("first_day", "last_day"))})
    )"""  # noqa: S608 - as above


def _between(start: str, end: str) -> str:
    return f"(time >= {{{start}:DateTime64(6, 'UTC')}} AND time < {{{end}:DateTime64(6, 'UTC')}})"


def edges(period: Period, prefix: str = "") -> dict[str, Any]:
    """Bind the ends of a stretch, and of the whole hours and days inside it, under their names."""
    start, end = floor(period.start, MINUTE), period.end.astimezone(UTC)
    first_hour, last_hour = _inner(start, end, HOUR)
    first_day, last_day = _inner(first_hour, last_hour, DAY)
    bound = {
        "start": start,
        "first_hour": first_hour,
        "first_day": first_day,
        "last_day": last_day,
        "last_hour": last_hour,
        "end": end,
    }
    return {prefix + name: moment for name, moment in bound.items()}


def _inner(start: datetime, end: datetime, width: timedelta) -> tuple[datetime, datetime]:
    """Return the ends of the whole units of `width` between; both are `end` where there is none."""
    first = floor(start + width - timedelta(microseconds=1), width)
    return (end, end) if first >= end else (first, max(first, floor(end, width)))


def known(quantiles: list[float]) -> tuple[float | None, ...]:
    """Return quantiles with None where there was nothing to measure."""
    return tuple(None if value != value else value for value in quantiles)  # noqa: PLR0124 - NaN
