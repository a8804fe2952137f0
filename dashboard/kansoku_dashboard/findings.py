"""What the watch found, in words: a move with its interval, when it began, and what made it up."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import partial

from kansoku_collector.store.read.evidence import Evidence, Move, Unit
from kansoku_dashboard.figures.style import count, money, points, seconds, share
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import tell

# The signal of the strip that a signal of the watch belongs to.
OF_STRIP = {
    "out_tokens": "output_length",
    "out_text": "output_length",
    "in_tokens": "input_length",
    "in_chars": "input_length",
    "in_text": "input_length",
    "refusal": "refusals",
    "fallback": "refusals",
    "invalid_json": "invalid_json",
    "repetition": "repetition",
    "language": "language_mix",
    "retrieval": "retrieval_score",
    "score_gap": "retrieval_score",
    "no_document": "retrieval_score",
    "error": "error_rate",
    "tool_error": "error_rate",
}


def write_value(unit: Unit, value: float, tongue: str) -> str:
    """Write a value in the unit of its signal."""
    plain_units: dict[str, Callable[[float], str]] = {
        "usd": money,
        "seconds": partial(seconds, tongue=tongue),
        "share": share,
    }
    if unit in plain_units:
        return plain_units[unit](value)
    if unit in ("score", "deviations"):
        return f"{value:.2f}"
    return tell(tongue, f"found.{unit}", count=count(value))


def write_change(move: Move, tongue: str) -> str:
    """Write how far a signal moved, with the interval that holds it with 90 %."""
    if move.measure == "new_value":
        return tell(tongue, "found.new_value", value=move.value, count=count(move.change))
    change, low, high = (_measured(move, value, tongue) for value in (move.change, move.low, move.high))
    return tell(tongue, "found.change", change=change, low=low, high=high)


def _measured(move: Move, value: float, tongue: str) -> str:
    if move.measure == "ratio":
        return f"×{value:.3g}"
    return f"{value:.1f} σ" if move.measure == "distance" else _difference(move.unit, value, tongue)


def _difference(unit: Unit, value: float, tongue: str) -> str:
    sign = "+" if value >= 0 else "−"
    if unit == "share":
        return f"{sign}{points(abs(value), tongue=tongue)[1:]}"
    return f"{sign}{write_value(unit, abs(value), tongue)}"


def sentence(evidence: Evidence, tongue: str, zone: tzinfo) -> str:
    """Say the loudest move as Markdown, every foreign name escaped: what, where, how far, since when."""
    if not evidence.moves:
        return plain(", ".join(evidence.news))
    move = evidence.moves[0]
    key = "found.sentence_value" if move.measure in ("new_value", "distance") else "found.sentence"
    said = tell(
        tongue,
        key,
        what=plain(label(move, tongue)),
        where=_where(move, tongue),
        before=plain(write_value(move.unit, move.before, tongue)),
        after=plain(write_value(move.unit, move.after, tongue)),
        change=plain(write_change(move, tongue)),
        began=plain(moment(evidence.began, zone)),
    )
    return said + (plain(tell(tongue, "found.back")) if move.back else "")


def interval(evidence: Evidence, tongue: str, zone: tzinfo) -> str:
    """Say when the change began, with the interval that holds it with 90 %."""
    return tell(
        tongue,
        "found.interval",
        began=moment(evidence.began, zone),
        earliest=moment(evidence.earliest, zone),
        latest=moment(evidence.latest, zone),
    )


def label(move: Move, tongue: str) -> str:
    """Return what a signal is called."""
    return (move.label_ja if tongue == "ja" else move.label) or move.signal


def moment(time: datetime, zone: tzinfo) -> str:
    """Write a moment by the reader's clock."""
    return f"{time.astimezone(zone):%m-%d %H:%M}"


def about(evidence: Evidence, signal: str) -> bool:
    """Tell whether a finding is about a signal of the strip."""
    return any(OF_STRIP.get(move.signal) == signal for move in evidence.moves)


def part_share(amount: Decimal, before: Decimal, now: Decimal) -> float | None:
    """Return which share of a whole change a part is; None where nothing changed on the whole."""
    return float(amount / (now - before)) if now != before else None


def _where(move: Move, tongue: str) -> str:
    names = [name for name in (move.service, move.environment) if name]
    return (
        tell(tongue, "alerts.where", names=" · ".join(f"**{plain(name)}**" for name in names))
        if names
        else ""
    )
