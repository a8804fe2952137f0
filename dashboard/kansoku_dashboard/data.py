"""Cached answers from the store, and what a panel shows when there is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from kansoku_collector.errors import StoreAwayError, StoreError
from kansoku_collector.store.connect import connect, is_away
from kansoku_dashboard import roles, settings
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say

P = ParamSpec("P")
T = TypeVar("T")

TTL_SECONDS = 30
FAILURES = (StoreError, ClickHouseError, OSError)

_idle: dict[str, LifoQueue[Client]] = {}


def ask(question: Callable[Concatenate[Client, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the store's answer to `question(client, *args)`, at most half a minute old."""
    roles.check(_project(args, kwargs))
    return _ask(question, *args, **kwargs)


def ask_everywhere(
    role: str, question: Callable[Concatenate[Client, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Return the answer to a question about the whole store, to readers with `role` in every project."""
    roles.check_everywhere(role)
    return _ask(question, *args, **kwargs)


def _ask(question: Callable[Concatenate[Client, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    answer: T = _answer(f"{question.__module__}.{question.__qualname__}", _url(), args, kwargs, question)
    return answer


def fresh(question: Callable[Concatenate[Client, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the store's answer of this moment, past the cache."""
    roles.check(_project(args, kwargs))
    with borrow() as client:
        return question(client, *args, **kwargs)


def attempt(question: Callable[Concatenate[Client, P], T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Return the answer, or None where the store gives none: for choices that a screen can do without."""
    try:
        return ask(question, *args, **kwargs)
    except FAILURES:
        return None


@contextmanager
def panel(name: str) -> Iterator[None]:
    """Draw a panel; if the store fails, say so in its place, with a way to try again."""
    try:
        yield
    except FAILURES as error:
        trouble(name, error)
    except roles.ForbiddenError:
        if not roles.ended():
            raise
        st.warning(say("login.ended"), icon=":material/lock:")


def trouble(name: str, error: Exception) -> None:
    """Say in one sentence which panel has no answer and why, and offer a retry."""
    told = say("data.failed", panel=name, reason=plain(_reason(error)))
    # An answer that takes too long comes from a store that is there.
    if isinstance(error, StoreAwayError) or (is_away(str(error)) and "Read timed out" not in str(error)):
        told = say("data.away", panel=name)
    st.warning(told, icon=":material/cloud_off:")
    st.button(say("data.retry"), key=f"retry_{name}", icon=":material/refresh:", on_click=forget)


@contextmanager
def borrow() -> Iterator[Client]:
    """Lend a client of this thread's own: one serialises its calls, and panels run side by side.

    For this module: screens ask, so that each question is checked against what its reader may see.
    """
    idle = _idle.setdefault(_url(), LifoQueue(8))
    try:
        client = idle.get_nowait()
    except Empty:
        client = connect(_url())
    yield client
    # After a failure the client is not given back: its connection may be what failed.
    if idle.full():
        client.close()
    else:
        idle.put(client)


def forget() -> None:
    """Drop every cached answer, so that the next question goes to the store."""
    _answer.clear()


@st.cache_data(ttl=TTL_SECONDS, max_entries=1000, show_spinner=False)
def _answer(  # the first two are there to be part of the cache's key
    name: str,  # noqa: ARG001
    url: str,  # noqa: ARG001
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    _question: Callable[..., Any],
) -> Any:
    with borrow() as client:
        return _question(client, *args, **kwargs)


def _project(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the project that a question is about: its first argument says it, by name or in its scope."""
    about = next(iter(args or kwargs.values()), None)
    found = about if isinstance(about, str) else getattr(getattr(about, "scope", about), "project", None)
    if not isinstance(found, str):
        raise TypeError("the first argument of a question must say which project it is about")
    return found


def _url() -> str:
    return settings.current().read_url.get_secret_value()


def _reason(error: Exception) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return first if len(first) <= 200 else f"{first[:199]}…"
