"""Put together what came of a stream of the responses endpoint that has no last event."""

from typing import Any

from kansoku.instruments.openai_shape import get, text_of

# What an event's type begins with -> what it is a piece of, and which field has it whole in the end.
_GROWING = {
    "response.output_text": ("output_text", "text"),
    "response.output_audio_transcript": ("output_text", "transcript"),  # these of the realtime API
    "response.audio_transcript": ("output_text", "transcript"),
    "response.text": ("output_text", "text"),
    "response.refusal": ("refusal", "refusal"),
    "response.reasoning_text": ("reasoning_text", "text"),
    "response.reasoning_summary_text": ("reasoning_text", "text"),
    "response.function_call_arguments": ("arguments", "arguments"),
    "response.custom_tool_call_input": ("input", "input"),
    "response.mcp_call_arguments": ("arguments", "arguments"),
    "response.code_interpreter_call_code": ("code", "code"),
    "response.shell_call_command": ("command", "command"),
}
# Of several texts or commands in one item, each has a number.
_NUMBERS = ("content_index", "summary_index", "command_index")
_Pieces = dict[tuple[int, str], list[str]]


def fold_events(events: list[Any]) -> tuple[Any, list[Any], Any]:
    """Return the response that was begun, its items as far as they came, and an error, if one came."""
    head: Any = {}
    error: Any = None
    items: dict[Any, Any] = {}
    pieces: dict[Any, _Pieces] = {}
    for event in events:
        kind, place = text_of(event, "type"), get(event, "output_index")
        subject, _, what = kind.rpartition(".")
        if kind in ("response.created", "response.in_progress", "response.queued"):
            head = get(event, "response")
        elif kind == "response.output_item.added":
            items[place] = get(event, "item")
        elif kind == "response.output_item.done":
            items[place] = get(event, "item")
            pieces.pop(place, None)
        elif subject in _GROWING and what in ("delta", "done"):
            field, whole = _GROWING[subject]
            number = next((found for name in _NUMBERS if isinstance(found := get(event, name), int)), 0)
            texts = pieces.setdefault(place, {}).setdefault((number, field), [])
            if what == "delta":
                texts.append(text_of(event, "delta"))
            elif text := text_of(event, whole):
                texts[:] = [text]
        elif kind == "error":
            error = get(event, "error") or event
    for place, grown in pieces.items():
        items[place] = _unfinished(items.get(place), grown)
    return head, [items[place] for place in sorted(items, key=lambda place: place or 0)], error


def _unfinished(item: Any, pieces: _Pieces) -> dict[str, Any]:
    """Return an item that was under way when its stream ended."""
    kind = text_of(item, "type")
    begun = {name: get(item, name) for name in ("id", "call_id", "name", "server_label", "environment")}
    ordered = sorted(pieces.items(), key=lambda piece: piece[0][0])
    said = [(field, "".join(texts)) for (_, field), texts in ordered]
    fields = dict(said)
    if kind == "shell_call":
        return {**begun, "type": kind, "action": {"commands": [text for _, text in said]}}
    if "code" in fields:
        return {**begun, "type": kind or "code_interpreter_call", **fields}
    if "arguments" in fields or "input" in fields:
        return {**begun, "type": kind or "function_call", **fields}
    if "reasoning_text" in fields:
        thoughts = [{"type": "reasoning_text", "text": text} for _, text in said]
        return {**begun, "type": "reasoning", "content": thoughts}
    parts = [{"type": name, "refusal" if name == "refusal" else "text": text} for name, text in said]
    return {**begun, "type": "message", "content": parts}
