"""What the forecast asks: the spend of every day, exact, from the hourly rollup."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.scope import Period, Scope

HISTORY = timedelta(days=400)  # a year of past months to check forecasts on


class DailyCosts(NamedTuple):
    """The spend of each day that had any calls, UTC; with `unpriced` calls it is a lower bound."""

    costs: dict[date, Decimal]
    unpriced: int  # of this month's calls


def daily_costs(client: Client, scope: Scope, now: datetime, history: timedelta = HISTORY) -> DailyCosts:
    """Return the spend by day up to `now`, today's part included."""
    today = now.astimezone(UTC)
    start = datetime.combine((today - history).date(), datetime.min.time(), UTC)
    rows = client.query(
        f"""SELECT toDate(time, 'UTC') AS day, sum(cost_usd), sum(calls),
            sumIf(unpriced_calls, time >= {{month:DateTime64(6, 'UTC')}})
        FROM rollup_hour
        WHERE {scope.where()} AND time >= {{start:DateTime64(6, 'UTC')}}
            AND time < {{end:DateTime64(6, 'UTC')}}
        GROUP BY day HAVING sum(calls) > 0 ORDER BY day""",  # noqa: S608 - values bound
        parameters=scope.params()
        | Period(start, today).params()
        | {"month": today.replace(day=1, hour=0, minute=0, second=0, microsecond=0)},
    ).result_rows
    return DailyCosts({day: cost for day, cost, _, _ in rows}, sum(int(row[3]) for row in rows))
