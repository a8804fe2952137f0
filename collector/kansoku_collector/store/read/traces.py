"""Lists of traces: a page of them, their totals, the neighbours of one, and which filter hides the rest."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.conditions import (
    HOURS,
    SLACK,
    VOTE_SLACK,
    VOTES,
    Filter,
    matching,
    matching_each,
)
from kansoku_collector.store.read.overview import known
from kansoku_collector.store.read.whole import SECONDS, TRACE
from kansoku_collector.store.scope import Period

Sort = Literal["time", "cost", "duration"]

PAGE_SIZE = 50
MAX_PAGE_SIZE = 500
MAX_EXPORT = 50_000
_LONG = timedelta(days=2)  # of a longer list, a page by time is sought in a part first
_WIDER = 8  # times as wide is each part as the one before

KEYS: dict[Sort, str] = {
    "time": "toFloat64(toUnixTimestamp64Micro(start))",
    "cost": "toFloat64(cost_usd)",
    "duration": SECONDS,
}
_SECONDS = """if(max(root_duration_ns) > 0, toInt64(max(root_duration_ns)),
    toUnixTimestamp64Nano(max(end)) - toUnixTimestamp64Nano(min(start))) / 1e9"""
_KEYS: dict[Sort, str] = {
    "time": "toFloat64(toUnixTimestamp64Micro(min(start)))",
    "cost": "toFloat64(sum(cost_usd))",
    "duration": _SECONDS,
}
_INPUT, _OUTPUT = 5, 6  # where the texts stand in a row
_ROOTS = "max(root_input), max(root_output)"
_ROOTS_OR_CALLS = """if(max(root_input) != '', max(root_input), max(call_input)),
    if(max(root_output) != '', max(root_output), max(call_output))"""
_NAMES = f"""trace_id, min(start) AS started, {_SECONDS} AS seconds, max(root_name), max(root_operation)"""
_FIGURES = """arraySort(groupUniqArrayArray(models)), arraySort(groupUniqArrayArray(tags)),
    sum(spans), sum(calls), sum(errors), sum(unpriced_calls), sum(input_tokens), sum(output_tokens),
    sum(cost_usd), max(service), max(environment), max(release), max(session_id), max(user_id),
    max(root_name) != '', groupUniqArray(hour)"""


Found = tuple[list[Any], list[datetime]]  # a row as it is read, and the hours in which it lies


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
    found: list[Found] = []
    sparse = False
    for part, slack in _parts(wanted, sort, after, before):
        if sparse and part.period != wanted.period:
            continue
        found = _page(client, part, sort, size, slack=slack, after=after, before=before)
        if len(found) >= size:
            break
        # Where a filter leaves so few, the next part would not fill the page either.
        sparse = len(found) * _WIDER < size and bool(wanted.active())
    _complete(client, wanted.scope.project, found)
    given = votes(client, wanted.scope.project, [row[0] for row, _ in found], wanted.period)
    return [_row([*row, *given.get(row[0], (0, 0))]) for row, _ in found]


def _parts(
    wanted: Filter, sort: Sort, after: Cursor | None, before: Cursor | None
) -> Iterator[tuple[Filter, timedelta]]:
    """Yield the parts of a long period next to where a page by time begins, each wider, then all of it.

    With each comes how far before it a trace may begin that has spans in it.
    """
    period = wanted.period
    if sort == "time" and period.length > _LONG:
        at = datetime.fromtimestamp(place.key / 1e6, UTC) if (place := before or after) else period.end
        for share in (8 * _WIDER, _WIDER):
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
) -> list[Found]:
    found, params = matching(wanted, slack)
    key, order, beyond = KEYS[sort], "ASC" if before else "DESC", ""
    if place := before or after:
        beyond = f"AND ({key}, trace_id) {'>' if before else '<'} ({{key:Float64}}, {{at:String}})"
        params |= {"key": place.key, "at": place.trace_id}
    chosen = f"{found} {beyond} ORDER BY {key} {order}, trace_id {order}"
    return _rows(client, chosen, params | {"size": size}, sort)


def _rows(
    client: Client, chosen: str, params: dict[str, Any], sort: Sort, texts: str = _ROOTS
) -> list[Found]:
    """Choose traces on few columns; read the wide ones for them only, by where they lie: with their hours."""
    key = _KEYS[sort]
    found = client.query(
        f"""SELECT {_NAMES}, {texts}, {_FIGURES}, {key} FROM traces
        PREWHERE project = {{project:String}} AND {HOURS} AND (hour, trace_id) IN (
            SELECT arrayJoin(hours), trace_id FROM (SELECT hours, trace_id {chosen} LIMIT {{size:UInt32}}))
        GROUP BY trace_id ORDER BY {key} DESC, trace_id DESC""",
        parameters=params,
    ).result_rows
    return [([*row[:-2], row[-1]], row[-2]) for row in found]


def _complete(client: Client, project: str, found: list[Found]) -> None:
    """Fill in the words of the first call where the root has none.

    They are not read with the rows: most roots have both texts, and of traces that lie far apart each one
    costs the texts of two thousand.
    """
    bare = {row[0]: (row, hours) for row, hours in found if not (row[_INPUT] and row[_OUTPUT])}
    if not bare:
        return
    hours = sorted({hour.replace(tzinfo=UTC) for _, mine in bare.values() for hour in mine})
    rows = client.query(
        """SELECT trace_id, max(call_input), max(call_output) FROM traces
        PREWHERE project = {project:String} AND hour IN {hours:Array(DateTime('UTC'))}
            AND trace_id IN {bare:Array(String)} GROUP BY trace_id""",
        parameters={"project": project, "hours": hours, "bare": list(bare)},
    ).result_rows
    for trace_id, asked, answered in rows:
        row = bare[trace_id][0]
        row[_INPUT], row[_OUTPUT] = row[_INPUT] or asked, row[_OUTPUT] or answered


def export(client: Client, wanted: Filter, *, sort: Sort = "time", most: int = MAX_EXPORT) -> list[TraceRow]:
    """Return all traces of `wanted` in their order, at most `most`."""
    found, params = matching(wanted)
    chosen = f"{found} ORDER BY {KEYS[sort]} DESC, trace_id DESC"
    rows = [row for row, _ in _rows(client, chosen, params | {"size": most}, sort, _ROOTS_OR_CALLS)]
    # No list of ids here: so many would not fit into a request.
    voted = client.query(
        f"""SELECT trace_id, countIf(vote >= 0.5), countIf(vote < 0.5)
        FROM ({VOTES} AND trace_id IN (SELECT trace_id {found}) GROUP BY trace_id, span_id, user_id)
        GROUP BY trace_id""",
        parameters=params,
    )
    given = {row[0]: (row[1], row[2]) for row in voted.result_rows}
    return [_row([*row, *given.get(row[0], (0, 0))]) for row in rows]


def totals(client: Client, wanted: Filter) -> Totals:
    """Return what the traces of `wanted` add up to."""
    found, params = matching(wanted)
    answer = client.query(
        f"""SELECT count(), countIf(errors > 0), sum(calls), sum(unpriced_calls),
            sum(input_tokens) + sum(output_tokens), sum(cost_usd), quantilesTDigest(0.5, 0.95)({SECONDS})
        {found}""",
        parameters=params,
    )
    *sums, middle = answer.result_rows[0]
    return Totals(*sums, *known(middle))


def neighbours(client: Client, wanted: Filter, trace_id: str, *, sort: Sort = "time") -> tuple[str, str]:
    """Return the ids of the traces listed before and after `trace_id`; empty at either end of the list."""
    found = client.query(
        f"SELECT {KEYS[sort]} FROM {TRACE}",
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
    active = wanted.active()
    if not active:
        return {}
    found, conditions, params = matching_each(list(active.values()))
    counted = ", ".join(f"countIf({condition})" for condition in conditions)
    row = client.query(f"SELECT {counted} {found}", parameters=params).result_rows[0]
    return {name: int(count) for name, count in zip(active, row, strict=True) if count}


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
