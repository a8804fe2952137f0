"""Requests come before rows: the thread that writes stands back while requests are being answered.

Both need the interpreter, and a request needs it a dozen times: each time it would wait until the other one
gives it up. What is acknowledged is safe in the journal, so rows can wait for a moment, but not for long.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 0.02  # seconds for each MiB of a segment: a fifth at the most of what it takes to write it
_QUIET = 0.02  # seconds without a request, after which a sender is not between two of them
_STEP = 0.005


class Traffic:
    """The requests in work, which one thread counts; others may ask."""

    def __init__(self) -> None:
        self._in_work = 0
        self._ended = float("-inf")

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as long as it is in work."""
        self._in_work += 1
        try:
            yield
        finally:
            self._in_work -= 1
            self._ended = time.monotonic()

    @property
    def busy(self) -> bool:
        """Tell whether a request is in work, or the next one is likely to come at once."""
        return self._in_work > 0 or time.monotonic() - self._ended < _QUIET


class Patience:
    """How long the writing of one segment still stands back in all; it grows with the segment's bytes."""

    def __init__(self, traffic: Traffic, size: int) -> None:
        self._traffic = traffic
        self._left = size / 2**20 * _PATIENCE

    def give_way(self) -> None:
        """Wait until no request is in work, or patience is at its end."""
        while self._left > 0 and self._traffic.busy:
            began = time.monotonic()
            time.sleep(min(_STEP, self._left))
            self._left -= time.monotonic() - began
