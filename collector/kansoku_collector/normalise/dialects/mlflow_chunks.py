"""Chunks of a stream as MLflow keeps them, each an event with the vendor's own object."""

from typing import Any

from kansoku_collector.model import RawSpan, Span
from kansoku_collector.normalise.counts import Counts, vendor_counts
from kansoku_collector.values import decode, items, mapping, text

_CHUNK = "mlflow.chunk.item."


def take_chunks(raw: RawSpan, span: Span) -> list[Any]:
    """Take a stream's chunks and the time of the first one out of the events."""
    chunks = [event for event in raw.events if event.name.startswith(_CHUNK)]
    if not chunks:
        return []
    raw.events[:] = [event for event in raw.events if not event.name.startswith(_CHUNK)]
    span.streaming = True
    chunks.sort(key=lambda event: event.time_ns)
    if chunks[0].time_ns >= raw.start_ns:
        span.time_to_first_token = (chunks[0].time_ns - raw.start_ns) / 1e9
    return [decode(event.attributes.get("mlflow.chunk.value")) for event in chunks]


def read_chunks(chunks: list[Any], span: Span) -> list[Any]:
    """Read what each chunk of OpenAI's repeats, and return how choices ended: summaries may not say it."""
    ends: dict[Any, Any] = {}
    for chunk in map(mapping, chunks):
        span.response_id = span.response_id or text(chunk.get("id"))
        span.system_fingerprint = span.system_fingerprint or text(chunk.get("system_fingerprint"))
        for choice in map(mapping, items(chunk.get("choices"))):
            if choice.get("finish_reason"):
                ends[choice.get("index")] = choice["finish_reason"]
    return list(ends.values())


def streamed_calls(chunks: list[Any]) -> list[Any]:
    """Return the tool calls in the chunks of OpenAI's first choice: MLflow's own summary leaves them out."""
    calls: dict[Any, dict[str, Any]] = {}
    for chunk in chunks:
        choice = next(iter(items(mapping(chunk).get("choices"))), None)
        for piece in items(mapping(mapping(choice).get("delta")).get("tool_calls")):
            told = mapping(mapping(piece).get("function"))
            call = calls.setdefault(
                mapping(piece).get("index"), {"type": "function", "id": "", "arguments": ""}
            )
            call["id"] = call["id"] or text(mapping(piece).get("id"))
            call["name"] = call.get("name") or text(told.get("name"))
            call["arguments"] += text(told.get("arguments"))
    return list(calls.values())


def streamed_counts(chunks: list[Any]) -> Counts:
    """Return the usage that the last chunk with one tells, in itself or in its response."""
    for chunk in map(mapping, chunks[::-1]):
        if counts := vendor_counts(chunk.get("usage") or mapping(chunk.get("response")).get("usage")):
            return counts
    return {}
