"""Choose the dialect of a span and make it the one canonical row."""

from collections.abc import Callable

from kansoku_collector.model import Attributes, Feedback, RawSpan, Span
from kansoku_collector.normalise import (
    ai_sdk,
    claude_code,
    gen_ai,
    laminar,
    langfuse,
    langsmith,
    logfire,
    mlflow,
    openinference,
    openlit,
    openllmetry,
    weave,
)
from kansoku_collector.normalise.context import read_context
from kansoku_collector.normalise.frame import close_row, open_row
from kansoku_collector.normalise.scores import from_event, read_scores
from kansoku_collector.values import text

__all__ = ["from_event", "normalise", "uninterpreted"]

_Speaks = Callable[[RawSpan], bool]
# A reader answers True where the span only repeats what other spans report.
_Read = Callable[[RawSpan, Attributes, Span], bool | None]

# The first dialect that knows a span reads it. The conventions come last: most dialects use their names too.
_DIALECTS: tuple[tuple[_Speaks, _Read], ...] = (
    (logfire.is_pending, logfire.read),
    (langfuse.is_langfuse, langfuse.read),
    (langsmith.is_langsmith, langsmith.read),
    (mlflow.is_mlflow, mlflow.read),
    (weave.is_weave, weave.read),
    (openllmetry.is_openllmetry, openllmetry.read),
    (openinference.is_openinference, openinference.read),
    (openlit.is_openlit, openlit.read),
    (ai_sdk.is_ai_sdk, ai_sdk.read),
    (laminar.is_laminar, laminar.read),
    (claude_code.is_claude_code, claude_code.read),
    (logfire.is_logfire, logfire.read),
    (gen_ai.is_gen_ai, gen_ai.read),
)


def normalise(raw: RawSpan, project: str, received_ms: int) -> tuple[Span, list[Feedback]]:
    """Return the row of a span, and the scores that travelled on it."""
    left = dict(raw.attributes)
    scores = read_scores(raw, left, project, received_ms)
    span = open_row(raw, left, project, received_ms)
    repeats: bool | None = False
    for speaks, read in _DIALECTS:
        if speaks(raw):
            repeats = read(raw, left, span)
            break
    read_context(left, span)
    langfuse.read_trace(left, span)
    return close_row(span, raw, left, repeats=bool(repeats)), scores


def uninterpreted(raw: RawSpan, project: str, received_ms: int) -> Span:
    """Return a row with the attributes as they came: what is stored when a dialect cannot be read."""
    span = open_row(raw, {}, project, received_ms)
    span.dialect = "unreadable"
    span.attributes = {key: text(value) for key, value in raw.attributes.items()}
    return span
