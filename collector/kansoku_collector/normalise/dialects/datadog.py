"""Datadog's tracers over OTLP: a few of the conventions' names, and everything else packed in one attribute.

The packed object (MessagePack) has what went in and came out, and is there where its LLM Observability is on.
The model that is told by the conventions is the one that answered.
"""

from typing import Any

from msgspec import MsgspecError
from msgspec.msgpack import decode

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.documents import read_documents
from kansoku_collector.normalise.exchange import PARAMETERS
from kansoku_collector.normalise.frame import put_metadata
from kansoku_collector.normalise.messages import Part, tool_call
from kansoku_collector.values import items, mapping, text

_MARK, _PACKED = "_dd.llmobs.artificial_gen_ai_tags", "_llmobs"
_UNKNOWN = "unknown"  # who answers at an address that is no vendor's own
_SIDES = (
    ("input", s.INPUT_MESSAGES, s.INPUT_VALUE, s.TOOL_ARGUMENTS),
    ("output", s.OUTPUT_MESSAGES, s.OUTPUT_VALUE, s.TOOL_RESULT),
)
_METRICS = {
    "ephemeral_1h_input_tokens": s.CACHE_WRITE_1H_TOKENS,
    "time_to_first_token": s.TIME_TO_FIRST_CHUNK,
}


def is_datadog(raw: RawSpan) -> bool:
    """Tell whether a tracer of Datadog's wrote a span about a model, by the marks that it leaves."""
    return _MARK in raw.attributes or _PACKED in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions, with what is packed under their names."""
    component = text(left.get("component"))
    if asked := left.pop(f"{component}.request.model", None):
        answered = left.pop(s.REQUEST_MODEL, None)
        left[s.RESPONSE_MODEL] = left.pop(f"{component}.response.model", None) or (
            answered if answered != asked else None
        )
        left[s.REQUEST_MODEL] = asked
    if left.get(s.PROVIDER) == _UNKNOWN:
        left[s.PROVIDER] = left.pop(f"{component}.request.provider", None)
    packed = _unpack(left)
    if packed:
        _spread(packed, left, span)
    gen_ai.read(raw, left, span)
    span.dialect = "datadog"


def _unpack(left: Attributes) -> dict[str, Any]:
    """Take the packed object, whose bytes are hex text here; one that cannot be read stays."""
    try:
        found = mapping(decode(bytes.fromhex(text(left.get(_PACKED)))))
    except (MsgspecError, ValueError, RecursionError):
        return {}
    if found:
        del left[_PACKED]
    return found


def _spread(packed: dict[str, Any], left: Attributes, span: Span) -> None:
    meta, name = mapping(packed.get("meta")), text(packed.get("name"))
    kind = text(mapping(meta.get("span")).get("kind"))
    span.name = name or span.name
    for side, messages, value, tool in _SIDES:
        told = mapping(meta.get(side))
        documents = told.get("documents")
        if found := [_message(one) for one in items(told.get("messages")) if _says(one)]:
            left[messages] = found
        elif documents and kind == "retrieval":
            left[s.RETRIEVAL_DOCUMENTS] = read_documents(documents)
        elif documents:
            left[messages] = [text(mapping(one).get("text")) for one in items(documents)]
        elif told.get("value") is not None and kind not in ("llm", "embedding"):
            left[tool if kind == "tool" else value] = told["value"]
    if kind == "tool":
        left.setdefault(s.TOOL_NAME, name)
    elif kind == "retrieval" and (query := left.pop(s.INPUT_VALUE, None)):
        left[s.RETRIEVAL_QUERY] = query
    left.setdefault(s.TOOL_DEFINITIONS, meta.get("tool_definitions"))
    _read_metadata(dict(mapping(meta.get("metadata"))), left, span)
    metrics = mapping(packed.get("metrics"))
    left.update({to: metrics[told] for told, to in _METRICS.items() if told in metrics})


def _read_metadata(told: dict[str, Any], left: Attributes, span: Span) -> None:
    """Take parameters and the end out of what a program and its clients noted; the rest are notes."""
    if reason := told.pop("finish_reason", None):
        left.setdefault(s.FINISH_REASONS, [reason])
    if (stream := told.pop("stream", None)) is not None:
        left.setdefault(s.STREAM, stream)
    for name in [name for name in told if name in PARAMETERS]:
        left.setdefault(s.REQUEST + PARAMETERS[name], told.pop(name))
    put_metadata(span, told)


def _says(message: Any) -> bool:
    """Tell whether a message says anything: of a call that failed an empty one is told."""
    return isinstance(message, dict) and any(
        message.get(n) for n in ("content", "tool_calls", "tool_results")
    )


def _message(told: dict[str, Any]) -> dict[str, Any]:
    parts: list[Part] = [{"type": "text", "content": told["content"]}] if told.get("content") else []
    parts += [
        tool_call(call.get("name"), call.get("arguments"), call.get("tool_id"))
        for call in map(mapping, items(told.get("tool_calls")))
    ]
    for result in map(mapping, items(told.get("tool_results"))):
        response = {"id": text(result.get("tool_id")), "response": result.get("result")}
        parts.append({"type": "tool_call_response", **response})
    return {"role": told.get("role"), "parts": parts}
