"""Measure one metric over a window: its value, how many samples it rests on, and its 95 % interval.

Rollups answer for everything but feedback, which is read vote by vote. The same question may be asked for
many moments at once: that is how rules are replayed over history in one query.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import gcd, isnan, sqrt
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read import overview
from kansoku_collector.store.read.metrics import METRICS, Metric
from kansoku_collector.store.scope import Period, Scope

DIMENSIONS = ("environment", "service", "release", "provider", "model", "prompt_name", "prompt_version")
LOOKBACK = timedelta(days=7)  # silence is measured only where something was seen this lately
VOTE_LOOKBACK = timedelta(days=30)  # a vote finds its trace this far back
Z = 1.96  # 95 %, two sides

_STEPS = 20  # quantiles read on each side of the wanted one, to find its interval
_WIDEST = 20  # samples for which the widest of them is the limit of the interval


@dataclass(frozen=True, slots=True)
class Measure:
    """What a metric was in one window, for one group; `value` is None where nothing was there to measure."""

    group: tuple[str, ...]
    end: datetime
    value: float | None
    samples: int
    low: float | None = None
    high: float | None = None
    unpriced: int = 0


def measure(
    client: Client,
    metric: str,
    scope: Scope,
    ends: Sequence[datetime],
    window: timedelta,
    group_by: tuple[str, ...] = (),
) -> list[Measure]:
    """Measure `metric` in the `window` before each of `ends` (whole minutes, UTC), in time order.

    Without `group_by` there is one measure an end, zero samples included; with it, one for each group that
    has samples. A group is a combination of non-empty values of the dimensions.
    """
    known = METRICS[metric]
    if known.kind == "votes":
        rows = _votes(client, scope, ends, window, group_by)
    elif known.kind == "silence":
        rows = _rollups(client, known, scope, ends, LOOKBACK, group_by)
    else:
        rows = _rollups(client, known, scope, ends, window, group_by)
    found = {(group, end): _measure(known, group, end, values) for group, end, values in rows}
    if not group_by:
        for end in ends:
            nothing = 0.0 if known.kind == "sum" else None
            found.setdefault(((), end), Measure((), end, nothing, 0))
    return sorted(found.values(), key=lambda one: (one.end, one.group))


def wilson(hits: float, total: float, z: float = Z) -> tuple[float, float]:
    """Return the Wilson score interval of a share; (0, 1) without samples."""
    if not total:
        return 0.0, 1.0
    share = hits / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))  # rounding at 0 and 1


# The widest stretch that windows have in common: what falls into one is summed once.
_BUCKET = "intDiv(toUnixTimestamp(time) - {first:UInt32}, {step:UInt32}) * {step:UInt32} + {first:UInt32}"

# Group, end, (top, samples, unpriced, part of them that is stored and not an estimate) of the metric.
Row = tuple[tuple[str, ...], datetime, tuple[Any, ...]]


def _rollups(
    client: Client,
    metric: Metric,
    scope: Scope,
    ends: Sequence[datetime],
    window: timedelta,
    group_by: tuple[str, ...],
) -> list[Row]:
    period = Period(min(ends) - window, max(ends))
    names = "".join(f"{name}, " for name in group_by)
    filled = "".join(f" AND {name} != ''" for name in group_by)
    inner, outer = _aggregates(metric)
    counted, unrecorded = (
        ("roots", "unrecorded_roots") if metric.of_requests else ("calls", "unrecorded_calls")
    )
    exact = len(ends) > 1 or metric.kind == "silence"
    step = gcd(*(int((end - period.start).total_seconds()) for end in ends), int(window.total_seconds()))
    rows = client.query(
        f"""SELECT {names} arrayJoin(
                arrayFilter(e -> e > bucket AND e <= bucket + {{window:UInt32}}, {{ends:Array(UInt32)}})
            ) AS end, {outer} AS top, sum(part_samples) AS samples, sum(part_unpriced),
            1 - sum(part_unrecorded) / greatest(1, sum(part_counted))
        FROM (
            SELECT {names} {_BUCKET} AS bucket, {inner} AS part,
                sum({metric.samples}) AS part_samples, sum(unpriced_calls) AS part_unpriced,
                sum({counted}) AS part_counted, sum({unrecorded}) AS part_unrecorded
            FROM ({_source(period, scope, exact=exact)})
            WHERE true{filled}
            GROUP BY {names} bucket
        )
        GROUP BY {names} end HAVING samples > 0""",  # noqa: S608 - names of these files, values bound
        parameters=scope.params()
        | overview.edges(period)
        | {
            "first": int(period.start.timestamp()),
            "window": int(window.total_seconds()),
            "ends": [int(end.timestamp()) for end in ends],
            "step": step,
        },
    ).result_rows
    return _rows(rows, len(group_by))


def _aggregates(metric: Metric) -> tuple[str, str]:
    """Return the aggregate of a bucket, and the one that merges buckets into a window."""
    if metric.kind == "quantile":
        levels = ", ".join(f"{level:.6f}" for level in _levels(metric.level))
        return (
            f"quantilesTDigestMergeState(0.5, 0.95, 0.99)({metric.top})",
            f"quantilesTDigestMerge({levels})(part)",
        )
    if metric.kind == "silence":
        return "max(toUnixTimestamp(time))", "max(part)"
    return f"sum({metric.top})", "sum(part)"


def _source(period: Period, scope: Scope, *, exact: bool) -> str:
    """Return the rollup rows of the period: whole days by day, then whole hours, its ends by minute.

    An hour's row stands at its first minute; where that is too coarse, `exact` reads minutes throughout.
    """
    minutes = f"SELECT * FROM rollup_minute WHERE {scope.where()}"  # noqa: S608 - bound values
    if exact or period.length <= timedelta(hours=3):
        return f"{minutes} AND {_within('start', 'end')}"
    return overview.exact(scope)


def _within(first: str, last: str) -> str:
    return f"time >= {{{first}:DateTime64(6, 'UTC')}} AND time < {{{last}:DateTime64(6, 'UTC')}}"


def _votes(
    client: Client, scope: Scope, ends: Sequence[datetime], window: timedelta, group_by: tuple[str, ...]
) -> list[Row]:
    """Count likes and votes: the last vote of a person on a trace or session, at the moment asked about."""
    period = Period(min(ends) - window, max(ends))
    names = "".join(f"{name}, " for name in group_by)
    rows = client.query(
        f"""SELECT {names} end, countIf(last_value >= 0.5) AS likes, count() AS votes, 0
        FROM (
            SELECT {names} arrayJoin(
                    arrayFilter(e -> e > given AND e <= given + {{window:UInt32}}, {{ends:Array(UInt32)}})
                ) AS end, trace_id, span_id, session_id, user_id,
                argMax(value, (time, received)) AS last_value
            FROM (
                SELECT *, toUnixTimestamp(time) AS given FROM feedback
                WHERE project = {{project:String}} AND name = 'like' AND value IS NOT NULL
                    AND time >= {{start:DateTime64(6, 'UTC')}} AND time < {{end:DateTime64(6, 'UTC')}}
            ) AS given_votes
            {_traces(scope, group_by)}
            GROUP BY {names} end, trace_id, span_id, session_id, user_id
        )
        GROUP BY {names} end""",  # noqa: S608 - names of this file, values bound
        parameters=scope.params()
        | period.params()
        | {
            "window": int(window.total_seconds()),
            "ends": [int(end.timestamp()) for end in ends],
            "lookback": int(VOTE_LOOKBACK.total_seconds()),
        },
    ).result_rows
    return _rows(rows, len(group_by))


def _traces(scope: Scope, group_by: tuple[str, ...]) -> str:
    """Return the join that gives votes the dimensions of their traces, where a rule asks for any."""
    asked = {name for name in DIMENSIONS if getattr(scope, name)} | set(group_by)
    if not asked:
        return ""
    own = sorted(asked - {"model"})
    names = ", ".join(["trace_id", *own, *(["model"] if "model" in asked else [])])
    columns = "".join(f", max(t.{name}) AS {name}" for name in own)
    each_model = "ARRAY JOIN models AS model" if "model" in asked else ""
    filled = "".join(f" AND {name} != ''" for name in group_by)
    return f"""INNER JOIN (
        SELECT {names}
        FROM (
            SELECT project, trace_id, groupUniqArrayArray(t.models) AS models{columns}
            FROM traces AS t
            WHERE project = {{project:String}}
                AND hour >= {{start:DateTime64(6, 'UTC')}} - toIntervalSecond({{lookback:UInt32}})
                AND trace_id IN (
                    SELECT trace_id FROM feedback WHERE project = {{project:String}} AND name = 'like'
                        AND time >= {{start:DateTime64(6, 'UTC')}} AND time < {{end:DateTime64(6, 'UTC')}})
            GROUP BY project, trace_id
        ) {each_model}
        WHERE {scope.where()}{filled}
    ) AS voted USING trace_id"""  # noqa: S608 - names of this file, values bound


def _rows(rows: Sequence[Sequence[Any]], width: int) -> list[Row]:
    return [
        (tuple(row[:width]), datetime.fromtimestamp(row[width], UTC), tuple(row[width + 1 :])) for row in rows
    ]


def _measure(metric: Metric, group: tuple[str, ...], end: datetime, values: tuple[Any, ...]) -> Measure:
    top, samples, unpriced, *stored = values
    recorded = samples * stored[0] if stored else samples  # an interval rests on what was seen
    if metric.kind == "silence":
        return Measure(group, end, max(0.0, end.timestamp() - top - 60), 1)
    if metric.kind == "sum":
        return Measure(group, end, float(top), samples, unpriced=unpriced)
    if samples <= 0:
        return Measure(group, end, None, 0, unpriced=unpriced)
    if metric.kind == "mean":
        return Measure(group, end, float(top) / samples, samples, unpriced=unpriced)
    if metric.kind == "quantile":
        return _quantile(group, end, top, samples, recorded)
    hits = samples - top if metric.top == "0" else min(top, samples)
    low, high = wilson(hits / samples * recorded, recorded)
    return Measure(group, end, hits / samples, samples, low, high)


def _levels(level: float) -> list[float]:
    """Return the levels around `level` within which its interval lies, from twenty samples on."""
    widest = Z * sqrt(level * (1 - level) / _WIDEST)
    return [min(1.0, max(0.0, level + widest * i / _STEPS)) for i in range(-_STEPS, _STEPS + 1)]


def _quantile(
    group: tuple[str, ...], end: datetime, values: Sequence[float], samples: int, recorded: float
) -> Measure:
    """Return the quantile with the interval that the order statistics give it."""
    if isnan(values[_STEPS]):
        return Measure(group, end, None, 0)
    offset = _STEPS * min(1.0, sqrt(_WIDEST / max(1.0, recorded)))
    low, high = _between(values, _STEPS - offset), _between(values, _STEPS + offset)
    return Measure(group, end, float(values[_STEPS]), samples, low, high)


def _between(values: Sequence[float], position: float) -> float:
    lower = int(position)
    upper = min(lower + 1, len(values) - 1)
    return float(values[lower] + (values[upper] - values[lower]) * (position - lower))
