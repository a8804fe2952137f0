"""The items of OpenAI's Responses API: messages, tool calls, their results and reasoning in one flat list.

Instrumentations write the list as it is, wherever their messages belong.
"""

from typing import Any

from kansoku_collector.normalise.messages import Message, Part, read_message
from kansoku_collector.values import text

ROLES = {
    **{"message": "assistant", "function_call": "assistant", "reasoning": "assistant"},
    **{"function_call_output": "tool", "custom_tool_call": "assistant"},
}


def is_items(value: Any) -> bool:
    """Tell whether a value is a list of such items."""
    return isinstance(value, list) and any(
        isinstance(item, dict)
        and text(item.get("type")) in ROLES
        and ("role" not in item or item["type"] == "message" or _is_tagged(item))
        for item in value
    )


def _is_tagged(item: dict[str, Any]) -> bool:
    """Tell whether an item that needs no role was given one: Laminar's, of the Agents SDK."""
    return "call_id" in item or "summary" in item


def item_message(item: Any, role: str) -> Message:
    """Return an item as a message of the role that its type has."""
    if isinstance(item, dict) and text(item.get("type")) in ROLES and _is_tagged(item):
        item = {name: value for name, value in item.items() if name != "role"}
    if not isinstance(item, dict) or "role" in item:
        return read_message(item, role)
    role = ROLES.get(text(item.get("type")), role)
    if item.get("type") == "reasoning" and "summary" in item:
        return {"role": role, "parts": reasoning(item)}
    return read_message(item, role)


def reasoning(item: dict[str, Any]) -> list[Part]:
    """Return what a model let see of its reasoning: mostly nothing."""
    seen = [
        part for name in ("summary", "content") if isinstance(item.get(name), list) for part in item[name]
    ]
    words = [text(part.get("text")) for part in seen if isinstance(part, dict)]
    return [{"type": "reasoning", "content": "\n".join(words)}] if any(words) else []


def answer_of(value: list[Any]) -> Message:
    """Return the items of an answer as its one message, with how the last of them ended."""
    found: Message = {
        "role": "assistant",
        "parts": [part for item in value for part in item_message(item, "assistant")["parts"]],
    }
    if status := last_status(value):
        found["finish_reason"] = status
    return found


def last_status(value: Any) -> str:
    """Return how the last item ended that is not reasoning; "" where none says it."""
    listed = [value] if isinstance(value, dict) and text(value.get("type")) in ROLES else value
    if isinstance(value, dict) and isinstance(value.get("output"), list):
        listed = value["output"]
    if not is_items(listed):
        return ""
    told = [
        text(item.get("status"))
        for item in listed
        if isinstance(item, dict) and item.get("type") != "reasoning"
    ]
    return told[-1] if told else ""
