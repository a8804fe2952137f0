"""What the ledger asks: billed calls with what prices them, and money by model and day.

Figures are those of now: corrections count, in the rollups by difference and in `priced_calls` by join.
"""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

_WITHIN = "start >= {start:DateTime64(6, 'UTC')} AND start < {end:DateTime64(6, 'UTC')}"
_TEXTS = (
    "project", "trace_id", "span_id", "environment", "service", "release", "operation", "provider",
    "request_model", "response_model", "prompt_name", "prompt_version", "usage_source",
)  # fmt: skip
_NUMBERS = (
    "duration_ns", "times", "input_fresh", "cache_read", "cache_write_5m", "cache_write_1h",
    "output_visible", "reasoning", "audio_in", "audio_out", "image", "reported_usd",
    "cost_usd", "cost_input_usd", "cost_source", "price_id",
)  # fmt: skip
_CORRECTED = ("cost_usd", "cost_input_usd", "cost_source", "price_id", "batch")


class ModelDay(NamedTuple):
    """What one model of one provider cost on one day, UTC, and what of it is not known."""

    day: date
    provider: str
    model: str
    cost: Decimal
    calls: int
    unpriced: int
    unmetered: int
    estimated: int  # of the calls: counted because kept ones of sampled traces stand for them


class Priced(NamedTuple):
    """Calls of one model that have their cost from the same place."""

    provider: str
    model: str
    cost_source: str
    price_id: str
    calls: int
    cost: Decimal
    reported: Decimal  # by the sender, of the calls where it says so
    computed_beside: Decimal  # our own figure of those same calls
    corrected: int


def calls_by_hour(
    client: Client,
    project: str,
    since: datetime,
    until: datetime,
    attributes: tuple[str, ...],
    model: str = "",
) -> Iterator[list[dict[str, Any]]]:
    """Yield the billed calls of each hour in which there are any, with the wanted ones of their attributes.

    A span that was stored twice is one call.
    """
    answered = "if(response_model = '', request_model, response_model)"
    named = f" AND {answered} = {{model:String}}" if model else ""
    parameters: dict[str, Any] = {"project": project, "start": since, "end": until, "model": model}
    hours = client.query(
        f"""SELECT DISTINCT toUnixTimestamp(toStartOfHour(start)) AS hour FROM spans
        WHERE project = {{project:String}} AND billed = 1 AND {_WITHIN} ORDER BY hour""",
        parameters=parameters,
    ).result_rows
    columns = ", ".join((*_TEXTS, *_NUMBERS))
    for (hour,) in hours:
        first = datetime.fromtimestamp(hour, UTC)
        bound = parameters | {
            "attributes": list(attributes),
            "start": max(since, first),
            "end": min(until, first + timedelta(hours=1)),
        }
        found = client.query(
            f"""SELECT {columns}, toUnixTimestamp64Nano(start) AS start_ns, '' AS batch,
                mapFilter((k, v) -> k IN {{attributes:Array(String)}}, mapUpdate(terms, attributes))
                AS attributes
            FROM spans WHERE project = {{project:String}} AND billed = 1 AND {_WITHIN}{named}
            ORDER BY start, span_id LIMIT 1 BY trace_id, span_id""",
            parameters=bound,
        )
        now = _corrections(client, bound)
        yield [call | now.get((call["trace_id"], call["span_id"]), {}) for call in found.named_results()]


def _corrections(client: Client, bound: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return by call of a stretch what its figures are since they were corrected.

    By time, as corrections are sorted: the view would gather those of all days for every hour.
    """
    latest = ", ".join(f"argMax(c.{name}, corrected)" for name in _CORRECTED)
    rows = client.query(
        f"""SELECT trace_id, span_id, {latest} FROM corrections AS c
        WHERE project = {{project:String}} AND {_WITHIN} GROUP BY trace_id, span_id""",
        parameters=bound,
    ).result_rows
    return {(row[0], row[1]): dict(zip(_CORRECTED, row[2:], strict=True)) for row in rows}


def projects(client: Client) -> list[str]:
    """Return the projects that have figures, also those whose spans are older than their retention."""
    rows = client.query("SELECT DISTINCT project FROM rollup_hour ORDER BY 1").result_rows
    return [str(row[0]) for row in rows]


def by_model_and_day(client: Client, project: str, first: date, last: date) -> list[ModelDay]:
    """Return what each model cost on each day from `first` to `last`, from the rollups."""
    rows = client.query(
        """SELECT toDate(time, 'UTC') AS day, provider, model, sum(cost_usd), sum(calls), sum(unpriced_calls),
            sum(unmetered_calls), sum(unrecorded_calls)
        FROM rollup_hour
        WHERE project = {project:String} AND model != ''
            AND time >= toDateTime({first:Date}, 'UTC') AND time < toDateTime({last:Date} + 1, 'UTC')
        GROUP BY day, provider, model ORDER BY day, provider, model""",
        parameters={"project": project, "first": first, "last": last},
    ).result_rows
    return [ModelDay(*row) for row in rows]


def by_price(client: Client, project: str, since: datetime, until: datetime) -> list[Priced]:
    """Return where the cost of each model comes from, the dearest first."""
    rows = client.query(
        f"""SELECT provider, model, cost_source, price_id, sum(times), sum(cost_usd * times),
            sum(ifNull(reported_usd, toDecimal128(0, 12)) * times),
            sumIf(cost_usd * times, reported_usd IS NOT NULL), countIf(batch != '')
        FROM priced_calls WHERE project = {{project:String}} AND {_WITHIN} AND cost_source != ''
        GROUP BY provider, model, cost_source, price_id
        ORDER BY sum(cost_usd * times) DESC, provider, model, cost_source""",
        parameters={"project": project, "start": since, "end": until},
    ).result_rows
    return [Priced(*row) for row in rows]


def unknown_operations(client: Client, project: str, since: datetime, until: datetime) -> dict[str, int]:
    """Return the operations that nobody knows, of spans with tokens and a model: how many spans have each."""
    rows = client.query(
        f"""SELECT attributes['gen_ai.operation.name'] AS told, count()
        FROM spans WHERE project = {{project:String}} AND {_WITHIN} AND NOT billed AND operation = 'other'
            AND usage_source != 'none' AND (request_model != '' OR response_model != '') AND told != ''
        GROUP BY told ORDER BY count() DESC, told LIMIT 20""",
        parameters={"project": project, "start": since, "end": until},
    ).result_rows
    return {str(told): int(spans) for told, spans in rows}
