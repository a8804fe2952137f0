"""Thumbs: how many of how many, over time and by slice. The latest vote of a person on a thing counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period, Scope

LATE = timedelta(days=7)  # how much older than the vote its trace may be, where a filter needs the trace
POINTS = 32


class Votes(NamedTuple):
    """`likes` of `votes` were thumbs up, in the bucket that starts at `time`."""

    time: datetime
    likes: int
    votes: int


class SliceVotes(NamedTuple):
    """The votes of one combination of what a trace belongs to; prompt as `name@version`.

    `after` tells on which side of the moment they are by which the question split its period.
    """

    environment: str
    service: str
    prompt: str
    models: tuple[str, ...]
    likes: int
    votes: int
    after: bool = True


def votes_by_slice(
    client: Client, scope: Scope, period: Period, *, split: datetime | None = None
) -> list[SliceVotes]:
    """Return the votes by what their traces belong to; on each side of `split`, a person's latest counts."""
    side = "feedback.time >= {split:DateTime64(6, 'UTC')}"
    rows = client.query(
        f"""SELECT environment, service, prompt, models, countIf(liked > 0.5), count(), after
        FROM ({latest(Scope(scope.project), after=side)}) AS vote
        INNER JOIN (
            SELECT trace_id, max(own.environment) AS environment, max(own.service) AS service,
                concat(max(own.prompt_name), '@', max(own.prompt_version)) AS prompt,
                arraySort(groupUniqArrayArray(own.models)) AS models
            FROM (
                SELECT trace_id, environment, service, prompt_name, prompt_version, models
                FROM traces WHERE {_of(scope, f"{_RATED} AND name = 'like' AND value IS NOT NULL")}
            ) AS own GROUP BY trace_id
        ) AS trace USING (trace_id)
        GROUP BY environment, service, prompt, models, after""",  # noqa: S608 - bound below
        parameters=scope.params() | params(period) | {"split": (split or period.start).astimezone(UTC)},
    ).result_rows
    return [
        SliceVotes(place, service, prompt, tuple(models), likes, count, bool(after))
        for place, service, prompt, models, likes, count, after in rows
    ]


_HOURS = "hour >= {oldest:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}"
# Few traces are judged: without this, all traces of months would be gathered to be thrown away.
_RATED = """SELECT trace_id FROM feedback WHERE project = {project:String}
    AND time >= {start:DateTime64(6, 'UTC')} AND time < {end:DateTime64(6, 'UTC')}"""


def latest(scope: Scope, *, after: str = "1") -> str:
    """Return the SQL of one row a vote: the latest of each person on each trace or span, by `after`."""
    return f"""SELECT trace_id, argMax(value, received) AS liked, max(feedback.time) AS time, {after} AS after
        FROM feedback
        WHERE project = {{project:String}} AND name = 'like' AND value IS NOT NULL
            AND feedback.time >= {{start:DateTime64(6, 'UTC')}}
            AND feedback.time < {{end:DateTime64(6, 'UTC')}}
            {on_traces(scope)}
        GROUP BY trace_id, span_id, name, user_id, after"""  # noqa: S608 - bound by callers


def on_traces(scope: Scope) -> str:
    """Return the SQL that keeps feedback on the traces of a slice; nothing for a whole project."""
    if scope == Scope(scope.project):
        return ""
    return f"AND trace_id IN (SELECT trace_id FROM traces WHERE {_of(scope)})"  # noqa: S608 - bound by callers


def among(trace_ids: str) -> str:
    """Return the condition that a row of `traces` may be of a trace of a sub-query, for a join to tell.

    Of a hundred thousand ids, looking for each in the indexes takes longer than reading the short keys of
    all. Two ids may have the same key: what comes of this must be joined by the ids themselves.
    """
    return f"trace_key IN (SELECT toUInt32(cityHash64(trace_id)) FROM ({trace_ids}))"  # noqa: S608 - as above


def _of(scope: Scope, rated: str = _RATED) -> str:
    """Return the condition on the rows of the traces of a slice that are judged, or are in this way."""
    model = "AND has(models, {model:String})" if scope.model else ""
    return f"{replace(scope, model='').where()} {model} AND {_HOURS} AND {among(rated)}"


def params(period: Period) -> dict[str, datetime]:
    """Bind the ends of the stretch, and how old the trace of a vote may be."""
    return period.params() | {"oldest": period.start - LATE}
