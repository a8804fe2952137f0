"""Carry the trace into the threads of `concurrent.futures`: a task belongs to whoever submitted it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any

from opentelemetry import context as otel_context

from kansoku.instruments import patch
from kansoku.spans.attached import attach, detach


def start() -> None:
    """Carry the context of every `submit` (and so of `map` and `asyncio`'s run_in_executor) into its task."""
    patch.replace(ThreadPoolExecutor, "submit", _carrying)


def stop() -> None:
    """Put the executor's own method back."""
    patch.restore(ThreadPoolExecutor, "submit")


def _carrying(submit: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(submit)
    def carrying(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        here = otel_context.get_current()
        if not here or not callable(fn):
            return submit(self, fn, *args, **kwargs)
        return submit(self, _run, here, fn, *args, **kwargs)

    return carrying


def _run(here: otel_context.Context, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    token = attach(here)
    try:
        return function(*args, **kwargs)
    finally:
        detach(token)
