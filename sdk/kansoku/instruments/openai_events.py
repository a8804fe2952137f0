"""Put together what came of a stream of the responses endpoint that has no last event."""

from typing import Any

from kansoku.instruments.openai_shape import get, text_of

_TEXTS = {
    "response.output_text.delta": "output_text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning_text",
    "response.reasoning_summary_text.delta": "reasoning_text",
}
_ARGUMENTS = {
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.mcp_call_arguments.delta": "arguments",
    "response.code_interpreter_call_code.delta": "code",
}
_COMMAND = "response.shell_call_command.delta"


def fold_events(events: list[Any]) -> tuple[Any, list[Any], Any]:
    """Return the response that was begun, its items as far as they came, and an error, if one came."""
    head: Any = {}
    error: Any = None
    items: dict[Any, Any] = {}
    pieces: dict[Any, dict[str, list[str]]] = {}
    for event in events:
        kind, place = get(event, "type"), get(event, "output_index")
        if kind in ("response.created", "response.in_progress", "response.queued"):
            head = get(event, "response")
        elif kind == "response.output_item.added":
            items[place] = get(event, "item")
        elif kind == "response.output_item.done":
            items[place] = get(event, "item")
            pieces.pop(place, None)
        elif field := _TEXTS.get(kind) or _ARGUMENTS.get(kind):
            pieces.setdefault(place, {}).setdefault(field, []).append(text_of(event, "delta"))
        elif kind == _COMMAND:  # of several, each has a number
            command = str(get(event, "command_index"))
            pieces.setdefault(place, {}).setdefault(command, []).append(text_of(event, "delta"))
        elif kind == "error":
            error = get(event, "error") or event
    for place, fields in pieces.items():
        said = {name: "".join(texts) for name, texts in fields.items()}
        items[place] = _unfinished(items.get(place), said)
    return head, [items[place] for place in sorted(items, key=lambda place: place or 0)], error


def _unfinished(item: Any, said: dict[str, str]) -> dict[str, Any]:
    """Return an item that was under way when its stream ended."""
    kind = text_of(item, "type")
    begun = {name: get(item, name) for name in ("id", "call_id", "name", "server_label", "environment")}
    if kind == "shell_call":
        return {**begun, "type": kind, "action": {"commands": list(said.values())}}
    if "code" in said:
        return {**begun, "type": kind or "code_interpreter_call", **said}
    if "arguments" in said or "input" in said:
        return {**begun, "type": kind or "function_call", **said}
    if "reasoning_text" in said:
        return {
            **begun,
            "type": "reasoning",
            "content": [{"type": "reasoning_text", "text": said["reasoning_text"]}],
        }
    parts = [{"type": name, "refusal" if name == "refusal" else "text": text} for name, text in said.items()]
    return {**begun, "type": "message", "content": parts}
