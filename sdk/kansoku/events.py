"""The events of a stream as its server sent them: text, which nobody changes, read after the stream's end.

A client makes a dozen objects of every event. To look into them, or to keep them, costs a stream more than
all the rest of its tracing; the text that they are made of is there before, and is kept by reference.
"""

import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import pydantic_core

from kansoku.guard import swallow

_MANY = 256  # events that are kept one by one before they are joined
_LAST = "[DONE]"

Join = Callable[[list[str]], list[str]]


class Events:
    """The texts of the events that passed; `join` makes fewer of them that say the same."""

    __slots__ = ("_count", "_join", "_joined", "texts")

    def __init__(self, join: Join) -> None:
        self._join = join
        self._joined: list[str] = []
        self.texts: list[str] = []
        self._count = 0

    def __len__(self) -> int:
        """Return how many events there were; call `end` before."""
        return self._count

    def join(self) -> None:
        """Make few of the many events that passed since this was done last."""
        texts, self.texts = self.texts, []
        self._count += len(texts)
        try:
            self._joined += self._join(texts)
        except Exception as error:  # noqa: BLE001 - the border: the program reads on
            self._joined += texts
            swallow("events.join", error)

    def end(self, error: BaseException | None) -> None:
        """Join what is left; an event of which the client made an error was never a chunk."""
        if self.texts and self.texts[-1].startswith(_LAST):
            self.texts.pop()
        elif error is not None and self.texts:
            said = _parse(self.texts[-1])
            if said is None or said.get("error"):
                self.texts.pop()
        self.join()

    def read(self) -> list[dict[str, Any]]:
        """Return the chunks that the events are."""
        return [chunk for text in self._joined if (chunk := _parse(text)) is not None]


def _parse(text: str) -> dict[str, Any] | None:
    try:
        found = pydantic_core.from_json(text)
    except ValueError:
        try:
            found = json.loads(text)  # takes half of a surrogate pair as well
        except ValueError:
            return None
    return found if type(found) is dict else None


def tap(stream: Any, events: Events, *, asynchronous: bool) -> None:
    """Note the events of a stream that was not read yet; nothing of one that has no place for it."""
    if not hasattr(type(stream), "_iter_events"):
        return
    note = _note_async if asynchronous else _note
    # Weak: a stream that holds itself would keep its connection until the next garbage collection.
    stream.__dict__["_iter_events"] = partial(_tapped, weakref.ref(stream), note, events)


def _tapped(whose: Any, note: Callable[[Any, Events], Any], events: Events) -> Any:
    stream = whose()
    return note(type(stream)._iter_events(stream), events)


def _is_text(event: Any) -> bool:
    """Tell an event as we know it; of others nothing is noted, and the chunks are kept."""
    return type(getattr(event, "data", None)) is str


def _note(source: Iterator[Any], events: Events) -> Iterator[Any]:
    first = next(source, None)
    if first is None:
        return
    known = _is_text(first)
    if known:
        events.texts.append(first.data)
    yield first
    room = _MANY - 1 if known else 0
    while room:
        keep = events.texts.append
        for event in islice(source, room):  # hundreds pass here
            keep(event.data)
            yield event
        room = 0
        if len(events.texts) >= _MANY:
            events.join()  # what the client has taken
            room = _MANY
    yield from source


async def _note_async(source: AsyncIterator[Any], events: Events) -> AsyncIterator[Any]:
    known = None
    async for event in source:
        if known is None:
            known = _is_text(event)
        if known:
            if len(events.texts) >= _MANY:
                events.join()  # what the client has taken; of the next one nobody knows yet
            events.texts.append(event.data)
        yield event
