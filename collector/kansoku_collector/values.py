"""Foreign values to our types: never an exception, never a value that a column cannot hold."""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any

from msgspec import MsgspecError
from msgspec.json import Decoder, Encoder

from kansoku_collector.model import Attributes

MAX_COUNT = 2**32 - 1
_REMEMBERED_LENGTH = 32_768
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Three times as fast as the standard library, which says what these two cannot: half a surrogate pair, NaN.
_parse = Decoder().decode
_encode = Encoder(enc_hook=str).encode
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode


def text(value: Any) -> str:
    """Return text as it is, None as nothing, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else dump(value)


def dump(value: Any) -> str:
    """Return compact JSON; what JSON cannot say becomes text, and NaN inside of something null."""
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return repr(value) if math.isfinite(value) else f'"{value}"'
    try:
        return _encode(value).decode()
    except (MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
        return _dump_slowly(value)


def _dump_slowly(value: Any) -> str:
    try:
        return _compact(value)
    except (ValueError, TypeError, RecursionError):
        pass
    try:
        return json.dumps(str(value)[:10_000], ensure_ascii=False)
    except RecursionError:  # nested deeper than this process can follow
        return f'"{type(value).__name__}"'


def load(value: Any) -> Any:
    """Return the value of JSON text, or `value` itself when it is not JSON text."""
    if isinstance(value, str) and value[:1] in '[{"' and value:
        return decode(value)
    return value


def decode(value: Any) -> Any:
    """Return the value of JSON text of any kind, numbers and booleans too, or `value` itself."""
    if not isinstance(value, str):
        return value
    try:
        return _parse(value)
    except (MsgspecError, ValueError, RecursionError):
        return _decode_slowly(value)


def _decode_slowly(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def remembered(read: Callable[[Any], str]) -> Callable[[Any], str]:
    """Make a reader remember what it made of texts: instructions and tools are the same in most calls."""
    known = lru_cache(maxsize=256)(read)

    @wraps(read)
    def reader(value: Any) -> str:
        return known(value) if isinstance(value, str) and len(value) <= _REMEMBERED_LENGTH else read(value)

    return reader


def plain(value: Any) -> str:
    """Return a value as text; JSON text of a string is that string, without its quotes and escapes."""
    found = load(value)
    return found if isinstance(found, str) else text(value)


def mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object as a dict, anything else as an empty one."""
    found = load(value)
    return found if isinstance(found, dict) else {}


def items(value: Any) -> list[Any]:
    """Return a JSON array as a list, nothing as an empty one, anything else as its only item."""
    found = load(value)
    if isinstance(found, list):
        return found
    return [] if found in (None, "") else [found]


def count(value: Any) -> int | None:
    """Return a token count, or None when the value is not one."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return min(MAX_COUNT, max(0, int(value)))
    except (TypeError, ValueError, OverflowError):
        return None


def number(value: Any) -> float | None:
    """Return a finite number, or None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def truth(value: Any) -> bool:
    """Tell whether a flag is set, whether it came as a boolean or as text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def first(left: Attributes, *names: str) -> Any:
    """Take all of `names` out of `left`; return the first that was there."""
    found = None
    for name in names:
        if name in left:  # nearly none of them is, and to ask is cheaper than to take out
            value = left.pop(name)
            if found is None:
                found = value
    return found


def first_of(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return the first of `names` that is there, and leave it there."""
    return next((values[name] for name in names if values.get(name) is not None), None)


def rename(left: Attributes, names: Mapping[str, str]) -> None:
    """Give attributes their names of the conventions; what already has that name wins."""
    for old, new in names.items():
        if old in left:
            value = left.pop(old)
            left.setdefault(new, value)


def one_line(value: str, most: int) -> str:
    """Return text of a sender's as one line of at most `most` characters, without what acts unseen.

    A line break in a name ends the header of a mail, a terminal obeys its codes, and marks of direction turn
    round what stands beside them.
    """
    line = _UNSEEN.sub("", " ".join(value[: 4 * most].split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def searchable(value: str) -> str:
    """Return text in the form that search compares (NFKC)."""
    return value if value.isascii() else unicodedata.normalize("NFKC", value)
