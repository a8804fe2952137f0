"""The time that spans carry: wall-clock nanoseconds, replaceable when history is replayed."""

from collections.abc import Callable
from time import time_ns

_source: Callable[[], int] = time_ns


def now() -> int:
    """Return nanoseconds since the Unix epoch, UTC."""
    return _source()


def use(source: Callable[[], int] | None = None) -> None:
    """Read the time from `source` from now on; without an argument go back to the system's clock.

    A back-fill replays days in minutes: it sets a clock that it moves itself, and every span, event and
    feedback made by the SDK is stamped with that time.
    """
    global _source  # noqa: PLW0603 - one clock per process is the point
    _source = source or time_ns
