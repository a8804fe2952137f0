"""A span counts once, however often and whenever it is sent.

Rollups see every insert, so a span that came before has to be left out of it. What this process stored lately
is remembered, within bounds; older spans are asked of ClickHouse. A span can only have been stored after it
ended, so live traffic is decided from memory alone, and a late arrival, or the first after a start, by the
store itself: nothing has to be rebuilt, and nothing is forgotten as long as the store keeps the span. Where
nobody else writes into the store, an hour that it had no spans of needs no second question; where others do,
a span that one of them may have stored is asked for.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from kansoku_collector.decode.otlp import Found
from kansoku_collector.entries import Entry
from kansoku_collector.model import RawSpan
from kansoku_collector.store.read.stored import BACK_NS, Place

REMEMBERED = 400_000  # spans; some 40 MB
_SLACK_MS = 30_000  # how far the clocks of senders may be off before the store is asked as well
Identity = tuple[str, str, str]  # project, trace id, span id
Find = Callable[[list["Arrival"]], Mapping[Identity, set[int]]]
Held = Callable[[set[Place]], set[Place]]
_HOUR_NS = 3600 * 10**9
_MOST_PLACES = 100_000


class Arrival(NamedTuple):
    """A span, read or still to be read, whose it is, when it came, and the request that brought it."""

    raw: RawSpan | Found
    project: str
    received_ms: int
    entry: Entry | None = None

    @property
    def identity(self) -> Identity:
        """What makes two spans the same one."""
        return self.project, self.raw.trace_id, self.raw.span_id

    def read(self) -> RawSpan:
        """Return the span with all it says."""
        return self.raw.read() if isinstance(self.raw, Found) else self.raw


class Arrivals:
    """The spans stored lately, by the segment that brought them; it belongs to the thread that writes."""

    def __init__(self) -> None:
        self._young: dict[int, str] = {}
        self._old: dict[int, str] = {}
        self._since = self._young_since = _now()  # what was stored from then on is remembered
        self._ahead = _ahead()
        self._empty: set[Place] = set()  # of which the store has nothing that is not remembered
        self._filled: set[Place] = set()

    def sift(
        self,
        batch: Iterable[Arrival],
        token: str,
        seen: set[int],
        find: Find,
        *,
        retried: bool = False,
        held: Held | None = None,
        others_until: int = 0,
    ) -> list[Arrival]:
        """Return the spans of a batch of segment `token` that have not come before.

        Decided anew, as after a crash, it comes out the same: what this segment itself has stored already is
        no repeat, because its insert has to be completed. `seen` holds the segment's earlier batches.
        `retried` asks the store about every span. `held` says of which hours it has spans; without it others
        may store spans as well, and each doubtful one is asked for: up to `others_until` (ms) all are.
        """
        self._look_at_clock()
        fresh: dict[Identity, Arrival] = {}
        unsure: list[Arrival] = []
        for arrival in batch:
            identity = arrival.identity
            key = hash(identity)
            if key in seen:
                continue
            seen.add(key)
            owner = self._young.get(key) or self._old.get(key)
            if owner is not None and owner != token:
                continue
            fresh[identity] = arrival
            if owner is None and (retried or not self._remembers(arrival, others_until)):
                unsure.append(arrival)
        if held is not None and not retried:
            unsure = self._without_empty(unsure, held)
        for identity, moments in find(unsure).items() if unsure else ():
            # The same moment means this very request, stored before a crash.
            if identity in fresh and fresh[identity].received_ms not in moments:
                del fresh[identity]
        return list(fresh.values())

    def remember(self, stored: Iterable[Arrival], token: str) -> None:
        """Take note of spans whose insert has succeeded."""
        self._look_at_clock()
        if len(self._young) >= REMEMBERED // 2:
            self._old, self._since = self._young, self._young_since
            self._young, self._young_since = {}, _now()
            self._empty.clear()
        for arrival in stored:
            self._young[hash(arrival.identity)] = token

    def _look_at_clock(self) -> None:
        """Begin to remember anew where the clock was set: spans of the time that it skipped may be stored.

        After it was set back, what is remembered begins in its future: those spans are asked for as well.
        """
        ahead = _ahead()
        if abs(ahead - self._ahead) > _SLACK_MS:
            self._since, self._young_since = max(self._since, _now()), max(self._young_since, _now())
        self._ahead = ahead

    def _without_empty(self, unsure: list[Arrival], held: Held) -> list[Arrival]:
        """Leave out the spans of hours of which the store has nothing but what is remembered."""
        hours: dict[tuple[str, int, int], set[Place]] = {}  # a batch is of few of them
        places = [_places(arrival, hours) for arrival in unsure]
        if len(self._filled) + len(self._empty) > _MOST_PLACES:
            self._filled.clear()
            self._empty.clear()
        if new := set[Place]().union(*hours.values()) - self._empty - self._filled:
            found = held(new)
            self._filled |= found
            self._empty |= new - found
        return [a for a, where in zip(unsure, places, strict=True) if not where <= self._empty]

    def _remembers(self, arrival: Arrival, others_until: int) -> bool:
        """Tell whether memory covers all the time in which this span can have been stored."""
        end_ms = arrival.raw.end_ns // 10**6
        return max(self._since, others_until) + _SLACK_MS <= end_ms <= arrival.received_ms + _SLACK_MS


def _places(arrival: Arrival, hours: dict[tuple[str, int, int], set[Place]]) -> set[Place]:
    """Return where a span may be stored: at its start, or as the record of a stream at that of the stream."""
    start = arrival.raw.start_ns
    key = (arrival.project, start // _HOUR_NS, (start - BACK_NS) // _HOUR_NS)
    if key not in hours:
        hours[key] = {key[:2], (key[0], key[2])}
    return hours[key]


def _now() -> int:
    return time.time_ns() // 10**6


def _ahead() -> int:
    """Return how far the clock is ahead of one that nobody sets, in ms."""
    return _now() - time.monotonic_ns() // 10**6
