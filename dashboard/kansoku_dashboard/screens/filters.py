"""The conditions of a list of traces, read from the URL: the list and the trace opened from it agree."""

from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

import streamlit as st

from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.read.traces import KEYS, Sort
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard import roles, state

STATUSES = ("", "error", "ok")
VOTES = ("", "liked", "disliked", "commented", "corrected", "unrated")
OPERATIONS = (
    "chat", "text_completion", "generate_content", "embeddings", "image", "rerank", "retrieval",
    "execute_tool", "invoke_agent", "chain", "guardrail", "evaluation", "other",
)  # fmt: skip
CHOSEN = ("status", "feedback", "sort", "cols")  # their labels are words, so their values are kept apart
TEXTS = ("session", "user", "tag", "release", "score")
AMOUNTS = ("min_cost", "max_cost", "min_seconds", "max_seconds", "min_tokens", "max_tokens")  # 0 is off
SCORES = ("min_score", "max_score")  # 0 is a score like any other
HIDDEN = ("operation", *TEXTS, "feedback", *AMOUNTS, *SCORES, "unpriced")
CHOICES = (*state.FILTERS, "operation")  # one of a list, or None
NAMES = (*HIDDEN, "status", "q", "sort", "cols", "from", "to")


def read() -> Filter:
    """Return the filter that the URL describes; a value that cannot be meant counts as absent."""
    return Filter(
        period=period(),
        scope=scope(),
        operation=_one_of(value("operation"), OPERATIONS),
        session=value("session"),
        user=value("user"),
        tag=value("tag"),
        status=_one_of(value("status"), STATUSES),  # type: ignore[arg-type]
        feedback=_one_of(value("feedback"), VOTES),  # type: ignore[arg-type]
        min_cost=_number(value("min_cost")),
        max_cost=_number(value("max_cost")),
        min_seconds=_number(value("min_seconds")),
        max_seconds=_number(value("max_seconds")),
        min_tokens=int(_number(value("min_tokens"))),
        max_tokens=int(_number(value("max_tokens"))),
        score=value("score"),
        min_score=_score(value("min_score")),
        max_score=_score(value("max_score")),
        unpriced=value("unpriced").lower() == "true",
        text=value("q").strip(),
    )


def scope() -> Scope:
    """Return the slice of traffic that the URL describes."""
    name, _, version = value("prompt").rpartition("@")
    return Scope(
        project=roles.current(),
        environment=value("env"),
        service=value("service"),
        release=value("release"),
        model=value("model"),
        prompt_name=name,
        prompt_version=version,
    )


def sort() -> Sort:
    """Return the order of the list: time, cost or duration."""
    return cast(Sort, _one_of(value("sort"), tuple(KEYS)) or "time")


def period() -> Period:
    """Return the stretch from `from` to `to` (ISO 8601 or seconds since 1970), else the range up to now."""
    if stretch := between():
        return stretch
    chosen = value("range")
    name = chosen if chosen in state.RANGES else state.DEFAULT_RANGE
    return state.View(name, scope(), live=False).period()


def between() -> Period | None:
    """Return the stretch from `from` to `to`, None where the address has none that can be meant."""
    start, end = _moment(value("from")), _moment(value("to"))
    return Period(start, end) if start and end and start < end else None


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
    given = parse(st.query_params.get("list", ""))
    for name in ("list", "trace", "span", "tab", "with"):
        st.query_params.pop(name, None)
    # Nothing is bound yet, for the widgets went when the reader left.
    st.query_params.update(given)
    put(given)
    if given:
        # In the run that the browser's Back started, a widget takes what its address had: nothing.
        st.rerun()


def parse(query: str) -> dict[str, str]:
    """Return the filters of a query string; other parameters are left out."""
    return {
        name: text for name, text in parse_qsl(query) if name in (*state.FILTERS, "range", *NAMES) and text
    }


def put(given: dict[str, str]) -> None:
    """Make these the values of the widgets, and through them of the URL; before any is drawn in this run."""
    for name, text in given.items():
        if name in (*CHOSEN, "from", "to"):
            st.query_params[name] = text
            st.session_state.pop(f"_{name}", None)
        elif name in SCORES:
            st.session_state[name] = _score(text)
        elif name in AMOUNTS:
            st.session_state[name] = int(_number(text)) if name.endswith("tokens") else _number(text)
        else:
            st.session_state[name] = text in ("True", "true") if name == "unpriced" else text


def clear(name: str) -> None:
    """Take one filter off, by the name of its parameter."""
    if name in (*CHOSEN, "from", "to"):
        st.query_params.pop(name, None)
        st.session_state.pop(f"_{name}", None)
    elif name in st.session_state:
        nothing: dict[str, Any] = dict.fromkeys(AMOUNTS, 0.0) | dict.fromkeys(SCORES, None)
        nothing |= {"min_tokens": 0, "max_tokens": 0, "unpriced": False, "range": state.DEFAULT_RANGE}
        st.session_state[name] = nothing.get(name, None if name in CHOICES else "")


def value(name: str) -> str:
    """Return a parameter as the widgets have it, else the URL, else what `list` carries."""
    given = st.session_state.get(name)
    if given is None or given == "":
        given = st.query_params.get(name)
    if given is None:
        given = dict(parse_qsl(st.query_params.get("list", ""))).get(name)
    off = given is None or given is False or (given == 0 and name not in SCORES)
    return "" if off else str(given)


def _one_of(given: str, allowed: tuple[str, ...]) -> str:
    return given if given in allowed else ""


def _number(given: str) -> float:
    try:
        number = float(given or 0)
    except ValueError:
        return 0.0
    return number if 0 < number < 1e12 else 0.0


def _score(given: str) -> float | None:
    try:
        number = float(given)
    except ValueError:
        return None
    return number if -1e12 < number < 1e12 else None


def _moment(given: str) -> datetime | None:
    try:
        if given.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(given), UTC)
        moment = datetime.fromisoformat(given)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
