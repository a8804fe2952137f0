"""How finished spans and feedback become request bodies, and too large bodies smaller ones."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from kansoku import semconv
from kansoku.calls.described import OWN_SCOPE, as_step
from kansoku.content import cut, fits
from kansoku.delivery import wire
from kansoku.delivery.export import Mask
from kansoku.delivery.receipt import Receipt
from kansoku.guard import swallow

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_HARD_LIMIT = 1024
# What is kept of the text on a span that could not be masked: names, never content.
_HARMLESS = frozenset(
    {
        semconv.OPERATION,
        semconv.PROVIDER,
        semconv.REQUEST_MODEL,
        semconv.RESPONSE_MODEL,
        semconv.RESPONSE_ID,
        semconv.FINISH_REASONS,
        semconv.ERROR_TYPE,
        semconv.KIND,
        semconv.SERVER_ADDRESS,
    }
)


class SpanCodec:
    """Spans as OTLP protobuf; `resource` is laid over the spans' own resource."""

    def __init__(self, resource: Mapping[str, Any], *, max_bytes: int, max_field_bytes: int) -> None:
        self._resource = resource
        self._max_bytes = max_bytes
        self._max_field_bytes = max_field_bytes

    def encode(self, batch: Iterable[Any], mask: Mask | None) -> Iterator[tuple[bytes, int]]:
        """Yield (ExportTraceServiceRequest, number of spans)."""
        from kansoku.delivery.otlp import encode_requests  # noqa: PLC0415 - this thread's work, not the start's

        return encode_requests((self._cut(span, mask) for span in batch), self._resource, self._max_bytes)

    def _cut(self, span: Any, mask: Mask | None) -> Any:
        scope = span.instrumentation_scope
        if mask is None and scope is not None and scope.name == OWN_SCOPE:
            return span  # our own spans are cut where they are made
        return self._foreign(span, mask)

    def halve(self, body: bytes) -> list[tuple[bytes, int]]:
        """Split a body in two."""
        return wire.halve(body)

    def shrink(self, body: bytes) -> bytes:
        """Cut the long texts of a body hard."""
        return wire.shrink(body)

    def receipt(self, receipt: Receipt, items: int) -> bytes:
        """Return the process's balance as a resource without spans."""
        return receipt.encode(items)

    def _foreign(self, span: "ReadableSpan", mask: Mask | None) -> Any:
        """Return a span masked and bounded: itself, or one that says the same with other attributes."""
        span = as_step(span)
        given, events = span.attributes or {}, span.events  # a span makes both anew each time it is asked
        before = [event.attributes or {} for event in events]
        attributes = self._shape(given, mask)
        shaped = [self._shape(found, mask) for found in before]
        if attributes is given and all(new is old for new, old in zip(shaped, before, strict=True)):
            return span
        return _Reshaped(
            span,
            attributes,
            [
                SimpleNamespace(name=event.name, timestamp=event.timestamp, attributes=found)
                for event, found in zip(events, shaped, strict=True)
            ],
        )

    def _shape(self, attributes: Mapping[str, Any], mask: Mask | None) -> Mapping[str, Any]:
        masked = attributes if mask is None else masked_attributes(attributes, mask)
        limit = self._max_field_bytes
        if all(_fits(value, limit) for value in masked.values()):
            return masked
        return {key: _cut(value, limit) for key, value in masked.items()}


class _Reshaped:
    """A finished span with other attributes and events."""

    def __init__(self, span: "ReadableSpan", attributes: Mapping[str, Any], events: Sequence[Any]) -> None:
        self._span = span
        self.attributes = attributes
        self.events = events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)


class FeedbackCodec:
    """Feedback as JSON, in the shape that the collector takes."""

    def encode(self, batch: Iterable[Any], mask: Mask | None) -> Iterator[tuple[bytes, int]]:
        """Yield (JSON, number of items)."""
        items = list(batch) if mask is None else [_masked_item(item, mask) for item in batch]
        yield _json(items), len(items)

    def halve(self, body: bytes) -> list[tuple[bytes, int]]:
        """Split a body in two."""
        items = json.loads(body)
        middle = (len(items) + 1) // 2
        return [(_json(part), len(part)) for part in (items[:middle], items[middle:]) if part]

    def shrink(self, body: bytes) -> bytes:
        """Cut the long texts of a body hard."""
        return _json([{k: _cut(v, _HARD_LIMIT) for k, v in item.items()} for item in json.loads(body)])

    def receipt(self, receipt: Receipt, items: int) -> bytes:  # noqa: ARG002 - the codec of spans needs them
        """Return nothing: the collector keeps no balance of feedback."""
        return b""


def masked_attributes(attributes: Mapping[str, Any], mask: Mask) -> Mapping[str, Any]:
    """Return attributes as `mask` leaves them; if it fails, numbers and names without any content."""
    try:
        return mask(attributes)
    except Exception as error:  # noqa: BLE001 - the border: the function may be the user's
        swallow("export.mask", error)
        return {k: v for k, v in attributes.items() if k in _HARMLESS or isinstance(v, bool | int | float)}


def _masked_item(item: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    words = {key: item[key] for key in ("comment", "correction") if key in item}
    rest = {key: value for key, value in item.items() if key not in words}
    return {**rest, **masked_attributes(words, mask)} if words else rest


def _json(items: Any) -> bytes:
    return json.dumps(items, ensure_ascii=False).encode("utf-8", "replace")


def _fits(value: Any, limit: int) -> bool:
    if isinstance(value, str):
        return fits(value, limit)
    if isinstance(value, Sequence):
        return len(value) <= limit and all(_fits(item, limit) for item in value)
    return True


def _cut(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return cut(value, limit)
    if isinstance(value, bytes):
        return value if len(value) <= limit else f"<{len(value)} bytes>"
    if isinstance(value, Sequence):
        return tuple(_cut(item, limit) for item in value[: limit // 8])
    return value
