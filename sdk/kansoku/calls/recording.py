"""What passes of one stream, kept and handed over once, at its end.

Chunks are read then, all at once: reading each as it passes is what makes tracing of streams expensive. Where
it can be had, what is kept is not the chunks but what the server sent (`kansoku.calls.sent`).
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Protocol

from kansoku.calls.sent import Growth, Sent, tap
from kansoku.spans import clock


class Streamed(Protocol):
    """What a stream ends: a call."""

    def stream_ended(
        self, chunks: list[Any] | Sent, count: int, first: int, error: BaseException | None, early: bool
    ) -> None:
        """End with what was kept of `count` chunks; `first` is the time of the first one, 0 without any."""

    def answer(self, response: Any) -> None:
        """End with a whole response."""

    def fail(self, error: BaseException) -> None:
        """End with an exception."""

    def end(self) -> None:
        """End without an answer."""


class Pieces(Protocol):
    """Takes the chunks of one stream as they pass."""

    def add(self, chunk: Any) -> None:
        """Keep what a chunk says, and never fail; the program waits for it."""

    def close(self, *, whole: bool) -> tuple[list[Any] | Sent, int]:
        """Return what was kept, and of how many chunks; `whole` if the stream has come to its end."""


class Brief(Protocol):
    """Knows the ordinary requests and responses of an endpoint at a glance: most of them.

    Copies share nothing with the caller that could change before they are read.
    """

    def copy_request(self, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a copy of the arguments, with a `model` that is text; None when it would take long."""

    def copy_response(self, response: Any) -> dict[str, Any] | None:
        """Return a copy of a whole response; None when it would take long."""


class Passing(Protocol):
    """What passes on its way to the program, a stream's chunks or a body's pieces, kept until it ends."""

    def begin(self, chunk: Any) -> Callable[[Any], None] | Sent:
        """Keep the first one; return what keeps the others."""

    def keep(self, chunk: Any) -> None:
        """Keep one."""

    def end(self, error: BaseException | None = None, *, early: bool = False) -> None:
        """End with what has passed."""


class _Whole:
    """Keeps chunks as they are."""

    __slots__ = ("_chunks", "add")

    def __init__(self) -> None:
        self._chunks: list[Any] = []
        self.add = self._chunks.append

    def close(self, *, whole: bool) -> tuple[list[Any], int]:  # noqa: ARG002 - all that passed was kept
        return self._chunks, len(self._chunks)


class Recording:
    """What was kept of the chunks of one stream; `end` counts once."""

    __slots__ = ("_call", "_growth", "_pieces", "_sent", "first")

    def __init__(self, call: Streamed, growth: Growth | None = None) -> None:
        self._call: Streamed | None = call
        self._growth = growth
        self._pieces: Pieces | None = None  # before the first chunk
        self._sent: Sent | None = None
        self.first = 0

    def tap(self, stream: Any) -> None:
        """Keep a client's stream as its server sends it, where that can be had and read."""
        if self._growth is not None:
            self._sent = tap(stream, self._growth)

    def end(self, error: BaseException | None = None, *, early: bool = False) -> None:
        """End the call with the chunks seen so far."""
        call, self._call = self._call, None
        if call is not None:
            pieces, self._pieces = self._pieces or _Whole(), None
            kept = pieces.close(whole=error is None and not early)
            call.stream_ended(*kept, self.first, error, early)

    def keep(self, chunk: Any) -> None:
        """Keep a chunk that passes; the first one is timed."""
        pieces = self._pieces
        if pieces is None:
            if self._call is None:  # it has ended
                return
            self.first = clock.now()
            sent = self._sent
            # If there is something, it is there that the client reads.
            pieces = self._pieces = sent if sent is not None and sent.pieces else _Whole()
        pieces.add(chunk)

    def begin(self, chunk: Any) -> Callable[[Any], None] | Sent:
        """Keep the first chunk of a loop; return what keeps the others."""
        self.keep(chunk)
        pieces = self._pieces
        return pieces if isinstance(pieces, Sent) else _ignore if pieces is None else pieces.add


def _ignore(_chunk: Any) -> None:
    """Keep nothing of a stream whose call has ended."""


def pass_on(iterator: Iterator[Any], recording: Passing, *, holds: Any = None) -> Iterator[Any]:
    """Yield what an iterator yields, and end the recording with it.

    A loop that is left ends it too, unless the loop holds a stream, which may be read on.
    """
    try:
        for first in iterator:
            add = recording.begin(first)
            yield first
            if isinstance(add, Sent):
                for portion in add.portions(iterator):
                    for chunk, _ in portion:
                        yield chunk
                break
            for chunk in iterator:  # hundreds pass here
                add(chunk)
                yield chunk
    except GeneratorExit:
        if holds is None:
            recording.end(early=True)
        raise
    except BaseException as error:
        recording.end(error)
        raise
    recording.end()


async def pass_on_async(iterator: AsyncIterator[Any], recording: Passing) -> AsyncIterator[Any]:
    """Yield what an asynchronous iterator yields, and end the recording with it."""
    try:
        async for chunk in iterator:
            recording.keep(chunk)
            yield chunk
    except GeneratorExit:
        recording.end(early=True)
        raise
    except BaseException as error:
        recording.end(error)
        raise
    recording.end()
