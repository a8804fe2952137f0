"""Messages and tools of chat completions, asked and answered, in the GenAI shape."""

from collections.abc import Mapping
from typing import Any

from kansoku.content import plain
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_shape import get

# How Anthropic names the calls of its own tools, which LiteLLM passes on as calls like any other.
_SERVERS = "srvtoolu_"
# What LiteLLM puts between a call's id and the signature of Gemini's thoughts, some thousand letters.
_SIGNED = "__thought__"
_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_text")


def read_message(message: Any) -> dict[str, Any]:
    """Return a message of a request."""
    role = get(message, "role") or "user"
    if role in ("tool", "function"):
        content = get(message, "content")
        response = content if isinstance(content, str) else _returned(shape.read_parts(content))
        called = call_id(get(message, "tool_call_id")) or ""
        return {"role": "tool", "parts": [{"type": "tool_call_response", "id": called, "response": response}]}
    found: dict[str, Any] = {"role": role, "parts": read_answer(message)}
    if name := get(message, "name"):
        found["name"] = name
    return found


def read_tool(tool: Any) -> dict[str, Any]:
    """Return a tool's definition, flat."""
    function = get(tool, "function") or get(tool, "custom") or tool
    found = {"type": get(tool, "type") or "function"}
    for name in ("name", "description", "parameters", "format"):  # the last: of what is no JSON
        value = get(function, name)
        if value is not None:
            found[name] = plain(value, 12)
    if label := get(tool, "server_label"):  # of all tools of a server: none of them is named
        found["server"] = label
    if inside := shape.listed(tool, "tools"):
        found["tools"] = [read_tool(each) for each in inside]
    return found


def read_answer(message: Any) -> list[dict[str, Any]]:
    """Return the parts of a message of the model: reasoning, text, refusal, tool calls, audio."""
    message = shape.flat(message)
    if _is_text(message):
        return [{"type": "text", "content": message["content"]}]
    parts: list[dict[str, Any]] = []
    if reasoning := read_reasoning(message):
        parts.append({"type": "reasoning", "content": reasoning})
    said = shape.read_parts(get(message, "content"))
    if said and (cited := shape.citations(message)):
        said[0]["citations"] = cited
    parts += said
    if refusal := get(message, "refusal"):
        parts.append({"type": "text", "content": refusal, "refusal": True})
    calls = [tool_call(call) for call in shape.listed(message, "tool_calls")]
    parts += [call for call in calls if call["name"] or call["id"]]  # a server may send an empty one
    function = get(message, "function_call")
    if function and get(function, "name"):  # a server may send an empty one beside every answer
        parts.append(tool_call({"function": function}))
    audio = get(message, "audio")
    if audio is not None and get(audio, "data"):
        parts.append({"type": "text", "content": get(audio, "transcript") or ""})
        parts.append(shape.blob("audio", "audio/*", get(audio, "data")))
    parts += [image_part(image) for image in shape.listed(message, "images")]
    return parts


def image_part(image: Any) -> dict[str, Any]:
    """Return the part of an image that a model of OpenRouter made."""
    return shape.link_or_blob(get(get(image, "image_url"), "url"), "image")


def _is_text(message: Any) -> bool:
    """Tell a message that has a text and nothing else: most of them."""
    if type(message) is not dict or type(message.get("content")) is not str:
        return False
    if len(message) == 2 and "role" in message:
        return True
    return not any(value for name, value in message.items() if name not in ("role", "content"))


def tool_call(call: Any) -> dict[str, Any]:
    """Return a call of a tool, whichever kind."""
    custom, function = get(call, "custom"), get(call, "function")
    free = bool(get(custom, "name"))  # a server may send an empty one beside every function
    called = get(call, "id")
    return {
        "type": call_kind(called),
        "id": call_id(called),  # the functions of old have none
        "name": get(custom if free else function, "name") or "",
        # The input of a custom tool is free text, also where it looks like a number or a list.
        "arguments": get(custom, "input") if free else shape.as_object(get(function, "arguments")),
    }


def call_kind(called: Any) -> str:
    """Return the kind of part that a call is, by its id: one of the vendor's own tools ran already."""
    return "server_tool_call" if isinstance(called, str) and called.startswith(_SERVERS) else "tool_call"


def call_id(called: Any) -> Any:
    """Return the id of a call without what a router hangs on it."""
    return called.partition(_SIGNED)[0] if isinstance(called, str) else called


def read_reasoning(message: Any) -> str:
    """Return the reasoning that compatible servers add to a message."""
    for name in _REASONING:
        found = get(message, name)
        if found and isinstance(found, str):
            return found
    return "".join(_detail(part) for part in shape.listed(message, "reasoning_details"))


def _detail(part: Any) -> str:
    """Return the text of one of the parts that routers describe reasoning with; encrypted ones have none."""
    found = get(part, "text") or get(part, "summary")
    return found if isinstance(found, str) else ""


def streamed_reasoning(said: Mapping[str, Any], extra: Any) -> str:
    """Return the reasoning in a delta, given as its fields and those that its client does not know."""
    for fields in (said, extra) if extra and extra is not said else (said,):
        for name in _REASONING:
            found = fields.get(name)
            if found and isinstance(found, str):
                return found
        if details := fields.get("reasoning_details"):
            return "".join(map(_detail, details)) if isinstance(details, list) else ""
    return ""


def _returned(parts: list[dict[str, Any]]) -> Any:
    """Return what a tool gave: texts as one, an image among them as a part."""
    if all("content" in part for part in parts):
        return "\n".join(part["content"] for part in parts)
    return parts
