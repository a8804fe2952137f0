"""Messages of every shape in the field to the GenAI shape: [{role, parts: [{type, ...}], finish_reason?}].

Shapes are told apart by content, never by the attribute that held them: GenAI parts, OpenAI messages and
choices, Anthropic content blocks, Gemini contents, plain text.
"""

from typing import Any

from kansoku_collector.normalise.blobs import blob, from_url
from kansoku_collector.values import dump, load, remembered, text

Message = dict[str, Any]
Part = dict[str, Any]
_TEXT = frozenset({"text", "input_text", "output_text", "refusal", "summary_text", "transcription"})
_REASONING = frozenset({"reasoning", "thinking", "redacted_thinking"})
_CALLS = frozenset({"tool_call", "tool_use", "toolUse", "function_call", "tool-call", "function"})
_RESULTS = frozenset(
    {
        *("tool_call_response", "tool_result", "toolResult"),
        *("function_call_output", "tool-result", "tool_call_output"),
    }
)

_CALL_IDS = ("id", "tool_use_id", "call_id", "tool_call_id", "toolCallId")
_GIVEN = frozenset({"args", "arguments"})
_MESSAGE = frozenset({"role", "content", "parts", "tool_calls", "message", "text", "refusal", "delta"})
_RESPONSES = frozenset({"function_response", "functionResponse", "toolResult", "toolResponse"})
_REQUESTS = frozenset({"function_call", "functionCall", "toolUse", "toolRequest"})
_ADDRESS = "://"  # which no base64 has


def read_messages(value: Any, role: str) -> list[Message]:
    """Return the messages in `value`: a list, JSON text, one message or plain text."""
    found = load(value)
    if isinstance(found, list):
        found = [item for item in found if item is not None]
    if found is None or found in ("", []):
        return []
    if isinstance(found, list) and not any(isinstance(item, dict) and _is_part(item) for item in found):
        return [read_message(item, role) for item in found]
    if isinstance(found, list) and any(isinstance(item, dict) and "role" in item for item in found):
        return [read_message(item, _role_of(item, role)) for item in found]  # messages among other items
    return [read_message(found, role)]


def _role_of(item: Any, role: str) -> str:
    """Return who says what has no role: a model calls tools and thinks, a tool answers."""
    kind = text(item.get("type")) if isinstance(item, dict) else ""
    if kind in _RESULTS:
        return "tool"
    return "assistant" if kind in _CALLS or kind in _REASONING else role


def read_message(value: Any, role: str) -> Message:
    """Return one message."""
    if not isinstance(value, dict):
        return {"role": role, "parts": read_parts(value)}
    if isinstance(value.get("message"), dict):  # a choice of a chat completion
        found = read_message(value["message"], role)
        if value.get("finish_reason"):
            found["finish_reason"] = text(value["finish_reason"])
        return found
    if _is_part(value) and "role" not in value:
        return {"role": role, "parts": [read_part(value)]}
    if isinstance(inner := value.get("content"), dict) and isinstance(inner.get("parts"), list):
        value = {**value, **inner, "content": None}  # a candidate of Gemini's
    elif (
        "content" not in value
        and isinstance(value.get("text"), str)
        and ("index" in value or "role" in value or "finish_reason" in value)
    ):
        value = {**value, "content": value["text"]}  # a choice of a text completion, or Dify's
    found = {"role": text(value.get("role")).lower() or role, "parts": _parts_of(value)}
    if not found["parts"] and value and _MESSAGE.isdisjoint(value):  # of a shape that nobody knows
        found["parts"] = [{"type": "text", "content": text(value)}]
    if value.get("name"):
        found["name"] = text(value["name"])
    if value.get("finish_reason"):
        found["finish_reason"] = text(value["finish_reason"])
    return found


def read_parts(content: Any) -> list[Part]:
    """Return content (text, a list of blocks, one block) as parts."""
    if content is None or content == "":
        return []
    return [
        part for item in (content if isinstance(content, list) else [content]) for part in _with_words(item)
    ]


def _with_words(value: Any) -> list[Part]:
    """Return a part, and behind sounds what was said, where they tell it."""
    part = read_part(value)
    said = value.get("transcript") if isinstance(value, dict) else None
    if not said or not isinstance(said, str) or part.get("type") == "text":
        return [part]
    rest = {key: item for key, item in part.items() if key != "transcript"}
    return [*([rest] if rest else []), {"type": "text", "content": said}]


def read_part(value: Any) -> Part:
    """Return one part; what is not understood is kept as it is."""
    if not isinstance(value, dict):
        return {"type": "text", "content": text(value)}
    kind = value.get("type") if isinstance(value.get("type"), str | None) else "unknown"
    if kind is None and (value.get("thought") is True or isinstance(value.get("reasoning"), str)):
        kind = "reasoning"  # Gemini's, Genkit's
    elif kind is None and isinstance(thought := value.get("reasoningContent"), dict):  # Bedrock's
        words = thought.get("reasoningText")
        kind, value = "reasoning", words if isinstance(words, dict) else {"text": words}
    elif kind == "reasoning_content" and isinstance(thought := value.get(kind), dict):  # LangChain's of them
        kind, value = "reasoning", thought
    if kind in _TEXT or (kind is None and isinstance(value.get("text"), str | dict)):
        words = _either(value, "content", "text", "refusal")
        if isinstance(words, dict) and "value" in words:  # of OpenAI's assistants, and Azure's
            words = words["value"]
        cited = value.get("citations") if "content" in value else None  # of parts, not of a vendor's blocks
        said = {"type": "text", "content": text(words)}
        return {**said, "citations": cited} if isinstance(cited, list) and cited else said
    if kind in _REASONING:
        words = _either(value, "content", "thinking", "text", "reasoning", "summary")
        if isinstance(words, list):  # OpenAI's summary, as LangChain has it among its blocks
            words = "\n".join(text(item.get("text")) for item in words if isinstance(item, dict))
        return {"type": "reasoning", "content": text(words)}
    if kind in _CALLS or _either(value, *_REQUESTS) is not None or (kind is None and _is_call(value)):
        return _call(value)
    if kind in _RESULTS or _either(value, *_RESPONSES) is not None:
        return _result(value)
    return _media(value)


def tool_call(name: Any, arguments: Any, identity: Any = None) -> Part:
    """Return a tool call; arguments that are JSON text become their value, and none an empty object."""
    given = {} if arguments is None or arguments == "" else load(arguments)
    part: Part = {"type": "tool_call", "name": text(name), "arguments": given}
    if identity:
        part["id"] = text(identity)
    return part


def text_of(message: Message) -> str:
    """Return the words of a message, without reasoning and tool calls."""
    return "\n".join(
        p["content"]
        for p in message["parts"]
        if p.get("type") == "text" and isinstance(p.get("content"), str)
    )


def last_user_text(messages: list[Message]) -> str:
    """Return what the user said last, else the last words of the input."""
    for wanted in ({"user", "human"}, None):
        for message in reversed(messages):
            if (wanted is None or message["role"].lower() in wanted) and (words := text_of(message)):
                return words
    return ""


@remembered
def tool_definitions(value: Any) -> str:
    """Return tool definitions as JSON; JSON text in them becomes its value, a group of Gemini's its tools.

    What Bedrock puts around a tool is left out.
    """
    found = load(value)
    if found is None or found in ("", []):
        return ""
    flat: list[Any] = []
    for item in found if isinstance(found, list) else [found]:
        tool = load(item)
        group = (
            _either(tool, "function_declarations", "functionDeclarations") if isinstance(tool, dict) else None
        )
        wrapped = tool.get("toolSpec") if isinstance(tool, dict) else None
        flat += group if isinstance(group, list) else [wrapped or tool]
    return dump(flat)


def _parts_of(value: dict[str, Any]) -> list[Part]:
    parts = value.get("parts")
    if isinstance(parts, list):
        found = read_parts(parts)
    elif value.get("tool_call_id") or (value.get("role") == "tool" and value.get("id")):
        return [
            _result(
                {"id": value.get("tool_call_id") or value.get("id"), "response": load(value.get("content"))}
            )
        ]
    else:
        found = read_parts(value.get("content") or value.get("refusal") or _spoken(value.get("audio")))
    thought = value.get("reasoning_content") or value.get("reasoning")  # of servers that speak OpenAI's API
    if thought and type(thought) is str and all(part.get("type") != "reasoning" for part in found):
        found.insert(0, {"type": "reasoning", "content": thought})
    calls = value.get("tool_calls")
    known = {part.get("id") for part in found if part.get("type") == "tool_call"} - {None}
    for call in calls if isinstance(calls, list) else []:
        part = read_part(
            call if isinstance(call, dict) and "type" in call else {"type": "tool_call", "value": call}
        )
        if not known or part.get("id") not in known:  # Bedrock's are among the blocks too
            found.append(part)
    return found


def _spoken(audio: Any) -> Any:
    """Return the words of an answer that OpenAI's models speak: they are nowhere else."""
    return audio.get("transcript") if isinstance(audio, dict) else None


def _call(value: dict[str, Any]) -> Part:
    inner = _either(value, "function", *_REQUESTS, "value", "content")
    source = inner if isinstance(inner, dict) else value
    if isinstance(source.get("function"), dict):
        source = source["function"]
    arguments = _either(source, "arguments", "args", "input")
    return tool_call(
        _either(source, "name", "toolName"),
        arguments,
        _either(value, "call_id", "id", "toolCallId", "callId") or _either(source, "toolUseId", "ref", "id"),
    )


def _result(value: dict[str, Any]) -> Part:
    inner = _either(value, *_RESPONSES)
    if value.get("type") == "tool_call_output":  # Azure's, around the result
        inner = value.get("content")
    source = inner if isinstance(inner, dict) else value
    response = _either(source, "response", "result", "content", "output")
    if isinstance(response, dict) and response.keys() == {"type", "value"}:  # the AI SDK types its results
        response = response["value"]
    part: Part = {"type": "tool_call_response", "response": response}
    if identity := _either(value, *_CALL_IDS) or _either(source, "toolUseId", "ref", "id"):
        part["id"] = text(identity)
    return {**part, "is_error": True} if value.get("is_error") is True else part


def _media(value: dict[str, Any]) -> Part:
    """Return a part that is not words: bytes become their description, links stay."""
    image = value.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    for source in (value.get("source"), value.get("media")):
        if not isinstance(source, dict):
            continue
        url = url or source.get("url")
    if isinstance(url, str):
        return from_url(url)
    inline = _either(value, "inline_data", "inlineData", "input_audio", "source")
    holder = inline if isinstance(inline, dict) else value
    data = (
        _either(holder, "data", "content", "image")
        if text(value.get("type")) in {"blob", "image", "audio", "file"} or inline
        else None
    )
    if isinstance(data, str) and _ADDRESS not in data:
        mime = _either(holder, "mime_type", "media_type", "mimeType", "mediaType", "format")
        return blob(text(mime) or "application/octet-stream", data)
    if isinstance(data, str):  # MLflow keeps the bytes elsewhere
        return from_url(data)
    if isinstance(value.get("uri"), str):
        return {**value, **from_url(value["uri"])}
    return {key: item for key, item in value.items() if item is not None}


def _is_part(value: dict[str, Any]) -> bool:
    if "role" in value or "message" in value or "parts" in value:
        return False
    return "type" in value or value.keys() == {"text"} or _is_call(value)


def _is_call(value: dict[str, Any]) -> bool:
    """Tell whether something without a type is a tool call: Rig's, Gemini CLI's."""
    return isinstance(value.get("function"), dict) or ("name" in value and not _GIVEN.isdisjoint(value))


def _either(value: dict[str, Any], *names: str) -> Any:
    for name in names:
        if value.get(name) is not None:
            return value[name]
    return None
