"""Follow the stream that a client returns, sync or async, and end its call at the stream's own end.

Chunks are kept by reference and read once, at the end: reading each as it passes is what makes tracing of
streams expensive. Where a client reads server-sent events, and a reader can join them, those are kept instead
(`kansoku.events`). The caller gets a generator for a generator, else an object of a subclass of the client's
own stream class, so `isinstance` holds. Streams of the Stainless family (openai, anthropic, groq, ...) get an
object that is in no reference cycle (the client's is), so one dropped half-read ends its call at once.
"""

import functools
import inspect
import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Protocol

from kansoku import clock
from kansoku.events import Events, tap
from kansoku.guard import swallow

# Set by the clients' with_raw_response and with_streaming_response, in every client of this family.
RAW_RESPONSE_HEADER = "X-Stainless-Raw-Response"


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

    def join_events(self, events: list[str]) -> list[str]:
        """Return fewer events that say the same; as JSON, they are chunks as the reader folds them."""


class Recording:
    """What passes of one stream, chunks or `events`; `end` counts once."""

    __slots__ = ("_call", "chunks", "events", "first")

    def __init__(self, call: Streamed, brief: Brief | None = None) -> None:
        self._call: Streamed | None = call
        self.events = Events(brief.join_events) if brief is not None else None
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
        """Take note of the first chunk; False if it came without an event, so that chunks have to be kept."""
        if self.events is None or not self.events.texts:
            self.keep(chunk)
            return False
        self.first = clock.now()
        return True


def follow(stream: Any, recording: Recording) -> Any:
    """Return a stream that yields what `stream` yields and ends the recording's call; None for no stream."""
    if isinstance(stream, GeneratorType):
        return _watch(_pass_on(stream, recording), recording)
    if isinstance(stream, AsyncGeneratorType):
        return _watch(_pass_on_async(stream, recording), recording)
    kind: Any = type(stream)
    if _is_stainless(stream):
        return _follow_stainless(stream, kind, recording)
    if hasattr(kind, "__next__") or hasattr(kind, "__anext__") or _is_iterable_alone(kind):
        return watch(stream, recording)
    return None


def watch(stream: Any, recording: Recording) -> Any:
    """Follow an iterable object in place: whoever else holds it (a context manager) follows it, too.

    One that cannot change its class (it has slots, or is made in C) comes back inside of another object.
    """
    kind: Any = type(stream)
    if hasattr(stream, "__dict__"):
        try:
            stream.__class__ = _watched_class(kind)
        except TypeError:
            pass
        else:
            stream.__dict__["_kansoku"] = recording
            return stream
    outer: Any = _watched_class(_outer_class(kind))()
    outer.__dict__.update(_stream=stream, _kansoku=recording)
    return outer


def _is_iterable_alone(kind: Any) -> bool:
    """Tell a stream that makes its iterator anew from a container, and from a model that lists its fields."""
    if hasattr(kind, "__aiter__"):
        return True
    fields = ("__len__", "__getitem__", "__pydantic_fields__", "__dataclass_fields__")
    return hasattr(kind, "__iter__") and not any(hasattr(kind, name) for name in fields)


def _is_stainless(stream: Any) -> bool:
    """Tell a stream of the Stainless family; newer clients make its iterator when it is first asked for."""
    return "_iterator" in getattr(stream, "__dict__", ()) or hasattr(type(stream), "_iterator")


def _follow_stainless(stream: Any, kind: Any, recording: Recording) -> Any:
    asynchronous = hasattr(kind, "__anext__")
    followed: Any = object.__new__(_followed_class(kind, asynchronous))
    followed._kansoku = recording
    followed.__dict__.update(vars(stream))
    pass_on = _pass_on_async if asynchronous else _pass_on
    followed._iterator = pass_on(stream._iterator, recording)
    if recording.events is not None:
        tap(stream, recording.events, asynchronous=asynchronous)
    # The client's stream and its iterator hold each other; without this link the connection of a stream
    # dropped half-read is released at once instead of at the next garbage collection.
    del stream.__dict__["_iterator"]
    return followed


def _watch(generator: Any, recording: Recording) -> Any:
    """End the recording with a generator that nobody ever starts: such a one is dropped without a word."""
    weakref.finalize(generator, recording.end, early=True)
    return generator


def _pass_on(iterator: Iterator[Any], recording: Recording) -> Iterator[Any]:
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


async def _pass_on_async(iterator: AsyncIterator[Any], recording: Recording) -> AsyncIterator[Any]:
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


@functools.lru_cache(maxsize=64)
def _followed_class(base: type[Any], asynchronous: bool) -> type[Any]:
    """Return a subclass of a client's stream class that ends the call when it is closed or dropped."""

    def close(self: Any) -> None:
        try:
            base.close(self)
        finally:
            self._kansoku.end(early=True)

    async def close_async(self: Any) -> None:
        try:
            await base.close(self)
        finally:
            self._kansoku.end(early=True)

    def drop(self: Any) -> None:
        self._kansoku.end(early=True)

    return type(
        base.__name__,
        (base,),
        {"close": close_async if asynchronous else close, "__del__": drop, "__module__": base.__module__},
    )


@functools.lru_cache(maxsize=64)
def _watched_class(base: type[Any]) -> type[Any]:
    """Return a subclass of an iterator's class that records what it yields and how it ends."""
    own: dict[str, Any] = {"__module__": base.__module__, "__del__": _drop(base)}
    if hasattr(base, "__next__"):
        own["__next__"] = _next(base)
    if hasattr(base, "__anext__") and not inspect.isasyncgenfunction(base.__anext__):  # aiobotocore's is one
        own["__anext__"] = _anext(base)
    for name in ("__iter__", "__aiter__"):
        if hasattr(base, name):
            own[name] = _iter(getattr(base, name), _pass_on if name == "__iter__" else _pass_on_async)
    for name in ("close", "aclose", "__exit__", "__aexit__"):
        if callable(getattr(base, name, None)):
            own[name] = _closing(getattr(base, name))
    return type(base.__name__, (base,), own)


def _next(base: Any) -> Callable[[Any], Any]:
    def advance(self: Any) -> Any:
        try:
            chunk = base.__next__(self)
        except BaseException as error:
            self._kansoku.end(None if isinstance(error, StopIteration) else error)
            raise
        self._kansoku.keep(chunk)
        return chunk

    return advance


def _anext(base: Any) -> Callable[[Any], Any]:
    async def advance(self: Any) -> Any:
        try:
            chunk = await base.__anext__(self)
        except BaseException as error:
            self._kansoku.end(None if isinstance(error, StopAsyncIteration) else error)
            raise
        self._kansoku.keep(chunk)
        return chunk

    return advance


def _iter(own: Any, pass_on: Callable[[Any, Recording], Any]) -> Callable[[Any], Any]:
    def iterate(self: Any) -> Any:
        found = own(self)
        return found if found is self else pass_on(found, self._kansoku)

    return iterate


def _closing(own: Any) -> Callable[..., Any]:
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._kansoku.end(early=True)
        return own(self, *args, **kwargs)

    return close


def _drop(base: Any) -> Callable[[Any], None]:
    def drop(self: Any) -> None:
        self._kansoku.end(early=True)
        if hasattr(base, "__del__"):
            base.__del__(self)

    return drop


_THROUGH = (
    "__next__",
    "__anext__",
    "__iter__",
    "__aiter__",
    "__enter__",
    "__exit__",
    "__aenter__",
    "__aexit__",
)


@functools.lru_cache(maxsize=64)
def _outer_class(kind: Any) -> Any:
    """Return a class whose objects do what an object of `kind` inside of them does, and pass for one."""
    own: dict[str, Any] = {
        "__module__": kind.__module__,
        "__class__": property(lambda _: kind),  # isinstance() asks here
        "__getattr__": lambda self, name: getattr(self._stream, name),
    }
    own.update((name, _through(name)) for name in (*_THROUGH, "close", "aclose") if hasattr(kind, name))
    return type(kind.__name__, (), own)


def _through(name: str) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = getattr(self._stream, name)(*args, **kwargs)
        return self if found is self._stream else found

    return call


def follow_raw(response: Any, call: Streamed) -> Any:
    """Trace a raw response: read it when the caller parses it, end the call when it is closed or dropped."""
    if type(response).__name__ == "LegacyAPIResponse" and not getattr(response, "_stream", False):
        # The body is here already, and parse() keeps its result: the caller's own parse() costs nothing then.
        call.answer(response.parse())
        return response
    if _is_read(response):
        call.answer(json.loads(response.http_response.content))  # parse() may be a coroutine
        return response
    recording = Recording(call)
    unread = weakref.finalize(response, recording.end, early=True)
    response.parse = _parse_and_follow(response.parse, call, recording, unread)
    if callable(getattr(response, "close", None)):
        response.close = _close_and_end(response.close, recording)
    return response


def _is_read(response: Any) -> bool:
    """Tell whether the whole body of an APIResponse came with it: one of `with_raw_response`, no stream."""
    http = getattr(response, "http_response", None)
    if http is None or getattr(response, "_stream", getattr(response, "_is_sse_stream", True)):
        return False
    return bool(http.is_closed) and http.request.headers.get(RAW_RESPONSE_HEADER) != "stream"


def _parse_and_follow(
    parse: Callable[..., Any], call: Streamed, recording: Recording, unread: "weakref.finalize[..., Any]"
) -> Callable[..., Any]:
    followed: list[Any] = []

    def take(parsed: Any) -> Any:
        try:
            if _is_stainless(parsed):
                unread.detach()
                followed.append(follow(parsed, recording))
                return followed[0]
            call.answer(parsed)
        except Exception as error:  # noqa: BLE001 - the border: the caller gets its response
            swallow("stream.raw", error)
        return parsed

    async def take_later(parsed: Any) -> Any:
        return take(await parsed)

    @functools.wraps(parse)
    def traced(*args: Any, **kwargs: Any) -> Any:
        if followed:
            return followed[0]
        parsed = parse(*args, **kwargs)
        return take_later(parsed) if hasattr(parsed, "__await__") else take(parsed)

    return traced


def _close_and_end(close: Callable[..., Any], recording: Recording) -> Callable[..., Any]:
    @functools.wraps(close)
    def traced(*args: Any, **kwargs: Any) -> Any:
        recording.end(early=True)
        return close(*args, **kwargs)

    return traced
