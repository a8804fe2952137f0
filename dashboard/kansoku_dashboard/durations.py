"""Durations and differences of rates in the reader's language: 2 min 05 s, 2分05秒; +2.1 pp, +2.1 pt."""

from kansoku_dashboard import words
from kansoku_dashboard.figures.style import points as written_points
from kansoku_dashboard.figures.style import seconds


def duration(value: float | None) -> str:
    """Write seconds as the reader of this screen does; a dash if unknown."""
    return seconds(value, words.language())


def points(difference: float, digits: int = 1) -> str:
    """Write a difference of two rates in percentage points as the reader of this screen does."""
    return written_points(difference, digits, words.language())
