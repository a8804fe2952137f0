"""Spans that are no model call: tools, retrievals, and what went into and came out of a step."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.documents import put_retrieval
from kansoku_collector.values import load, plain, searchable, text


def put_step(span: Span, left: Attributes, given: Any, answered: Any) -> None:
    """Store input and output where the operation keeps them; what has no column stays an attribute."""
    given, answered = load(given), load(answered)  # without the escapes that some SDKs write
    if span.operation == "execute_tool":
        span.tool_name = span.tool_name or span.name
        span.tool_arguments, span.tool_result = text(given), text(_result(answered))
        span.input_text, span.output_text = (
            searchable(span.tool_arguments),
            searchable(plain(span.tool_result)),
        )
        return
    if span.operation == "retrieval":
        if not put_retrieval(span, given, answered):
            _keep(left, s.OUTPUT_VALUE, answered)
        return
    _keep(left, s.INPUT_VALUE, given)
    _keep(left, s.OUTPUT_VALUE, answered)
    span.input_text, span.output_text = searchable(plain(given)), searchable(plain(answered))


def _keep(left: Attributes, name: str, value: Any) -> None:
    if value is not None:
        left.setdefault(name, value)


def _result(value: Any) -> Any:
    """Return the words of LangChain's tool message, or the value as it is."""
    found = load(value)
    if isinstance(found, dict) and isinstance(found.get("kwargs"), dict):
        found = found["kwargs"]
    if isinstance(found, dict) and found.get("type") in ("tool", "ToolMessage") and "content" in found:
        return found["content"]
    return value
