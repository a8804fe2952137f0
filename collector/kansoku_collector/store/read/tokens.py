"""Where the tokens and the money go: each bucket of usage by a dimension, from the rollups."""

from decimal import Decimal
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.overview import edges, exact
from kansoku_collector.store.scope import VALUES, Dimension, Period, Scope

BUCKETS = (
    "input_fresh", "cache_read", "cache_write_5m", "cache_write_1h", "audio_in", "image",
    "output_visible", "reasoning", "audio_out",
)  # fmt: skip
_SUMS = ", ".join(f"sum({bucket})" for bucket in BUCKETS)


class Usage(NamedTuple):
    """Tokens by disjoint bucket and what they cost, of the input and in all; unpriced calls are left out."""

    input_fresh: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    audio_in: int
    image: int
    output_visible: int
    reasoning: int
    audio_out: int
    cost_input: Decimal
    cost: Decimal
    calls: int
    unpriced: int
    unmetered: int


def usage_by(
    client: Client, scope: Scope, period: Period, dimension: Dimension, *, most: int = 200
) -> list[tuple[str, Usage]]:
    """Return the usage of each value of a dimension that has calls, the dearest first."""
    rows = client.query(
        f"""SELECT {VALUES[dimension]} AS name, {_SUMS}, sum(cost_input_usd), sum(cost_usd) AS cost,
            sum(calls) AS called, sum(unpriced_calls), sum(unmetered_calls)
        FROM {exact(scope)} GROUP BY name HAVING called > 0
        ORDER BY cost DESC, name LIMIT {{most:UInt32}}""",  # noqa: S608 - names of these files, values bound
        parameters=scope.params() | edges(period) | {"most": most},
    ).result_rows
    return [(str(name), Usage._make(figures)) for name, *figures in rows]
