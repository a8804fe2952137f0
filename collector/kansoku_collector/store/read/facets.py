"""What the traces of a filter have in common: the values of each property, and how many traces have each."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.conditions import (
    MODEL,
    WITHIN,
    Filter,
    matching,
    matching_each,
    spans_named,
    spans_where,
)

MOST = 8
_SHORT = timedelta(days=2)  # of a longer period, spans are not read to count what traces hold
_TIED = 8  # so many times the wanted ones are asked for, so that of equal counts the first by name are shown
_EXACT = 20_000  # different values of a property that are counted exactly

# Of the whole trace, and of any one of its spans; the names are those of `Filter.active`.
_OF_TRACES = {
    "environment": "environment",
    "release": "release",
    "status": "CAST(errors > 0 AS Enum8('ok' = 0, 'error' = 1))",  # a byte a trace is counted, no text
    "user": "user_id",
    "tag": "tags",
}
_ONE = ("environment", "release", "status", "user")  # a trace has one of each
_OF_SPANS = {
    "model": ("models", f"if(billed = 1, {MODEL}, '')"),
    "operation": ("operations", "toString(operation)"),
    "service": ("services", "toString(service)"),
    "prompt": ("prompts", "if(prompt_version = '', '', concat(prompt_name, '@', prompt_version))"),
}
NAMES = ("status", "operation", "model", "service", "prompt", "environment", "release", "user", "tag")


class Facet(NamedTuple):
    """A value of a property, and the number of traces that a filter by it would leave."""

    value: str
    traces: int


def facets(client: Client, wanted: Filter, *, most: int = MOST) -> dict[str, list[Facet]]:
    """Return by property its most frequent values; a property that is filtered by is counted without that.

    Beside a filter that names spans, another property of spans is counted where one span has both. Of more
    than two days it is counted where the trace has both, on any of its spans.
    """
    active = wanted.active()
    found: dict[str, list[Facet]] = {name: [] for name in NAMES}
    free = [name for name in NAMES if name not in active]
    without = [(wanted, free), *((active[name], [name]) for name in NAMES if name in active)]
    of_traces: list[tuple[Filter, list[str]]] = []
    for filtered, names in without:
        short = spans_named(filtered) and wanted.period.length <= _SHORT
        on_spans = [name for name in names if short and name in _OF_SPANS]
        of_traces.append((filtered, [name for name in names if name not in on_spans]))
        for name, value, traces in _of_spans(client, filtered, on_spans, most) if on_spans else ():
            found[name].append(Facet(value, traces))
    for name, value, traces in _of_traces(client, of_traces, most):
        found[name].append(Facet(value, traces))
    return found


def _of_traces(
    client: Client, without: list[tuple[Filter, list[str]]], most: int
) -> Iterator[tuple[str, str, int]]:
    """Count them all in one go: traces are read once, whichever filter is left out for which property."""
    without = [(filtered, names) for filtered, names in without if names]
    if not without:
        return
    found, conditions, params = matching_each([filtered for filtered, _ in without])
    asked = [
        (name, condition) for (_, names), condition in zip(without, conditions, strict=True) for name in names
    ]
    counted = ", ".join(_counted(name, condition, most) for name, condition in asked)
    row = client.query(f"SELECT {counted} {found}", parameters=params).result_rows[0]
    for (name, _), values in zip(asked, row, strict=True):
        pairs = sorted((-count, value) for value, count in map(_pair, values))
        yield from [(name, value, -traces) for traces, value in pairs if value][:most]


def _counted(name: str, condition: str, most: int) -> str:
    values, limits = _OF_TRACES.get(name) or _OF_SPANS[name][0], f"{_TIED * most}, {_EXACT}"
    function = "approx_top_count" + ("" if name in _ONE else "Array")
    if condition == "1":
        return f"{function}({limits})({values})"
    return f"{function}If({limits})({values}, {condition})"


def _pair(counted: Any) -> tuple[str, int]:
    """Return what ClickHouse gives as a named tuple, which is a dict over HTTP, as a value and its count."""
    value, count, *_ = counted.values() if isinstance(counted, dict) else counted
    return str(value), int(count)


def _of_spans(client: Client, wanted: Filter, names: list[str], most: int) -> list[tuple[str, str, int]]:
    found, params = matching(wanted)
    held = ", ".join(f"('{name}', {_OF_SPANS[name][1]})" for name in names)
    rows = client.query(
        f"""SELECT held.1 AS name, held.2 AS value, uniqExact(trace_id) AS traces
        FROM spans ARRAY JOIN [{held}] AS held
        WHERE {spans_where(wanted)} AND {WITHIN} AND value != ''
            AND trace_id IN (SELECT trace_id {found})
        GROUP BY name, value ORDER BY traces DESC, value LIMIT {{most:UInt32}} BY name""",
        parameters=params | {"most": most},
    ).result_rows
    return [(str(name), str(value), int(traces)) for name, value, traces in rows]
