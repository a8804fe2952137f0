"""Lists of traces: a page of them, their totals, the neighbours of one, and which filter hides the rest."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.conditions import HOURS, SECONDS, SLACK, VOTE_SLACK, VOTES, Filter, where
from kansoku_collector.store.read.overview import known
from kansoku_collector.store.scope import Period

Sort = Literal["time", "cost", "duration"]

PAGE_SIZE = 50
MAX_PAGE_SIZE = 500
MAX_EXPORT = 50_000
_LONG = timedelta(days=2)  # of a longer list, a page by time is sought in a part first
_MANY = timedelta(days=8)  # of more than these, traces are not added up one by one
_STARTED = """project = {project:String} AND hour >= toStartOfHour({start:DateTime64(6, 'UTC')})
    AND hour < {end:DateTime64(6, 'UTC')} AND start >= {start:DateTime64(6, 'UTC')}
    AND start < {end:DateTime64(6, 'UTC')}"""

KEYS: dict[Sort, str] = {
    "time": "toFloat64(toUnixTimestamp64Micro(min(start)))",
    "cost": "toFloat64(sum(cost_usd))",
    "duration": SECONDS,
}
_ROW = f"""trace_id, min(start) AS started, {SECONDS} AS seconds, max(root_name), max(root_operation),
    if(max(root_input) != '', max(root_input), max(call_input)),
    if(max(root_output) != '', max(root_output), max(call_output)),
    arraySort(groupUniqArrayArray(models)), arraySort(groupUniqArrayArray(tags)),
    sum(spans), sum(calls), sum(errors), sum(unpriced_calls), sum(input_tokens), sum(output_tokens),
    sum(cost_usd), max(service), max(environment), max(release), max(session_id), max(user_id),
    max(root_name) != ''"""


class Cursor(NamedTuple):
    """A place in an ordered list of traces: the row's sort key and its id."""

    key: float
    trace_id: str


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One trace of a list; texts are cut at 500 characters, `rooted` is false until the root span arrives."""

    trace_id: str
    start: datetime
    seconds: float
    name: str
    operation: str
    input: str
    output: str
    models: list[str]
    tags: list[str]
    spans: int
    calls: int
    errors: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    service: str
    environment: str
    release: str
    session_id: str
    user_id: str
    rooted: bool
    key: float = 0.0  # by which the list is ordered
    likes: int = 0
    dislikes: int = 0

    @property
    def cursor(self) -> Cursor:
        """The row's place in the list."""
        return Cursor(self.key, self.trace_id)


@dataclass(frozen=True, slots=True)
class Totals:
    """What all traces of a filter add up to; `cost_usd` is a lower bound when `unpriced_calls` is not 0."""

    traces: int
    failed: int
    calls: int
    unpriced_calls: int
    tokens: int
    cost_usd: Decimal
    p50_seconds: float | None
    p95_seconds: float | None


def page(
    client: Client,
    wanted: Filter,
    *,
    sort: Sort = "time",
    size: int = PAGE_SIZE,
    after: Cursor | None = None,
    before: Cursor | None = None,
) -> list[TraceRow]:
    """Return a page of the traces of `wanted`, the latest, dearest or longest first.

    It begins below the row `after`, ends above the row `before`, or is the first one: a page far down costs
    what the first one costs, and new traces move no row to another page.
    """
    size = max(1, min(size, MAX_PAGE_SIZE))
    rows: list[TraceRow] = []
    for part, slack in _parts(wanted, sort, after, before):
        rows = _page(client, part, sort, size, slack=slack, after=after, before=before)
        if len(rows) >= size:
            break
    return rows


def _parts(
    wanted: Filter, sort: Sort, after: Cursor | None, before: Cursor | None
) -> Iterator[tuple[Filter, timedelta]]:
    """Yield the parts of a long period next to where a page by time begins, each wider, then all of it.

    With each comes how far before it a trace may begin that has spans in it.
    """
    period = wanted.period
    if sort == "time" and period.length > _LONG:
        at = datetime.fromtimestamp(place.key / 1e6, UTC) if (place := before or after) else period.end
        for share in (64, 8):
            width = period.length / share
            if before:
                part = Period(max(period.start, at), min(period.end, at + width))
            else:
                part = Period(max(period.start, at - width), min(period.end, at + timedelta(milliseconds=1)))
            yield replace(wanted, period=part), timedelta(days=1)
    yield wanted, SLACK


def _page(
    client: Client,
    wanted: Filter,
    sort: Sort,
    size: int,
    *,
    slack: timedelta,
    after: Cursor | None,
    before: Cursor | None,
) -> list[TraceRow]:
    matching, params = where(wanted, slack)
    key, order, beyond = KEYS[sort], "ASC" if before else "DESC", ""
    if place := before or after:
        beyond = f"AND ({key}, trace_id) {'>' if before else '<'} ({{key:Float64}}, {{at:String}})"
        params |= {"key": place.key, "at": place.trace_id}
    # The ids are chosen on few columns; the wide ones are read for this page only, by where they lie.
    chosen = f"""SELECT arrayJoin(hours), trace_id FROM (
            SELECT trace_id, groupUniqArray(hour) AS hours FROM traces {matching} {beyond}
            ORDER BY {key} {order}, trace_id {order} LIMIT {{size:UInt32}})"""
    answer = client.query(
        f"""SELECT {_ROW}, {key} FROM traces
        WHERE project = {{project:String}} AND {HOURS} AND (hour, trace_id) IN ({chosen})
        GROUP BY trace_id ORDER BY {key} DESC, trace_id DESC""",
        parameters=params | {"size": size},
    )
    given = votes(client, wanted.scope.project, [row[0] for row in answer.result_rows], wanted.period)
    return [_row([*row, *given.get(row[0], (0, 0))]) for row in answer.result_rows]


def export(client: Client, wanted: Filter, *, sort: Sort = "time", most: int = MAX_EXPORT) -> list[TraceRow]:
    """Return all traces of `wanted` in their order, at most `most`."""
    matching, params = where(wanted)
    key = KEYS[sort]
    answer = client.query(
        f"""SELECT {_ROW}, {key} FROM traces {matching}
        ORDER BY {key} DESC, trace_id DESC LIMIT {{most:UInt32}}""",
        parameters=params | {"most": most},
    )
    # No list of ids here: so many would not fit into a request.
    voted = client.query(
        f"""SELECT trace_id, countIf(vote >= 0.5), countIf(vote < 0.5)
        FROM ({VOTES} AND trace_id IN (SELECT trace_id FROM traces {matching})
            GROUP BY trace_id, span_id, user_id)
        GROUP BY trace_id""",
        parameters=params,
    )
    given = {row[0]: (row[1], row[2]) for row in voted.result_rows}
    return [_row([*row, *given.get(row[0], (0, 0))]) for row in answer.result_rows]


def totals(client: Client, wanted: Filter) -> Totals:
    """Return what the traces of `wanted` add up to."""
    if wanted.period.length > _MANY and not wanted.active():
        return _all(client, wanted)
    matching, params = where(wanted)
    answer = client.query(
        f"""SELECT count(), countIf(failed), sum(called), sum(unpriced), sum(tokens), sum(cost),
            quantilesTDigest(0.5, 0.95)(took)
        FROM (SELECT sum(errors) > 0 AS failed, sum(calls) AS called, sum(unpriced_calls) AS unpriced,
                sum(input_tokens) + sum(output_tokens) AS tokens, sum(cost_usd) AS cost, {SECONDS} AS took
            FROM traces {matching})""",
        parameters=params,
    )
    *sums, middle = answer.result_rows[0]
    return Totals(*sums, *(middle if sums[0] else (None, None)))


def _all(client: Client, wanted: Filter) -> Totals:
    """Add up a long period without conditions from the rows of its hours: a trace has one with its root.

    Only those that failed and those without a root are told apart by their ids, and the latter have no time.
    """
    answer = client.query(
        f"""SELECT countIf(root_name != ''), uniqExactIf(trace_id, errors > 0), sum(calls),
            sum(unpriced_calls), sum(input_tokens) + sum(output_tokens), sum(cost_usd),
            quantilesTDigestIf(0.5, 0.95)(root_duration_ns / 1e9, root_duration_ns > 0)
        FROM traces WHERE {_STARTED}""",
        parameters=wanted.scope.params() | wanted.period.params(),
    )
    rootless = client.query(
        f"""SELECT uniqExact(trace_id) FROM traces WHERE {_STARTED} AND root_name = '' AND trace_id NOT IN (
            SELECT trace_id FROM traces WHERE {_STARTED} AND root_name != '' AND trace_id IN (
                SELECT trace_id FROM traces WHERE {_STARTED} AND root_name = ''))""",
        parameters=wanted.scope.params() | wanted.period.params(),
    ).result_rows[0][0]
    found, *sums, middle = answer.result_rows[0]
    return Totals(found + rootless, *sums, *known(middle))


def neighbours(client: Client, wanted: Filter, trace_id: str, *, sort: Sort = "time") -> tuple[str, str]:
    """Return the ids of the traces listed before and after `trace_id`; empty at either end of the list."""
    found = client.query(
        f"""SELECT {KEYS[sort]} FROM traces
        WHERE project = {{project:String}} AND trace_id = {{trace:String}} GROUP BY trace_id""",
        parameters={"project": wanted.scope.project, "trace": trace_id},
    ).result_rows
    if not found:
        return "", ""
    here = Cursor(found[0][0], trace_id)
    above = page(client, wanted, sort=sort, size=1, before=here)
    below = page(client, wanted, sort=sort, size=1, after=here)
    return above[0].trace_id if above else "", below[0].trace_id if below else ""


def loosen(client: Client, wanted: Filter) -> dict[str, int]:
    """Return by name how many traces there would be without each condition; only those above 0."""
    counts = {name: totals(client, other).traces for name, other in wanted.active().items()}
    return {name: count for name, count in counts.items() if count}


def votes(client: Client, project: str, trace_ids: list[str], period: Period) -> dict[str, tuple[int, int]]:
    """Return (likes, dislikes) by trace; of each person's votes the latest counts."""
    if not trace_ids:
        return {}
    answer = client.query(
        f"""SELECT trace_id, countIf(vote >= 0.5), countIf(vote < 0.5)
        FROM ({VOTES} AND trace_id IN {{traces:Array(String)}} GROUP BY trace_id, span_id, user_id)
        GROUP BY trace_id""",
        parameters={"project": project, "since": period.params()["start"] - VOTE_SLACK, "traces": trace_ids},
    )
    return {row[0]: (row[1], row[2]) for row in answer.result_rows}


def _row(values: list[Any]) -> TraceRow:
    row = TraceRow(*values)
    return replace(row, start=row.start.replace(tzinfo=UTC), rooted=bool(row.rooted))
