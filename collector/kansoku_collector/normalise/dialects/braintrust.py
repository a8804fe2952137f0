"""Braintrust: `braintrust.*` attributes, each of them JSON, on the spans of its SDKs in every language."""

from typing import Any

from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.exchange import put_exchange, read_parameters, read_request, read_response
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_metadata, put_usage
from kansoku_collector.normalise.messages import tool_definitions
from kansoku_collector.normalise.steps import put_step
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import count, decode, load, mapping, number, text, truth

_ABOUT, _METRICS = "braintrust.span_attributes", "braintrust.metrics"
_INPUT, _OUTPUT = "braintrust.input_json", "braintrust.output_json"
_KEYS = frozenset((_ABOUT, _INPUT, _OUTPUT))
_OPERATIONS = {
    "llm": "chat",
    "tool": "execute_tool",
    **dict.fromkeys(("task", "function", "eval"), "chain"),
    **dict.fromkeys(("score", "scorer"), "evaluation"),
}
_COUNTERS = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "prompt_cached_tokens": "cache_read",
    "prompt_cache_creation_tokens": "cache_write",
    "prompt_cache_creation_1h_tokens": "cache_write_1h",
    "completion_reasoning_tokens": "reasoning",
    "prompt_audio_tokens": "audio_in",
    "completion_audio_tokens": "audio_out",
}
# What the notes of a call say of it, beside its parameters.
_ASKED = frozenset(
    (
        *(
            "model",
            "provider",
            "llm_provider",
            "tools",
            "stream",
            "tool_choice",
            "response_format",
            "endpoint",
        ),
        *("stop_reason", "stop_sequence"),
    )
)
_FRAMEWORKS = ("ruby_llm", "llm_rb")


def is_braintrust(raw: RawSpan) -> bool:
    """Tell whether a Braintrust SDK wrote a span; its parent alone is on spans of any dialect."""
    return not _KEYS.isdisjoint(raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span`; `left` loses what was read."""
    span.dialect = "braintrust"
    kind = text(mapping(left.pop(_ABOUT, None)).get("type")).lower()
    notes = mapping(left.pop("braintrust.metadata", None))
    given, answered = load(left.pop(_INPUT, None)), load(left.pop(_OUTPUT, None))
    metrics = mapping(left.pop(_METRICS, None))
    if not kind and "provider" in notes and "model" in notes and "moderation" not in raw.name:
        kind = "llm"  # Ruby and Go leave it to the server to see that
    span.operation = _OPERATIONS.get(kind, "other")
    if span.operation in MODEL_OPERATIONS and raw.name.lower().endswith(("embedding", "embeddings.create")):
        span.operation = "embeddings"
    if span.operation in MODEL_OPERATIONS:
        _read_call(span, given, answered, notes)
        _read_metrics(span, metrics)
        notes = {
            key: value for key, value in notes.items() if key not in _ASKED and key not in span.parameters
        }
    else:
        put_step(span, left, given, decode(answered))
    put_metadata(span, notes)


def _read_call(span: Span, given: Any, answered: Any, notes: dict[str, Any]) -> None:
    request = read_request(given if isinstance(given, dict) else {"messages": given})
    chosen = isinstance(answered, list) and all(
        isinstance(item, dict) and "message" in item for item in answered
    )
    response = read_response({"choices": answered} if chosen else answered)
    span.request_model = text(notes.get("model"))
    span.provider = text(notes.get("llm_provider") or notes.get("provider")).lower()
    if span.provider in _FRAMEWORKS or not span.provider:
        span.provider = provider_of(span.request_model)
    span.parameters = read_parameters(notes)
    span.streaming = truth(notes.get("stream"))
    span.tool_definitions = tool_definitions(notes.get("tools"))
    put_exchange(span, request, response, [reason for reason in (notes.get("stop_reason"),) if reason])


def _read_metrics(span: Span, metrics: dict[str, Any]) -> None:
    put_usage(span, {ours: count(metrics.get(name)) for name, ours in _COUNTERS.items()})
    started = number(metrics.get("time_to_first_token"))
    if started is not None:
        span.time_to_first_token = started
