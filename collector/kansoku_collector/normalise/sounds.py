"""Calls of OpenAI's endpoints for sound, told as the client's request and response."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.counts import vendor_counts
from kansoku_collector.normalise.frame import put_content, put_usage
from kansoku_collector.normalise.messages import read_messages
from kansoku_collector.values import mapping, number


def put_heard(left: Attributes, span: Span, response: dict[str, Any]) -> None:
    """Store the words of a transcription, and what it is paid by: tokens, or seconds of sound."""
    span.operation, span.input_messages, span.input_text = "generate_content", "", ""
    said = response.get("text")
    put_content(span, [], [], read_messages([said], "assistant") if isinstance(said, str) and said else [])
    usage = mapping(response.get("usage"))
    if counts := vendor_counts(usage):
        put_usage(span, counts)
    elif seconds := number(usage.get("seconds")) or number(response.get("duration")):
        left.setdefault(s.AUDIO_SECONDS, seconds)


def put_spoken(left: Attributes, span: Span, request: dict[str, Any]) -> None:
    """Store how much was spoken, by which some models are paid; the sound itself is told nowhere."""
    span.operation, span.output_messages, span.output_text = "generate_content", "", ""
    words = request.get("input")
    if isinstance(words, str) and words:
        left.setdefault(s.CHARACTERS, len(words))
