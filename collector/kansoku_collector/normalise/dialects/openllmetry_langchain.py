"""What OpenLLMetry's callback for LangChain writes besides: calls of tools as words, counts once a choice."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.counters import COUNTERS
from kansoku_collector.normalise.counts import once
from kansoku_collector.values import count, items, mapping, text

SCOPE = "opentelemetry.instrumentation.langchain"
_BLOCKS = frozenset({"function_call", "tool_use"})  # of OpenAI's responses, of Anthropic's messages
_NAMELESS = '"type": "tool_call", "id": ""'
_MARKS = tuple(f'\\"type\\": \\"{kind}\\"' for kind in sorted(_BLOCKS))


def adjust(left: Attributes, _: Span) -> None:
    """Leave out what is told twice: each call is among its message's parts, and as the JSON of its block."""
    for name in (s.INPUT_MESSAGES, s.OUTPUT_MESSAGES):
        value = left.get(name)
        if isinstance(value, str) and any(mark in value for mark in _MARKS):
            left[name] = [_without_blocks(message) for message in items(value)]
    if _NAMELESS in text(left.get(s.OUTPUT_MESSAGES)):
        left[s.OUTPUT_MESSAGES] = [_without_copies(message) for message in items(left[s.OUTPUT_MESSAGES])]
    # LangChain notes a call's tokens on each of its choices, and these are added up.
    choices = len(items(left.get(s.OUTPUT_MESSAGES))) if s.INPUT_TOKENS in left else 0
    if choices > 1:
        left.update(once({name: count(left[name]) for name in left if name in COUNTERS}, choices))


def _without_blocks(message: Any) -> Any:
    parts = message.get("parts") if isinstance(message, dict) else None
    if not isinstance(parts, list):
        return message
    known = {text(part.get("id")) for part in map(mapping, parts) if part.get("type") == "tool_call"}
    return {**message, "parts": [part for part in parts if not _is_told(mapping(part), known)]}


def _without_copies(message: Any) -> Any:
    """Return a message without the calls that have no id, where others have one: Gemini's are told twice."""
    parts = items(message.get("parts")) if isinstance(message, dict) else []
    calls = [part for part in parts if mapping(part).get("type") == "tool_call"]
    if not any(call.get("id") for call in calls):
        return message
    return {**message, "parts": [part for part in parts if part not in calls or part.get("id")]}


def _is_told(part: dict[str, Any], known: set[str]) -> bool:
    """Tell whether a part of words is the block of a call that is there as a call too."""
    words = part.get("content")
    block = mapping(words) if part.get("type") == "text" and text(words).startswith("{") else {}
    return text(block.get("type")) in _BLOCKS and text(block.get("call_id") or block.get("id")) in known
