"""One signal of drift from near: its histogram before and since, who moved it, and texts of both times."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.conditions import MODEL
from kansoku_collector.store.read.grid import HOUR
from kansoku_collector.store.scope import VALUES, Dimension, Period, Scope

Histogram = Mapping[Any, int]

BAD, GOOD = "bad", "good"
LONGEST = 600  # characters of a text that are read
EXAMPLES = 4
EACH_LANGUAGE = 2
MOST_VALUES = 200
MINUTES = timedelta(hours=6)  # a shorter stretch is counted by the minute

# Signal -> SQL of its histogram in the rollups: a map, or (bad, all) of a share.
_MAPS = {
    "output_length": "sumMap(output_length)",
    "input_length": "sumMap(input_length)",
    "retrieval_score": "sumMap(top_scores)",
    "language_mix": "sumMap(languages)",
    "repetition": "sumMap(repetitions)",
}
_REFUSED = ("sum(refusals) + sum(fallbacks)", "sum(answers)")
_INVALID = ("sum(json_invalid)", "sum(json_answers)")
_FAILED = ("sum(root_errors)", "sum(roots)")
_FAILED_CALLS = ("sum(call_errors)", "sum(calls)")

# Signal -> (SQL of the bin that a span is in, which spans have one).
_OF_SPAN = {
    "output_length": (
        "toUInt8(least(63, floor(2 * log2(1 + output_tokens))))",
        "billed = 1 AND output_text != ''",
    ),
    "input_length": (
        "toUInt8(least(63, floor(2 * log2(1 + input_tokens))))",
        "billed = 1 AND usage_source != 'none'",
    ),
    "retrieval_score": (
        "toUInt8(least(40, greatest(0, floor(20 * ifNull(top_score, 0)))))",
        "top_score IS NOT NULL",
    ),
    "language_mix": ("toString(language)", "billed = 1 AND language != ''"),
    "refusals": (f"if(refusal = 1 OR fallback = 1, '{BAD}', '{GOOD}')", "billed = 1 AND output_text != ''"),
    "invalid_json": (f"if(json_valid = 0, '{BAD}', '{GOOD}')", "billed = 1 AND json_valid IS NOT NULL"),
    "repetition": ("toUInt8(round(12 * ifNull(repetition, 0)))", "billed = 1 AND repetition IS NOT NULL"),
    "error_rate": (f"if(status = 'error', '{BAD}', '{GOOD}')", "(billed = 1 OR parent_span_id = '')"),
}


class Both(NamedTuple):
    """The histogram of a signal before and since."""

    before: Histogram
    now: Histogram


class Example(NamedTuple):
    """One span, with what was asked and answered (cut)."""

    time: datetime
    trace_id: str
    span_id: str
    model: str
    prompt: str
    language: str
    tokens: int
    input: str
    output: str
    error: str


def histograms(client: Client, scope: Scope, signal: str, before: Period, now: Period) -> Both:
    """Return the histograms of two stretches of time that do not overlap."""
    found = _grouped(client, scope, signal, before, now, "''")
    return found.get("", Both({}, {}))


def histograms_by(
    client: Client, scope: Scope, signal: str, before: Period, now: Period, dimension: Dimension
) -> dict[str, Both]:
    """Return the histograms of two stretches for each value of a dimension, the empty value left out."""
    found = _grouped(client, scope, signal, before, now, VALUES[dimension])
    return {name: both for name, both in found.items() if name}


def examples(
    client: Client, scope: Scope, signal: str, period: Period, bins: Sequence[Any], most: int = EXAMPLES
) -> list[Example]:
    """Return spans of a stretch whose value lies in `bins`, the latest first, at most two of a language."""
    if not bins:
        return []
    value, has_one = _OF_SPAN[signal]
    kind = "String" if isinstance(bins[0], str) else "UInt8"
    rows = client.query(
        f"""SELECT start, trace_id, span_id, {MODEL}, {VALUES["prompt"]}, toString(language),
            if({{signal:String}} = 'input_length', input_tokens, output_tokens),
            substringUTF8(if(input_text = '', retrieval_query, input_text), 1, {LONGEST}) AS asked,
            substringUTF8(output_text, 1, {LONGEST}) AS answered, substringUTF8(error_message, 1, {LONGEST})
        FROM spans
        WHERE {scope.where(model_column=MODEL)} AND {has_one} AND {value} IN {{bins:Array({kind})}}
            AND start >= {{start:DateTime64(6, 'UTC')}} AND start < {{end:DateTime64(6, 'UTC')}}
        ORDER BY start DESC LIMIT {EACH_LANGUAGE} BY language LIMIT {{most:UInt32}}""",
        parameters=scope.params() | period.params() | {"signal": signal, "bins": list(bins), "most": most},
    ).result_rows
    return [Example(start.replace(tzinfo=UTC), *rest) for start, *rest in rows]


def _grouped(
    client: Client, scope: Scope, signal: str, before: Period, now: Period, group: str
) -> dict[str, Both]:
    table = "rollup_minute" if min(before.length, now.length) <= MINUTES else "rollup_hour"
    unit = timedelta(minutes=1) if table == "rollup_minute" else HOUR
    since = "time >= {now_start:DateTime64(6, 'UTC')} AND time < {now_end:DateTime64(6, 'UTC')}"
    until = "time >= {start:DateTime64(6, 'UTC')} AND time < {end:DateTime64(6, 'UTC')}"
    rows = client.query(
        f"""SELECT {group} AS value, {since} AS after, {_histogram(scope, signal)}
        FROM {table} WHERE {scope.where()} AND (({since}) OR ({until}))
        GROUP BY value, after ORDER BY value LIMIT {2 * MOST_VALUES}""",
        parameters=scope.params()
        | Period(_floor(before.start, unit), before.end).params()
        | {"now_start": _floor(now.start, unit).astimezone(UTC), "now_end": now.end.astimezone(UTC)},
    ).result_rows
    found: dict[str, list[Histogram]] = {}
    for value, after, *parts in rows:
        found.setdefault(str(value), [{}, {}])[int(after)] = _counted(parts)
    return {value: Both(*both) for value, both in found.items()}


def _histogram(scope: Scope, signal: str) -> str:
    if signal in _MAPS:
        return _MAPS[signal]
    if signal == "refusals":
        return ", ".join(_REFUSED)
    if signal == "invalid_json":
        return ", ".join(_INVALID)
    return ", ".join(_FAILED_CALLS if scope.model or scope.provider else _FAILED)


def _counted(parts: Sequence[Any]) -> Histogram:
    if len(parts) == 1:
        return {bin_: int(count) for bin_, count in parts[0].items() if count}
    # An answer may be a refusal and a fallback at once; it counts once.
    bad, total = min(int(parts[0]), int(parts[1])), int(parts[1])
    return {BAD: bad, GOOD: total - bad} if total else {}


def _floor(moment: datetime, unit: timedelta) -> datetime:
    seconds = int(unit.total_seconds())
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)
