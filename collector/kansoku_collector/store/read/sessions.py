"""Who used it: sessions and users with what they did and what it cost, from a rollup by day.

Figures are of whole days (UTC): a session that began before the period is counted from the start of that day.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period, Scope

Order = Literal["latest", "cost", "requests", "failed"]

PAGE_SIZE = 50
MAX_PAGE_SIZE = 500
KEYS: dict[Order, str] = {
    "latest": "toFloat64(toUnixTimestamp64Micro(max(end)))",
    "cost": "toFloat64(sum(cost_usd))",
    "requests": "toFloat64(sum(requests))",
    "failed": "toFloat64(sum(failed))",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in a list, by what the list is ordered by: the next page begins below it."""

    key: float
    name: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session; `cost_usd` is a lower bound when `unpriced_calls` is not 0."""

    session_id: str
    user_id: str
    start: datetime
    end: datetime
    requests: int
    failed: int
    calls: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    mean_seconds: float | None  # of a request
    refusals: int
    services: tuple[str, ...]
    key: float = 0.0  # by which the list is ordered

    @property
    def place(self) -> Place:
        """The row's place in the list."""
        return Place(self.key, self.session_id)


@dataclass(frozen=True, slots=True)
class UserRow:
    """One user; `cost_usd` is a lower bound when `unpriced_calls` is not 0."""

    user_id: str
    sessions: int
    start: datetime
    end: datetime
    requests: int
    failed: int
    calls: int
    unpriced_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    mean_seconds: float | None  # of a request
    refusals: int
    services: tuple[str, ...]
    key: float = 0.0  # by which the list is ordered

    @property
    def place(self) -> Place:
        """The row's place in the list."""
        return Place(self.key, self.user_id)


Row = TypeVar("Row", SessionRow, UserRow)


def sessions(
    client: Client,
    scope: Scope,
    period: Period,
    *,
    user: str = "",
    order: Order = "latest",
    size: int = PAGE_SIZE,
    after: Place | None = None,
) -> list[SessionRow]:
    """Return sessions that were active in the period, of one user where one is named, below `after`."""
    condition = "session_id != ''" + (" AND user_id = {user:String}" if user else "")
    rows = _list(client, scope, period, ("session_id", "max(user_id)"), condition, order, size, after, user)
    return [_aware(SessionRow(*row)) for row in rows]


def users(
    client: Client,
    scope: Scope,
    period: Period,
    *,
    order: Order = "cost",
    size: int = PAGE_SIZE,
    after: Place | None = None,
) -> list[UserRow]:
    """Return users who were active in the period, below `after`."""
    count = "uniqExactIf(session_id, session_id != '')"
    rows = _list(client, scope, period, ("user_id", count), "user_id != ''", order, size, after)
    return [_aware(UserRow(*row)) for row in rows]


def count_active(client: Client, scope: Scope, period: Period) -> tuple[int, int]:
    """Return how many (sessions, users) were active in the days of the period; by estimate above 65,536."""
    rows = client.query(
        f"""SELECT uniqIf(session_id, session_id != ''), uniqIf(user_id, user_id != '')
        FROM rollup_session WHERE {active(scope)}""",  # noqa: S608 - names of this file, values bound
        parameters=scope.params() | period.params(),
    ).result_rows
    return int(rows[0][0]), int(rows[0][1])


def _list(  # noqa: PLR0913, PLR0917 - what its two callers pass on
    client: Client,
    scope: Scope,
    period: Period,
    names: tuple[str, str],
    condition: str,
    order: Order,
    size: int,
    after: Place | None,
    user: str = "",
) -> list[Any]:
    """Choose the page on two columns, then read the rest for its rows only."""
    name, second = names
    key = KEYS[order]
    below = f"AND ({key}, {name}) < ({{key:Float64}}, {{name:String}})" if after else ""
    where = f"{active(scope)} AND {condition}"
    chosen = f"""SELECT {name} FROM rollup_session WHERE {where} GROUP BY {name}
        HAVING max(end) >= {{start:DateTime64(6, 'UTC')}} {below}
        ORDER BY {key} DESC, {name} DESC LIMIT {{size:UInt32}}"""  # noqa: S608 - names of this file
    bound: dict[str, Any] = {"size": max(1, min(size, MAX_PAGE_SIZE)), "user": user}
    if after:
        bound |= {"key": after.key, "name": after.name}
    rows: Any = client.query(
        f"""SELECT {name}, {second}, min(start), max(end), sum(requests), sum(failed), sum(calls),
            sum(unpriced_calls), sum(input_tokens), sum(output_tokens), sum(cost_usd),
            if(sum(requests) = 0, NULL, sum(busy_ns) / sum(requests) / 1e9), sum(refusals),
            arraySort(groupUniqArray(service)), {key} AS place
        FROM rollup_session WHERE {where} AND {name} IN ({chosen})
        GROUP BY {name} ORDER BY place DESC, {name} DESC""",  # noqa: S608 - as above
        parameters=scope.params() | period.params() | bound,
    ).result_rows
    return list(rows)


def active(scope: Scope) -> str:
    """Return the condition on the days of a period and on what a session's rows have: no model, no prompt."""
    own = replace(scope, release="", provider="", model="", prompt_name="", prompt_version="")
    return f"""{own.where()} AND day >= toStartOfDay({{start:DateTime64(6, 'UTC')}}, 'UTC')
        AND day < {{end:DateTime64(6, 'UTC')}}"""


def _aware(row: Row) -> Row:
    return replace(
        row,
        start=row.start.replace(tzinfo=UTC),
        end=row.end.replace(tzinfo=UTC),
        services=tuple(row.services),
    )
