"""Trace answers that a vendor makes in the background: only who fetches one learns what it used.

The call that asks for such an answer says that it has begun. Fetching it is no call of a model, and is done
as often as it takes; that it is there, complete and with its tokens, is told once.
"""

import functools
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Protocol

from kansoku import semconv
from kansoku.calls.call import begin
from kansoku.calls.reader import Reader
from kansoku.calls.wrapper import positional, wrap_async, wrap_sync
from kansoku.guard import guard


class Known:
    """The ids of answers that this process knows of; of more than `most` the oldest are forgotten."""

    def __init__(self, most: int = 16_384) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, name: object) -> bool:
        return name in self._ids

    def add(self, name: str) -> None:
        """Know an answer."""
        self._ids[name] = None
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)

    def discard(self, name: str) -> None:
        """Forget an answer, known or not."""
        self._ids.pop(name, None)


class Fetches(Protocol):
    """Knows which of the answers that a program fetches are to be told."""

    def follows(self, arguments: Mapping[str, Any]) -> bool:
        """Tell whether a stream is asked for that goes on with one that broke off."""

    def told(self, response: Any) -> Mapping[str, Any] | None:
        """Return what an answer is told to have been asked with; None for one that is not to be told."""


def wrap_fetch(original: Callable[..., Any], reader: Reader, fetches: Fetches) -> Callable[..., Any]:
    """Return a method that fetches the same answers, and tells those that are there for the first time."""
    followed, names = wrap_sync(original, reader, streams=True), positional(original)

    @functools.wraps(original)
    def fetch(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _follows(fetches, names, args, kwargs):
            return followed(self, *args, **kwargs)
        response = original(self, *args, **kwargs)
        _tell(reader, fetches, self, response)
        return response

    return fetch


def wrap_fetch_async(original: Callable[..., Any], reader: Reader, fetches: Fetches) -> Callable[..., Any]:
    """Return a coroutine method that does the same; see `wrap_fetch`."""
    followed, names = wrap_async(original, reader, streams=True), positional(original)

    @functools.wraps(original)
    async def fetch(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _follows(fetches, names, args, kwargs):
            return await followed(self, *args, **kwargs)
        response = await original(self, *args, **kwargs)
        _tell(reader, fetches, self, response)
        return response

    return fetch


def wrap_result(original: Callable[..., Any], tell: Callable[[Any, Any], None]) -> Callable[..., Any]:
    """Return a method that does the same; `tell` sees the resource and what comes of it."""

    @functools.wraps(original)
    def fetch(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        tell(self, result)
        return result

    return fetch


def wrap_result_async(original: Callable[..., Any], tell: Callable[[Any, Any], None]) -> Callable[..., Any]:
    """Return a coroutine method that does the same; see `wrap_result`."""

    @functools.wraps(original)
    async def fetch(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = await original(self, *args, **kwargs)
        tell(self, result)
        return result

    return fetch


@guard
def watch(decoder: Any, tell: Callable[[Any], None]) -> None:
    """See what a stream of a client yields; what is no stream, such as a raw response, is left as it is."""
    source = getattr(decoder, "_iterator", None)
    if source is not None:
        passes = _pass_on_later if hasattr(source, "__anext__") else _pass_on
        decoder.__dict__["_iterator"] = passes(source, tell)


def _pass_on(source: Iterator[Any], tell: Callable[[Any], None]) -> Iterator[Any]:
    for item in source:
        tell(item)
        yield item


async def _pass_on_later(source: AsyncIterator[Any], tell: Callable[[Any], None]) -> AsyncIterator[Any]:
    async for item in source:
        tell(item)
        yield item


@guard
def _follows(
    fetches: Fetches, names: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> bool:
    return fetches.follows({**dict(zip(names, args, strict=False)), **kwargs})


@guard
def _tell(reader: Reader, fetches: Fetches, resource: Any, response: Any) -> None:
    asked = fetches.told(response)
    call = begin(reader, resource, asked) if asked is not None else None
    if call is not None:
        call.note({semconv.FETCHED: True})  # by this, a collector tells it from a second call
        call.answer(response)
