"""The events of a stream as its server sent them: text, joined as it passes and read after the stream's end.

A client makes a dozen objects of every event, and looking into them costs a stream more than all the rest of
its tracing. The text that they are made of is there before. What each says beside its neighbours is little:
that is kept, while the text is at hand, and the rest goes as it goes without tracing.
"""

import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from operator import attrgetter
from typing import Any, Protocol

import pydantic_core

from kansoku.guard import swallow

_LAST = "[DONE]"
_text = attrgetter("data")
_own_text = attrgetter("_data")  # where the clients keep it: asking for it is no call of theirs


class Joined(Protocol):
    """Texts of events, put together as they come."""

    def take(self, event: str) -> None:
        """Take the next event; the program waits for it."""

    def last(self) -> str:
        """Return the last event, without what its server has put there to hide its length; "" for none."""

    def drop_last(self) -> None:
        """Forget the last event, once."""

    def close(self) -> int:
        """Return how many events there are; no more will come."""

    def read(self) -> list[dict[str, Any]]:
        """Return the chunks that the events were; those that carry on one text may be one."""


class Events:
    """The events of one stream; `known` once the first of them was one as we know it."""

    __slots__ = ("_count", "_joined", "_text", "known")

    def __init__(self, joined: Joined) -> None:
        self._joined = joined
        self._text = _text
        self._count = 0
        self.known = False

    def __len__(self) -> int:
        """Return how many events there were; call `end` before."""
        return self._count

    def knows(self, event: Any) -> bool:
        """Tell whether an event, the first one, is one as we know it; of others nothing is kept."""
        text = getattr(event, "data", None)
        if type(text) is not str:
            return False
        if getattr(event, "__dict__", {}).get("_data") is text:
            self._text = _own_text
        self.known = True
        return True

    def take(self, event: Any) -> None:
        """Keep what an event says."""
        try:
            self._joined.take(self._text(event))
        except Exception as error:  # noqa: BLE001 - the border: the program reads on
            swallow("events.take", error)

    def end(self, error: BaseException | None) -> None:
        """Forget the event that ends the stream, and one of which the client made an error: no chunks."""
        last = self._joined.last()
        if last.startswith(_LAST):
            self._joined.drop_last()
        elif error is not None:
            said = parse_event(last)
            if said is None or said.get("error"):
                self._joined.drop_last()
        self._count = self._joined.close()

    def read(self) -> list[dict[str, Any]]:
        """Return the chunks that the events were."""
        return self._joined.read()


def parse_event(text: str) -> dict[str, Any] | None:
    """Return the chunk that an event is; None for what is no JSON, or no object."""
    try:
        found = pydantic_core.from_json(text)
    except ValueError:
        try:
            found = json.loads(text)  # takes half of a surrogate pair as well
        except ValueError:
            return None
    return found if type(found) is dict else None


def tap(stream: Any, events: Events, *, asynchronous: bool) -> None:
    """Keep the events of a stream that was not read yet; nothing of one that has no place for it."""
    if not hasattr(type(stream), "_iter_events"):
        return
    keep = _kept_async if asynchronous else _kept
    # Weak: a stream that holds itself would keep its connection until the next garbage collection.
    stream.__dict__["_iter_events"] = partial(_tapped, weakref.ref(stream), keep, events)


def _tapped(whose: Any, keep: Callable[[Any, Events], Any], events: Events) -> Any:
    stream = whose()
    return keep(type(stream)._iter_events(stream), events)


def _kept(source: Iterator[Any], events: Events) -> Iterator[Any]:
    known = None
    for event in source:
        if known is None:
            known = events.knows(event)
        if known:
            events.take(event)
        yield event


async def _kept_async(source: AsyncIterator[Any], events: Events) -> AsyncIterator[Any]:
    known = None
    async for event in source:
        if known is None:
            known = events.knows(event)
        if known:
            events.take(event)
        yield event
