"""The conditions of a list of traces, read from the URL: the list and the trace opened from it agree."""

from datetime import UTC, datetime
from typing import cast

import streamlit as st

from kansoku_collector.store.read.traces import KEYS, Filter, Sort
from kansoku_collector.store.scope import Period
from kansoku_dashboard import state

STATUSES = ("", "error", "ok")
VOTES = ("", "liked", "disliked")
CHOSEN = ("status", "feedback", "sort")  # their labels are words, so their values are kept apart
HIDDEN = ("session", "user", "tag", "feedback", "min_cost", "min_seconds", "unpriced")
NAMES = (*HIDDEN, "status", "q", "sort", "from", "to")


def read() -> Filter:
    """Return the filter that the URL describes; a value that cannot be meant counts as absent."""
    return Filter(
        period=period(),
        scope=state.scope(),
        session=value("session"),
        user=value("user"),
        tag=value("tag"),
        status=_one_of(value("status"), STATUSES),  # type: ignore[arg-type]
        feedback=_one_of(value("feedback"), VOTES),  # type: ignore[arg-type]
        min_cost=_number(value("min_cost")),
        min_seconds=_number(value("min_seconds")),
        unpriced=value("unpriced").lower() == "true",
        text=value("q").strip(),
    )


def sort() -> Sort:
    """Return the order of the list: time, cost or duration."""
    return cast(Sort, _one_of(value("sort"), tuple(KEYS)) or "time")


def period() -> Period:
    """Return the stretch from `from` to `to` (ISO 8601 or seconds since 1970), else the range up to now."""
    start, end = _moment(value("from")), _moment(value("to"))
    if start and end and start < end:
        return Period(start, end)
    chosen = value("range")
    name = chosen if chosen in state.RANGES else state.DEFAULT_RANGE
    return state.View(name, state.scope(), live=False).period()


def carried() -> dict[str, str]:
    """Return every parameter that makes the same list again."""
    return state.carried() | {name: given for name in NAMES if (given := value(name))}


def value(name: str) -> str:
    """Return a parameter as the widgets or, before they are drawn, the URL have it."""
    given = st.session_state.get(name)
    if given is None or given == "":
        given = st.query_params.get(name)
    return "" if given is None or given is False or given == 0 else str(given)


def _one_of(given: str, allowed: tuple[str, ...]) -> str:
    return given if given in allowed else ""


def _number(given: str) -> float:
    try:
        number = float(given or 0)
    except ValueError:
        return 0.0
    return number if 0 < number < 1e12 else 0.0


def _moment(given: str) -> datetime | None:
    try:
        if given.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(given), UTC)
        moment = datetime.fromisoformat(given)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
