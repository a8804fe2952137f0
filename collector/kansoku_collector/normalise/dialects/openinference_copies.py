"""Spans of another dialect that a span processor gave OpenInference's names too.

Arize's processors do so to spans of the AI SDK, Pydantic AI, OpenLIT and others. The dialect's own names say
more, so they are read first; these fill in what is not among them, and are not stored a second time.
"""

from kansoku.usage import Usage
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects.openinference import KIND, read
from kansoku_collector.normalise.lending import lend

_LENT = (
    *("documents", "retrieval_query", "tool_name", "tool_call_id", "tool_arguments", "tool_result"),
    *("tags", "prompt_name", "prompt_version", "output_text"),
)


def read_copies(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill what the span's own names left empty; `left` loses the copies."""
    if KIND not in left:
        return
    copy = Span(name=span.name, session_id=span.session_id, user_id=span.user_id)
    read(raw, left, copy)
    lend(copy, span)
    names = _LENT if span.usage_source != "none" else (*_LENT, "usage_source", *Usage._fields)
    for name in names:
        if getattr(span, name) in ("", [], 0, "none"):
            setattr(span, name, getattr(copy, name))
