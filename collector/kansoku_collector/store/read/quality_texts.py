"""What people and evaluators said: comments and corrections to read, and scores by name and source."""
# ruff: noqa: S608 - only constants of these files are formatted into the SQL; every value is bound

from datetime import UTC, datetime
from typing import Literal, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.read.quality import GIVEN, POINTS
from kansoku_collector.store.read.votes import on_traces, params
from kansoku_collector.store.scope import Period, Scope

Kind = Literal["all", "comments", "corrections"]
LONGEST = 4000  # characters of a comment or correction that are read into a list

_KINDS: dict[Kind, str] = {
    "all": "(comment != '' OR correction != '')",
    "comments": "comment != ''",
    "corrections": "correction != ''",
}


class Remark(NamedTuple):
    """One comment or correction, with what was asked and answered (cut at 500 characters)."""

    time: datetime
    name: str
    source: str
    value: float | None
    label: str
    comment: str
    correction: str
    user_id: str
    trace_id: str
    span_id: str
    input: str
    output: str


class RemarkCounts(NamedTuple):
    """How many remarks there are; one may be a comment and a correction."""

    all: int
    comments: int
    corrections: int


class Score(NamedTuple):
    """All values of one score from one source; `spread` is their standard deviation, None for one value."""

    name: str
    source: str
    values: int
    mean: float
    spread: float | None
    lowest: float
    p10: float
    median: float
    highest: float
    last: datetime


class ScoreThen(NamedTuple):
    """One bucket of time of a score."""

    time: datetime
    values: int
    mean: float | None
    spread: float | None


def remarks(
    client: Client, scope: Scope, period: Period, *, kind: Kind = "all", first: int = 0, most: int = 10
) -> list[Remark]:
    """Return a page of comments and corrections of people, the latest first."""
    rows = client.query(
        f"""SELECT feedback.time AS time, toString(name), toString(source), value, toString(label),
            substringUTF8(comment, 1, {LONGEST}), substringUTF8(correction, 1, {LONGEST}), user_id, trace_id,
            span_id
        FROM feedback WHERE {_remark(scope, kind)}
        ORDER BY time DESC, feedback_id LIMIT {{most:UInt32}} OFFSET {{first:UInt32}}""",
        parameters=scope.params() | params(period) | {"first": first, "most": most},
    ).result_rows
    texts = _texts(client, scope.project, period, sorted({row[-2] for row in rows if row[-2]}))
    return [
        Remark._make((time.replace(tzinfo=UTC), *rest, *texts.get(rest[-2], ("", ""))))
        for time, *rest in rows
    ]


def _texts(client: Client, project: str, period: Period, trace_ids: list[str]) -> dict[str, tuple[str, str]]:
    """Return by trace what was asked and answered."""
    if not trace_ids:
        return {}
    rows = client.query(
        """SELECT trace_id, if(max(root_input) != '', max(root_input), max(call_input)),
            if(max(root_output) != '', max(root_output), max(call_output))
        FROM traces WHERE project = {project:String} AND hour >= {oldest:DateTime64(6, 'UTC')}
            AND hour < {end:DateTime64(6, 'UTC')} AND trace_id IN {traces:Array(String)}
        GROUP BY trace_id""",
        parameters={"project": project, "traces": trace_ids} | params(period),
    ).result_rows
    return {str(trace_id): (str(asked), str(answered)) for trace_id, asked, answered in rows}


def remarks_count(client: Client, scope: Scope, period: Period) -> RemarkCounts:
    """Return how many comments and corrections people gave."""
    rows = client.query(
        f"""SELECT count(), countIf(comment != ''), countIf(correction != '')
        FROM feedback WHERE {_remark(scope, "all")}""",
        parameters=scope.params() | params(period),
    ).result_rows
    return RemarkCounts(*rows[0])


def scores(client: Client, scope: Scope, period: Period) -> list[Score]:
    """Return every score with its values, those with the most first."""
    rows = client.query(
        f"""SELECT toString(name) AS score, toString(source) AS giver, count() AS given, avg(last),
            stddevSamp(last), min(last), quantiles(0.1, 0.5)(last), max(last), max(at)
        FROM ({_latest(scope)}) GROUP BY score, giver ORDER BY given DESC, score, giver LIMIT 100""",
        parameters=scope.params() | params(period),
    ).result_rows
    found = []
    for name, source, count, mean, spread, low, (p10, median), high, last in rows:
        known = _spread(count, spread)
        row = Score(name, source, count, mean, known, low, p10, median, high, last.replace(tzinfo=UTC))
        found.append(row)
    return found


def score_over_time(
    client: Client, scope: Scope, period: Period, *, name: str, source: str
) -> list[ScoreThen]:
    """Return every bucket of the stretch of one score, the empty ones included."""
    grid = Grid.of(period, POINTS)
    bucket = grid.bucket.replace("(time,", "(at,")
    rows = client.query(
        f"""SELECT {bucket}, count(), avg(last), stddevSamp(last) FROM ({_latest(scope)})
        WHERE name = {{score:String}} AND source = {{source:String}} GROUP BY bucket""",
        parameters=scope.params()
        | params(period)
        | {"width": int(grid.width.total_seconds()), "score": name, "source": source},
    ).result_rows
    found = {time: (count, mean, _spread(count, spread)) for time, count, mean, spread in grid.aware(rows)}
    return [ScoreThen(time, *found.get(time, (0, None, None))) for time in grid.times()]


def _latest(scope: Scope) -> str:
    """Return the SQL of one row a score: the latest of each giver on each trace or span."""
    return f"""SELECT name, source, argMax(value, received) AS last, max(feedback.time) AS at
        FROM feedback WHERE project = {{project:String}} AND name NOT IN ('like', 'comment')
            AND value IS NOT NULL AND {GIVEN} {on_traces(scope)}
        GROUP BY trace_id, span_id, session_id, name, source, user_id"""


def _remark(scope: Scope, kind: Kind) -> str:
    # A judge gives a reason with every score; those stand in the trace, here people are read.
    return f"""project = {{project:String}} AND {GIVEN} AND {_KINDS[kind]} AND source != 'evaluator'
        AND (name IN ('like', 'comment') OR source = 'reviewer' OR correction != '') {on_traces(scope)}"""


def _spread(count: int, spread: float) -> float | None:
    return spread if count > 1 else None
