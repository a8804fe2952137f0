"""Genkit (JavaScript and Go): `genkit:*` attributes, input and output of every action as JSON."""

from typing import Any

from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counts import Counts
from kansoku_collector.normalise.exchange import put_exchange, read_request, read_response, response_counts
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_usage
from kansoku_collector.normalise.pieces import join_parts
from kansoku_collector.normalise.steps import put_step
from kansoku_collector.normalise.terms import put_searches, put_tier
from kansoku_collector.normalise.vendor import response_facts
from kansoku_collector.values import dump, items, load, mapping, text

_CACHED = "cachedContentTokens"

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
    if span.status == "unset" and left.get("genkit:state") == "error":  # Go's steps around a failed one
        span.status = "error"
    if span.operation not in MODEL_OPERATIONS:
        span.tool_name = name if span.operation == "execute_tool" else ""
        put_step(span, left, given, answered)
        return
    vendor, _, model = name.rpartition("/")
    span.provider, span.request_model = vendor, model
    output = mapping(answered)
    answers = _answers(output)
    responses = [read_response(_with_words(answer.get("message")) or load(answered)) for answer in answers]
    messages = [m | {"parts": join_parts(m["parts"])} for response in responses for m in response.messages]
    raw_response = next((found for name in ("raw", "custom") if (found := mapping(output.get(name)))), {})
    reasons = [reason for answer in answers if (reason := answer.get("finishReason"))]
    facts = response_facts(raw_response) | responses[0].facts
    response = responses[0]._replace(messages=messages, facts=facts)
    put_exchange(span, read_request(given), response, reasons)
    put_tier(left, response.facts.get("tier"))
    put_searches(left, raw_response)
    claude = span.provider == "anthropic" or "claude" in model.lower()
    put_usage(span, _counts(output, raw_response, claude=claude))


def _answers(output: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what has a message and why it ended: the output, or (of Google's models) its candidates."""
    found = [mapping(candidate) for candidate in items(output.get("candidates"))]
    return [candidate for candidate in found if "message" in candidate] or [output]


def _with_words(message: Any) -> Any:
    """Return an answer with its data as JSON: so Genkit gives back what was asked for in a schema."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    return {**message, "content": [_part(part) for part in content]}


def _part(part: Any) -> Any:
    told = part.get("data") if isinstance(part, dict) and part.keys() <= {"data", "metadata"} else None
    return part if told is None else {"text": told if isinstance(told, str) else dump(told)}


def _counts(output: dict[str, Any], raw_response: dict[str, Any], *, claude: bool) -> Counts:
    """Return Genkit's counts, or the vendor's own where they come to the same and say more of it.

    Of Claude's it passes on an input without caches, which are in the vendor's response, or (JavaScript)
    under the vendor's names, or (Go) reads alone under its own.
    """
    usage = mapping(output.get("usage"))
    beside = {name: told for name, told in mapping(usage.get("custom")).items() if name.startswith("cache_")}
    if claude and not beside and _CACHED in usage:
        beside = {"cache_read_input_tokens": usage[_CACHED]}
    counts, told = response_counts({"usage": {**usage, **beside}}), response_counts(raw_response)
    return told if told and _agree(counts, told) else counts


def _agree(counts: Counts, told: Counts) -> bool:
    """Tell whether two counts are of one answer: the first may leave caches out of the input."""
    cached = (told.get("cache_read") or 0) + (told.get("cache_write") or 0)
    given = told.get("input_tokens") or 0
    same = counts.get("output_tokens") == told.get("output_tokens")
    return same and counts.get("input_tokens") in (given, given - cached)
