"""The border between Kansoku and the traced program: what fails here is counted and never raised."""

import functools
import logging
from collections import Counter
from collections.abc import Callable
from typing import ParamSpec, TypeVar

logger = logging.getLogger("kansoku")

# Failures of Kansoku's own code by place; read by tests and by whoever wonders why a span lacks something.
failures: Counter[str] = Counter()

_warned: set[str] = set()
P = ParamSpec("P")
R = TypeVar("R")


def swallow(place: str, error: BaseException) -> None:
    """Count a failure of our own; the first one of a place is logged at debug level with its traceback."""
    failures[place] += 1
    if failures[place] == 1:
        logger.debug("Kansoku failed in %s; the program goes on", place, exc_info=error)


def warn_once(key: str, message: str, *values: object) -> None:
    """Log a warning the first time `key` is seen in this process."""
    if key not in _warned:
        _warned.add(key)
        logger.warning(message, *values)


def guard(function: Callable[P, R]) -> Callable[P, R | None]:
    """Return `function` with every exception of its own swallowed; None is returned instead."""
    place = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the border: a fault of ours must not reach the caller
            swallow(place, error)
            return None

    return guarded
