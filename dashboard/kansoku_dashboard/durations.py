"""Durations in the reader's language: 2 min 05 s, 2分05秒."""

from kansoku_dashboard import words
from kansoku_dashboard.figures.style import seconds


def duration(value: float | None) -> str:
    """Write seconds as the reader of this screen does; a dash if unknown."""
    return seconds(value, words.language())
