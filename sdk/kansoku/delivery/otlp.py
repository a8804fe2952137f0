"""Encode finished spans as OTLP protobuf, straight to bytes.

The general encoder of OpenTelemetry builds a tree of message objects first; that costs several times as much
CPU, and it is paid in the traced program. Field numbers: opentelemetry/proto/trace/v1/trace.proto.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kansoku.guard import swallow

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext

_double = Struct("<Bd").pack
_eight = Struct("<d").pack
_times = Struct("<BQBQ").pack
_time = Struct("<BQ").pack
_fixed32 = Struct("<BBI").pack
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200
_FLAGS = {flags: _fixed32(0x85, 0x01, flags) for flags in (_HAS_IS_REMOTE, _HAS_IS_REMOTE | _IS_REMOTE)}
_BYTES = [bytes((number,)) for number in range(128)]
_REPEATED = frozenset({bool, int, str})
_SHORT = 48  # characters of a text that is likely to come again
_MOST_SEEN = 4096
_seen: defaultdict[int, dict[Any, bytes]] = defaultdict(dict)  # attributes encoded before, by their tag

# Spans by the identities of their resource and their scope, both of which the spans keep alive.
_Groups = dict[tuple[int, int], tuple["Resource", "InstrumentationScope | None", list[bytes]]]


def encode_requests(
    spans: Iterable["ReadableSpan"], resource: Mapping[str, Any], max_bytes: int
) -> Iterator[tuple[bytes, int]]:
    """Yield (ExportTraceServiceRequest, number of spans), each of about `max_bytes` at most.

    `resource` are attributes laid over the spans' own resource. A span that cannot be encoded is left out.
    """
    groups: _Groups = {}
    size = count = 0
    for span in spans:
        try:
            encoded = _field(0x12, _span(span))  # ScopeSpans.spans
        except Exception as error:  # noqa: BLE001 - one odd span must not cost its batch
            swallow("otlp.encode", error)
            continue
        if size and size + len(encoded) > max_bytes:
            yield _request(groups, resource), count
            groups, size, count = {}, 0, 0
        whose, made_by = span.resource, span.instrumentation_scope
        # By identity: a resource's hash is that of its JSON, and would cost more than the span.
        found = groups.get((id(whose), id(made_by)))
        if found is None:
            found = groups[id(whose), id(made_by)] = (whose, made_by, [])
        found[2].append(encoded)
        size += len(encoded)
        count += 1
    if count:
        yield _request(groups, resource), count


def _request(groups: _Groups, extra: Mapping[str, Any]) -> bytes:
    """Return a request, each part of which is copied once: memory that is new costs more than that."""
    resources: dict[int, tuple[Resource, list[bytes]]] = {}
    for resource, scope, spans in groups.values():
        url = _text(0x1A, scope.schema_url) if scope is not None and scope.schema_url else b""
        inside = [_scope(scope), *spans, url]
        found = resources.setdefault(id(resource), (resource, []))[1]
        found += (b"\x12", _varint(sum(map(len, inside))), *inside)
    parts: list[bytes] = []
    for resource, scoped in resources.values():
        url = _text(0x1A, resource.schema_url) if resource.schema_url else b""
        inside = [_resource(resource, extra), *scoped, url]
        parts += (b"\x0a", _varint(sum(map(len, inside))), *inside)
    return b"".join(parts)


def _resource(resource: "Resource", extra: Mapping[str, Any]) -> bytes:
    return _field(0x0A, _attributes(0x0A, {**resource.attributes, **extra}))


def _scope(scope: "InstrumentationScope | None") -> bytes:
    if scope is None:
        return b""
    body = _text(0x0A, scope.name)
    if scope.version:
        body += _text(0x12, scope.version)
    return _field(0x0A, body + _attributes(0x1A, scope.attributes or {}))


def _span(span: "ReadableSpan") -> bytes:
    own = span.get_span_context()
    assert own is not None  # noqa: S101 - a recorded span has one; for the type checker
    start, end = span.start_time or 0, span.end_time or 0
    parts = [b"\x0a\x10", own.trace_id.to_bytes(16, "big"), b"\x12\x08", own.span_id.to_bytes(8, "big")]
    if own.trace_state:
        parts.append(_text(0x1A, ",".join(f"{k}={v}" for k, v in own.trace_state.items())))
    flags = _HAS_IS_REMOTE
    if span.parent is not None:
        parts += (b"\x22\x08", span.parent.span_id.to_bytes(8, "big"))
        if span.parent.is_remote:
            flags |= _IS_REMOTE
    parts += (_name(span.name), _BYTES[0x30], _BYTES[span.kind._value_ + 1], _times(0x39, start, 0x41, end))
    parts.append(_attributes(0x4A, span.attributes or {}))
    if not getattr(span, "is_simple", False):
        parts += _others(span)
    status = span.status
    code = status.status_code._value_
    if code:
        words = _text(0x12, status.description) if status.description else b""
        parts.append(_field(0x7A, words + bytes((0x18, code))))
    parts.append(_FLAGS[flags])
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _name(name: str) -> bytes:
    return _text(0x2A, name)


def _others(span: "ReadableSpan") -> list[bytes]:
    """Return what few spans have: events, links, and counts of what was too much."""
    parts = []
    if span.dropped_attributes:
        parts.append(b"\x50" + _varint(span.dropped_attributes))
    parts += [_field(0x5A, _event(event)) for event in span.events]
    if span.dropped_events:
        parts.append(b"\x60" + _varint(span.dropped_events))
    parts += [_field(0x6A, _link(link)) for link in span.links]
    if span.dropped_links:
        parts.append(b"\x70" + _varint(span.dropped_links))
    return parts


def _event(event: Any) -> bytes:
    return _time(0x09, event.timestamp) + _text(0x12, event.name) + _attributes(0x1A, event.attributes or {})


def _link(link: Any) -> bytes:
    where: SpanContext = link.context
    ids = b"\x0a\x10" + where.trace_id.to_bytes(16, "big") + b"\x12\x08" + where.span_id.to_bytes(8, "big")
    flags = _HAS_IS_REMOTE | (_IS_REMOTE if where.is_remote else 0)
    return ids + _attributes(0x22, link.attributes or {}) + b"\x35" + flags.to_bytes(4, "little")


def _attributes(tag: int, attributes: Mapping[str, Any]) -> bytes:
    # A span's attributes are a view of a view: its copy is a dict, and costs less than going over it once.
    found = attributes.copy() if isinstance(attributes, dict | MappingProxyType) else attributes
    seen = _seen[tag]
    values = found.values()
    parts = []
    for each in zip(found, values, map(type, values), strict=True):
        key, value, kind = each
        if kind is float:  # mostly times and costs, which do not come again
            parts.append(_before_float(tag, key) + _eight(value))
        elif kind in _REPEATED and (kind is not str or len(value) < _SHORT):
            # 1 and True are the same to a dictionary, but for their type.
            parts.append(seen.get(each) or _remember(seen, tag, each))
        elif kind is str:
            parts.append(_pair_of_text(tag, key, value.encode("utf-8", "replace")))
        else:
            parts.append(_pair(tag, key, _value(value)))
    return b"".join(parts)


def _remember(seen: dict[Any, bytes], tag: int, each: tuple[str, str | float, type]) -> bytes:
    """Models, providers, hosts, parameters and the like repeat from span to span, name and value together."""
    if len(seen) >= _MOST_SEEN:
        seen.clear()
    encoded = seen[each] = _pair(tag, each[0], _value(each[1]))
    return encoded


@lru_cache(maxsize=1024)
def _before_float(tag: int, key: str) -> bytes:
    """Return a KeyValue up to its eight bytes; names repeat from span to span."""
    return _pair(tag, key, _double(0x21, 0.0))[:-8]


def _pair_of_text(tag: int, key: str, text: bytes) -> bytes:
    """Return a KeyValue of a long text, which is copied once."""
    name, length = _key(key), len(text)
    inner = 1 + _varint_size(length) + length
    size = len(name) + _varint_size(inner) + inner
    parts = (_BYTES[tag], _varint(size), name, _varint(inner), b"\x0a", _varint(length), text)
    return b"".join(parts)


def _pair(tag: int, key: str, value: bytes) -> bytes:
    name, length = _key(key), len(value)
    size = len(name) + _varint_size(length) + length
    return b"".join((_BYTES[tag], _varint(size), name, _varint(length), value))


@lru_cache(maxsize=2048)
def _key(key: str) -> bytes:
    """KeyValue.key and the tag of KeyValue.value; names repeat from span to span."""
    return _text(0x0A, key) + b"\x12"


def _value(value: Any) -> bytes:  # noqa: PLR0911 - one return a type
    """Return an AnyValue."""
    if isinstance(value, str):
        return _text(0x0A, value)
    if value is True or value is False:
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + _varint(value & 0xFFFFFFFFFFFFFFFF)
    if isinstance(value, float):
        return _double(0x21, value)
    if isinstance(value, bytes):
        return _field(0x3A, value)
    if type(value) is not tuple and isinstance(value, Mapping):
        return _field(0x32, _attributes(0x0A, value))
    if type(value) is tuple or isinstance(value, Iterable):
        return _field(0x2A, b"".join([_field(0x0A, _value(item)) for item in value]))
    return b"" if value is None else _text(0x0A, str(value))


def _text(tag: int, text: str) -> bytes:
    # A lone surrogate cannot be UTF-8; one of them must not cost the whole batch.
    return _field(tag, text.encode("utf-8", "replace"))


def _field(tag: int, body: bytes) -> bytes:
    return b"".join((_BYTES[tag], _varint(len(body)), body))


@lru_cache(maxsize=4096)
def _varint(number: int) -> bytes:
    if number < 128:
        return _BYTES[number]
    if number < 16384:
        return bytes((number & 127 | 128, number >> 7))
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varint_size(number: int) -> int:
    return 1 if number < 128 else (number.bit_length() + 6) // 7
