"""Prompt flow (Azure): inputs and output of traced functions as JSON, among them the clients of models."""

from typing import Any

from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.exchange import put_exchange, read_request, read_response
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_usage
from kansoku_collector.normalise.steps import put_step
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import count, first, load, text

_KIND = "span_type"
_OPERATIONS = {
    "llm": "chat",
    "embedding": "embeddings",
    "retrieval": "retrieval",
    "tool": "execute_tool",
    "agent": "invoke_agent",
}
_COUNTERS = {
    "llm.usage.prompt_tokens": "input_tokens",
    "llm.usage.completion_tokens": "output_tokens",
}
_FUNCTION = "promptflow."


def is_promptflow(raw: RawSpan) -> bool:
    """Tell whether prompt flow wrote a span, by its scope or its kind beside the framework."""
    return raw.scope_name == "promptflow" or (_KIND in raw.attributes and "framework" in raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from what the function was called with and returned; `left` loses what was read."""
    span.dialect = "promptflow"
    span.operation = _OPERATIONS.get(text(left.pop(_KIND, None)).lower(), "chain")
    raw.events[:] = [event for event in raw.events if not event.name.startswith(_FUNCTION)]  # said twice
    given, answered = load(left.pop("inputs", None)), load(left.pop("output", None))
    span.session_id = span.session_id or text(first(left, "session_id", "__pf_session_id"))
    if span.operation in MODEL_OPERATIONS:
        _read_call(left, span, given, answered)
    else:
        put_step(span, left, given, answered)


def _read_call(left: Attributes, span: Span, given: Any, answered: Any) -> None:
    if isinstance(answered, list):  # the chunks of a stream, or the texts of one
        answered = left.pop("llm.generated_message", None)
    request, response = read_request(given), read_response(answered)
    span.request_model = request.model
    span.response_model = text(left.pop("llm.response.model", None)) or response.facts.get("model", "")
    span.request_model = span.request_model or span.response_model
    span.provider = "azure.ai.openai" if "azure" in text(left.get("function")).lower() else ""
    span.provider = span.provider or provider_of(span.request_model)
    put_exchange(span, request, response, [])
    left.pop("llm.generated_message", None)
    if span.operation == "embeddings":
        span.output_messages = span.output_text = ""
    told = {ours: count(left.pop(name, None)) for name, ours in _COUNTERS.items()}
    left.pop("llm.usage.total_tokens", None)
    put_usage(span, response.counts or told)
