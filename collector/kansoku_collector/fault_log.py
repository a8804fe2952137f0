"""Say in the log that a span tripped us up: where and how often, without its words, and not for each."""

import logging
import time
import traceback

log = logging.getLogger("kansoku")
_SECONDS = 60.0
_MOST_PLACES = 100
Place = tuple[str, str, str, int]  # what failed, the error's type, the file and line where it was raised


class FaultLog:
    """Logs each fault of ours once a minute, with the number of those between.

    A fault in a dialect meets every span of a sender: a stack trace for each would fill the disk. The error's
    message stays out, because it may quote a prompt (`invalid literal for int() with base 10: '...'`).
    """

    def __init__(self) -> None:
        self._said: dict[Place, float] = {}
        self._kept: dict[Place, int] = {}

    def say(self, what: str, span: str, error: Exception) -> None:
        """Log that `what` failed on a span with an error that is being handled."""
        kind = type(error).__name__
        place = (what, kind, *_raised_at(error))
        now = time.monotonic()
        if now - self._said.get(place, -_SECONDS) < _SECONDS:
            self._kept[place] = self._kept.get(place, 0) + 1
            return
        if len(self._said) >= _MOST_PLACES:
            self._said.clear()
        self._said[place] = now
        kept = self._kept.pop(place, 0)
        before = f", and on {kept} more since it was said last" if kept else ""
        stack = "".join(traceback.format_tb(error.__traceback__)).rstrip()
        log.error("%s failed on span %s%s: %s\n%s", what, span, before, kind, stack)


def _raised_at(error: Exception) -> tuple[str, int]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else ("", 0)
