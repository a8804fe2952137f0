"""What a rule reads of the store at given moments; the clock and the replay both read with this."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.measures import Measure, measure
from kansoku_collector.store.read.user_costs import user_costs
from kansoku_collector.watch.rule import Rule

_WEEK = timedelta(days=7)
_LEAST_WEEKS = 2  # one week before is an anecdote


def read(client: Client, rule: Rule, ends: Sequence[datetime]) -> list[Measure]:
    """Return the measures of a rule at each of `ends` (whole minutes, UTC), in the unit of its threshold."""
    if rule.per_user:
        return user_costs(client, rule.slice(), ends, rule.window, min(rule.limit, rule.back))
    now = measure(client, rule.metric, rule.slice(), ends, rule.window, rule.group_by)
    if rule.baseline_weeks:
        return _relative(client, rule, now, ends)
    if rule.budget_usd:
        return [_scaled(one, rule.planned) for one in now]
    return now


def _relative(client: Client, rule: Rule, now: list[Measure], ends: Sequence[datetime]) -> list[Measure]:
    """Return the measures as multiples of the usual: the median of the same window in the weeks before."""
    before: dict[tuple[tuple[str, ...], datetime], list[float]] = {}
    for weeks in range(1, (rule.baseline_weeks or 0) + 1):
        past = [end - weeks * _WEEK for end in ends]
        for one in measure(client, rule.metric, rule.slice(), past, rule.window, rule.group_by):
            if one.value is not None and one.samples >= max(1, rule.enough):
                before.setdefault((one.group, one.end + weeks * _WEEK), []).append(one.value)
    found = []
    for one in now:
        known = before.get((one.group, one.end), [])
        usual = median(known) if len(known) >= min(_LEAST_WEEKS, rule.baseline_weeks or 0) else 0.0
        found.append(_scaled(one, usual) if usual > 0 else replace(one, value=None, low=None, high=None))
    return found


def _scaled(one: Measure, unit: float) -> Measure:
    """Return a measure as a multiple of `unit`, its interval too."""
    value, low, high = (
        None if number is None else number / unit for number in (one.value, one.low, one.high)
    )
    return replace(one, value=value, low=low, high=high)
