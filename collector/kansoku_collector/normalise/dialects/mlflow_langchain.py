"""LangChain's callbacks under MLflow: who the application says is asking, and the pieces of a stream."""

from typing import Any, NamedTuple

from kansoku_collector.model import RawSpan, Span
from kansoku_collector.normalise.counts import Counts, same_sums, vendor_counts
from kansoku_collector.normalise.frame import put_reasons, put_usage
from kansoku_collector.values import mapping, text

_PIECE = "new_token"
_ENDS = ("finish_reason", "stop_reason")


class Told(NamedTuple):
    """What the pieces of a stream say beside its words; the last of each."""

    reason: str = ""
    model: str = ""
    fingerprint: str = ""
    counts: Counts | None = None


def take_pieces(raw: RawSpan, span: Span) -> Told | None:
    """Take a stream's pieces out of the events, whose words the answer repeats; tell what else they say."""
    pieces = [event for event in raw.events if event.name == _PIECE]
    if not pieces:
        return None
    raw.events[:] = [event for event in raw.events if event.name != _PIECE]
    if (started := min(event.time_ns for event in pieces)) >= raw.start_ns:
        span.time_to_first_token = (started - raw.start_ns) / 1e9
    told = Told()
    for event in pieces:
        chunk = mapping(mapping(event.attributes.get("chunk")).get("kwargs"))
        message = mapping(mapping(chunk.get("message")).get("kwargs"))
        noted = mapping(chunk.get("generation_info")) | mapping(message.get("response_metadata"))
        told = Told(
            next((text(noted[name]) for name in _ENDS if noted.get(name)), told.reason),
            text(noted.get("model_name")) or told.model,
            text(noted.get("system_fingerprint")) or told.fingerprint,
            vendor_counts(message.get("usage_metadata")) or told.counts,
        )
    return told


def put_pieces(told: Told | None, span: Span) -> None:
    """Fill what a stream's summary leaves out; what is there is never changed."""
    if told is None:
        return
    span.streaming = True
    if told.counts and (span.usage_source == "none" or same_sums(told.counts, span)):
        put_usage(span, told.counts)
    span.system_fingerprint = span.system_fingerprint or told.fingerprint
    if told.model != span.request_model:
        span.response_model = span.response_model or told.model
    if told.reason and not span.finish_reasons:
        put_reasons(span, [told.reason], called='"tool_call"' in span.output_messages)


def put_asker(notes: dict[str, Any], span: Span) -> None:
    """Take session and user from a run's notes; LangGraph's thread is a session where nothing else is."""
    session = notes.pop("session_id", None) or notes.pop("thread_id", None)
    span.session_id = span.session_id or text(session)
    span.user_id = span.user_id or text(notes.pop("user_id", None))
