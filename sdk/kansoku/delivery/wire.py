"""Encoded requests taken apart again: halved when they are too large, one span cut hard, answers read.

Works on bytes, so that a request from the disk spool can be split as well. Field numbers:
opentelemetry/proto/trace/v1/trace.proto and collector/trace/v1/trace_service.proto.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

from kansoku.content import cut, to_json

_HARD_LIMIT = 1024  # bytes of one text of a span that is refused for its size
_LONGEST = 10  # bytes of a number
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """One field of a message; `whole` is the field with its tag, `value` what is in it."""

    number: int
    kind: int
    value: bytes
    whole: bytes


def fields(data: bytes) -> Iterator[Field]:
    """Yield the fields of a message; raise ValueError when it is none."""
    at, size = 0, len(data)
    while at < size:
        start = at
        tag, at = read_varint(data, at)
        kind = tag & 7
        if kind == BYTES:
            length, first = read_varint(data, at)
            at = first + length
        elif kind == VARINT:
            first = at
            _, at = read_varint(data, at)
        elif kind in (FIXED64, FIXED32):
            first, at = at, at + (8 if kind == FIXED64 else 4)
        else:
            raise ValueError(f"unknown wire type {kind}")
        if at > size:
            raise ValueError("the message ends in the middle of a field")
        yield Field(tag >> 3, kind, data[first:at], data[start:at])


def field(number: int, value: bytes) -> bytes:
    """Return a field that holds bytes."""
    return varint(number << 3 | BYTES) + varint(len(value)) + value


def attribute(number: int, name: str, value: str | int) -> bytes:
    """Return a field that holds an attribute: a KeyValue of text or of a whole number."""
    inner = field(1, value.encode()) if isinstance(value, str) else b"\x18" + varint(value)
    return field(number, field(1, name.encode()) + field(2, inner))


def varint(number: int) -> bytes:
    """Return a number of variable length."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a position, and the position behind it; raise ValueError where it does not end."""
    number = shift = 0
    for byte in data[at : at + _LONGEST]:
        number |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return number, at
        shift += 7
    raise ValueError("a number does not end")


def halve(body: bytes) -> list[tuple[bytes, int]]:
    """Split an ExportTraceServiceRequest into two of half the spans each; what holds no span is left out."""
    spans = list(_spans(body))
    middle = (len(spans) + 1) // 2
    return [(_join(part), len(part)) for part in (spans[:middle], spans[middle:]) if part]


def shrink(body: bytes) -> bytes:
    """Return a request with every long text of its spans and their events cut, each saying its true size."""
    return _join([(resource, scope, _shrink_span(span)) for resource, scope, span in _spans(body)])


_Parts = tuple[bytes, bytes, bytes]  # everything of the resource, everything of the scope, the span


def _spans(body: bytes) -> Iterator[_Parts]:
    for group in fields(body):
        inside = list(fields(group.value))
        resource = b"".join(f.whole for f in inside if f.number != 2)
        for part in (f for f in inside if f.number == 2):
            found = list(fields(part.value))
            scope = b"".join(f.whole for f in found if f.number != 2)
            for span in (f for f in found if f.number == 2):
                yield resource, scope, span.value


def _join(spans: list[_Parts]) -> bytes:
    groups: dict[bytes, dict[bytes, list[bytes]]] = {}
    for resource, scope, span in spans:
        groups.setdefault(resource, {}).setdefault(scope, []).append(field(2, span))
    return b"".join(
        field(1, resource + b"".join(field(2, scope + b"".join(inside)) for scope, inside in scopes.items()))
        for resource, scopes in groups.items()
    )


def _shrink_span(span: bytes) -> bytes:
    parts = []
    for found in fields(span):
        if found.number == 9:
            parts.append(field(9, _shrink_attribute(found.value)))
        elif found.number == 11:
            inside = (
                field(3, _shrink_attribute(f.value)) if f.number == 3 else f.whole
                for f in fields(found.value)
            )
            parts.append(field(11, b"".join(inside)))
        else:
            parts.append(found.whole)
    return b"".join(parts)


def _shrink_attribute(pair: bytes) -> bytes:
    """Cut the text of a KeyValue; what is neither short nor text becomes a sentence of its size."""
    if len(pair) <= _HARD_LIMIT:
        return pair
    parts = []
    for found in fields(pair):
        if found.number == 2 and len(found.value) > _HARD_LIMIT:
            value = next(fields(found.value))
            text = (
                _shorten(value.value.decode("utf-8", "replace"))
                if value.number == 1
                else f"… [cut: {len(value.value)} bytes]"
            )
            parts.append(field(2, field(1, text.encode("utf-8", "replace"))))
        else:
            parts.append(found.whole)
    return b"".join(parts)


def _shorten(text: str) -> str:
    if text[:1] in ("[", "{"):  # JSON stays JSON
        try:
            return to_json(json.loads(text), _HARD_LIMIT)
        except (ValueError, RecursionError):
            pass
    return cut(text, _HARD_LIMIT)


def partial_success(answer: bytes) -> tuple[int, str]:
    """Return how many spans a collector left out of a request it accepted, and why; (0, "") for none."""
    try:
        for found in fields(answer):
            if found.number == 1 and found.kind == BYTES:
                inside = {f.number: f for f in fields(found.value)}
                rejected = read_varint(inside[1].value, 0)[0] if 1 in inside else 0
                return rejected, inside[2].value.decode("utf-8", "replace") if 2 in inside else ""
    except ValueError:
        pass  # some other 200: the spans were taken, and nothing is said about them
    return 0, ""


def refusal(answer: bytes) -> str:
    """Return the words of a `google.rpc.Status`, the body of an OTLP error; "" where it is none."""
    try:
        words = [found.value for found in fields(answer) if found.number == 2 and found.kind == BYTES]
    except ValueError:
        return ""
    return words[0].decode("utf-8", "replace") if words else ""
