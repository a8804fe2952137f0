"""GenAI events that arrive as log records, apart from the span that they describe.

Python's log and span exporters run on clocks of their own, so an event may come seconds before its span. It
is held (in memory; its segment stays in the journal) until the span comes, and joins it. An event whose
span does not come in time, because it was stored already, becomes a row of its own beneath that span:
nothing is lost, nothing is updated.

OpenLIT's streams write their event when no span is current: it names the answer alone, and joins the span
that reports this answer.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from kansoku.semconv import RESPONSE_ID
from kansoku_collector.decode.logs import SpanEvent
from kansoku_collector.journal import Segment
from kansoku_collector.model import Event, RawSpan

HOLD_SECONDS = 12.0
HOLD_BYTES = 64 << 20  # of events in memory; beyond that the oldest do not wait longer
_REMEMBERED = 30_000
_ID_LENGTH = 200  # of an answer: longer ones are remembered by a hash
# project, trace id, span id; or project, nothing, the id of an answer
Key = tuple[str, str, str]


@dataclass(slots=True)
class Held:
    """The events of one segment that wait for their spans."""

    segment: Segment
    until: float
    bytes: int = 0
    events: dict[Key, list[SpanEvent]] = field(default_factory=dict)


class LateEvents:
    """The events that wait, by segment."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._places: OrderedDict[Key, Key] = OrderedDict()  # the spans of the latest answers

    def __contains__(self, segment: Segment) -> bool:
        return segment.token in self._held

    def hold(self, segment: Segment, events: Iterable[tuple[Key, SpanEvent]], size: int = 0) -> None:
        """Keep the events of a segment, which came in `size` bytes; doing it again replaces them."""
        held = Held(segment, time.monotonic() + HOLD_SECONDS, size)
        for (project, trace_id, name), event in events:
            key = (project, trace_id, name if trace_id else _short(name))
            held.events.setdefault(key, []).append(event)
        if held.events:
            self._held[segment.token] = held

    def keys_of(self, project: str, raw: RawSpan) -> list[Key]:
        """Return the keys by which events find a span, and remember where its answer is."""
        key = (project, raw.trace_id, raw.span_id)
        answer = raw.attributes.get(RESPONSE_ID)
        if not answer or not isinstance(answer, str):
            return [key]
        by_answer = (project, "", _short(answer))
        if by_answer not in self._places:
            self._places[by_answer] = key
            if len(self._places) > _REMEMBERED:
                self._places.popitem(last=False)
        return [key, by_answer]

    def place(self, key: Key) -> Key:
        """Return the span that events belong beneath; of an answer without a span, a trace of its own."""
        project, trace_id, answer = key
        if trace_id:
            return key
        own = hashlib.blake2b(answer.encode("utf-8", "replace"), digest_size=16).hexdigest()
        return self._places.get(key, (project, own, ""))

    def find(self, key: Key) -> list[Event]:
        """Return the events that wait for a span."""
        return (
            [e.event for held in self._held.values() for e in held.events.get(key, ())] if self._held else []
        )

    def resolve(self, keys: Iterable[Key]) -> list[Segment]:
        """Forget the events of spans that are stored now; return the segments that wait for nothing."""
        for key in keys:
            for held in self._held.values():
                held.events.pop(key, None)
        finished = [held.segment for held in self._held.values() if not held.events]
        for segment in finished:
            del self._held[segment.token]
        return finished

    def overdue(self, *, everything: bool = False) -> list[Held]:
        """Return what has waited long enough, or must not wait because too much does."""
        now, left = time.monotonic(), HOLD_BYTES
        found = []
        for held in reversed(self._held.values()):
            left -= held.bytes
            if everything or held.until <= now or left < 0:
                found.append(held)
        return found[::-1]

    def drop(self, held: Held) -> None:
        """Forget a segment's events."""
        self.forget(held.segment)

    def forget(self, segment: Segment) -> None:
        """Forget the events of a segment that is not written by us any more."""
        self._held.pop(segment.token, None)


def _short(answer: str) -> str:
    """Return an answer's id, or what stands for one that is too long to be remembered."""
    if len(answer) <= _ID_LENGTH:
        return answer
    return hashlib.blake2b(answer.encode("utf-8", "replace"), digest_size=16).hexdigest()


def orphan(key: Key, events: list[SpanEvent]) -> RawSpan:
    """Return a row of its own for events whose span was stored before they came."""
    _, trace_id, span_id = key
    first = events[0]
    mark = "\0".join([trace_id, span_id, *(f"{e.event.name}@{e.event.time_ns}" for e in events)])
    return RawSpan(
        trace_id=trace_id,
        span_id=hashlib.blake2b(mark.encode("utf-8", "replace"), digest_size=8).hexdigest(),
        parent_span_id=span_id,
        name=first.event.name,
        start_ns=first.event.time_ns,
        end_ns=first.event.time_ns,
        status_code=0,
        status_message="",
        attributes={},
        events=[e.event for e in events],
        links=[],
        resource=first.resource,
        scope_name=first.scope_name,
        scope_version=first.scope_version,
    )
