"""Where the money goes: cost over time by any dimension and by user, by session, and the prices behind it."""
# ruff: noqa: S608 - only names of these files are formatted into the SQL; every value is bound

from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.read.overview import edges, exact
from kansoku_collector.store.read.sessions import active
from kansoku_collector.store.read.tokens import BUCKETS
from kansoku_collector.store.scope import VALUES, Dimension, Period, Scope

_WITHIN = "start >= {start:DateTime64(6, 'UTC')} AND start < {end:DateTime64(6, 'UTC')}"
_ANSWERED = "if(response_model = '', request_model, response_model)"
_SUMS = ", ".join(f"sum({bucket})" for bucket in BUCKETS)


class Part(NamedTuple):
    """What one value of a dimension cost in one bucket; `unpriced` of its `calls` are not in `cost`."""

    time: datetime
    name: str
    cost: Decimal
    calls: int
    unpriced: int


class Metered(NamedTuple):
    """Tokens of one model of one provider in one bucket, by disjoint bucket of usage, and what they cost."""

    time: datetime
    provider: str
    model: str
    tokens: dict[str, int]
    cost_input: Decimal
    cost: Decimal
    unpriced: int


class Unpriced(NamedTuple):
    """A model of a provider with calls whose price is not known."""

    provider: str
    model: str
    unpriced: int
    calls: int


class InSessions(NamedTuple):
    """Sessions of the days of a period, by estimate above 65,536, and what was spent in them."""

    sessions: int
    cost: Decimal
    unpriced: int


class PriceVersion(NamedTuple):
    """Calls of one model that have their cost from the same price; `source` as on spans."""

    provider: str
    model: str
    source: str
    price_id: str
    calls: int
    cost: Decimal
    first: datetime
    last: datetime


def cost_over_time(client: Client, scope: Scope, period: Period, dimension: Dimension) -> list[Part]:
    """Return what each value of a dimension cost in each bucket in which it was called."""
    grid = Grid.of(period)
    rows = client.query(
        f"""SELECT {grid.bucket}, {VALUES[dimension]} AS name, sum(cost_usd), sum(calls) AS called,
            sum(unpriced_calls)
        FROM {grid.table} WHERE {scope.where()} AND {grid.within}
        GROUP BY bucket, name HAVING called > 0 ORDER BY bucket, name""",
        parameters=scope.params() | grid.params(),
    ).result_rows
    return [Part(*row) for row in grid.aware(rows)]


def cost_by_user(client: Client, scope: Scope, period: Period, most: int = 6) -> list[Part]:
    """Return what the dearest users cost on each day (UTC), and all others together under no name."""
    where = f"{active(scope)} AND user_id != ''"
    rows = client.query(
        f"""SELECT day, if(user_id IN (
                SELECT user_id FROM rollup_session WHERE {where} GROUP BY user_id
                ORDER BY sum(cost_usd) DESC, user_id LIMIT {{most:UInt32}}
            ), user_id, '') AS name, sum(cost_usd), sum(calls), sum(unpriced_calls)
        FROM rollup_session WHERE {where} GROUP BY day, name ORDER BY day, name""",
        parameters=scope.params() | period.params() | {"most": most},
    ).result_rows
    return [Part(row[0].replace(tzinfo=UTC), *row[1:]) for row in rows]


def metered(client: Client, scope: Scope, period: Period) -> list[Metered]:
    """Return the usage of each model in each bucket in which it was called."""
    grid = Grid.of(period)
    rows = client.query(
        f"""SELECT {grid.bucket}, provider, model, {_SUMS}, sum(cost_input_usd), sum(cost_usd),
            sum(unpriced_calls)
        FROM {grid.table} WHERE {scope.where()} AND {grid.within} AND model != ''
        GROUP BY bucket, provider, model HAVING sum(calls) > 0 ORDER BY bucket, provider, model""",
        parameters=scope.params() | grid.params(),
    ).result_rows
    width = len(BUCKETS)
    return [
        Metered._make((*row[:3], dict(zip(BUCKETS, row[3 : 3 + width], strict=True)), *row[3 + width :]))
        for row in grid.aware(rows)
    ]


def unpriced_models(client: Client, scope: Scope, period: Period) -> list[Unpriced]:
    """Return the models that have calls without a price, those with most of them first."""
    rows = client.query(
        f"""SELECT provider, model, sum(unpriced_calls) AS missing, sum(calls)
        FROM {exact(scope)} WHERE model != '' GROUP BY provider, model HAVING missing > 0
        ORDER BY missing DESC, provider, model""",
        parameters=scope.params() | edges(period),
    ).result_rows
    return [Unpriced(*row) for row in rows]


def in_sessions(client: Client, scope: Scope, period: Period) -> InSessions:
    """Return how many sessions the days of a period had and what was spent in them."""
    rows = client.query(
        f"""SELECT uniq(session_id), sum(cost_usd), sum(unpriced_calls)
        FROM rollup_session WHERE {active(scope)} AND session_id != ''""",
        parameters=scope.params() | period.params(),
    ).result_rows
    return InSessions(*rows[0])


def price_versions(client: Client, scope: Scope, period: Period) -> list[PriceVersion]:
    """Return by model which prices its calls have now, the dearest first.

    From the spans, for no rollup knows prices; a correction takes its call from one price to another.
    """
    told = scope.where()

    def corrected(prefix: str, sign: str) -> str:
        return f"""SELECT provider, model, toString({prefix}cost_source) AS source,
                toString({prefix}price_id) AS price, {sign}sum(toInt64(times)) AS part_calls,
                {sign}sum({prefix}cost_usd * times) AS part_cost, min(start) AS first, max(start) AS last
            FROM corrections WHERE {told} AND {_WITHIN} GROUP BY provider, model, source, price"""

    def stored(weighed: str, count: str, cost: str) -> str:
        return f"""SELECT provider, {_ANSWERED} AS model, toString(cost_source) AS source,
                toString(price_id) AS price, {count} AS part_calls, {cost} AS part_cost,
                min(start) AS first, max(start) AS last
            FROM spans WHERE {scope.where(model_column=_ANSWERED)} AND {_WITHIN} AND billed = 1 AND {weighed}
            GROUP BY provider, model, source, price"""

    # How many a span stands for is told by its trace's id, which is not read for the many that stand for one.
    rows = client.query(
        f"""SELECT provider, model, source, price, sum(part_calls) AS called, sum(part_cost) AS cost,
            min(first), max(last)
        FROM (
            {stored("weight = 1", "toInt64(count())", "sum(cost_usd)")}
            UNION ALL {stored("weight != 1", "sum(toInt64(times))", "sum(cost_usd * times)")}
            UNION ALL {corrected("old_", "-")}
            UNION ALL {corrected("", "")}
        )
        WHERE source != '' GROUP BY provider, model, source, price
        HAVING called > 0 ORDER BY cost DESC, provider, model, source, price""",
        parameters=scope.params() | period.params(),
    ).result_rows
    return [PriceVersion(*row[:6], *(moment.replace(tzinfo=UTC) for moment in row[6:])) for row in rows]
