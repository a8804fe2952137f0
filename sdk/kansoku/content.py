"""Values and messages as JSON text: bounded, readable, and never an exception."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any
from uuid import UUID

import pydantic_core

_MAX_DEPTH = 6
_MAX_ITEMS = 200
_PLAIN = frozenset({str, bool, int, type(None)})
_SECRET = re.compile(
    r"(^|[_.-])(passw(or)?d|pwd|passphrase|secret|token|api[_-]?key|auth|authorization|credentials?|private[_-]?key"
    r"|access[_-]?key|cookie)$",
    re.IGNORECASE,
)


def _name_type(value: Any) -> str:
    return f"<{type(value).__name__}>"


_encode_any = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_name_type).encode


def _encode(value: Any) -> str:
    """Return JSON text of what a reader or `plain` made; pydantic's encoder takes a third of the time."""
    try:
        return pydantic_core.to_json(value, fallback=_name_type, inf_nan_mode="strings").decode()
    except (ValueError, RecursionError):  # a lone surrogate, bytes that are no text, a very deep tree
        return _encode_any(value)


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Tell whether a value of this name should not be recorded."""
    return _SECRET.search(name) is not None


def plain(value: Any, depth: int = _MAX_DEPTH) -> Any:  # noqa: PLR0911 - one return a type
    """Return what JSON can hold of `value`, bounded in depth and width; objects become their fields."""
    if type(value) in _PLAIN or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # NaN and infinity are not JSON
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, Enum):
        return plain(value.value, depth)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID | PurePath):
        return str(value)
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if depth <= 0:
        return f"<{type(value).__name__}>"
    return _container(value, depth - 1)


def _container(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return _fields(value.items(), depth)
    if isinstance(value, list | tuple | set | frozenset):
        items = [plain(item, depth) for _, item in zip(range(_MAX_ITEMS), value, strict=False)]
        return items if len(value) <= _MAX_ITEMS else [*items, f"<{len(value) - _MAX_ITEMS} more>"]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(((f.name, getattr(value, f.name, None)) for f in dataclasses.fields(value)), depth)
    if hasattr(type(value), "model_fields"):  # a pydantic model
        return _fields(vars(value).items(), depth)
    return f"<{type(value).__name__}>"


def _fields(items: Any, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, (key, item) in enumerate(items):
        if number >= _MAX_ITEMS:
            found["<more>"] = True
            break
        name = str(key)
        found[name] = "<not captured>" if is_secret(name) else plain(item, depth)
    return found


def to_json(value: Any, limit: int) -> str:
    """Return JSON text of at most about `limit` bytes; long strings are cut and say their true size."""
    text = _encode(value)
    if fits(text, limit):
        return text
    allowed = limit // 2
    while allowed >= 32:
        text = _encode(_shorten(value, allowed))
        if fits(text, limit):
            return text
        allowed //= 4
    return _encode(_thin(value, limit))


def cut(text: str, limit: int) -> str:
    """Return `text`, or its first part and its true size in bytes when it is longer than `limit` bytes."""
    if fits(text, limit):
        return text
    encoded = text.encode("utf-8", "replace")
    return f"{encoded[:limit].decode('utf-8', 'ignore')}… [cut: {len(encoded)} bytes]"


def fits(text: str, limit: int) -> bool:
    """Tell whether `text` has at most `limit` bytes, without encoding it where its length already says so."""
    length = len(text)
    if length * 4 <= limit:
        return True
    return length <= limit and (text.isascii() or len(text.encode("utf-8", "replace")) <= limit)


def _shorten(value: Any, allowed: int) -> Any:
    if isinstance(value, str):
        return cut(value, allowed)
    if isinstance(value, Mapping):
        return {key: _shorten(item, allowed) for key, item in value.items()}
    return [_shorten(item, allowed) for item in value] if isinstance(value, list | tuple) else value


def _thin(value: Any, limit: int) -> Any:
    """Keep the first and the last items of a list that is long itself, and as many of the last as fit."""
    size = len(_encode(value).encode("utf-8", "replace"))
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) < 3:
        return f"… [cut: {size} bytes]"
    kept: list[Any] = []
    room = limit - 256
    for item in reversed(value):
        short = _shorten(item, 256)
        room -= len(_encode(short).encode("utf-8", "replace")) + 1
        if room < 0:
            break
        kept.append(short)
    marker = f"… [cut: {size} bytes, {len(value) - len(kept)} of {len(value)} items left out]"
    note = {"role": "system", "parts": [{"type": "text", "content": marker}]}
    return [note if isinstance(value[0], Mapping) else marker, *reversed(kept)]
