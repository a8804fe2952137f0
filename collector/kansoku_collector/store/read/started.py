"""The spans that started in a period, without reading when each did where its month tells."""

from datetime import datetime
from typing import Any

from kansoku_collector.store.scope import Period

_WITHIN = "start >= {start:DateTime64(6, 'UTC')} AND start < {end:DateTime64(6, 'UTC')}"


def spans_of(period: Period, columns: str, condition: str) -> str:
    """Return the rows of a period as a sub-query: `columns` of the spans for which `condition` holds.

    The table is kept by month, and of its narrow columns the moment of the start takes longest to read: of
    whole months it is left where it is, which spares a sixth of the work.
    """
    some = f"(SELECT {columns} FROM spans PREWHERE {condition} AND {_WITHIN}"  # noqa: S608 - values are bound
    if not months(period):
        return f"{some})"
    return f"""{some} AND _partition_id NOT IN {{months:Array(String)}} UNION ALL
        SELECT {columns} FROM spans PREWHERE {condition} AND _partition_id IN {{months:Array(String)}})"""  # noqa: S608 - as above


def bound(period: Period) -> dict[str, Any]:
    """Bind what `spans_of` names."""
    return period.params() | {"months": months(period)}


def months(period: Period) -> list[str]:
    """Return the months (UTC) that lie wholly in the period, as the table's partitions are called."""
    start, end = period.params().values()
    found = []
    at = _first(start) if start == _first(start) else _next(start)
    while _next(at) <= end:
        found.append(f"{at:%Y%m}")
        at = _next(at)
    return found


def _first(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next(moment: datetime) -> datetime:
    ahead = moment.month == 12
    return _first(moment).replace(year=moment.year + ahead, month=1 if ahead else moment.month + 1)
