"""System instructions as senders write them: parts, messages, JSON of either, plain text."""

from typing import Any

from kansoku_collector.normalise.messages import read_parts
from kansoku_collector.values import dump, items, load, remembered, text


@remembered
def instructions(value: Any) -> str:
    """Return system instructions as the JSON of their parts; "" where there are none."""
    parts = _parts_of(value)
    return dump(parts) if parts else ""


def _parts_of(value: Any) -> list[dict[str, Any]]:
    """Return system instructions: parts, JSON text of them, or plain text."""
    found = items(value)
    if found and all(isinstance(item, dict) and isinstance(item.get("parts"), list) for item in found):
        found = [part for item in found for part in item["parts"]]
    return [part for item in found for part in _unfolded(item)]


def _unfolded(value: Any) -> list[dict[str, Any]]:
    """Return an instruction as parts; OpenLIT puts Anthropic's blocks, or their JSON, inside of one."""
    words = value.get("content") if isinstance(value, dict) and value.get("type") == "text" else None
    blocks = load(words) if isinstance(words, list) or text(words).startswith('[{"type":') else None
    return read_parts(blocks if isinstance(blocks, list) else value)
