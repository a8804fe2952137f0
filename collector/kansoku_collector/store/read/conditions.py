"""Which traces are meant: a filter, and the SQL that finds them in `traces`."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, Literal

from kansoku_collector.store.read.whole import SECONDS, TRACES
from kansoku_collector.store.scope import Period, Scope

# A trace is listed where it starts, but its rows by hour go on: sums are complete for up to two hours.
SLACK = timedelta(hours=2)
# Votes come after the trace; only a wrong clock puts them before it.
VOTE_SLACK = timedelta(days=1)

HOURS = "hour >= toStartOfHour({from:DateTime('UTC')}) AND hour < {until:DateTime('UTC')}"
# A span starts in the period or shortly after: a trace is as long as its spans.
WITHIN = "start >= {start:DateTime64(6, 'UTC')} AND start < {until:DateTime('UTC')}"
MODEL = "if(response_model = '', toString(request_model), toString(response_model))"
_GIVEN = """SELECT trace_id, argMax(value, (time, received)) AS vote FROM feedback
    WHERE project = {project:String} AND trace_id != '' AND time >= {since:DateTime64(6, 'UTC')}"""
VOTES = f"{_GIVEN} AND name = 'like'"
_SIGMA = re.compile("[Σσς]")
_SLICE = ("environment", "service", "release", "provider", "model")  # and the prompt
_SUMS = {
    "cost": "toFloat64(cost_usd)",
    "seconds": SECONDS,
    "tokens": "input_tokens + output_tokens",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which traces are meant: a period, a slice of traffic, and conditions that are off when empty."""

    period: Period
    scope: Scope = field(default_factory=Scope)
    operation: str = ""  # of any span
    session: str = ""
    user: str = ""
    tag: str = ""
    status: Literal["", "ok", "error"] = ""
    min_cost: float = 0.0  # USD
    max_cost: float = 0.0
    min_seconds: float = 0.0
    max_seconds: float = 0.0
    min_tokens: int = 0
    max_tokens: int = 0
    feedback: Literal["", "liked", "disliked", "commented", "corrected", "unrated"] = ""
    score: str = ""  # its name; with neither bound, any value of it
    min_score: float | None = None
    max_score: float | None = None
    unpriced: bool = False
    text: str = ""  # found inside inputs and outputs, whatever the width or case of its letters

    def active(self) -> dict[str, "Filter"]:
        """Return, by the name of each condition that is on, the same filter without it."""
        found: dict[str, Filter] = {}
        off: dict[str, Any] = {f.name: f.default for f in fields(Filter) if f.name not in ("period", "scope")}
        for name, value in off.items():
            if getattr(self, name) != value:
                found[name] = replace(self, **{name: value})
        for name in _SLICE:
            if getattr(self.scope, name):
                found[name] = replace(self, scope=replace(self.scope, **{name: ""}))
        if self.scope.prompt_name or self.scope.prompt_version:
            found["prompt"] = replace(self, scope=replace(self.scope, prompt_name="", prompt_version=""))
        return found


def matching(wanted: Filter, slack: timedelta = SLACK) -> tuple[str, dict[str, Any]]:
    """Return FROM and WHERE of a query over one row a trace, and the parameters they bind."""
    params = _bound(wanted, slack)
    return f"FROM {TRACES} WHERE {' AND '.join(_chosen(wanted, params))}", params


def matching_each(filters: Sequence[Filter]) -> tuple[str, list[str], dict[str, Any]]:
    """Return FROM and WHERE of the traces of any of the filters, the condition of each, and what they bind.

    They are one filter without one condition or another, of one period: what they share is asked once. Where
    one of them is a slice of traffic alone, many traces pass: to leave out the others copies all that stay,
    which costs more than to count under conditions.
    """
    params = _bound(filters[0], SLACK)
    chosen = [_chosen(wanted, params) for wanted in filters]
    shared = [part for part in chosen[0] if all(part in other for other in chosen)]
    own = [" AND ".join(part for part in parts if part not in shared) or "1" for parts in chosen]
    wide = any({*_SLICE, "prompt"}.issuperset(wanted.active()) for wanted in filters)
    anyone = [] if wide else [f"({' OR '.join(f'({condition})' for condition in own)})"]
    return f"FROM {TRACES} WHERE {' AND '.join(shared + anyone)}", own, params


def _bound(wanted: Filter, slack: timedelta) -> dict[str, Any]:
    bound = wanted.period.params()
    return bound | {
        "from": bound["start"] - slack,
        "until": bound["end"] + SLACK,
        "since": bound["start"] - VOTE_SLACK,
    }


def _chosen(wanted: Filter, params: dict[str, Any]) -> list[str]:
    params |= wanted.scope.params()
    return [
        "start >= {start:DateTime64(6, 'UTC')}",
        "start < {end:DateTime64(6, 'UTC')}",
        *_own(wanted, params),
        *_subqueries(wanted, params),
    ]


def spans_named(wanted: Filter) -> list[str]:
    """Return by what the filter names spans: each may hold for another span of a trace than the others."""
    scope = wanted.scope
    prompt = scope.prompt_name or scope.prompt_version
    named = {
        "service": scope.service,
        "provider": scope.provider,
        "model": scope.model,
        "prompt": prompt,
        "operation": wanted.operation,
    }
    return [name for name, value in named.items() if value]


def spans_where(wanted: Filter) -> str:
    """Return the condition that the filter puts on a single span: a trace may cross services and prompts."""
    same = wanted.scope.where(model_column=MODEL)
    return f"{same} AND operation = {{operation:String}}" if wanted.operation else same


def holds(column: str, text: str) -> str:
    """Return the condition that a column of texts holds `text`, bound as `{like:String}`, in either case.

    ILIKE compares every text letter by letter, at the speed of memory; the comparison of lower cases beside
    it is asked of the index alone, which leaves out what cannot hold the term. A sigma is any letter: for
    that the lower cases themselves are compared.
    """
    lower = f"lowerUTF8({column}) LIKE lowerUTF8({{like:String}})"
    plain = unicodedata.normalize("NFKC", text)
    return lower if _SIGMA.search(plain) else f"{column} ILIKE {{like:String}} AND indexHint({lower})"


def pattern(text: str) -> str:
    """Return the LIKE pattern for `text` anywhere: NFKC as stored, its wildcards as letters.

    The engine makes it lower case, as it does the texts, so that both follow one table of letters. Only of a
    sigma the lower case depends on what comes after it, which a part of a word does not show: any letter.
    """
    plain = unicodedata.normalize("NFKC", text)
    for letter in ("\\", "%", "_"):
        plain = plain.replace(letter, f"\\{letter}")
    return f"%{_SIGMA.sub('_', plain)}%"


def _own(wanted: Filter, params: dict[str, Any]) -> Iterator[str]:
    """Yield the conditions that a trace's own row answers."""
    for name, expression in (
        ("session", "session_id = {session:String}"),
        ("user", "user_id = {user:String}"),
        ("tag", "has(tags, {tag:String})"),
    ):
        if value := getattr(wanted, name):
            params[name] = value
            yield expression
    for quantity, total in _SUMS.items():
        for bound, sign in (("min", ">="), ("max", "<=")):
            name = f"{bound}_{quantity}"
            if limit := getattr(wanted, name):
                params[name] = float(limit)
                yield f"{total} {sign} {{{name}:Float64}}"
    if wanted.status:
        yield "errors > 0" if wanted.status == "error" else "errors = 0"
    if wanted.unpriced:
        yield "unpriced_calls > 0"
    if wanted.scope.environment:
        yield "environment = {environment:String}"
    if wanted.scope.release:
        yield "release = {release:String}"
    if wanted.scope.model:
        yield "has(models, {model:String})"
    if wanted.scope.service:  # a row from before there were lists names one
        yield "(has(services, {service:String}) OR service = {service:String})"
    if wanted.operation:
        params["operation"] = wanted.operation
        yield "has(operations, {operation:String})"
    yield from _prompt(wanted.scope)


def _prompt(scope: Scope) -> Iterator[str]:
    if scope.prompt_name and scope.prompt_version:
        yield "has(prompts, concat({prompt_name:String}, '@', {prompt_version:String}))"
    elif scope.prompt_name:
        yield "arrayExists(p -> startsWith(p, concat({prompt_name:String}, '@')), prompts)"
    elif scope.prompt_version:
        yield "arrayExists(p -> endsWith(p, concat('@', {prompt_version:String})), prompts)"


def _subqueries(wanted: Filter, params: dict[str, Any]) -> Iterator[str]:
    if len(spans_named(wanted)) > 1 or wanted.scope.provider:
        # The row of a trace does not tell whether one and the same span has all of it, nor any provider.
        yield f"trace_id IN (SELECT trace_id FROM spans WHERE {spans_where(wanted)} AND {WITHIN})"
    if wanted.text:
        params["like"] = pattern(wanted.text)
        # One query a column: an n-gram index cannot skip anything for a condition that is joined by OR.
        each = " UNION ALL ".join(
            f"""SELECT trace_id FROM spans
            WHERE project = {{project:String}} AND {WITHIN} AND {holds(column, wanted.text)}"""
            for column in ("input_text", "output_text")
        )
        yield f"trace_id IN ({each})"
    if wanted.feedback:
        yield _feedback(wanted.feedback)
    if wanted.score or wanted.min_score is not None or wanted.max_score is not None:
        yield _score(wanted, params)


def _feedback(kind: str) -> str:
    if kind in ("commented", "corrected"):
        column = "comment" if kind == "commented" else "correction"
        return f"trace_id IN (SELECT trace_id FROM ({_GIVEN} AND {column} != '' GROUP BY trace_id))"
    latest = f"SELECT trace_id FROM ({VOTES} GROUP BY trace_id, span_id, user_id)"
    if kind == "unrated":
        return f"trace_id NOT IN ({latest})"
    return f"trace_id IN ({latest} WHERE vote {'>=' if kind == 'liked' else '<'} 0.5)"


def _score(wanted: Filter, params: dict[str, Any]) -> str:
    named = "name = {score:String}" if wanted.score else "name NOT IN ('like', 'comment')"
    params |= {"score": wanted.score} if wanted.score else {}
    limits = []
    for name, sign in (("min_score", ">="), ("max_score", "<=")):
        if (limit := getattr(wanted, name)) is not None:
            params[name] = float(limit)
            limits.append(f"vote {sign} {{{name}:Float64}}")
    latest = f"{_GIVEN} AND {named} GROUP BY trace_id, span_id, user_id, name"
    return f"trace_id IN (SELECT trace_id FROM ({latest}) WHERE {' AND '.join(limits) or '1'})"
