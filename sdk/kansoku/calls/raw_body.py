"""Read along while a program reads the body of a raw response itself: as bytes, as text or by lines.

Nothing is read for our own sake, and nothing is parsed before the program has what it wants. What is neither
JSON nor text (spoken words, an image) is only measured.
"""

import functools
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from kansoku.calls import sse
from kansoku.calls.recording import Streamed, pass_on, pass_on_async
from kansoku.guard import guard, swallow
from kansoku.spans import clock

WAYS = ("iter_bytes", "iter_text", "iter_lines")  # `read`, `text` and `json` leave the body with the response
_LARGEST = 8 * 1024 * 1024  # a body beyond this is not kept, so that memory has a bound
_TAIL = 400  # characters in which a stream says that it is over
_LAST_WORDS = (
    *("[DONE]", "message_stop", "speech.audio.done", "transcript.text.done"),
    *("response.completed", "response.incomplete", "response.failed"),
)


class Measured(NamedTuple):
    """A body that is no text: where its type is told, and how large it was."""

    http_response: Any
    size: int


class Body:
    """The body of one response as it passes; the first way of reading it counts, and its end counts once."""

    def __init__(self, http: Any, call: Streamed) -> None:
        self._http = http
        self._call: Streamed | None = call
        self._pieces: list[Any] = []
        self._between = ""
        self._size = 0
        self._first = 0
        self._kind = _kind_of(http)

    @property
    def begun(self) -> bool:
        """Whether something has passed."""
        return self._first > 0

    def follow(self, way: str, read: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that gives what `read` gives, and reads along."""

        @functools.wraps(read)
        def traced(*args: Any, **kwargs: Any) -> Any:
            found = read(*args, **kwargs)
            if self.begun or self._call is None:
                return found
            if way == "iter_lines":
                self._between = "\n"
            return pass_on_async(found, self) if hasattr(found, "__aiter__") else pass_on(found, self)

        return traced

    def begin(self, piece: Any) -> Callable[[Any], None]:
        """Keep the first piece of a loop; return what keeps the others."""
        self.keep(piece)
        return self.keep

    @guard
    def keep(self, piece: Any) -> None:
        """Keep a piece that passes, up to the size of what is read later."""
        if not self._first:
            self._first = clock.now()
        self._size += len(piece)
        if self._size > _LARGEST:
            self._pieces.clear()
        elif self._kind:
            self._pieces.append(piece)

    def take(self, content: Any) -> None:
        """End the call with a body that the program has read at once."""
        if isinstance(content, bytes) and not self.begun:
            self.keep(content)
            self.end()

    def end(self, error: BaseException | None = None, *, early: bool = False) -> None:
        """End the call with what has passed."""
        call, self._call = self._call, None
        if call is None:
            return
        try:
            self._tell(call, error, early)
        except Exception as fault:  # noqa: BLE001 - the border: the program reads its body
            swallow("raw_body.end", fault)
            call.end()

    def _tell(self, call: Streamed, error: BaseException | None, early: bool) -> None:
        pieces, self._pieces = self._pieces, []
        text = _text_of(pieces, self._between)
        if self._kind == "event-stream":
            early = early and not any(word in text[-_TAIL:] for word in _LAST_WORDS)
            chunks = events_of(text)
            call.stream_ended(chunks, len(chunks), self._first, error, early)
        elif error is not None:
            call.fail(error)
        elif not self._kind:
            call.answer(Measured(self._http, self._size))
        elif said := _json_of(text) if self._kind == "json" else "" if early else text:
            call.answer(said)  # JSON that can be read is whole, however much of it was wanted
        else:
            call.end()


def events_of(text: str) -> list[Any]:
    """Return the data of server-sent events, as far as it is JSON; the mark of the end is none."""
    events, begun = sse.split(text.encode("utf-8", "replace"), ended=True)
    return sse.read(sse.chunks_of([*events.split(sse.BETWEEN), begun], named=False)[0])


def _json_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _text_of(pieces: list[Any], between: str) -> str:
    if pieces and isinstance(pieces[0], bytes):
        return b"".join(pieces).decode("utf-8", "replace")
    return between.join(pieces)


def _kind_of(http: Any) -> str:
    """Return what a body is: json (so servers that do not say it), event-stream or text; "" for others."""
    kind = str(getattr(http, "headers", {}).get("content-type") or "").partition(";")[0].strip().lower()
    if kind.endswith("json") or not kind:
        return "json"
    if kind == "text/event-stream":
        return "event-stream"
    return "text" if kind.startswith("text/") else ""
