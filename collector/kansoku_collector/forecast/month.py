"""Forecast the month's spend: an interval that means what it says, and the chance to exceed a budget."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from kansoku_collector.forecast.level import Floats, follow, simulate

HISTORY = 120  # days that are looked at
LEAST = 3  # days with spend, below which nothing is forecast
PATHS = 2000
_SEED = 271828  # the same days give the same figures
_STOPPING, _RESTART = 0.003, 0.02  # a day: chance that spend ends, and that ended spend returns


@dataclass(frozen=True, slots=True)
class DayBand:
    """What the month will have cost by the end of a day, in US dollars: median and 80 % interval."""

    day: date
    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The month's total in US dollars; the 80 % interval is `low` to `high`, the 95 % one is `wide`."""

    month: date  # its first day
    spent: Decimal  # so far, today included
    low: float
    median: float
    high: float
    wide: tuple[float, float]
    run_rate: float  # spent so far, divided by the days so far, times the days of the month
    breach: float | None  # probability that the total exceeds the budget; None without one
    days: tuple[DayBand, ...]  # from today on, cumulative
    history: int  # days that the forecast rests on


@dataclass(frozen=True, slots=True)
class Hindsight:
    """A forecast as it would have been made, beside what the month came to."""

    made: date
    low: float
    median: float
    high: float
    total: Decimal

    @property
    def inside(self) -> bool:
        """Whether the total lay in the interval."""
        return self.low <= float(self.total) <= self.high


def forecast(
    daily_costs: Mapping[date, Decimal],
    today: date,
    budget: Decimal | None = None,
    *,
    part_of_day: float = 0.0,
) -> Forecast | None:
    """Return the forecast of today's month, or None with fewer than three days of spend before today.

    Days that are missing had no spend; the first day of the mapping is the first that counts. `part_of_day`
    is the share of today that is over: what today's row says is spent, the rest of the day is still to come.
    """
    spent = _spent(daily_costs, today)
    costs, weekdays = _series(daily_costs, today)
    if int((costs > 0).sum()) < LEAST:
        return None
    days = _rest_of_month(today)
    future = _futures(costs, weekdays, days)
    future[:, 0] *= 1.0 - min(1.0, max(0.0, part_of_day))
    cumulative = float(spent) + np.cumsum(future, axis=1)
    totals = cumulative[:, -1]
    bands = np.quantile(cumulative, (0.1, 0.5, 0.9), axis=0)
    low95, low, median, high, high95 = (float(q) for q in np.quantile(totals, (0.025, 0.1, 0.5, 0.9, 0.975)))
    return Forecast(
        month=today.replace(day=1),
        spent=spent,
        low=low,
        median=median,
        high=high,
        wide=(low95, high95),
        run_rate=_run_rate(spent, today, part_of_day),
        breach=None if budget is None else float((totals > float(budget)).mean()),
        days=tuple(DayBand(day, *map(float, band)) for day, band in zip(days, bands.T, strict=True)),
        history=len(costs),
    )


def hindsight(daily_costs: Mapping[date, Decimal], today: date, day: int = 11) -> list[Hindsight]:
    """Return the forecasts that the `day` of each past month would have given, oldest first."""
    if not daily_costs:
        return []
    made = min(daily_costs).replace(day=day)
    found = []
    while made < today.replace(day=1):
        known = {when: cost for when, cost in daily_costs.items() if when < made}
        told = forecast(known, made)
        if told is not None:
            month = made.replace(day=1), _last(made)
            total = sum((c for d, c in daily_costs.items() if month[0] <= d <= month[1]), Decimal(0))
            found.append(Hindsight(made, told.low, told.median, told.high, total))
        made = (made.replace(day=28) + timedelta(days=4)).replace(day=day)
    return found


def _futures(costs: Floats, weekdays: NDArray[np.int64], days: list[date]) -> Floats:
    """Simulate the days ahead, days without any spend among them as often as there were."""
    ahead = np.array([day.weekday() for day in days])
    generator = np.random.default_rng(_SEED)
    future = simulate(follow(costs, weekdays), ahead, PATHS, generator)
    return future * _awake(costs > 0, len(ahead), generator)


def _awake(spent: NDArray[np.bool_], ahead: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Draw which future days have spend at all: idle days happen, and a long silence may be the end."""
    recent = spent[-56:]
    tail = int(np.argmax(recent[::-1])) if recent.any() else len(recent)
    before = recent[: len(recent) - tail]
    idle = int((~before).sum())
    some = idle + tail > 0
    share = generator.beta(0.3 + idle, len(before) - idle + 1, PATHS) if some else np.zeros(PATHS)
    ended = _STOPPING / (_STOPPING + float(np.mean(share**tail))) if tail else 0.0
    stopped = generator.random(PATHS) < ended
    awake = np.empty((PATHS, ahead), dtype=np.bool_)
    for day in range(ahead):
        stopped &= generator.random(PATHS) >= _RESTART
        awake[:, day] = ~stopped & (generator.random(PATHS) >= share)
    return awake


def _series(daily_costs: Mapping[date, Decimal], today: date) -> tuple[Floats, NDArray[np.int64]]:
    """Return the whole days before today from the first with spend, and their weekdays."""
    first = min((day for day, cost in daily_costs.items() if cost > 0), default=today)
    first = max(first, today - timedelta(days=HISTORY))
    days = [first + timedelta(days=step) for step in range(max(0, (today - first).days))]
    costs = np.array([max(0.0, float(daily_costs.get(day, 0))) for day in days], dtype=np.float64)
    return costs, np.array([day.weekday() for day in days], dtype=np.int64)


def _spent(daily_costs: Mapping[date, Decimal], today: date) -> Decimal:
    first = today.replace(day=1)
    return sum((Decimal(c) for day, c in daily_costs.items() if first <= day <= today), Decimal(0))


def _rest_of_month(today: date) -> list[date]:
    return [today + timedelta(days=step) for step in range((_last(today) - today).days + 1)]


def _last(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _run_rate(spent: Decimal, today: date, part_of_day: float) -> float:
    over = today.day - 1 + part_of_day
    return float(spent) / over * _last(today).day if over else float(spent)
