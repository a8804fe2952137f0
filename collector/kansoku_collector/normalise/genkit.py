"""Genkit (JavaScript and Go): `genkit:*` attributes, input and output of every action as JSON."""

from typing import Any

from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counts import Counts
from kansoku_collector.normalise.exchange import put_exchange, read_request, read_response, response_counts
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_usage
from kansoku_collector.normalise.steps import put_step
from kansoku_collector.normalise.vendor import response_facts
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
    span.provider, span.request_model = vendor, model
    output = mapping(answered)
    response = read_response(output.get("message") or load(answered))
    raw_response = next((found for name in ("raw", "custom") if (found := mapping(output.get(name)))), {})
    reason = output.get("finishReason")
    response = response._replace(facts=response_facts(raw_response) | response.facts)
    put_exchange(span, read_request(given), response, [reason] if reason else [])
    put_usage(span, _counts(output, raw_response))


def _counts(output: dict[str, Any], raw_response: dict[str, Any]) -> Counts:
    """Return Genkit's counts, or the vendor's own where they come to the same and say more of it."""
    counts, told = response_counts(output), response_counts(raw_response)
    same = all(counts.get(name) == told.get(name) for name in ("input_tokens", "output_tokens"))
    return told if told and same else counts
