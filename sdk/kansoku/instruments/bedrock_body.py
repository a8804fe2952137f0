"""Watch the body of an invoke_model response while its reader reads it: nothing is read for our own sake.

The bytes that pass are kept by reference; the call ends when the reader has all of them, or gives up.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Protocol

# A body beyond this is not kept: its text would be cut anyway, its token counts are in the headers.
LARGEST = 8 * 1024 * 1024


class Reading:
    """The bytes of one body as they pass; `end` counts once."""

    __slots__ = ("_chunks", "_done", "_left", "_size")

    def __init__(self, length: Any, done: "Done") -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._left = int(length) if str(length or "").isdigit() else -1
        self._done: Done | None = done

    def keep(self, data: bytes, *, last: bool = False) -> None:
        """Keep bytes that pass; `last` says that there are no more."""
        if self._done is None:
            return
        self._size += len(data)
        if self._size <= LARGEST:
            self._chunks.append(data)
        if last or self._size == self._left:
            self.end()

    def end(self, error: BaseException | None = None, *, early: bool = False) -> None:
        """End the call with what passed; a body that is too large or not whole gives none."""
        done, self._done = self._done, None
        if done is not None:
            chunks, self._chunks = self._chunks, []
            whole = not early and error is None and self._size <= LARGEST
            done(b"".join(chunks) if whole else b"", error, early)


class Done(Protocol):
    """What is called once, with the whole body, or with none after an error and an early end."""

    def __call__(self, body: bytes, error: BaseException | None, early: bool) -> None:
        """Take the end of the body."""


class Raw:
    """The raw stream inside a StreamingBody, passing on every call and seeing the bytes."""

    def __init__(self, raw: Any, reading: Reading) -> None:
        self._raw = raw
        self._reading = reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def read(self, *args: Any, **kwargs: Any) -> Any:
        """Read as the raw stream does."""
        wanted = args[0] if args else next(iter(kwargs.values()), None)
        try:
            data = self._raw.read(*args, **kwargs)
        except BaseException as error:
            self._reading.end(error)
            raise
        self._reading.keep(data, last=_is_last(wanted, data))
        return data

    def readinto(self, target: Any) -> Any:
        """Read into a buffer as the raw stream does."""
        try:
            count = self._raw.readinto(target)
        except BaseException as error:
            self._reading.end(error)
            raise
        self._reading.keep(bytes(memoryview(target)[: count or 0]), last=not count and len(target) > 0)
        return count

    def readlines(self, *args: Any) -> Any:
        """Read lines as the raw stream does."""
        lines = self._raw.readlines(*args)
        self._reading.keep(b"".join(lines), last=not args)
        return lines

    def readline(self, *args: Any) -> Any:
        """Read a line as the raw stream does."""
        line = self._raw.readline(*args)
        self._reading.keep(line, last=not line)
        return line

    def close(self) -> None:
        """Close the raw stream."""
        self._raw.close()
        self._reading.end(early=True)

    def __iter__(self) -> Iterator[Any]:
        for line in self._raw:
            self._reading.keep(line)
            yield line
        self._reading.end()

    def __enter__(self) -> "Raw":
        self._raw.__enter__()
        return self

    def __exit__(self, *error: object) -> Any:
        self._reading.end(early=True)
        return self._raw.__exit__(*error)

    def __del__(self) -> None:
        self._reading.end(early=True)


def watch_body(body: Any, done: Done) -> None:
    """Watch a body in place; raise when it is of no known kind."""
    reading = Reading(getattr(body, "_content_length", None), done)
    kind: Any = type(body)
    if inspect.iscoroutinefunction(kind.read):
        body.__class__ = _watched_class(kind)
        body._kansoku = reading
    else:
        body._raw_stream = Raw(body._raw_stream, reading)


def _is_last(wanted: Any, data: Any) -> bool:
    return wanted is None or wanted < 0 or (not data and wanted > 0)


@functools.lru_cache(maxsize=16)
def _watched_class(base: Any) -> type[Any]:
    """Return a subclass of an asynchronous body's class (aiobotocore) that sees what is read."""

    async def read(self: Any, amt: int | None = None) -> Any:
        try:
            data = await base.read(self, amt)
        except BaseException as error:
            self._kansoku.end(error)
            raise
        self._kansoku.keep(data, last=_is_last(amt, data))
        return data

    def closing(own: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(own)
        def close(self: Any) -> Any:
            self._kansoku.end(early=True)
            return own(self)

        return close

    def drop(self: Any) -> None:
        self._kansoku.end(early=True)

    own: dict[str, Any] = {"read": read, "__del__": drop, "__module__": base.__module__}
    for name in ("close", "aclose"):
        if hasattr(base, name):
            own[name] = closing(getattr(base, name))
    return type(base.__name__, (base,), own)
