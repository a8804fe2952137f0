"""One metric over a stretch of time, as a rule would have seen it: window after window."""

from datetime import UTC, datetime, timedelta
from math import ceil

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.measures import Measure, measure
from kansoku_collector.store.scope import Period, Scope

POINTS = 96
_MINUTE = timedelta(minutes=1)


def course(
    client: Client, scope: Scope, metric: str, period: Period, window: timedelta, points: int = POINTS
) -> list[Measure]:
    """Return the metric in the window before each of at most `points` moments, the last at the end.

    Moments are a multiple of the window apart, so that every call is in the same number of windows.
    """
    wide = max(_MINUTE, window // _MINUTE * _MINUTE)
    step = wide * max(1, ceil(period.length / wide / points))
    last = datetime.fromtimestamp(period.end.timestamp() // 60 * 60, UTC)
    count = max(1, int(period.length / step))
    return measure(client, metric, scope, [last - step * place for place in reversed(range(count))], wide)
