"""Make a span of any dialect the one canonical row."""

from kansoku_collector.model import Feedback, RawSpan, Span
from kansoku_collector.normalise.choice import choose
from kansoku_collector.normalise.context import read_context
from kansoku_collector.normalise.dialects import adot, langfuse
from kansoku_collector.normalise.dialects.openinference_copies import read_copies
from kansoku_collector.normalise.frame import close_row, open_row
from kansoku_collector.normalise.scores import from_event, read_scores
from kansoku_collector.values import text

__all__ = ["from_event", "normalise", "uninterpreted"]


def normalise(raw: RawSpan, project: str, received_ms: int) -> tuple[Span, list[Feedback]]:
    """Return the row of a span, and the scores that travelled on it."""
    left = dict(raw.attributes)
    scores = read_scores(raw, left, project, received_ms)
    span = open_row(raw, left, project, received_ms)
    content = adot.take(raw) if raw.events else None
    read = choose(raw)
    repeats = read(raw, left, span) if read else False
    if content:
        adot.put(content, left, span)
    read_copies(raw, left, span)
    read_context(left, span)
    langfuse.read_trace(raw, left, span)
    return close_row(span, raw, left, repeats=bool(repeats)), scores


def uninterpreted(raw: RawSpan, project: str, received_ms: int) -> Span:
    """Return a row with the attributes as they came: what is stored when a dialect cannot be read."""
    span = open_row(raw, {}, project, received_ms)
    span.dialect = "unreadable"
    span.attributes = {key: text(value) for key, value in raw.attributes.items()}
    return span
