"""A session as a conversation: where it lies, how its context grew, and what people said about it."""
# ruff: noqa: S608 - only constants of these files are formatted into the SQL; every value is bound

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.conditions import VOTE_SLACK, VOTES
from kansoku_collector.store.read.votes import among
from kansoku_collector.store.scope import Period, Scope

Owner = Literal["session_id", "user_id"]

_HOURS = """project = {project:String} AND hour >= toStartOfHour({start:DateTime64(6, 'UTC')})
    AND hour < {end:DateTime64(6, 'UTC')}"""
_DAY = timedelta(days=1)


class Session(NamedTuple):
    """A whole session; `cost` is a lower bound when `unpriced` is not 0."""

    session_id: str
    user_id: str
    start: datetime
    end: datetime
    turns: int
    failed: int
    calls: int
    unpriced: int
    tokens: int
    cost: Decimal
    services: tuple[str, ...]
    environments: tuple[str, ...]

    @property
    def period(self) -> Period:
        """The stretch of time in which its traces start."""
        return Period(self.start, self.end + timedelta(seconds=1))


class Context(NamedTuple):
    """The longest call of a turn: its input tokens, and how many of them came from a cache."""

    tokens: int
    cached: int


class Opinion(NamedTuple):
    """What people said about the answers of one session or user; of each person's votes the latest counts."""

    likes: int
    dislikes: int


def session(client: Client, project: str, session_id: str) -> Session | None:
    """Return a session by its id, None where there is no such one."""
    rows = client.query(
        """SELECT session_id, max(user_id), min(start), max(end), sum(requests), sum(failed), sum(calls),
            sum(unpriced_calls), sum(input_tokens) + sum(output_tokens), sum(cost_usd),
            arraySort(groupUniqArrayIf(service, service != '')),
            arraySort(groupUniqArrayIf(environment, environment != ''))
        FROM rollup_session WHERE project = {project:String} AND session_id = {session:String}
            AND session_id != '' GROUP BY session_id""",
        parameters={"project": project, "session": session_id},
    ).result_rows
    if not rows:
        return None
    name, user, start, end, *figures, services, environments = rows[0]
    aware = (moment.replace(tzinfo=UTC) for moment in (start, end))
    return Session._make((name, user, *aware, *figures, tuple(services), tuple(environments)))


def contexts(client: Client, project: str, period: Period, trace_ids: list[str]) -> dict[str, Context]:
    """Return by trace the longest input that one of its calls was sent."""
    rows = client.query(
        """SELECT trace_id, max(input_tokens), argMax(cache_read, input_tokens) FROM spans
        WHERE project = {project:String} AND start >= {start:DateTime64(6, 'UTC')}
            AND start < {end:DateTime64(6, 'UTC')} AND trace_id IN {traces:Array(String)}
            AND billed = 1 AND operation != 'embeddings' GROUP BY trace_id""",
        parameters={"project": project, "traces": trace_ids} | _until_next_day(period),
    ).result_rows
    return {trace: Context(int(tokens), int(cached)) for trace, tokens, cached in rows}


def openings(client: Client, project: str, period: Period, session_ids: list[str]) -> dict[str, str]:
    """Return by session how its first trace of the period begins."""
    rows = client.query(
        f"""SELECT owner, argMin(text, began) FROM (
            SELECT trace_id, max(session_id) AS owner, min(start) AS began,
                if(max(root_input) != '', max(root_input), max(call_input)) AS text
            FROM traces WHERE {_HOURS} AND trace_id IN (
                SELECT trace_id FROM traces WHERE {_HOURS} AND session_id IN {{names:Array(String)}})
            GROUP BY trace_id
        ) WHERE text != '' GROUP BY owner""",
        parameters={"project": project, "names": session_ids} | period.params(),
    ).result_rows
    return {str(owner): str(text) for owner, text in rows}


def opinions(
    client: Client, project: str, period: Period, owner: Owner, names: list[str]
) -> dict[str, Opinion]:
    """Return by session or user what was said about their traces of a period."""
    rows = client.query(
        f"{_voted(owner, Scope(project))} AND owner IN {{names:Array(String)}} GROUP BY owner",
        parameters={"project": project, "names": names} | _since(period),
    ).result_rows
    return {str(name): Opinion(likes, dislikes) for name, likes, dislikes in rows}


def disliked_users(client: Client, scope: Scope, period: Period, most: int = 10) -> list[tuple[str, Opinion]]:
    """Return the users whose answers were disliked most often."""
    rows = client.query(
        f"""{_voted("user_id", scope)} AND owner != '' GROUP BY owner
        HAVING dislikes > 0 ORDER BY dislikes DESC, likes, owner LIMIT {{most:UInt32}}""",
        parameters=scope.params() | _since(period) | {"most": most},
    ).result_rows
    return [(str(name), Opinion(likes, dislikes)) for name, likes, dislikes in rows]


_LIKED = """SELECT trace_id FROM feedback WHERE project = {project:String} AND name = 'like'
    AND time >= {since:DateTime64(6, 'UTC')}"""


def _voted(owner: Owner, scope: Scope) -> str:
    """Return a query of the votes on traces of the hours of a period, up to its condition."""
    return f"""SELECT owner, countIf(vote >= 0.5) AS likes, countIf(vote < 0.5) AS dislikes
        FROM ({VOTES} GROUP BY trace_id, span_id, user_id) AS voted
        INNER JOIN (
            SELECT trace_id, max({owner}) AS owner FROM traces
            WHERE {_HOURS} AND {scope.where()} AND {among(_LIKED)} GROUP BY trace_id
        ) AS trace USING (trace_id) WHERE true"""


def _since(period: Period) -> dict[str, Any]:
    bound = period.params()
    return bound | {"since": bound["start"] - VOTE_SLACK}


def _until_next_day(period: Period) -> dict[str, Any]:
    bound = period.params()
    return bound | {"end": bound["end"] + _DAY}
