"""Follow the stream that a client returns, sync or async, and end its call at the stream's own end.

The caller gets a generator for a generator, else an object of a subclass of the client's own stream class, so
`isinstance` holds. Streams of the Stainless family (openai, anthropic, groq, ...) get an object that is in no
reference cycle (the client's is), so one dropped half-read ends its call at once.
"""

import functools
import weakref
from collections.abc import Callable, Iterator
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from kansoku.calls.recording import Recording, pass_on, pass_on_async
from kansoku.calls.watched import watch


def follow(stream: Any, recording: Recording) -> Any:
    """Return a stream that yields what `stream` yields and ends the recording's call; None for no stream."""
    if isinstance(stream, GeneratorType):
        return _watch(pass_on(stream, recording), recording)
    if isinstance(stream, AsyncGeneratorType):
        return _watch(pass_on_async(stream, recording), recording)
    kind: Any = type(stream)
    if is_stainless(stream):
        return _follow_stainless(stream, kind, recording)
    if hasattr(kind, "__next__") or hasattr(kind, "__anext__") or _is_iterable_alone(kind):
        return watch(stream, recording)
    return None


def _is_iterable_alone(kind: Any) -> bool:
    """Tell a stream that makes its iterator anew from a container, and from a model that lists its fields."""
    if hasattr(kind, "__aiter__"):
        return True
    fields = ("__len__", "__getitem__", "__pydantic_fields__", "__dataclass_fields__")
    return hasattr(kind, "__iter__") and not any(hasattr(kind, name) for name in fields)


def is_stainless(stream: Any) -> bool:
    """Tell a stream of the Stainless family; newer clients make its iterator when it is first asked for."""
    return "_iterator" in getattr(stream, "__dict__", ()) or hasattr(type(stream), "_iterator")


def _follow_stainless(stream: Any, kind: Any, recording: Recording) -> Any:
    followed_class, passes = _followed_class(kind)
    recording.tap(stream)  # before the iterator is made: of newer clients it works on a copy of the stream
    source = stream._iterator
    followed: Any = object.__new__(followed_class)
    followed.__dict__.update(
        vars(stream), _kansoku=recording, _kansoku_source=source, _iterator=passes(source, recording)
    )
    # The client's stream and its iterator hold each other; without this link the connection of a stream
    # dropped half-read is released at once instead of at the next garbage collection.
    del stream.__dict__["_iterator"]
    return followed


def _watch(generator: Any, recording: Recording) -> Any:
    """End the recording with a generator that nobody ever starts: such a one is dropped without a word."""
    weakref.finalize(generator, recording.end, early=True)
    return generator


@functools.lru_cache(maxsize=64)
def _followed_class(base: Any) -> tuple[type[Any], Callable[[Any, Recording], Any]]:
    """Return a subclass of a client's stream class that ends the call when it is closed or dropped.

    And what makes the iterator of such a stream.
    """
    asynchronous = hasattr(base, "__anext__")

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
        recording = self.__dict__.get("_kansoku")  # a copy that failed has none
        if recording is not None:
            recording.end(early=True)

    own: dict[str, Any] = {
        "close": close_async if asynchronous else close,
        "__del__": drop,
        "__module__": base.__module__,
    }
    if not asynchronous and _loops_alone(base):
        own["__iter__"] = _loop
    return type(base.__name__, (base,), own), pass_on_async if asynchronous else pass_on


def _loop(stream: Any) -> Iterator[Any]:
    """Pass on what a stream's iterator gives, as the client's own loop does: leaving it ends no stream."""
    # The loop holds the stream: one that nobody else holds would end at once. It is the generator itself, not
    # one around it: each that a chunk passes through is a frame more, and a step more for every exception.
    return pass_on(stream._kansoku_source, stream._kansoku, holds=stream)


def _loops_alone(kind: Any) -> bool:
    """Tell whether a loop over a stream does nothing but pass on what its iterator gives."""
    code = getattr(kind.__iter__, "__code__", None)
    return code is not None and code.co_names == ("_iterator",)
