"""The conditions of a list of traces, read from the URL: the list and the trace opened from it agree."""

from datetime import UTC, datetime
from typing import cast
from urllib.parse import parse_qsl, urlencode

import streamlit as st

from kansoku_collector.store.read.traces import KEYS, Filter, Sort
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard import settings, state

STATUSES = ("", "error", "ok")
VOTES = ("", "liked", "disliked")
CHOSEN = ("status", "feedback", "sort")  # their labels are words, so their values are kept apart
HIDDEN = ("session", "user", "tag", "feedback", "min_cost", "min_seconds", "unpriced")
NAMES = (*HIDDEN, "status", "q", "sort", "from", "to")


def read() -> Filter:
    """Return the filter that the URL describes; a value that cannot be meant counts as absent."""
    return Filter(
        period=period(),
        scope=scope(),
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


def scope() -> Scope:
    """Return the slice of traffic that the URL describes."""
    name, _, version = value("prompt").rpartition("@")
    return Scope(
        project=settings.current().project,
        environment=value("env"),
        service=value("service"),
        model=value("model"),
        prompt_name=name,
        prompt_version=version,
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
    return state.View(name, scope(), live=False).period()


def carried() -> dict[str, str]:
    """Return every parameter that makes the same list again."""
    given = {name: value(name) for name in (*state.FILTERS, "range", *NAMES)}
    return {
        name: text for name, text in given.items() if text and (name, text) != ("range", state.DEFAULT_RANGE)
    }


def packed() -> dict[str, str]:
    """Return the same in one parameter `list`, for a change of screen from within.

    Streamlit lets nobody but the widget set a parameter that is bound to one, not even on the way elsewhere.
    """
    given = urlencode(carried())
    return {"list": given} if given else {}


def unpack() -> None:
    """Put what `list` carries back into URL and widgets, before they are drawn: the reader is back."""
    packed_here = dict(parse_qsl(st.query_params.get("list", "")))
    given = {name: text for name, text in packed_here.items() if name in (*state.FILTERS, "range", *NAMES)}
    for name in ("list", "trace", "span", "tab"):
        st.query_params.pop(name, None)
    # Nothing is bound yet, for the widgets went when the reader left.
    st.query_params.update(given)
    for name, text in given.items():
        if name in ("min_cost", "min_seconds"):
            st.session_state[name] = _number(text)
        elif name not in (*CHOSEN, "from", "to"):
            st.session_state[name] = text == "True" if name == "unpriced" else text
    if given:
        # In the run that the browser's Back started, a widget takes what its address had: nothing.
        st.rerun()


def value(name: str) -> str:
    """Return a parameter as the widgets have it, else the URL, else what `list` carries."""
    given = st.session_state.get(name)
    if given is None or given == "":
        given = st.query_params.get(name)
    if given is None:
        given = dict(parse_qsl(st.query_params.get("list", ""))).get(name)
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
