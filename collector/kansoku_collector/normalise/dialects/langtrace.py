"""Langtrace before it took the names of the conventions (Python, before 2.1): JSON under `llm.*`."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import items, load, mapping, rename, text, truth

_KIND, _PATH = "langtrace.service.type", "llm.api"
_OWN = frozenset(("llm.prompts", "llm.responses", "llm.token.counts"))
_OPERATIONS = (("embed", "embeddings"), ("images", "image_generation"), ("rerank", "rerank"))
_KINDS = {"llm": "chat", "framework": "invoke_workflow"}
_NAMES = {
    "llm.model": s.REQUEST_MODEL,
    "llm.temperature": s.TEMPERATURE,
    "llm.top_p": s.TOP_P,
    "llm.top_k": s.TOP_K,
    "llm.max_tokens": s.MAX_TOKENS,
    "llm.frequency_penalty": s.FREQUENCY_PENALTY,
    "llm.presence_penalty": s.PRESENCE_PENALTY,
    "llm.dimensions": s.EMBEDDING_DIMENSIONS,
    "llm.stream": s.STREAM,
    "llm.response_id": s.RESPONSE_ID,
    "llm.system.fingerprint": s.SYSTEM_FINGERPRINT,
    "llm.user": s.USER_ID,
}
_CHUNK = "stream.output"


def is_langtrace(raw: RawSpan) -> bool:
    """Tell whether an older Langtrace wrote a span of a call; later ones are the conventions'."""
    return _KIND in raw.attributes and not _OWN.isdisjoint(raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; `left` loses what was read."""
    path, kind = text(left.get(_PATH)), text(left.get(_KIND))
    named = next((name for word, name in _OPERATIONS if word in path), _KINDS.get(kind, "other"))
    left[s.OPERATION] = named
    left[s.PROVIDER] = text(left.pop("langtrace.service.name", None))
    rename(left, _NAMES)
    given = [_prompt(item) for item in items(load(left.pop("llm.prompts", None)))]
    if given:
        left[s.INPUT_MESSAGES] = given
    if answered := items(load(left.pop("llm.responses", None))):
        left[s.OUTPUT_MESSAGES] = answered
    if groups := items(load(left.pop("llm.tools", None))):  # each of them a list, as JSON
        left[s.TOOL_DEFINITIONS] = [tool for group in groups for tool in items(load(group))]
    counts = mapping(left.pop("llm.token.counts", None))
    if counts.get("input_tokens") or counts.get("output_tokens"):  # of some calls it has found none
        left |= {s.INPUT_TOKENS: counts.get("input_tokens"), s.OUTPUT_TOKENS: counts.get("output_tokens")}
    if truth(left.get(s.STREAM)):  # it counts the pieces of a stream itself
        left[s.USAGE_ESTIMATED] = True
    span.user_id = span.user_id or text(left.pop(s.USER_ID, None))
    _take_chunks(raw, left)
    gen_ai.read(raw, left, span)
    span.dialect = "langtrace"


def _prompt(item: Any) -> Any:
    """Return a message; one that only calls tools is the list of its calls."""
    if isinstance(item, list) and item:
        return {"role": "assistant", "content": None, "tool_calls": item}
    return item


def _take_chunks(raw: RawSpan, left: Attributes) -> None:
    """Take the pieces of a stream out of the events: the first tells when the answer began."""
    times = [event.time_ns for event in raw.events if event.name == _CHUNK]
    if times:
        raw.events[:] = [event for event in raw.events if event.name != _CHUNK]
        left[s.TIME_TO_FIRST_CHUNK] = max(0, min(times) - raw.start_ns) / 1e9
