"""TrueFoundry's gateway: `tfy.*` on a span of each request and, beneath it, of each call of a model."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.exchange import put_exchange, read_request, read_response
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_metadata, put_usage
from kansoku_collector.normalise.steps import put_step
from kansoku_collector.normalise.vendor import is_embedding_model, provider_of
from kansoku_collector.values import count, load, mapping, number, text, truth

_KIND = "tfy.span_type"
_OPERATIONS = {"Model": "chat", "MCP": "execute_tool", "Guardrail": "guardrail"}
_METRIC = "tfy.model.metric."
_COUNTERS = {
    f"{_METRIC}input_tokens": "input_tokens",
    f"{_METRIC}output_tokens": "output_tokens",
    f"{_METRIC}cache_read_input_tokens": "cache_read",
    f"{_METRIC}cache_creation_input_tokens": "cache_write",
}


def is_truefoundry(raw: RawSpan) -> bool:
    """Tell whether the gateway wrote a span; where it was told to it has the conventions' names as well."""
    return _KIND in raw.attributes and s.OPERATION not in raw.attributes


def read(_raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span`: of a request only the call of the model counts; `left` loses what was read."""
    span.dialect = "truefoundry"
    span.operation = _OPERATIONS.get(text(left.pop(_KIND)), "chain")
    span.session_id = span.session_id or text(left.pop("tfy.request.conversation_id", None))
    span.user_id = span.user_id or text(left.pop("tfy.request.created_by_subject", None))
    put_metadata(span, mapping(left.pop("tfy.request.metadata", None)))
    given, answered = load(left.pop("tfy.input", None)), load(left.pop("tfy.output", None))
    if span.operation in MODEL_OPERATIONS:
        _read_call(left, span, given, answered)
    else:
        put_step(span, left, given, answered)


def _read_call(left: Attributes, span: Span, given: Any, answered: Any) -> None:
    request, response = read_request(given), read_response(answered)
    named = text(left.pop("tfy.model.name", None) or left.pop("tfy.request.model_name", None))
    span.request_model = named.rpartition("/")[2]  # behind the name of the account
    span.streaming = truth(left.pop("tfy.model.streaming", None))
    if is_embedding_model(span.request_model):
        span.operation = "embeddings"
    put_exchange(span, request, response, [])
    if span.operation == "embeddings":
        span.output_messages = span.output_text = ""
    span.provider = provider_of(span.response_model) or provider_of(span.request_model)
    told = {ours: count(left.pop(name, None)) for name, ours in _COUNTERS.items()}
    put_usage(span, response.counts if any((response.counts or {}).values()) else told)
    if (milliseconds := number(left.pop(f"{_METRIC}time_to_first_token_in_ms", None))) is not None:
        span.time_to_first_token = milliseconds / 1000
    if (cost := left.pop(f"{_METRIC}cost_in_usd", None)) is not None:
        left.setdefault(s.VENDOR_COST, cost)
