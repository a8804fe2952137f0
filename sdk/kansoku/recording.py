"""What passes of one stream, kept by reference and handed over once, at its end.

Chunks are read then, all at once: reading each as it passes is what makes tracing of streams expensive. Where
a client reads server-sent events, and a reader can join them, their words are kept (`kansoku.events`).
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

from kansoku import clock
from kansoku.events import Events, Joined


class Streamed(Protocol):
    """What a stream ends: a call."""

    def stream_ended(
        self, chunks: "list[Any] | Events", first: int, error: BaseException | None, early: bool
    ) -> None:
        """End with the chunks that passed; `first` is the time of the first of them, 0 without one."""

    def answer(self, response: Any) -> None:
        """End with a whole response."""


class Brief(Protocol):
    """Knows the ordinary requests, responses and chunks of an endpoint at a glance: most of them.

    Copies of requests and responses share nothing with the caller that could change before they are read.
    """

    def copy_request(self, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a copy of the arguments, with a `model` that is text; None when it would take long."""

    def copy_response(self, response: Any) -> dict[str, Any] | None:
        """Return a copy of a whole response; None when it would take long."""

    def joined(self) -> Joined:
        """Return where the events of a stream are put."""


class Recording:
    """What passes of one stream, chunks or `events`; `end` counts once."""

    __slots__ = ("_call", "chunks", "events", "first")

    def __init__(self, call: Streamed, brief: Brief | None = None) -> None:
        self._call: Streamed | None = call
        self.events = Events(brief.joined()) if brief is not None else None
        self.chunks: list[Any] = []
        self.first = 0

    def end(self, error: BaseException | None = None, *, early: bool = False) -> None:
        """End the call with the chunks seen so far."""
        call, self._call = self._call, None
        if call is None:
            return
        seen: list[Any] | Events = self.chunks
        if self.events is not None and not self.chunks:
            self.events.end(error)
            seen = self.events
        call.stream_ended(seen, self.first, error, early)
        self.chunks, self.events = [], None

    def keep(self, chunk: Any) -> None:
        """Keep a chunk that passes."""
        if not self.first:
            self.first = clock.now()
        self.chunks.append(chunk)

    def keep_events(self, chunk: Any) -> bool:
        """Take note of a first chunk; False if it came without an event, so that chunks have to be kept."""
        if self.events is None or self.chunks or not self.events.known:
            self.keep(chunk)
            return False
        if not self.first:
            self.first = clock.now()
        return True


def pass_on(iterator: Iterator[Any], recording: Recording) -> Iterator[Any]:
    """Yield what an iterator yields, and end the recording with it."""
    try:
        for chunk in iterator:
            noted = recording.keep_events(chunk)
            yield chunk
            if noted:
                break
            for other in iterator:
                recording.chunks.append(other)
                yield other
        yield from iterator
    except GeneratorExit:
        recording.end(early=True)
        raise
    except BaseException as error:
        recording.end(error)
        raise
    recording.end()


async def pass_on_async(iterator: AsyncIterator[Any], recording: Recording) -> AsyncIterator[Any]:
    """Yield what an asynchronous iterator yields, and end the recording with it."""
    noted = False
    try:
        async for chunk in iterator:
            if not recording.first:
                noted = recording.keep_events(chunk)
            elif not noted:
                recording.chunks.append(chunk)
            yield chunk
    except GeneratorExit:
        recording.end(early=True)
        raise
    except BaseException as error:
        recording.end(error)
        raise
    recording.end()
