"""What the traces of a filter have in common: the values of each property, and how many traces have each."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.conditions import MODEL, WITHIN, Filter, matching, spans_where

MOST = 8

# Of the whole trace, and of any one of its spans; the names are those of `Filter.active`.
_OF_TRACES = {
    "environment": "[environment]",
    "release": "[release]",
    "status": "[if(errors > 0, 'error', 'ok')]",
    "user": "[user_id]",
    "tag": "tags",
}
_OF_SPANS = {
    "model": f"if(billed = 1, {MODEL}, '')",
    "operation": "toString(operation)",
    "service": "toString(service)",
    "prompt": "if(prompt_version = '', '', concat(prompt_name, '@', prompt_version))",
}
NAMES = ("status", "operation", "model", "service", "prompt", "environment", "release", "user", "tag")


class Facet(NamedTuple):
    """A value of a property, and the number of traces that a filter by it would leave."""

    value: str
    traces: int


def facets(client: Client, wanted: Filter, *, most: int = MOST) -> dict[str, list[Facet]]:
    """Return by property its most frequent values; a property that is filtered by is counted without that."""
    active = wanted.active()
    found: dict[str, list[Facet]] = {name: [] for name in NAMES}
    for table, question in ((_OF_TRACES, _of_traces), (_OF_SPANS, _of_spans)):
        free = [name for name in table if name not in active]
        asked = [(wanted, free), *((active[name], [name]) for name in table if name in active)]
        for filtered, names in asked:
            for name, value, traces in question(client, filtered, names, most) if names else ():
                found[name].append(Facet(value, traces))
    return found


def _of_traces(client: Client, wanted: Filter, names: list[str], most: int) -> list[tuple[str, str, int]]:
    found, params = matching(wanted)
    held = ", ".join(f"arrayMap(v -> ('{name}', toString(v)), {_OF_TRACES[name]})" for name in names)
    rows = client.query(
        f"""SELECT held.1 AS name, held.2 AS value, count() AS traces
        FROM (SELECT trace_id, arrayConcat({held}) AS all_held {found})
        ARRAY JOIN all_held AS held WHERE value != ''
        GROUP BY name, value ORDER BY traces DESC, value LIMIT {{most:UInt32}} BY name""",
        parameters=params | {"most": most},
    ).result_rows
    return [(str(name), str(value), int(traces)) for name, value, traces in rows]


def _of_spans(client: Client, wanted: Filter, names: list[str], most: int) -> list[tuple[str, str, int]]:
    found, params = matching(wanted)
    held = ", ".join(f"('{name}', {_OF_SPANS[name]})" for name in names)
    rows = client.query(
        f"""SELECT held.1 AS name, held.2 AS value, uniqExact(trace_id) AS traces
        FROM spans ARRAY JOIN [{held}] AS held
        WHERE {spans_where(wanted)} AND {WITHIN} AND value != ''
            AND trace_id IN (SELECT trace_id {found})
        GROUP BY name, value ORDER BY traces DESC, value LIMIT {{most:UInt32}} BY name""",
        parameters=params | {"most": most},
    ).result_rows
    return [(str(name), str(value), int(traces)) for name, value, traces in rows]
