"""How good it is: likes by what their traces belong to, what became of the calls."""
# ruff: noqa: S608 - only constants of these files are formatted into the SQL; every value is bound

from datetime import datetime
from typing import Literal, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.read.overview import edges, exact
from kansoku_collector.store.read.votes import among, latest, on_traces, params
from kansoku_collector.store.scope import Period, Scope

Split = Literal["prompt", "model", "language", "release"]
SPLITS: tuple[Split, ...] = ("prompt", "model", "language", "release")
POINTS = 32  # buckets wide enough for some votes

GIVEN = "feedback.time >= {start:DateTime64(6, 'UTC')} AND feedback.time < {end:DateTime64(6, 'UTC')}"

_HOURS = "hour >= {oldest:DateTime64(6, 'UTC')} AND hour < {end:DateTime64(6, 'UTC')}"
_LIKE = "name = 'like' AND value IS NOT NULL"
_RATED = f"SELECT trace_id FROM feedback WHERE project = {{project:String}} AND {GIVEN}"
# A trace with two models, or two languages, counts for both.
_VALUES: dict[Split, str] = {
    "prompt": "if(max(t.prompt_version) = '', [], [concat(max(t.prompt_name), '@', max(t.prompt_version))])",
    "model": "arraySort(groupUniqArrayArray(t.models))",
    "language": "groupUniqArrayArray(t.languages)",
    "release": "if(max(t.release) = '', [], [max(t.release)])",
}


class Liked(NamedTuple):
    """`likes` of `votes` on traces with one value of a dimension were thumbs up."""

    name: str
    likes: int
    votes: int


class LikedThen(NamedTuple):
    """The same in one bucket of time."""

    time: datetime
    name: str
    likes: int
    votes: int


class Outcomes(NamedTuple):
    """What became of model calls, and of the traces that people judged.

    `ended` calls of chat models failed or answered; an answer that refuses or falls back counts as that and
    not as an answer. A call that asks for a tool has not ended in an answer yet.
    `wrong` of `rated` traces were disliked or corrected by somebody.
    """

    ended: int
    answered: int
    fallbacks: int
    refusals: int
    failed: int
    wrong: int
    rated: int


def liked_by(client: Client, scope: Scope, period: Period, split: Split) -> list[Liked]:
    """Return the values of a dimension that were voted on, those with the most votes first."""
    rows = client.query(
        f"""SELECT value, countIf(liked > 0.5), count() AS given FROM ({_voted(scope, split)})
        ARRAY JOIN names AS value WHERE value != '' GROUP BY value ORDER BY given DESC, value LIMIT 100""",
        parameters=scope.params() | params(period),
    ).result_rows
    return [Liked(*row) for row in rows]


def liked_over_time(client: Client, scope: Scope, period: Period, split: Split) -> list[LikedThen]:
    """Return the values in each bucket in which they were voted on."""
    grid = Grid.of(period, POINTS)
    rows = client.query(
        f"""SELECT {grid.bucket}, value, countIf(liked > 0.5), count() FROM ({_voted(scope, split)})
        ARRAY JOIN names AS value WHERE value != '' GROUP BY bucket, value ORDER BY bucket, value""",
        parameters=scope.params() | params(period) | {"width": int(grid.width.total_seconds())},
    ).result_rows
    return [LikedThen(*row) for row in grid.aware(rows)]


def outcomes(client: Client, scope: Scope, period: Period) -> Outcomes:
    """Return the outcomes of the stretch, exact to the minute."""
    row = client.query(
        f"SELECT {_CALLS} FROM {exact(scope)} WHERE {_CHAT}", parameters=scope.params() | edges(period)
    ).result_rows[0]
    judged = client.query(
        f"SELECT countIf(wrong), count() FROM ({_judged(scope)})",
        parameters=scope.params() | params(period),
    ).result_rows[0]
    return Outcomes(*row, *judged)


def outcomes_over_time(client: Client, scope: Scope, period: Period) -> list[tuple[datetime, Outcomes]]:
    """Return every bucket of the stretch, the empty ones included."""
    grid = Grid.of(period, POINTS)
    rows = client.query(
        f"""SELECT {grid.bucket}, {_CALLS} FROM {grid.table}
        WHERE {scope.where()} AND {grid.within} AND {_CHAT} GROUP BY bucket""",
        parameters=scope.params() | grid.params(),
    ).result_rows
    judged = client.query(
        f"SELECT {grid.bucket}, countIf(wrong), count() FROM ({_judged(scope)}) GROUP BY bucket",
        parameters=scope.params() | params(period) | {"width": int(grid.width.total_seconds())},
    ).result_rows
    calls = {time: figures for time, *figures in grid.aware(rows)}
    people = {time: figures for time, *figures in grid.aware(judged)}
    nothing = [0] * 5
    return [(time, Outcomes(*calls.get(time, nothing), *people.get(time, [0, 0]))) for time in grid.times()]


_CHAT = "operation NOT IN ('embeddings', 'rerank')"  # those answer with numbers
_CALLS = """sum(answers) + sum(call_errors),
    greatest(0, toInt64(sum(answers)) - toInt64(sum(fallbacks)) - toInt64(sum(refusals))),
    sum(fallbacks), sum(refusals), sum(call_errors)"""


def _judged(scope: Scope) -> str:
    """Return the SQL of one row a trace that somebody liked, disliked or corrected."""
    return f"""SELECT trace_id, max(at) AS time, max(bad) AS wrong FROM (
            SELECT trace_id, max(feedback.time) AS at, countIf(correction != '') > 0
                OR (countIf({_LIKE}) > 0 AND argMaxIf(value, received, {_LIKE}) <= 0.5) AS bad
            FROM feedback WHERE project = {{project:String}} AND trace_id != ''
                AND (correction != '' OR ({_LIKE})) AND {GIVEN} {on_traces(scope)}
            GROUP BY trace_id, span_id, user_id
        ) GROUP BY trace_id"""


def _voted(scope: Scope, split: Split) -> str:
    """Return the SQL of the votes with the names that their traces have in a dimension."""
    names = f"""SELECT trace_id, {_VALUES[split]} AS names FROM traces AS t
        WHERE project = {{project:String}} AND {_HOURS} AND {among(_RATED)} GROUP BY trace_id"""
    return f"""SELECT vote.time AS time, liked, names FROM ({latest(scope)}) AS vote
        INNER JOIN ({names}) AS trace USING (trace_id)"""
