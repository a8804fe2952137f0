"""Content that OpenLLMetry's JavaScript writes as the JSON text of blocks, or of the whole conversation."""

from typing import Any

from kansoku_collector.normalise.exchange import read_chat
from kansoku_collector.values import load, text

_THOUGHT = '{"reasoningContent":'  # Bedrock's, which Python writes as words
_MARKS = ('"[{\\"type\\":', '"[{\\"role\\":', '"{\\"reasoningContent\\":')  # as JSON text starts in JSON


def unfolded(value: Any) -> Any:
    """Return messages with their blocks as parts; messages without such text as they came."""
    if not isinstance(value, str) or not any(mark in value for mark in _MARKS):
        return value
    found = load(value)
    if not isinstance(found, list):
        return value
    return [message for item in found for message in _messages(item)]


def _messages(message: Any) -> list[Any]:
    """Return the messages that one stands for: itself, or those that its only text is a list of."""
    parts = message.get("parts") if isinstance(message, dict) else None
    if isinstance(parts, list) and any(_is_thought(part) for part in parts):
        return [{**message, "parts": [load(p["content"]) if _is_thought(p) else p for p in parts]}]
    only = parts[0] if isinstance(parts, list) and len(parts) == 1 else None
    words = only.get("content") if isinstance(only, dict) and only.get("type") == "text" else None
    inner = load(words) if text(words).startswith(('[{"type":', '[{"role":')) else None
    if not isinstance(inner, list) or not all(isinstance(item, dict) for item in inner):
        return [message]
    role = text(message.get("role")) or "user"
    if any("role" in item for item in inner):
        return list(read_chat(inner, role))
    told = [part for found in read_chat(inner, role) for part in found["parts"]]
    return [{**message, "parts": told}]


def _is_thought(part: Any) -> bool:
    return isinstance(part, dict) and text(part.get("content")).startswith(_THOUGHT)
