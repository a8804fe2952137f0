"""Quantities as people write them: durations, money, shares, counts; read, and written back."""

import re
from datetime import timedelta
from typing import Any, Literal

from kansoku_collector.store.read.metrics import Unit

Quantity = Unit | Literal["times"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_COUNTS = {"": 1.0, "k": 1e3, "M": 1e6}
# A comma stands before three digits: 1,50 would be 150, a limit that nothing reaches.
_DIGITS = r"(?:[1-9]\d{0,2}(?:,\d{3})+|\d[\d_]*)"
_NUMBER = re.compile(rf"^(?P<dollar>\$|USD )?(?P<number>{_DIGITS}(?:\.\d+)?|\.\d+) ?(?P<unit>[a-zA-Z%]*)$")
LONGEST = timedelta(days=31)

_EXPECTED = {
    "usd": "money such as $10 or 0.50",
    "seconds": "a time such as 5s, 800ms or 2m",
    "share": "a share such as 2% or 0.02",
    "count": "a number such as 1000 or 10k",
    "times": "a multiple such as 1.5x",
}


def duration(value: Any) -> timedelta:
    """Read a window: whole minutes up to 31 days."""
    if isinstance(value, timedelta):
        return value
    found = _NUMBER.match(str(value).strip())
    if not found or found["dollar"] or found["unit"] not in _SECONDS:
        raise ValueError(f"{value!r} is no duration (expected 15m, 1h or 1d)")
    length = timedelta(seconds=_number(found["number"]) * _SECONDS[found["unit"]])
    if length < timedelta(minutes=1) or length > LONGEST or length % timedelta(minutes=1):
        raise ValueError(f"{value!r} cannot be a window (expected whole minutes, 1m to 31d)")
    return length


def threshold(value: str, unit: Quantity) -> float:
    """Read a limit in its unit: USD, seconds, a share, a count or a multiple."""
    found = _NUMBER.match(value.strip())
    if not found or (found["dollar"] and unit != "usd"):
        raise ValueError(f"threshold {value!r} is not {_EXPECTED[unit]}")
    number, suffix = _number(found["number"]), found["unit"]
    if unit == "seconds" and suffix in _SECONDS:
        return number * _SECONDS[suffix]
    if unit == "share":
        share = number / 100 if suffix == "%" else number
        if suffix in {"", "%"} and share <= 1:
            return share
    if unit == "usd" and suffix in {"", "USD"}:
        return number
    if unit == "times" and suffix == "x":
        return number
    if unit == "count" and suffix in _COUNTS:
        return number * _COUNTS[suffix]
    raise ValueError(f"threshold {value!r} is not {_EXPECTED[unit]}")


def show(value: float, unit: Quantity) -> str:
    """Write a value the way a sentence says it."""
    if unit == "usd":
        return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4g}"
    if unit == "share":
        return f"{100 * value:.3g}%"
    if unit == "seconds":
        return _seconds(value)
    if unit == "times":
        return f"{value:.3g}x"
    return f"{value:,.0f}"


def span(length: timedelta, *, japanese: bool = False) -> str:
    """Write a window in its largest whole unit."""
    minutes = round(length / timedelta(minutes=1))
    for size, english, word in ((1440, "day", "日"), (60, "hour", "時間"), (1, "minute", "分")):
        if minutes % size == 0 and minutes >= size:
            count = minutes // size
            return f"{count}{word}" if japanese else f"{count} {english}{'s' if count > 1 else ''}"
    return f"{minutes}分" if japanese else f"{minutes} minutes"


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("_", ""))


def _seconds(value: float) -> str:
    if value < 1:
        return f"{1000 * value:.0f} ms"
    if value < 120:
        return f"{value:.3g} s"
    minutes = round(value / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
