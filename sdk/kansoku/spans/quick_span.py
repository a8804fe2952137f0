"""A span of OpenTelemetry's that costs little until somebody looks at it.

Most spans are started, filled once, ended and read by one thread later. So what hardly any span has (events,
links, attributes set one by one) is made when it is asked for, and what a call says of itself may be handed
over at its end as a function, which is called where the span is read: in the background.
"""

from collections.abc import Mapping, Sequence
from itertools import compress
from types import MappingProxyType
from typing import Any

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import _Span as StockSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Status

from kansoku.calls.description import Describe
from kansoku.guard import swallow

_CLEAN = frozenset({str, int, float, bool})  # exactly these: a subclass may be anything
_LISTS = frozenset({tuple, list})
_KNOWN = _CLEAN | _LISTS
_NAMES = frozenset({str})


class QuickSpan(StockSpan):
    """A span of a `QuickTracer`, of a class of its own for each: what all of its spans have alike is there.

    `_said` holds its attributes, `_most` how many there may be, `_later` the description that nobody has
    asked for yet; `_bounded`, `_had_events` and `_had_links` are what the SDK's own code works on where
    it has to.
    """

    _said: dict[str, Any]
    _most: int | None = None
    _later: Describe | None = None
    _bounded: BoundedAttributes | None = None
    _had_events: BoundedList[Any] | None = None
    _had_links: BoundedList[Any] | None = None

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes; the first look at an ended span writes what was left for later."""
        if self._later is not None:
            self._write_later()
        return MappingProxyType(self._said)

    @property
    def status(self) -> Status:
        """The status."""
        if self._later is not None:
            self._write_later()
        status: Status = self._status
        return status

    @property
    def dropped_attributes(self) -> int:
        """How many attributes exceeded the limit."""
        if self._later is not None:
            self._write_later()
        return 0 if self._bounded is None else int(self._bounded.dropped)

    @property
    def is_simple(self) -> bool:
        """Whether it has neither events nor links, and all of its attributes."""
        return self._bounded is None and self._had_events is None and self._had_links is None

    @property
    def events(self) -> Sequence[Any]:
        """The events."""
        return tuple(self._had_events or ())

    @property
    def dropped_events(self) -> int:
        """How many events exceeded the limit."""
        had = self._had_events
        return 0 if had is None else int(had.dropped)

    @property
    def links(self) -> Sequence[Any]:
        """The links."""
        return tuple(self._had_links or ())

    @property
    def dropped_links(self) -> int:
        """How many links exceeded the limit."""
        had = self._had_links
        return 0 if had is None else int(had.dropped)

    def begin(self, attributes: dict[str, Any]) -> None:
        """Set the first attributes: clean ones become the span's own as they are."""
        if (self._most is None or len(attributes) <= self._most) and _CLEAN.issuperset(
            map(type, attributes.values())
        ):
            self._said = attributes
        else:
            self.set_attributes(attributes)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes; clean ones are taken as they are, where the SDK goes over every one of them."""
        if self._end_time is not None or self._bounded is not None or not self._take(attributes):
            super().set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute."""
        self.set_attributes({key: value})

    def end_described(self, end_time: int, describe: Describe) -> None:
        """End the span; `describe` tells the rest: now, or when a reader that waits looks at it."""
        processor: Any = self._span_processor
        readers = processor._span_processors
        if len(readers) != 1 or not getattr(readers[0], "reads_later", False):
            if self._end_time is None:
                self._write(describe)
            self.end(end_time)
            return
        with self._lock:
            ended = self._end_time is not None
            if not ended:
                self._later = describe
                self._end_time = end_time
        if not ended:
            readers[0].on_end(self)

    def _write_later(self) -> None:
        describe, self._later = self._later, None
        if describe is not None:
            self._write(describe)

    def _write(self, describe: Describe) -> None:
        try:
            found = describe()
            if not self._take(found.attributes):
                self._attributes._set_items(found.attributes)
            if found.failed and self._status.status_code is not trace.StatusCode.OK:
                self._status = Status(trace.StatusCode.ERROR, found.words)
        except Exception as error:  # noqa: BLE001 - the border: a span without its content is still one
            swallow("span.describe", error)

    def _take(self, attributes: Mapping[str, Any]) -> bool:
        """Add attributes that are new and clean, and fit in; else return False."""
        said = self._said
        odd: list[tuple[str, Any]] = []
        kinds = list(map(type, attributes.values()))
        if not _CLEAN.issuperset(kinds):
            if not _KNOWN.issuperset(kinds):
                return False
            odd = list(compress(attributes.items(), map(_LISTS.__contains__, kinds)))
        if (
            (self._most is not None and len(said) + len(attributes) > self._most)
            or not _NAMES.issuperset(map(type, attributes))
            or "" in attributes
            or not said.keys().isdisjoint(attributes)  # what is set again moves behind the others
            or not all(_CLEAN.issuperset(map(type, value)) for _, value in odd)
        ):
            return False
        said.update(attributes)
        for key, value in odd:
            said[key] = tuple(value)
        return True

    # The fields that the SDK's own methods use.

    @property
    def _attributes(self) -> BoundedAttributes:  # type: ignore[override]
        if self._bounded is None:
            bounded = BoundedAttributes(self._most, immutable=False)
            bounded._dict = self._said  # the very same: what comes the short way meanwhile is not lost
            self._bounded = bounded
        found: BoundedAttributes = self._bounded
        return found

    @property
    def _events(self) -> BoundedList[Any]:  # type: ignore[override]
        if self._had_events is None:
            self._had_events = BoundedList(self._limits.max_events)
        found: BoundedList[Any] = self._had_events
        return found

    @property
    def _links(self) -> BoundedList[Any]:  # type: ignore[override]
        if self._had_links is None:
            self._had_links = BoundedList(self._limits.max_links)
        found: BoundedList[Any] = self._had_links
        return found
