"""Read what Cohere's `with_raw_response` gives: the same answers, each with its HTTP response around it."""

import functools
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

from kansoku.calls.call import Call, begin
from kansoku.calls.reader import Answer, Reader, Request
from kansoku.calls.recording import Recording
from kansoku.calls.stream import follow
from kansoku.calls.wrapper import positional
from kansoku.guard import guard
from kansoku.spans.attached import attach, detach


class RawReader:
    """Reads an answer with the reader of what is inside of it.

    The client makes its own calls through the same methods: inside of a call that is traced already, these
    are not traced again.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.operation = reader.operation

    def origin(self, resource: Any, local_provider: str) -> tuple[str, str, int]:
        """Return provider, host and port of a client."""
        return self._reader.origin(resource, local_provider)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        return self._reader.request(arguments, capture)

    def response(self, response: Any, capture: bool) -> Answer:
        """Read the answer inside of a response."""
        return self._reader.response(response.data, capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: these are not streamed."""
        return self.response(chunks[-1], capture)


def whole_answers(readers: Mapping[str, Reader]) -> dict[str, Reader]:
    """Return readers of the raw responses of those methods that do not stream."""
    return {name: RawReader(reader) for name, reader in readers.items() if not name.endswith("_stream")}


def streams(readers: Mapping[str, Reader]) -> dict[str, Reader]:
    """Return readers of the raw responses of those methods that stream: what passes is as ever."""
    return {name: reader for name, reader in readers.items() if name.endswith("_stream")}


def wrap_stream(original: Callable[..., Any], reader: Reader) -> Callable[..., Any]:
    """Return the raw method of a stream, which gives a context manager, with what it opens traced.

    The client's own streams open theirs through the same methods, and are traced a layer above: they are
    generators, whose calls are under way in no context, so it is the caller that tells.
    """
    names = positional(original)

    @functools.wraps(original)
    def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        manager = original(self, *args, **kwargs)
        if sys._getframe(1).f_globals.get("__name__", "").partition(".")[0] == "cohere":
            return manager
        arguments = {**dict(zip(names, args, strict=False)), **kwargs}
        kind = _Later if hasattr(manager, "__aenter__") else _Opened
        return kind(manager, reader, self, arguments)

    return traced


class _Stream:
    """What both kinds of context managers have in common: a call that begins with one."""

    def __init__(self, manager: Any, reader: Reader, client: Any, arguments: Mapping[str, Any]) -> None:
        self._manager = manager
        self._begin = functools.partial(begin, reader, client, arguments)
        self._recording: Recording | None = None

    @guard
    def _follow(self, call: Call, response: Any) -> None:
        self._recording = recording = Recording(call)
        followed = follow(response.data, recording)
        if followed is None:
            recording.end()
        else:
            response._data = followed

    def _end(self) -> None:
        if self._recording is not None:
            self._recording.end(early=True)


class _Opened(_Stream, AbstractContextManager[Any]):
    """The context manager of a raw stream."""

    def __enter__(self) -> Any:
        call = self._begin()
        if call is None:
            return self._manager.__enter__()
        token = attach(call.context)
        try:
            response = self._manager.__enter__()
        except BaseException as error:
            call.fail(error, streams=True)
            raise
        finally:
            detach(token)
        self._follow(call, response)
        return response

    def __exit__(self, *error: Any) -> Any:
        self._end()
        return self._manager.__exit__(*error)


class _Later(_Stream, AbstractAsyncContextManager[Any]):
    """The asynchronous context manager of a raw stream."""

    async def __aenter__(self) -> Any:
        call = self._begin()
        if call is None:
            return await self._manager.__aenter__()
        token = attach(call.context)
        try:
            response = await self._manager.__aenter__()
        except BaseException as error:
            call.fail(error, streams=True)
            raise
        finally:
            detach(token)
        self._follow(call, response)
        return response

    async def __aexit__(self, *error: Any) -> Any:
        self._end()
        return await self._manager.__aexit__(*error)
