"""How fast it is: percentiles over time, tokens a second by model, and the time that each step takes.

Percentiles of requests, calls and first tokens come from the rollups. Tokens a second and steps are read from
the spans, a few narrow columns of them: the rollups keep no time for spans that are neither root nor call.
"""
# ruff: noqa: S608 - only constants of these files are formatted into the SQL; every value is bound

from datetime import datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.conditions import MODEL
from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.read.overview import counts_calls, edges, exact, known
from kansoku_collector.store.read.started import bound, spans_of
from kansoku_collector.store.scope import Period, Scope

POINTS = 60  # of a line of tokens a second: enough calls in each for a middle
# Weighted as the rollups are: a stored span of a sampled trace stands for several.
_TIMES = "toUInt64(greatest(1, round(weight)))"
_OF_RATE = "output_visible, reasoning, duration_ns, weight"
_OF_STEP = "name, operation, status, duration_ns, weight"
# A call that failed, or whose usage is unknown, has no speed: see also `_answered`.
_TIMED = "output_visible + reasoning > 0 AND duration_ns > 0"
_RATE = "(toFloat64(output_visible) + reasoning) / (duration_ns / 1e9)"
# All spans of a step are first counted in bins of a ninetieth, whose means the quantiles are then taken of: a
# sketch that takes in each span costs more.
_BIN = "toInt32(floor(log2(1 + duration_ns) * 64))"


class Point(NamedTuple):
    """One bucket of time in seconds; None where nothing was measured."""

    time: datetime
    p50: float | None
    p95: float | None
    p99: float | None


class Summary(NamedTuple):
    """One stretch of time: seconds of the first tokens and of what `measured` means, tokens a second."""

    p50: float | None
    p95: float | None
    p99: float | None
    first_p50: float | None
    first_p95: float | None
    calls: int
    call_errors: int
    rate: float | None  # of the middle call, in tokens a second


class Rate(NamedTuple):
    """Output tokens a second of one model in one bucket: of the middle call, and of the slowest in twenty."""

    time: datetime
    model: str
    calls: int
    p50: float
    p5: float


class ModelSpeed(NamedTuple):
    """One model: calls, errors, seconds, seconds to the first token, tokens a second."""

    model: str
    calls: int
    errors: int
    p50: float | None
    p95: float | None
    p99: float | None
    first_p50: float | None
    first_p95: float | None
    rate: float | None


class Step(NamedTuple):
    """All spans of one name and operation."""

    name: str
    operation: str
    spans: int
    errors: int
    p50: float
    p95: float
    p99: float


def over_time(client: Client, scope: Scope, period: Period, *, first_token: bool = False) -> list[Point]:
    """Return every bucket of the stretch, of requests (of calls in a slice that has no requests)."""
    grid = Grid.of(period)
    seconds = "root_seconds" if not counts_calls(scope) else "call_seconds"
    seconds = "first_token_seconds" if first_token else seconds
    rows = client.query(
        f"""SELECT {grid.bucket}, quantilesTDigestMerge(0.5, 0.95, 0.99)({seconds})
        FROM {grid.table} WHERE {scope.where()} AND {grid.within} GROUP BY bucket""",
        parameters=scope.params() | grid.params(),
    ).result_rows
    found = {time: known(quantiles) for time, quantiles in grid.aware(rows)}
    return [Point(time, *found.get(time, (None, None, None))) for time in grid.times()]


def summary(client: Client, scope: Scope, period: Period) -> Summary:
    """Return the stretch in figures, exact to the minute."""
    seconds = "call_seconds" if counts_calls(scope) else "root_seconds"
    rows = client.query(
        f"""SELECT quantilesTDigestMerge(0.5, 0.95, 0.99)({seconds}),
            quantilesTDigestMerge(0.5, 0.95, 0.99)(first_token_seconds), sum(calls), sum(call_errors)
        FROM {exact(scope)}""",
        parameters=scope.params() | edges(period),
    ).result_rows
    took, first, calls, errors = rows[0]
    (p50, p95, p99), (first_p50, first_p95, _) = known(took), known(first)
    rate = client.query(
        f"""SELECT quantileTDigestWeighted(0.5)({_RATE}, {_TIMES})
        FROM {spans_of(period, _OF_RATE, _answered(scope))} WHERE {_TIMED}""",
        parameters=scope.params() | bound(period),
    ).result_rows[0][0]
    return Summary(p50, p95, p99, first_p50, first_p95, calls, errors, known([rate])[0])


def rates_over_time(client: Client, scope: Scope, period: Period) -> list[Rate]:
    """Return the speed of each model in each bucket in which it answered."""
    grid = Grid.of(period, POINTS)
    bucket = grid.bucket.replace("(time,", "(start,")
    rows = client.query(
        f"""SELECT {bucket}, {MODEL} AS model, count(),
            quantilesTDigestWeighted(0.5, 0.05)({_RATE}, {_TIMES})
        FROM spans PREWHERE {_answered(scope)}
            AND start >= {{start:DateTime64(6, 'UTC')}} AND start < {{end:DateTime64(6, 'UTC')}}
        WHERE {_TIMED} GROUP BY bucket, model ORDER BY bucket, model""",
        parameters=scope.params() | grid.params(),
    ).result_rows
    return [Rate(time, model, calls, *quantiles) for time, model, calls, quantiles in grid.aware(rows)]


def by_model(client: Client, scope: Scope, period: Period, *, most: int = 100) -> list[ModelSpeed]:
    """Return the models that were called, those with the most calls first."""
    rows = client.query(
        f"""SELECT toString(model) AS name, sum(calls) AS called, sum(call_errors),
            quantilesTDigestMerge(0.5, 0.95, 0.99)(call_seconds),
            quantilesTDigestMerge(0.5, 0.95, 0.99)(first_token_seconds)
        FROM {exact(scope)} WHERE model != '' GROUP BY name HAVING called > 0
        ORDER BY called DESC, name LIMIT {{most:UInt32}}""",
        parameters=scope.params() | edges(period) | {"most": most},
    ).result_rows
    rates = client.query(
        f"""SELECT {MODEL} AS model, quantileTDigestWeighted(0.5)({_RATE}, {_TIMES})
        FROM {spans_of(period, f"request_model, response_model, {_OF_RATE}", _answered(scope))}
        WHERE {_TIMED} GROUP BY model""",
        parameters=scope.params() | bound(period),
    ).result_rows
    rate = {model: known([value])[0] for model, value in rates}
    found = []
    for model, calls, errors, took, first in rows:
        (p50, p95, p99), (first_p50, first_p95, _) = known(took), known(first)
        row = ModelSpeed(model, calls, errors, p50, p95, p99, first_p50, first_p95, rate.get(model))
        found.append(row)
    return found


def by_step(client: Client, scope: Scope, period: Period, *, most: int = 100) -> list[Step]:
    """Return the steps, those that take the most time in all first."""
    rows = client.query(
        f"""SELECT toString(name) AS step, toString(operation) AS kind, sum(n) AS spans, sum(failed),
            quantilesExactWeightedInterpolated(0.5, 0.95, 0.99)(seconds, n)
        FROM (
            SELECT name, operation, sum({_TIMES}) AS n, sumIf({_TIMES}, status = 'error') AS failed,
                avg(duration_ns) / 1e9 AS seconds, sum(toFloat64(duration_ns) * weight) AS busy
            FROM {spans_of(period, _OF_STEP, scope.where(model_column=MODEL))}
            GROUP BY name, operation, {_BIN}
        )
        GROUP BY step, kind ORDER BY sum(busy) DESC, step, kind LIMIT {{most:UInt32}}""",
        parameters=scope.params() | bound(period) | {"most": most},
    ).result_rows
    return [Step(name, kind, spans, errors, *took) for name, kind, spans, errors, took in rows]


def _answered(scope: Scope) -> str:
    """Return the condition of the calls that did not fail; the columns that leave out the most come first."""
    return f"billed = 1 AND status != 'error' AND {scope.where(model_column=MODEL)}"
