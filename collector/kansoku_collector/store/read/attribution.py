"""What attribution asks: the billed calls of a stretch, grouped by everything that may have moved them."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period, Scope

HASHES = 512  # n-grams of a text are hashed into so many
_WITHIN = "start >= {start:DateTime64(6, 'UTC')} AND start < {end:DateTime64(6, 'UTC')}"
_MODEL = "if(s.response_model = '', s.request_model, s.response_model)"
_TEXT = "substringUTF8(lowerUTF8(s.input_text), 1, 200)"
_HASHED = f"arrayMap(g -> cityHash64(g) % {HASHES} + 1, arrayDistinct(ngrams({_TEXT}, 3)))"
BUCKETS = (
    "input_fresh", "cache_read", "cache_write_5m", "cache_write_1h", "audio_in", "image",
    "output_visible", "reasoning", "audio_out",
)  # fmt: skip
# What is known of a call, in the order of `State`; a length is in half octaves.
_STATE = {
    "language": "toString(s.language)",
    "length": "toString(floor(2 * log2(1 + s.input_chars)))",
    "topic": "''",
    "request_model": "concat(s.provider, '/', if(s.request_model = '', s.response_model, s.request_model))",
    "prompt": "if(s.prompt_name = '', '', concat(s.prompt_name, '@', s.prompt_version))",
    "answered": f"concat({_MODEL}, if(s.system_fingerprint = '', '', ' '), s.system_fingerprint)",
    "release": "toString(s.release)",
}
_ANSWERS = "s.output_text != ''"
# What is summed, over which calls; nanoseconds and money stay whole numbers and decimals.
MEASURES = {
    "cost": ("now_cost", "now_source != 'unpriced'"),
    "latency": ("s.duration_ns", "s.status != 'error'"),
    "slow_calls": ("s.duration_ns > {slow:UInt64}", "s.status != 'error'"),
    "first_token": ("toUInt64(s.time_to_first_token * 1e9)", "s.time_to_first_token IS NOT NULL"),
    "output_tokens": ("s.output_tokens", _ANSWERS),
    "refusal_rate": ("s.refusal", _ANSWERS),
    "truncation_rate": ("has(s.finish_reasons, 'length')", _ANSWERS),
    "error_rate": ("s.status = 'error'", "1"),
}


class State(NamedTuple):
    """What may differ between two calls, as text; an empty string is unknown."""

    language: str
    length: str
    topic: str
    request_model: str
    prompt: str
    answered: str
    release: str


class Cell(NamedTuple):
    """Calls of one state: how many, the sum of what is measured, and their tokens by bucket."""

    state: State
    model: str  # provider and model whose price holds
    calls: int
    total: Decimal
    usage: tuple[int, ...]


class Priced(NamedTuple):
    """One priced call, to read a model's prices from."""

    model: str
    usage: tuple[int, ...]
    cost: Decimal
    price_id: str


class First(NamedTuple):
    """The first trace with a new state."""

    trace_id: str
    span_id: str
    time: datetime


def cells(
    client: Client,
    scope: Scope,
    period: Period,
    measure: str,
    topics: Sequence[Sequence[float]] = (),
    slow_ns: int = 0,
) -> list[Cell]:
    """Return the sums of a stretch by state; `topics` are the weights of each hash for each topic."""
    value, condition = MEASURES[measure]
    return _cells(
        client, _calls(scope, condition), f"sum(toDecimal128({value}, 12) * s.times)", "sum(s.times)",
        scope.params() | period.params() | {"slow": slow_ns}, topics,
    )  # fmt: skip


def scored_cells(
    client: Client, scope: Scope, period: Period, name: str, topics: Sequence[Sequence[float]] = ()
) -> list[Cell]:
    """Return the sums of a score by state of the answer's last call; the last vote of a person counts."""
    votes = f"""SELECT trace_id, argMax(value, time) AS vote FROM feedback
        WHERE project = {{project:String}} AND name = {{name:String}} AND value IS NOT NULL
            AND trace_id IN (SELECT trace_id FROM spans AS t WHERE {_where(scope)} AND {_WITHIN})
        GROUP BY trace_id, user_id"""
    return _cells(
        client,
        f"""FROM ({_now(scope, "billed = 1")} ORDER BY start DESC LIMIT 1 BY trace_id) AS s
            INNER JOIN ({votes}) AS v ON s.trace_id = v.trace_id""",
        "sum(toDecimal128(v.vote, 12))", "count()",
        scope.params() | period.params() | {"name": name}, topics,
    )  # fmt: skip


def slow_limit(client: Client, scope: Scope, period: Period) -> int:
    """Return the duration in nanoseconds that one call of twenty exceeded."""
    rows = client.query(
        f"""SELECT toUInt64(quantileExact(0.95)(duration_ns)) FROM spans AS s
        WHERE {_where(scope)} AND {_WITHIN} AND billed = 1 AND status != 'error'""",
        parameters=scope.params() | period.params(),
    ).result_rows
    return int(rows[0][0])


def priced_calls(client: Client, scope: Scope, period: Period, each: int = 60) -> list[Priced]:
    """Return up to `each` priced calls of every model, spread over the stretch by chance."""
    rows = client.query(
        f"""SELECT concat(provider, '/', {_MODEL}) AS model, {", ".join(BUCKETS)}, now_cost, now_price
        {_calls(scope, "now_source != 'unpriced' AND now_cost > 0")}
        ORDER BY cityHash64(s.span_id) LIMIT {int(each)} BY model""",
        parameters=scope.params() | period.params(),
    ).result_rows
    return [Priced(row[0], tuple(row[1:-2]), row[-2], row[-1]) for row in rows]


def sample_hashes(client: Client, scope: Scope, period: Period, count: int = 600) -> list[list[int]]:
    """Return the hashed n-grams of some inputs of a stretch."""
    rows = client.query(
        f"""SELECT {_HASHED} AS hashed FROM spans AS s
        WHERE {_where(scope)} AND {_WITHIN} AND billed = 1 AND input_text != ''
        ORDER BY cityHash64(s.span_id) LIMIT {int(count)}""",
        parameters=scope.params() | period.params(),
    ).result_rows
    return [list(row[0]) for row in rows]


def first_trace(
    client: Client,
    scope: Scope,
    period: Period,
    dimension: str,
    value: str,
    topics: Sequence[Sequence[float]] = (),
) -> First | None:
    """Return the first call of a stretch whose dimension has a value."""
    expression = _topic() if dimension == "topic" and topics else _STATE[dimension]
    needed = topics if dimension == "topic" else ()
    return _first(client, scope, period, f"{expression} = {{value:String}}", {"value": value}, needed)


def first_price(client: Client, scope: Scope, period: Period, model: str, price_id: str) -> First | None:
    """Return the first call of a model that was priced by an entry of the price list."""
    condition = f"concat(provider, '/', {_MODEL}) = {{model:String}} AND price_id = {{price:String}}"
    return _first(client, scope, period, condition, {"model": model, "price": price_id}, ())


def _first(
    client: Client,
    scope: Scope,
    period: Period,
    condition: str,
    values: dict[str, Any],
    topics: Sequence[Sequence[float]],
) -> First | None:
    rows = client.query(
        f"""SELECT trace_id, span_id, start FROM spans AS s
        WHERE {_where(scope)} AND {_WITHIN} AND billed = 1 AND {condition}
        ORDER BY start, span_id LIMIT 1""",
        parameters=scope.params() | period.params() | values | _weights(topics),
    ).result_rows
    return First(rows[0][0], rows[0][1], rows[0][2].replace(tzinfo=UTC)) if rows else None


def _cells(
    client: Client,
    source: str,
    total: str,
    count: str,
    parameters: dict[str, Any],
    topics: Sequence[Sequence[float]],
) -> list[Cell]:
    states = _STATE | ({"topic": _topic()} if topics else {})
    named = ", ".join(f"{expression} AS state_{name}" for name, expression in states.items())
    usage = ", ".join(f"sum(toUInt64(s.{bucket}) * s.times)" for bucket in BUCKETS)
    keys = ", ".join(f"state_{name}" for name in states)
    rows = client.query(
        f"""SELECT {named}, concat(s.provider, '/', {_MODEL}) AS priced, {count}, {total}, {usage}
        {source} GROUP BY {keys}, priced ORDER BY {keys}, priced SETTINGS max_block_size = 2048""",
        parameters=parameters | _weights(topics),
    ).result_rows
    width = len(State._fields)
    return [
        Cell(State(*row[:width]), row[width], int(row[width + 1]), row[width + 2], tuple(row[width + 3 :]))
        for row in rows
    ]


def _calls(scope: Scope, condition: str) -> str:
    return f"FROM ({_now(scope, 'billed = 1')}) AS s WHERE {condition}"


def _now(scope: Scope, condition: str) -> str:
    """Return the calls with the cost of now: corrections go before what was stored."""
    columns = ", ".join(f"t.{name} AS {name}" for name in _COLUMNS)
    return f"""SELECT {columns}, t.times AS times, t.output_tokens AS output_tokens,
        if(c.last.2 = '', t.cost_usd, c.last.1) AS now_cost,
        if(c.last.2 = '', toString(t.cost_source), c.last.2) AS now_source,
        if(c.last.2 = '', toString(t.price_id), c.last.3) AS now_price
    FROM (
        SELECT *, times, output_tokens FROM spans AS t
        WHERE {_where(scope)} AND {_WITHIN} AND {condition}
    ) AS t
    LEFT JOIN (
        SELECT trace_id, span_id,
            argMax((k.cost_usd, toString(k.cost_source), toString(k.price_id)), k.corrected) AS last
        FROM corrections AS k WHERE project = {{project:String}} AND {_WITHIN} GROUP BY trace_id, span_id
    ) AS c ON t.trace_id = c.trace_id AND t.span_id = c.span_id"""


_COLUMNS = (
    "trace_id", "span_id", "start", "duration_ns", "status", "language", "input_chars", "input_text",
    "output_text", "provider", "request_model", "response_model", "system_fingerprint", "prompt_name",
    "prompt_version", "release", "refusal", "finish_reasons", "time_to_first_token", *BUCKETS,
)  # fmt: skip


def _where(scope: Scope) -> str:
    return scope.where(model_column="if(response_model = '', request_model, response_model)")


def _topic() -> str:
    """Return the topic whose weights sum highest over the hashed n-grams of an input."""
    scores = f"""arrayMap(w -> arraySum(h -> w[h], {_HASHED}), {{topics:Array(Array(Float32))}})"""
    return f"if({_TEXT} = '', '', toString(indexOf(({scores}) AS scores, arrayMax(scores))))"


def _weights(topics: Sequence[Sequence[float]]) -> dict[str, Any]:
    # As one text: the client takes as long to write six thousand numbers as the query takes to run.
    return {"topics": json.dumps([list(weights) for weights in topics])} if topics else {}
