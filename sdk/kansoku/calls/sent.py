"""Keep a stream as its server sent it, and read it when somebody looks at its span.

To look at a chunk as it passes costs a program more than all else of its tracing: its client has made a dozen
objects of it. Its bytes cost next to nothing to keep. And most events differ from those around them in one
text alone: such neighbours are made one event, without reading any of them.
"""

import operator
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from itertools import filterfalse, islice, repeat
from typing import Any, NamedTuple

from kansoku.calls import sse
from kansoku.guard import guard

_SETTLED = 512  # pieces or chunks after which neighbours are made one, so that memory has a bound
_LARGE = 65_536  # bytes that are not left to whoever reads them
_NEVER = b"\0{"  # with which no event begins
_MANY, _FEW = 16, 5  # events; those before and after all that add to one text: who speaks, what was used
_SHORTEST = 256  # bytes that have the first event
_is_ended = operator.methodcaller("endswith", sse.BETWEEN)
_TEXT = re.compile(rb'[^"\\\n]*(?:\\.[^"\\\n]*)*')  # the inside of a string


class Growth(NamedTuple):
    """How the events of an endpoint add to a text: what is before it, and what may follow it.

    The first pattern begins in the outermost object and ends where the text begins; the second begins where
    that ends. They exclude whatever counts each time that it is said. What differs from event to event and
    says nothing is `padding`, in place of which `instead` is read: where there is such, the first event has
    the `mark`. `named` says that clients make chunks of events with a name alone.
    """

    begins: re.Pattern[bytes]
    ends: re.Pattern[bytes]
    padding: re.Pattern[bytes]
    instead: bytes
    mark: bytes
    named: bool = False


class Sent:
    """The events of one stream whose chunks the program was given; see `kansoku.calls.recording.Pieces`."""

    __slots__ = (
        *("_ahead", "_closed", "_done", "_events", "_growth", "_known"),
        *("_left", "_padded", "_unread", "_whole", "is_large", "pieces"),
    )

    def __init__(self, growth: Growth) -> None:
        self._growth = growth
        self._events: list[bytes] = []
        self._known = 0  # how many of the chunks those tell
        self._ahead: list[bytes] = []  # events whose chunks have not passed
        self._done = False  # the event came after which clients read no other
        self._left = repeat(None, sys.maxsize)  # one less for every chunk that passes
        self._padded: bool | None = None
        self._whole = False
        self._closed: int | None = None  # how many chunks had passed then
        self._unread: list[bytes] = []
        self.is_large = False  # what is left when neighbours are one
        self.pieces: list[bytes] = []  # what came since then

    @property
    def passed(self) -> int:
        """How many chunks have passed."""
        return sys.maxsize - operator.length_hint(self._left)

    def add(self, _chunk: Any) -> None:
        """Count a chunk that passes."""
        next(self._left)
        if len(self.pieces) >= _SETTLED:
            self._settle_many()

    def portions(self, iterator: Iterator[Any]) -> Iterator[Iterator[tuple[Any, None]]]:
        """Yield what an iterator gives, and count it, in portions: to pass one on takes no step in Python."""
        counted = zip(iterator, self._left, strict=False)
        before = -1
        while before != (before := self.passed):
            yield islice(counted, _SETTLED)
            if len(self.pieces) >= _SETTLED:
                self._settle_many()

    def close(self, *, whole: bool) -> tuple["Sent", int]:
        """Return what is to be read, and of how many chunks."""
        self._whole = whole
        # The program may read on while somebody looks at the span, and may keep the stream.
        self._unread, self._closed = self.pieces.copy(), self.passed
        self.pieces.clear()
        size = sum(map(len, self._unread))
        if size > _LARGE:
            self._take_unread()
            size = 0
        self.is_large = size + sum(map(len, self._events)) > _LARGE
        return self, self._closed

    def read(self) -> list[Any]:
        """Return the events, neighbours that add to one text as one."""
        self._take_unread()
        return sse.read(self._events)

    @guard
    def _take_unread(self) -> None:
        unread, self._unread = self._unread, []
        if unread and not self._merge_whole(unread):
            self._settle(unread)

    def _merge_whole(self, pieces: list[bytes]) -> bool:
        """Take the pieces of a stream that has come to its end, where each is one event as a rule."""
        if not self._whole or self._done or self._ahead or self._is_padded(pieces):
            return False
        events = merge(pieces, self._growth)
        if events is None:
            return False
        text = b"".join(events)
        # No line ends inside of a text: if each of what is left is one event, so was each of the pieces.
        if b"\r" in text or not all(map(_is_ended, events)):
            return False
        # Two ends of lines for each are no more than those at its end; one byte is counted faster than two.
        if text.count(b"\n") != 2 * len(events) and text.count(sse.BETWEEN) != len(events):
            return False
        self._events += sse.chunks_of(events, named=self._growth.named)[0]
        return True

    @guard
    def _settle_many(self) -> None:
        if self._closed is None:
            self.pieces[:] = [self._settle(self.pieces)]
        else:
            self.pieces.clear()

    def _settle(self, pieces: list[bytes]) -> bytes:
        """Take the events whose chunks have passed out of the pieces; return the begun one after them."""
        text, begun = sse.split(b"".join(pieces), ended=self._closed is not None)
        if self._is_padded(pieces):
            text = self._growth.padding.sub(self._growth.instead, text + b"\n")[:-1]
        if text and not self._done:
            told, self._done = sse.chunks_of(text.split(sse.BETWEEN), named=self._growth.named)
            self._ahead += told
        passed = (self.passed if self._closed is None else self._closed) - self._known
        told = self._ahead if self._whole else self._ahead[:passed]
        self._ahead = self._ahead[len(told) :]
        self._known += len(told)
        self._events += merge(told, self._growth) or []
        return begun

    def _is_padded(self, pieces: list[bytes]) -> bool:
        if self._padded is None:
            first = pieces[0]
            if len(first) < _SHORTEST:  # no more than a part of the first event
                first = b"".join(pieces[:_SETTLED])
            self._padded = self._growth.mark in first
        return self._padded


def merge(events: list[bytes], growth: Growth) -> list[bytes] | None:
    """Return events of which neighbours that begin and end alike, and add to one text, are one.

    None if a line ends inside of a text: they are no events.
    """
    if (one := _merge_one(events, growth)) is not None:
        return one
    found: list[bytes] = []
    texts: list[bytes] = []
    head = tail = _NEVER
    begins = ends = 0
    for event in events:
        if event.startswith(head) and event.endswith(tail):
            texts.append(event[begins:ends])
            continue
        if texts and not _finish(found, head, tail, texts):
            return None
        texts, head = [], _NEVER
        span = _text_in(event, growth)
        if span is None:
            found.append(event)
            continue
        begins, ends = span
        head, tail, texts = event[:begins], event[ends:], [event[begins:ends]]
        ends = -len(tail)
    return found if not texts or _finish(found, head, tail, texts) else None


def _merge_one(events: list[bytes], growth: Growth) -> list[bytes] | None:
    """Merge events all of which but a few at both ends add to one text, as most do; None if they do not.

    One comparison of all of them tells as much as two of each, in half the time.
    """
    if len(events) < _MANY:
        return None
    template = events[len(events) // 2]
    if (span := _text_in(template, growth)) is None:
        return None
    head, tail = template[: span[0]], template[span[1] :]
    first = next((at for at in range(_FEW) if events[at].startswith(head)), None)
    stop = next(
        (at for at in range(len(events), len(events) - _FEW, -1) if events[at - 1].startswith(head)), 0
    )
    if first is None or not stop:
        return None
    run = events[first:stop]
    texts = list(map(operator.itemgetter(slice(len(head), -len(tail))), run))
    if b"".join(run) != b"".join((head, (tail + head).join(texts), tail)):
        return None
    found = events[:first]
    return found + events[stop:] if _finish(found, head, tail, texts) else None


def _text_in(event: bytes, growth: Growth) -> tuple[int, int] | None:
    """Return where the text is to which an event adds, if it adds to one and says nothing else."""
    grown = growth.begins.search(event)
    if grown is None or event.count(b"{", 0, grown.start()) > 1:  # the latter is further inside
        return None
    text = _TEXT.match(event, grown.end())
    return text.span() if text is not None and growth.ends.match(event, text.end()) else None


def _finish(found: list[bytes], head: bytes, tail: bytes, texts: list[bytes]) -> bool:
    """Add the one event of those that begin and end alike, or all of them; False if they are no events."""
    joined = b"".join(texts)
    is_plain = b'"' not in joined and b"\\" not in joined and b"\n" not in joined
    if is_plain or _TEXT.fullmatch(joined):
        found.append(head + joined + tail)
    elif b"\n" in joined:
        return False
    else:
        found += [head + text + tail for text in texts]
    return True


class _Tap:
    """A client's decoder of server-sent events, of which everything that it is given is kept."""

    def __init__(self, decoder: Any, keep: Callable[[bytes], None]) -> None:
        self._decoder = decoder
        self._keep = keep

    def iter_bytes(self, pieces: Iterator[bytes]) -> Any:
        # Keeping returns nothing, so every piece is passed on, without a step in Python.
        return self._decoder.iter_bytes(filterfalse(self._keep, pieces))

    def aiter_bytes(self, pieces: AsyncIterator[bytes]) -> Any:
        return self._decoder.aiter_bytes(_kept(pieces, self._keep))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # who copies asks an object that has no decoder yet
        return getattr(self._decoder, name)


async def _kept(pieces: AsyncIterator[bytes], keep: Callable[[bytes], None]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        keep(piece)
        yield piece


def tap(stream: Any, growth: Growth) -> Sent | None:
    """Keep what the server sends of a client's stream; None where nothing decodes server-sent events.

    Nothing comes of a stream that has begun, or whose client reads another way: whoever asked looks whether
    `Sent.pieces` has something when the first chunk passes.
    """
    decoder = getattr(stream, "_decoder", None)
    decodes: Any = type(decoder)
    kind: Any = type(stream)
    if not _is_of_client(decodes, kind):
        return None
    sent = Sent(growth)
    stream._decoder = _Tap(decoder, sent.pieces.append)
    return sent


@lru_cache(maxsize=64)
def _is_of_client(decoder: type[Any], stream: type[Any]) -> bool:
    """Tell a client's own decoder of such events from that of Amazon's frames, and from a program's own.

    The latter may change what was sent.
    """
    same = decoder.__module__.partition(".")[0] == stream.__module__.partition(".")[0]
    # Old clients decode lines. Some ask the decoder whether it takes bytes, and would believe ours.
    return same and decoder.__name__.startswith("SSE") and hasattr(decoder, "iter_bytes")
