"""Lists of traces: a page of them, their totals, the neighbours of one, and which filter hides the rest."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period, Scope

Sort = Literal["time", "cost", "duration"]

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
# A trace is listed where it starts, but its rows by hour go on: sums are complete for up to two hours.
SLACK = timedelta(hours=2)
# Votes come after the trace; only a wrong clock puts them before it.
VOTE_SLACK = timedelta(days=1)

SECONDS = (
    "if(max(root_duration_ns) > 0, toInt64(max(root_duration_ns)),"
    " toUnixTimestamp64Nano(max(end)) - toUnixTimestamp64Nano(min(start))) / 1e9"
)
KEYS: dict[Sort, str] = {
    "time": "toFloat64(toUnixTimestamp64Micro(min(start)))",
    "cost": "toFloat64(sum(cost_usd))",
    "duration": SECONDS,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which traces are meant: a period, a slice of traffic, and conditions that are off when empty."""

    period: Period
    scope: Scope = field(default_factory=Scope)
    session: str = ""
    user: str = ""
    tag: str = ""
    status: Literal["", "ok", "error"] = ""
    min_cost: float = 0.0  # USD
    min_seconds: float = 0.0
    feedback: Literal["", "liked", "disliked"] = ""
    unpriced: bool = False
    text: str = ""  # found inside inputs and outputs, whatever the width or case of its letters

    def active(self) -> dict[str, "Filter"]:
        """Return, by the name of each condition that is on, the same filter without it."""
        found: dict[str, Filter] = {}
        off: dict[str, Any] = {f.name: f.default for f in fields(Filter) if f.name not in ("period", "scope")}
        for name, value in off.items():
            if getattr(self, name):
                found[name] = replace(self, **{name: value})
        for name in ("environment", "service", "release", "provider", "model"):
            if getattr(self.scope, name):
                found[name] = replace(self, scope=replace(self.scope, **{name: ""}))
        if self.scope.prompt_name or self.scope.prompt_version:
            found["prompt"] = replace(self, scope=replace(self.scope, prompt_name="", prompt_version=""))
        return found


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
    session_id: str
    user_id: str
    rooted: bool
    likes: int = 0
    dislikes: int = 0


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
    client: Client, wanted: Filter, *, sort: Sort = "time", number: int = 1, size: int = PAGE_SIZE
) -> list[TraceRow]:
    """Return page `number` (from 1) of the traces of `wanted`, the latest, dearest or longest first."""
    where, params = _where(wanted)
    key = KEYS[sort]
    # The ids are chosen on few columns; the wide ones are read for the ids of this page only.
    chosen = f"""SELECT trace_id FROM traces {where}
        ORDER BY {key} DESC, trace_id DESC LIMIT {{size:UInt32}} OFFSET {{skip:UInt64}}"""
    size = max(1, min(size, MAX_PAGE_SIZE))
    answer = client.query(
        f"""SELECT trace_id, min(start) AS started, {SECONDS} AS seconds,
            max(root_name), max(root_operation),
            if(max(root_input) != '', max(root_input), max(call_input)),
            if(max(root_output) != '', max(root_output), max(call_output)),
            arraySort(groupUniqArrayArray(models)), arraySort(groupUniqArrayArray(tags)),
            sum(spans), sum(calls), sum(errors), sum(unpriced_calls), sum(input_tokens), sum(output_tokens),
            sum(cost_usd), max(service), max(environment), max(session_id), max(user_id), max(root_name) != ''
        FROM traces
        WHERE project = {{project:String}} AND {_HOURS} AND trace_id IN ({chosen})
        GROUP BY trace_id ORDER BY {key} DESC, trace_id DESC""",
        parameters=params | {"size": size, "skip": (max(1, number) - 1) * size},
    )
    given = votes(client, wanted.scope.project, [row[0] for row in answer.result_rows], wanted.period)
    return [_row([*row, *given.get(row[0], (0, 0))]) for row in answer.result_rows]


def totals(client: Client, wanted: Filter) -> Totals:
    """Return what the traces of `wanted` add up to."""
    where, params = _where(wanted)
    answer = client.query(
        f"""SELECT count(), countIf(failed), sum(called), sum(unpriced), sum(tokens), sum(cost),
            quantilesTDigest(0.5, 0.95)(took)
        FROM (SELECT sum(errors) > 0 AS failed, sum(calls) AS called, sum(unpriced_calls) AS unpriced,
                sum(input_tokens) + sum(output_tokens) AS tokens, sum(cost_usd) AS cost, {SECONDS} AS took
            FROM traces {where})""",
        parameters=params,
    )
    *sums, middle = answer.result_rows[0]
    return Totals(*sums, *(middle if sums[0] else (None, None)))


def neighbours(client: Client, wanted: Filter, trace_id: str, *, sort: Sort = "time") -> tuple[str, str]:
    """Return the ids of the traces listed before and after `trace_id`; empty at either end of the list."""
    key = KEYS[sort]
    found = client.query(
        f"""SELECT {key} FROM traces
        WHERE project = {{project:String}} AND trace_id = {{trace:String}} GROUP BY trace_id""",
        parameters={"project": wanted.scope.project, "trace": trace_id},
    ).result_rows
    if not found:
        return "", ""
    where, params = _where(wanted)
    params |= {"key": found[0][0], "trace": trace_id}
    ids = []
    for sign, order in ((">", "ASC"), ("<", "DESC")):
        rows = client.query(
            f"""SELECT trace_id FROM traces {where}
            AND ({key}, trace_id) {sign} ({{key:Float64}}, {{trace:String}})
            ORDER BY {key} {order}, trace_id {order} LIMIT 1""",
            parameters=params,
        ).result_rows
        ids.append(str(rows[0][0]) if rows else "")
    return ids[0], ids[1]


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
        FROM ({_VOTES} AND trace_id IN {{traces:Array(String)}} GROUP BY trace_id, span_id, user_id)
        GROUP BY trace_id""",
        parameters={"project": project, "since": period.params()["start"] - VOTE_SLACK, "traces": trace_ids},
    )
    return {row[0]: (row[1], row[2]) for row in answer.result_rows}


def _row(values: list[Any]) -> TraceRow:
    row = TraceRow(*values)
    return replace(row, start=row.start.replace(tzinfo=UTC), rooted=bool(row.rooted))


_HOURS = "hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {until:DateTime('UTC')}"
_VOTES = """SELECT trace_id, argMax(value, (time, received)) AS vote FROM feedback
    WHERE project = {project:String} AND name = 'like' AND trace_id != ''
        AND time >= {since:DateTime64(6, 'UTC')}"""
_MODEL = "if(response_model = '', toString(request_model), toString(response_model))"


def _where(wanted: Filter) -> tuple[str, dict[str, Any]]:
    """Return WHERE, GROUP BY and HAVING of a query over `traces`, and the parameters they bind."""
    bound = wanted.period.params()
    params: dict[str, Any] = wanted.scope.params() | bound
    params |= {
        "from": bound["start"] - SLACK,
        "until": bound["end"] + SLACK,
        "since": bound["start"] - VOTE_SLACK,
    }
    where = ["project = {project:String}", _HOURS, *_subqueries(wanted, params)]
    having = [
        "min(start) >= {start:DateTime64(6, 'UTC')}",
        "min(start) < {end:DateTime64(6, 'UTC')}",
        *_having(wanted, params),
    ]
    return f"WHERE {' AND '.join(where)} GROUP BY trace_id HAVING {' AND '.join(having)}", params


def _having(wanted: Filter, params: dict[str, Any]) -> Iterator[str]:
    for name, expression in (
        ("session", "max(session_id) = {session:String}"),
        ("user", "max(user_id) = {user:String}"),
        ("tag", "has(groupUniqArrayArray(tags), {tag:String})"),
        ("min_cost", "sum(cost_usd) >= {min_cost:Float64}"),
        ("min_seconds", f"{SECONDS} >= {{min_seconds:Float64}}"),
    ):
        if value := getattr(wanted, name):
            params[name] = value
            yield expression
    if wanted.status:
        yield "sum(errors) > 0" if wanted.status == "error" else "sum(errors) = 0"
    if wanted.unpriced:
        yield "sum(unpriced_calls) > 0"
    if wanted.scope.environment:
        yield "max(environment) = {environment:String}"
    if wanted.scope.release:
        yield "max(release) = {release:String}"
    if wanted.scope.model:
        yield "has(groupUniqArrayArray(models), {model:String})"


def _subqueries(wanted: Filter, params: dict[str, Any]) -> Iterator[str]:
    scope = wanted.scope
    # The span itself starts in the period or shortly after: a trace is as long as its spans.
    within = "start >= {start:DateTime64(6, 'UTC')} AND start < {until:DateTime('UTC')}"
    if scope.service or scope.provider or scope.prompt_name or scope.prompt_version:
        # A trace may cross services and prompts, so its row of maxima cannot answer; the spans can.
        same = scope.where(model_column=_MODEL)
        yield f"trace_id IN (SELECT trace_id FROM spans WHERE {same} AND {within})"
    if wanted.text:
        params["like"] = pattern(wanted.text)
        # One query a column: an n-gram index cannot skip anything for a condition that is joined by OR.
        each = " UNION ALL ".join(
            f"""SELECT trace_id FROM spans
            WHERE project = {{project:String}} AND {within} AND lowerUTF8({column}) LIKE {{like:String}}"""
            for column in ("input_text", "output_text")
        )
        yield f"trace_id IN ({each})"
    if wanted.feedback:
        sign = ">=" if wanted.feedback == "liked" else "<"
        latest = f"{_VOTES} GROUP BY trace_id, span_id, user_id"
        yield f"trace_id IN (SELECT trace_id FROM ({latest}) WHERE vote {sign} 0.5)"


def pattern(text: str) -> str:
    """Return the LIKE pattern for `text` anywhere: NFKC as stored, lower case, its wildcards as letters."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return "%" + plain.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
