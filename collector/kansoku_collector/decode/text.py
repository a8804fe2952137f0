"""Mend a protobuf request whose text is not UTF-8: the parser refuses all of it for one such letter."""

from functools import cache
from typing import Any

from google.protobuf.message import Message

from kansoku.delivery import wire

_DEPTH = 100  # the parser goes no deeper either


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
    for found in wire.fields(body):
        inner = found.value
        if found.kind == wire.BYTES and found.number in texts:
            inner = inner.decode(errors="replace").encode()
            if inner != found.value:
                mended.append(found.number)
        elif found.kind == wire.BYTES and found.number in messages:
            inner = _mend(messages[found.number], inner, mended, depth + 1)
        parts.append(found.whole if inner is found.value else wire.field(found.number, inner))
    return b"".join(parts)


@cache
def _fields(descriptor: Any) -> tuple[frozenset[int], dict[int, Any]]:
    """Return which fields of a message hold text, and which hold messages of what kind."""
    texts = frozenset(f.number for f in descriptor.fields if f.type == f.TYPE_STRING)
    return texts, {f.number: f.message_type for f in descriptor.fields if f.message_type is not None}
