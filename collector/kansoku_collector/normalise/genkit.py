"""Genkit (JavaScript and Go): `genkit:*` attributes, input and output of every action as JSON."""

from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.exchange import put_exchange, read_request, read_response
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_usage
from kansoku_collector.normalise.steps import put_step
from kansoku_collector.values import load, mapping, text

_NAME = "genkit:name"
_OPERATIONS = {
    "model": "chat",
    "embedder": "embeddings",
    "retriever": "retrieval",
    "reranker": "rerank",
    "tool": "execute_tool",
    "tool.v2": "execute_tool",
    "evaluator": "evaluation",
    "agent": "invoke_agent",
}
_PROVIDERS = {"googleai": "gcp.gemini", "vertexai": "gcp.vertex_ai"}


def is_genkit(raw: RawSpan) -> bool:
    """Tell whether Genkit wrote a span, by the name that it gives to each."""
    return _NAME in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from an action's kind, input and output; a flow and its steps are a chain."""
    span.dialect = "genkit"
    name, kind = text(raw.attributes[_NAME]), text(left.get("genkit:metadata:subtype"))
    span.operation = _OPERATIONS.get(kind, "chain")
    given, answered = left.pop("genkit:input", None), left.pop("genkit:output", None)
    if span.operation not in MODEL_OPERATIONS:
        span.tool_name = name if span.operation == "execute_tool" else ""
        put_step(span, left, given, answered)
        return
    vendor, _, model = name.rpartition("/")
    span.provider, span.request_model = _PROVIDERS.get(vendor, vendor), model
    output = load(answered)
    response = read_response(mapping(output).get("message") or output)
    reason = mapping(output).get("finishReason")
    put_exchange(span, read_request(given), response, [reason] if reason else [])
    put_usage(span, read_response(output).counts)
