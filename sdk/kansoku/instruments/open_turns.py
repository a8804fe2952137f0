"""Calls inside of a connection that stays open: each begins and ends with a message of the vendor's."""

from collections.abc import Mapping
from typing import Any

from opentelemetry import context as otel_context

from kansoku import runtime, semconv
from kansoku.calls.call import Call, begin
from kansoku.calls.reader import Reader
from kansoku.content import to_json
from kansoku.spans import clock
from kansoku.spans.attached import attach, detach
from kansoku.stamps import stamps


class Line:
    """A connection: what it was opened with, and where in the program."""

    def __init__(self, resource: Any, arguments: Mapping[str, Any]) -> None:
        self.resource = resource
        self.arguments = arguments
        self._home = otel_context.get_current()

    def begin(self, reader: Reader, arguments: dict[str, Any], session: str = "") -> "Turn | None":
        """Begin a call, given what its reader is to read; None when it is not to be traced.

        Its parent is what is under way where the program reads; for a thread that knows nothing, what was
        under way where it connected. The vendor's session is told where the program has none of its own.
        """
        here = otel_context.get_current()
        where = here or self._home
        if session and semconv.SESSION_ID not in stamps(where):
            arguments = {**arguments, "session_id": session}
        token = attach(where) if where is not here else None
        try:
            call = begin(reader, self.resource, arguments)
        finally:
            if token is not None:
                detach(token)
        return None if call is None else Turn(call, arguments.get("messages") or [])


class Turn:
    """A call under way: when it began to answer, and what came of the answer so far."""

    __slots__ = ("_call", "_count", "_first", "given", "grown", "kept", "sounds")

    def __init__(self, call: Call, given: list[dict[str, Any]]) -> None:
        self._call = call
        self._count = self._first = 0
        self.given = given  # messages; they may learn more while the call is under way
        self.grown = False  # whether they did
        self.kept: list[Any] = []
        self.sounds: dict[str, int] = {}  # bytes, by the part of the answer that they are

    def heard(self) -> None:
        """Count a piece of the answer; the first one is timed."""
        self._count += 1
        if not self._first:
            self._first = clock.now()

    def sounded(self, part: str, size: int) -> None:
        """Count a piece of sound."""
        self.heard()
        self.sounds[part] = self.sounds.get(part, 0) + size

    def end(self, chunks: list[Any], error: BaseException | None = None, *, early: bool = False) -> None:
        """End with what its reader is to put together."""
        running = runtime.current()
        if self.grown and running is not None and running.capture:
            self._call.note({semconv.INPUT_MESSAGES: to_json(self.given, running.max_bytes)})
        self._call.stream_ended(chunks, self._count, self._first, error, early)


def loss_of(error: Exception) -> Exception | None:
    """Return what the end of a connection says, for a span: an exception of the same name, or None for none.

    Who looks at the `code` of the library's own is warned by it.
    """
    kind = type(error)
    if kind.__name__ == "ConnectionClosedOK":
        return None
    own = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    found: Exception = type(kind.__name__, (Exception,), own)(str(error))
    return found.with_traceback(error.__traceback__)


def is_loss(error: Exception) -> bool:
    """Tell whether an exception is the library's for a connection that is closed."""
    return type(error).__name__.startswith("ConnectionClosed")
