"""Follow an iterable object in place, or inside of another that passes for it."""

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from kansoku.calls.recording import Recording, pass_on, pass_on_async

# Whose next chunk is being fetched here: a stream that closes itself meanwhile is not left early.
_fetching: ContextVar[Recording | None] = ContextVar("kansoku-fetching", default=None)


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
            own[name] = _iter(getattr(base, name), pass_on if name == "__iter__" else pass_on_async)
    for name in ("close", "aclose", "__exit__", "__aexit__"):
        if callable(getattr(base, name, None)):
            own[name] = _closing(getattr(base, name))
    return type(base.__name__, (base,), own)


def _next(base: Any) -> Callable[[Any], Any]:
    def advance(self: Any) -> Any:
        before = _fetching.get()
        _fetching.set(self._kansoku)
        try:
            chunk = base.__next__(self)
        except BaseException as error:
            self._kansoku.end(None if isinstance(error, StopIteration) else error)
            raise
        finally:
            _fetching.set(before)
        self._kansoku.keep(chunk)
        return chunk

    return advance


def _anext(base: Any) -> Callable[[Any], Any]:
    async def advance(self: Any) -> Any:
        before = _fetching.get()
        _fetching.set(self._kansoku)
        try:
            chunk = await base.__anext__(self)
        except BaseException as error:
            self._kansoku.end(None if isinstance(error, StopAsyncIteration) else error)
            raise
        finally:
            _fetching.set(before)
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
        if _fetching.get() is not self._kansoku:
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
