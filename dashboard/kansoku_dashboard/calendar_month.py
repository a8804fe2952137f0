"""A calendar month in place of a range that ends now; days are those of UTC, as vendors bill."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from kansoku_collector.store.scope import Period
from kansoku_dashboard import clock
from kansoku_dashboard.words import say

NAME = "month"  # the parameter of the address, such as 2026-10
_MOST = 13  # months to choose from
_FORMAT = "%Y-%m"


@dataclass(frozen=True, slots=True)
class WholeMonth(Period):
    """A month that is over: it is compared with the month before, whose days may be more or fewer."""

    def previous(self) -> Period:
        """Return the month before."""
        return Period(_first_of(self.start - timedelta(days=1)), self.start)


def chosen() -> str:
    """Return the month of the address; "" where it names none that has begun."""
    code = st.query_params.get(NAME, "")
    return code if _start(code) is not None else ""


def period(code: str, now: datetime) -> Period:
    """Return a month; of the one that is under way what has passed until `now`."""
    start = _start(code) or _first_of(now)
    end = _next(start)
    return WholeMonth(start, end) if end <= now else Period(start, now)


def stretch(code: str) -> dict[str, str]:
    """Return the parameters with which a list of traces has the same time."""
    start = _start(code)
    if start is None:
        return {}
    return {"from": f"{start:%Y-%m-%dT%H:%M:%SZ}", "to": f"{_next(start):%Y-%m-%dT%H:%M:%SZ}"}


def options(first: datetime | None, present: str) -> dict[str, str]:
    """Return the months since the first span with their names, the latest first, behind the range's own.

    The one that is `present` is among them however old it is: a link may name any.
    """
    found = {"": say("cost.range_above")}
    month, earliest = _first_of(clock.now()), _first_of(first or clock.now())
    while month >= earliest and len(found) <= _MOST:
        found[f"{month:{_FORMAT}}"] = name(f"{month:{_FORMAT}}")
        month = _first_of(month - timedelta(days=1))
    return found | ({present: name(present)} if present else {})


def name(code: str) -> str:
    """Return a month in the reader's words."""
    start = _start(code)
    return start.strftime(say("cost.month_name")) if start else code


def _start(code: str) -> datetime | None:
    try:
        start = datetime.strptime(code, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return start if start <= clock.now() else None


def _first_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next(start: datetime) -> datetime:
    return _first_of(start + timedelta(days=31))
