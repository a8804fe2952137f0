"""The one synchronous and the one asynchronous wrapper around a client's method: call, trace, hand on."""

import functools
import inspect
from collections.abc import Callable, Mapping
from types import CoroutineType
from typing import Any, Protocol

from opentelemetry import context as otel_context

from kansoku.calls.call import begin
from kansoku.spans.attached import attach, detach


class Traced(Protocol):
    """What is under way while a method runs: a call of a model, a search; `context` is current meanwhile."""

    @property
    def context(self) -> otel_context.Context:
        """The context in which the client works."""

    def take(self, result: Any, arguments: Mapping[str, Any], streams: bool = False) -> Any:
        """Return what the caller gets."""

    def fail(self, error: BaseException, streams: bool = False) -> Any:
        """End with an exception; `streams` as in `take`."""


# Begins what a reader is to trace, given the client and the arguments; None when nothing is.
Begin = Callable[[Any, Any, Mapping[str, Any]], Traced | None]


def wrap_sync(
    original: Callable[..., Any], reader: Any, *, streams: bool = False, begin: Begin = begin
) -> Callable[..., Any]:
    """Return a method that makes the same call and traces it; `streams` as in `Call.take`.

    The reader sees positional arguments under their names, without `self`.
    """
    names = positional(original)

    @functools.wraps(original)
    def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = {**dict(zip(names, args, strict=False)), **kwargs} if args else kwargs
        call = begin(reader, self, arguments)
        if call is None:
            return original(self, *args, **kwargs)
        token = attach(call.context)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            call.fail(error, streams)
            raise
        finally:
            detach(token)
        if type(result) is CoroutineType:  # made for a method that awaits it
            return _await(call, result, arguments, streams)
        return call.take(result, arguments, streams)

    return traced


async def _await(call: Traced, result: Any, arguments: Mapping[str, Any], streams: bool) -> Any:
    token = attach(call.context)
    try:
        found = await result
    except BaseException as error:
        call.fail(error, streams)
        raise
    finally:
        detach(token)
    return call.take(found, arguments, streams)


def wrap_async(
    original: Callable[..., Any], reader: Any, *, streams: bool = False, begin: Begin = begin
) -> Callable[..., Any]:
    """Return a coroutine method that makes the same call and traces it; see `wrap_sync`.

    A method that returns an asynchronous generator without being awaited is one for `wrap_sync`.
    """
    names = positional(original)

    @functools.wraps(original)
    async def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = {**dict(zip(names, args, strict=False)), **kwargs} if args else kwargs
        call = begin(reader, self, arguments)
        if call is None:
            return await original(self, *args, **kwargs)
        token = attach(call.context)
        try:
            result = await original(self, *args, **kwargs)
        except BaseException as error:
            call.fail(error, streams)
            raise
        finally:
            detach(token)
        return call.take(result, arguments, streams)

    return traced


def positional(method: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the positional parameters of a method, without its first."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))[1:]
