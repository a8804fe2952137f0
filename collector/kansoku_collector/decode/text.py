"""Mend a protobuf request whose text is not UTF-8: the parser refuses all of it for one such letter."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.message import Message

_DEPTH = 100  # the parser goes no deeper either
_LONGEST = 10  # bytes of a number
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def mend_text(kind: type[Message], body: bytes) -> tuple[bytes, int]:
    """Return the body with U+FFFD for what is no UTF-8 in its text fields, and how many fields had such.

    Raises ValueError where the body is no protobuf.
    """
    mended: list[int] = []
    return _mend(kind.DESCRIPTOR, body, mended, 0), len(mended)


def _mend(descriptor: Any, body: bytes, mended: list[int], depth: int) -> bytes:
    if depth > _DEPTH:
        raise ValueError("nested too deeply")
    texts, messages = _fields(descriptor)
    parts: list[bytes] = []
    for number, tag, payload in _split(body):
        if not number:
            parts.append(tag)
            continue
        inner = payload
        if number in texts:
            inner = payload.decode(errors="replace").encode()
            if inner != payload:
                mended.append(number)
        elif number in messages:
            inner = _mend(messages[number], payload, mended, depth + 1)
        parts += (tag, _number(len(inner)), inner)
    return b"".join(parts)


def _split(body: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield each field with a length as number, tag and payload; every other as 0, its bytes and nothing."""
    at, end = 0, len(body)
    while at < end:
        begin = at
        tag, at = _read(body, at)
        kind = tag & 7
        if kind == _BYTES:
            behind = at
            size, at = _read(body, at)
            if at + size > end:
                raise ValueError("it ends in the middle of a field")
            yield tag >> 3, body[begin:behind], body[at : at + size]
            at += size
            continue
        if kind == _VARINT:
            _, at = _read(body, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        yield 0, body[begin:at], b""


def _read(body: bytes, at: int) -> tuple[int, int]:
    """Return the number at a position, and the position behind it."""
    value = 0
    for shift, byte in enumerate(body[at : at + _LONGEST]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value, at + shift + 1
    raise ValueError("a number does not end")


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


@cache
def _fields(descriptor: Any) -> tuple[frozenset[int], dict[int, Any]]:
    """Return which fields of a message hold text, and which hold messages of what kind."""
    texts = frozenset(f.number for f in descriptor.fields if f.type == f.TYPE_STRING)
    return texts, {f.number: f.message_type for f in descriptor.fields if f.message_type is not None}
