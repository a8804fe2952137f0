"""The contents, parts and tools of Google's Gemini API, as Kansoku has them."""

from collections.abc import Mapping
from typing import Any

from kansoku.content import plain
from kansoku.instruments import openai_shape as shape

_ROLES = {"model": "assistant", "function": "tool"}
_FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}
_REFUSED = frozenset(
    (
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
    )
)
# What Vertex sends for `$alt=json;enum-encoding=int`, in the enum's order.
_NUMBERED = (
    "",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "MODEL_ARMOR",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_OTHER",
    "UNEXPECTED_TOOL_CALL",
    "NO_IMAGE",
)
_MODALITIES = ("image", "audio", "video")
_DEPTH = 12


def get(thing: Any, name: str) -> Any:
    """Return a field of a model of the client, or of a mapping by its Python or its JSON name."""
    found = shape.get(thing, name)
    if found is None and isinstance(thing, Mapping) and "_" in name:
        return thing.get(json_name(name))
    return found


def json_name(name: str) -> str:
    """Return the JSON name of a field."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def word(value: Any) -> str:
    """Return the name of an enum's value, however it was given."""
    value = getattr(value, "value", value)
    return value if isinstance(value, str) else "" if value is None else str(value)


def finish_reason(value: Any) -> str:
    """Return the canonical word for a finish reason, else the vendor's own."""
    name = word(value).upper()
    if name.isdigit():
        name = _NUMBERED[int(name)] if int(name) < len(_NUMBERED) else name
    if name in _REFUSED:
        return "content_filter"
    return "" if name == "FINISH_REASON_UNSPECIFIED" else _FINISH.get(name, name.lower())


def read_contents(contents: Any) -> list[dict[str, Any]]:
    """Return the messages of `contents`: parts beside each other, without a content around them, are one."""
    messages: list[dict[str, Any]] = []
    loose: list[dict[str, Any]] = []
    for item in contents if isinstance(contents, list | tuple) else [contents]:
        if isinstance(item, list | tuple):
            loose += _parts(item)
        elif get(item, "parts") is None:
            loose += _parts([item])
        else:
            if loose:
                messages.append(_message("user", loose))
                loose = []
            messages.append(_message(get(item, "role") or "user", _parts(get(item, "parts"))))
    if loose:
        messages.append(_message("user", loose))
    return messages


def _message(role: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    if role == "user" and parts and all(part["type"] == "tool_call_response" for part in parts):
        role = "tool"
    if role == "user" and parts and all(part["type"] == "tool_call" for part in parts):
        role = "assistant"
    return {"role": _ROLES.get(role, role), "parts": parts}


def _parts(items: Any) -> list[dict[str, Any]]:
    return [part for item in items if (part := read_part(item)) is not None]


def read_texts(content: Any) -> list[str]:
    """Return the texts of a system instruction: a text, a part, a content, or a list of those."""
    parts = [part for message in read_contents(content) for part in message["parts"]]
    return [part["content"] for part in parts if part["type"] == "text"]


def read_output(content: Any) -> list[dict[str, Any]]:
    """Return the parts of a candidate's content; pieces of one text or one thought are put together."""
    return join_parts(_parts(get(content, "parts") or ()))


def join_parts(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put texts and thoughts that follow each other together, as the pieces of a stream do."""
    joined: list[dict[str, Any]] = []
    pieces: list[str] = []
    for part in parts:
        if part["type"] in ("text", "reasoning"):
            if joined and joined[-1]["type"] == part["type"]:
                pieces.append(part["content"])
                continue
            if pieces:
                joined[-1]["content"] = "".join(pieces)
            pieces = [part["content"]]
        elif pieces:
            joined[-1]["content"] = "".join(pieces)
            pieces = []
        joined.append(part)
    if pieces:
        joined[-1]["content"] = "".join(pieces)
    return joined


def read_part(part: Any) -> dict[str, Any] | None:  # noqa: PLR0911 - one return a kind of part
    """Return a part in the GenAI shape; None for one that says nothing, such as a signature alone."""
    if isinstance(part, str):
        return {"type": "text", "content": part}
    text = get(part, "text")
    if isinstance(text, str):
        kind = "reasoning" if get(part, "thought") else "text"
        return {"type": kind, "content": text} if text else None
    if (call := get(part, "function_call")) is not None:
        return read_call(call)
    if (answer := get(part, "function_response")) is not None:
        return {
            "type": "tool_call_response",
            "id": get(answer, "id"),  # often none at this vendor: the name and the order tell
            "name": get(answer, "name") or "",
            "response": _returned(answer),
        }
    heard = get(get(part, "audio_transcription"), "text")
    if (data := get(part, "inline_data")) is not None:
        found = _blob(get(data, "mime_type"), get(data, "data"))
        return {**found, "transcript": heard} if heard else found
    if heard:
        return {"type": "text", "content": heard}
    if (file := get(part, "file_data")) is not None:
        return _uri(get(file, "mime_type"), get(file, "file_uri"))
    return _server_part(part) or _object(part)


def _returned(answer: Any) -> Any:
    """Return what a function gave: an object, and images or files beside it."""
    response = plain(get(answer, "response"), _DEPTH)
    files = _parts(get(answer, "parts") or ())
    return [response, *files] if files else response


def read_call(call: Any) -> dict[str, Any]:
    """Return the part of a call that the program is to answer."""
    return _call("tool_call", call, get(call, "name"), get(call, "args"))


def _server_part(part: Any) -> dict[str, Any] | None:
    """Return the part of a tool that ran at the vendor."""
    if (code := get(part, "executable_code")) is not None:
        given = {"language": word(get(code, "language")).lower(), "code": get(code, "code") or ""}
        return _call("server_tool_call", code, "code_execution", given)
    if (ran := get(part, "code_execution_result")) is not None:
        result = {"outcome": word(get(ran, "outcome")).lower(), "output": get(ran, "output") or ""}
        return {"type": "server_tool_call_response", "id": get(ran, "id"), "response": result}
    if (call := get(part, "tool_call")) is not None:
        return _call("server_tool_call", call, word(get(call, "tool_type")).lower(), get(call, "args"))
    if (answer := get(part, "tool_response")) is not None:
        response = plain(get(answer, "response"), _DEPTH)
        return {"type": "server_tool_call_response", "id": get(answer, "id"), "response": response}
    return None


def _object(part: Any) -> dict[str, Any] | None:
    """Return the part of what the client takes beside parts: an uploaded file, an image of PIL."""
    if isinstance(uri := get(part, "uri"), str):
        return _uri(get(part, "mime_type"), uri)
    if type(part).__module__.startswith("PIL."):
        kind = (getattr(part, "format", None) or "").lower()
        found = shape.blob("image", f"image/{kind}" if kind else "image/*", None)
        return {**found, "width": part.width, "height": part.height}
    return None


def _call(kind: str, call: Any, name: Any, arguments: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "id": get(call, "id"),
        "name": name or "",
        "arguments": plain(arguments, _DEPTH) if arguments is not None else {},
    }


def modality_of(mime_type: Any) -> str:
    """Return what kind of data a MIME type stands for."""
    first = str(mime_type or "").partition("/")[0]
    return first if first in _MODALITIES else "document"


def _blob(mime_type: Any, data: Any) -> dict[str, Any]:
    found = shape.blob(modality_of(mime_type), str(mime_type or ""), data)
    return {**found, "size": len(data)} if isinstance(data, bytes | bytearray) else found


def _uri(mime_type: Any, uri: Any) -> dict[str, Any]:
    found = {**shape.link_or_blob(uri, modality_of(mime_type))}
    return {**found, "mime_type": str(mime_type)} if mime_type else found


def read_tools(tools: Any) -> list[dict[str, Any]]:
    """Return the definitions of tools: declarations, Python functions, the vendor's tools by their names."""
    found: list[dict[str, Any]] = []
    for tool in tools if isinstance(tools, list | tuple) else ():
        if callable(tool) and hasattr(tool, "__name__"):
            found.append(_function(tool.__name__, tool.__doc__, None))
            continue
        fields = tool if isinstance(tool, Mapping) else getattr(tool, "__dict__", {})
        for name, value in fields.items():
            if value is None or name.startswith("_"):
                continue
            if json_name(name) == "functionDeclarations":
                found += [_declaration(each) for each in value]
            else:
                found.append({"type": json_name(name)})
    return found


def _declaration(each: Any) -> dict[str, Any]:
    schema = get(each, "parameters_json_schema")
    return _function(
        get(each, "name"), get(each, "description"), get(each, "parameters") if schema is None else schema
    )


def _function(name: Any, description: Any, parameters: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "function", "name": name or ""}
    if description:
        found["description"] = str(description)
    if parameters is not None:
        found["parameters"] = _dense(plain(parameters, _DEPTH))
    return found


def _dense(value: Any) -> Any:
    """Leave out the fields of a schema that are not set."""
    if isinstance(value, list):
        return [_dense(item) for item in value]
    if isinstance(value, dict):
        return {name: _dense(item) for name, item in value.items() if item is not None}
    return value
