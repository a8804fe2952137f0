"""The six figures at the top of the Overview, prepared: what is shown, and whether its change is news."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kansoku_collector.store.read.beside import Thumbs
from kansoku_collector.store.read.overview import Bucket, Totals
from kansoku_dashboard import change
from kansoku_dashboard.change import MIN_VOTES, Change
from kansoku_dashboard.durations import duration, points
from kansoku_dashboard.figures.spark import thin
from kansoku_dashboard.figures.style import count, money, relative, share

Good = Literal["more", "less", "neither"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """All that is known about one stretch of time."""

    totals: Totals
    series: Sequence[Bucket]
    thumbs: Thumbs


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile; `delta` is empty where there is nothing to compare with."""

    name: str
    value: str
    delta: str
    good: Good
    change: Change
    spark: list[float | None]

    @property
    def colour(self) -> Literal["normal", "inverse", "off"]:
        """Colour only what passes its test and is good or bad by nature."""
        if not self.change.significant or self.good == "neither":
            return "off"
        return "normal" if self.good == "more" else "inverse"

    @property
    def tone(self) -> Literal["good", "bad", ""]:
        """What the colour says: the change is for the better, for the worse, or no news."""
        if self.colour == "off":
            return ""
        return "bad" if (self.colour == "normal") == self.delta.startswith("-") else "good"


def tiles(now: Stretch, before: Stretch | None, hidden: Sequence[bool]) -> list[Tile]:
    """Return the six tiles; `hidden` marks the buckets that lie in a gap of the data."""
    return [
        _level("requests", now, before, hidden, "neither"),
        _level("cost", now, before, hidden, "less"),
        _level("p95", now, before, hidden, "less"),
        _errors(now, before, hidden),
        _liked(now, before),
        _level("tokens", now, before, hidden, "neither"),
    ]


def _level(name: str, now: Stretch, before: Stretch | None, hidden: Sequence[bool], good: Good) -> Tile:
    write = {"requests": count, "tokens": count, "cost": money, "p95": duration}[name]
    buckets = _buckets(now, name, hidden)
    past = _buckets(before, name, [False] * len(before.series)) if before else []
    value = _total(now, name)
    # The last bucket is not over: neither drawn as a fall nor compared as one.
    changed = change.level(value, _total(before, name) if before else None, buckets[:-1], past)
    delta = relative(changed.ratio)
    if name == "cost" and before and now.totals.unpriced_calls + before.totals.unpriced_calls and not value:
        delta = ""  # a sum that leaves calls out says nothing about their change
    return Tile(
        name, _text(now, name, write(value)), delta, good, changed, thin(buckets[:-1], total=name != "p95")
    )


def _errors(now: Stretch, before: Stretch | None, hidden: Sequence[bool]) -> Tile:
    requests, errors = now.totals.requests, now.totals.errors
    past = (before.totals.errors, before.totals.requests) if before else (0, 0)
    changed = change.rate(errors, requests, *past)
    parts = [
        None if gap or not row.requests else row.errors / row.requests
        for row, gap in zip(now.series, hidden, strict=True)
    ]
    return Tile("errors", share(changed.now, 2), _points(changed), "less", changed, thin(parts, total=False))


def _liked(now: Stretch, before: Stretch | None) -> Tile:
    changed = change.rate(*now.thumbs.total, *(before.thumbs.total if before else (0, 0)))
    parts = [row.likes / row.votes if row.votes >= MIN_VOTES else None for row in now.thumbs.series]
    enough = now.thumbs.votes >= MIN_VOTES
    value = share(changed.now) if enough else "–"
    delta = _points(changed) if enough else ""
    return Tile("liked", value, delta, "more", changed, parts)


def _buckets(stretch: Stretch, name: str, hidden: Sequence[bool]) -> list[float | None]:
    return [
        None if gap else getattr(row, name) for row, gap in zip(stretch.series, hidden, strict=True)
    ]  # a count in a gap is unknown, not zero


def _total(stretch: Stretch, name: str) -> float | None:
    value = getattr(stretch.totals, name)
    priced = stretch.totals.calls > stretch.totals.unpriced_calls
    if name == "cost" and stretch.totals.unpriced_calls and not priced:
        return None  # not one call has a price: unknown, never zero
    return None if value is None else float(value)


def _text(stretch: Stretch, name: str, text: str) -> str:
    if text == "–":
        return text
    if name == "cost" and stretch.totals.unpriced_calls:
        return f"≥ {text}"
    # Where traces were sampled, the kept ones stand for the others: totals and quantiles are estimates.
    return f"≈ {text}" if stretch.totals.estimated else text


def _points(changed: Change) -> str:
    return "" if changed.difference is None else _signed(points(changed.difference, 2))


def _signed(number: str) -> str:
    # What rounds to nothing has no direction.
    return f"±{number[1:]}" if not number.strip("+-0. pt") else number
