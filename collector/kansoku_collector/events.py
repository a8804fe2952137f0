"""GenAI events that arrive as log records, apart from the span that they describe.

Python's log and span exporters run on clocks of their own, so an event may come seconds before its span. It
is held (in memory; its segment stays in the journal) until the span comes, and joins it. An event whose
span does not come in time, because it was stored already, becomes a row of its own beneath that span:
nothing is lost, nothing is updated.
"""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from kansoku_collector.decode.logs import SpanEvent
from kansoku_collector.journal import Segment
from kansoku_collector.model import Event, RawSpan

HOLD_SECONDS = 12.0
Key = tuple[str, str, str]  # project, trace id, span id


@dataclass(slots=True)
class Held:
    """The events of one segment that wait for their spans."""

    segment: Segment
    until: float
    events: dict[Key, list[SpanEvent]] = field(default_factory=dict)


class LateEvents:
    """The events that wait, by segment."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    def __contains__(self, segment: Segment) -> bool:
        return segment.token in self._held

    def hold(self, segment: Segment, events: Iterable[tuple[Key, SpanEvent]]) -> None:
        """Keep the events of a segment; doing it again replaces them."""
        held = Held(segment, time.monotonic() + HOLD_SECONDS)
        for key, event in events:
            held.events.setdefault(key, []).append(event)
        if held.events:
            self._held[segment.token] = held

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
        """Return what has waited long enough."""
        now = time.monotonic()
        return [held for held in self._held.values() if everything or held.until <= now]

    def drop(self, held: Held) -> None:
        """Forget a segment's events."""
        self._held.pop(held.segment.token, None)


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
