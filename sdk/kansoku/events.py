"""The events of a stream as its server sent them: text, which nobody changes, read after the stream's end.

A client makes a dozen objects of every event. To look into them, or to keep them, costs a stream more than
all the rest of its tracing; the text that they are made of is there before, and is kept by reference.
"""

import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import chain, filterfalse, islice
from operator import attrgetter
from typing import Any, Protocol

import pydantic_core

from kansoku.guard import swallow

_MANY = 256  # events that are kept one by one before they are squeezed
_LAST = "[DONE]"
_text = attrgetter("data")
_own_text = attrgetter("_data")  # where the clients keep it: asking for it is no call of theirs


class Squeeze(Protocol):
    """Makes less of the texts of events, and chunks of what it made."""

    def squeeze_events(self, events: list[str]) -> list[Any]:
        """Return something smaller that says the same, soon: the program waits."""

    def read_events(self, squeezed: list[Any]) -> list[dict[str, Any]]:
        """Return the chunks of what was squeezed; those that carry on one text may be one."""


class Events:
    """The events that `passed`, and what `squeeze` made of those that passed before them."""

    __slots__ = ("_brief", "_count", "_squeezed", "_text", "passed")

    def __init__(self, brief: Squeeze) -> None:
        self._brief = brief
        self._squeezed: list[Any] = []
        self._text = _text
        self._count = 0
        self.passed: list[Any] = []

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
        return True

    def squeeze(self) -> None:
        """Make less of the events that passed since this was done last."""
        passed, self.passed = self.passed, []
        self._count += len(passed)
        try:
            self._squeezed += self._brief.squeeze_events(list(map(self._text, passed)))
        except Exception as error:  # noqa: BLE001 - the border: the program reads on
            swallow("events.squeeze", error)

    def end(self, error: BaseException | None) -> None:
        """Squeeze what is left; an event of which the client made an error was never a chunk."""
        if self.passed:
            last = self._text(self.passed[-1])
            if last.startswith(_LAST):
                self.passed.pop()
            elif error is not None:
                said = parse_event(last)
                if said is None or said.get("error"):
                    self.passed.pop()
        self.squeeze()

    def read(self) -> list[dict[str, Any]]:
        """Return the chunks that the events are."""
        return self._brief.read_events(self._squeezed)


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
    """Return the events of `source`, each kept as it passes without a step of Python in between."""
    return chain.from_iterable(_stretches(source, events))


def _stretches(source: Iterator[Any], events: Events) -> Iterator[Iterator[Any]]:
    first = next(source, None)
    if first is None:
        return
    known = events.knows(first)
    if known:
        events.passed.append(first)
    yield iter((first,))
    room = _MANY - 1
    while known:
        # None, which is what `append` returns, is not true: every event passes.
        yield filterfalse(events.passed.append, islice(source, room))
        known = len(events.passed) >= _MANY
        if known:
            events.squeeze()  # what the client has taken
        room = _MANY
    yield source


async def _kept_async(source: AsyncIterator[Any], events: Events) -> AsyncIterator[Any]:
    known = None
    async for event in source:
        if known is None:
            known = events.knows(event)
        if known:
            if len(events.passed) >= _MANY:
                events.squeeze()  # what the client has taken; of the next one nobody knows yet
            events.passed.append(event)
        yield event
