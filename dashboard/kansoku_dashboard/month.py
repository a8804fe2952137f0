"""The month so far, where it will end, and the budget it is held against."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from kansoku_collector.forecast.month import Forecast, Hindsight, forecast, hindsight
from kansoku_collector.store.read.forecast import daily_costs
from kansoku_collector.store.scope import Scope

STEP = timedelta(minutes=10)  # readers within it share one forecast


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a slice of traffic; days are those of UTC, as vendors bill."""

    now: datetime
    spent: Decimal
    costs: dict[date, Decimal]  # of this month's days so far
    unpriced: int  # calls of this month that are not in `spent`
    budget: Decimal | None
    forecast: Forecast | None  # None with fewer than three days of spend
    past: tuple[Hindsight, ...]  # what earlier months were told on their 11th day, and what came

    @property
    def first(self) -> date:
        """The month's first day."""
        return self.now.date().replace(day=1)


def stepped(moment: datetime) -> datetime:
    """Return the end of the step in which a moment lies, in UTC."""
    step = int(STEP.total_seconds())
    end = datetime.fromtimestamp((int(moment.timestamp()) // step + 1) * step, UTC)
    # Never into the next day: the forecast is that of the day in which the reader is.
    return min(end, datetime.combine(moment.astimezone(UTC).date(), datetime.max.time(), UTC))


def month(client: Client, scope: Scope, now: datetime, budget: Decimal | None) -> Month:
    """Ask for the spend by day and forecast the month in which `now` (UTC) lies."""
    days = daily_costs(client, scope, now)
    today = now.date()
    part = (now - datetime.combine(today, datetime.min.time(), UTC)) / timedelta(days=1)
    told = forecast(days.costs, today, budget, part_of_day=part)
    costs = {day: usd for day, usd in days.costs.items() if today.replace(day=1) <= day <= today}
    past = tuple(hindsight(days.costs, today))
    spent = sum(costs.values(), Decimal(0))
    return Month(now, spent, costs, days.unpriced, budget, told, past)
