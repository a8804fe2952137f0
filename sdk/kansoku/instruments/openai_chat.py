"""Read requests and responses of the chat completions endpoint."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kansoku import semconv
from kansoku.call import Answer, Request
from kansoku.content import plain
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_shape import get

Origin = Callable[[Any, str], tuple[str, str, int]]


class ChatReader:
    """Reads chat completions."""

    operation = "chat"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create` or `parse`."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments))
        effort = arguments.get("reasoning_effort")
        if isinstance(effort, str):
            request.attributes[semconv.REASONING_LEVEL] = effort
        if output := output_type(arguments):
            request.attributes[semconv.OUTPUT_TYPE] = output
        if capture:
            messages = arguments.get("messages")
            # Any iterable is allowed; reading a generator would take it from the client.
            if isinstance(messages, list | tuple):
                request.messages = [read_message(message) for message in messages]
            tools = arguments.get("tools") or arguments.get("functions")
            if isinstance(tools, list | tuple):
                request.tools = [read_tool(tool) for tool in tools]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a ChatCompletion."""
        choices = get(response, "choices") or ()
        answer = Answer(
            model=get(response, "model") or "",
            id=get(response, "id") or "",
            finish_reasons=[shape.finish_reason(get(choice, "finish_reason")) for choice in choices],
            usage=shape.read_usage(get(response, "usage")),
            attributes=_extras(response),
        )
        if capture:
            answer.messages = [_output(get(c, "message"), c) for c in choices]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks of a stream together."""
        choices: dict[int, _Folded] = {}
        usage = None
        for chunk in chunks:
            parts = chunk if type(chunk) is dict else chunk.__dict__
            for item in parts.get("choices") or ():
                choice = item if type(item) is dict else item.__dict__
                index = choice.get("index") or 0
                folded = choices.get(index)
                if folded is None:
                    folded = choices[index] = _Folded()
                folded.add(choice)
            usage = parts.get("usage") or usage
        last = next((chunk for chunk in reversed(chunks) if get(chunk, "id")), chunks[-1])
        ordered = [choices[index] for index in sorted(choices)]
        answer = Answer(
            model=get(last, "model") or "",
            id=get(last, "id") or "",
            finish_reasons=[c.finish for c in ordered if c.finish],
            usage=shape.read_usage(usage),
            attributes=_extras(*(chunk for chunk in (chunks[0], last, chunks[-1]))),
        )
        if capture:
            answer.messages = [folded.message() for folded in ordered]
        return answer


class _Folded:
    """One choice of a stream, growing."""

    __slots__ = ("finish", "reasoning", "refusal", "role", "text", "tools")

    def __init__(self) -> None:
        self.role = "assistant"
        self.finish = ""
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.tools: dict[Any, dict[str, Any]] = {}

    def add(self, choice: Mapping[str, Any]) -> None:
        """Add what one chunk says about this choice."""
        if finish := choice.get("finish_reason"):
            self.finish = shape.finish_reason(finish)
        delta: Any = choice.get("delta")
        if delta is None:
            return
        said, extra = delta, delta
        if type(delta) is not dict:
            said, extra = delta.__dict__, getattr(delta, "__pydantic_extra__", None)
        if text := said.get("content"):
            self.text.append(text)
        # Clients of other vendors have it as a field of their own; with openai's it is an extra one.
        if reasoning := (
            said.get("reasoning") or said.get("reasoning_content") or (extra and _reasoning(extra))
        ):
            self.reasoning.append(reasoning)
        if calls := said.get("tool_calls"):
            for call in calls:
                self._add_tool(call)
        if refusal := said.get("refusal"):
            self.refusal.append(refusal)
        if function := said.get("function_call"):
            self._add_tool({"index": 0, "function": function})

    def _add_tool(self, call: Any) -> None:
        index = get(call, "index")
        tool = self.tools.setdefault(
            len(self.tools) if index is None else index, {"id": "", "name": "", "text": []}
        )
        function = get(call, "function") or get(call, "custom")
        tool["id"] = tool["id"] or get(call, "id") or ""
        tool["name"] += get(function, "name") or ""
        tool["text"].append(get(function, "arguments") or get(function, "input") or "")

    def message(self) -> dict[str, Any]:
        """Return the whole message in the GenAI shape."""
        parts: list[dict[str, Any]] = []
        if self.reasoning:
            parts.append({"type": "reasoning", "content": "".join(self.reasoning)})
        if self.text:
            parts.append({"type": "text", "content": "".join(self.text)})
        if self.refusal:
            parts.append({"type": "text", "content": "".join(self.refusal), "refusal": True})
        for tool in self.tools.values():
            arguments = shape.as_object("".join(tool["text"]))
            parts.append(
                {"type": "tool_call", "id": tool["id"], "name": tool["name"], "arguments": arguments}
            )
        return {"role": self.role, "parts": parts, "finish_reason": self.finish}


def output_type(arguments: Mapping[str, Any]) -> str:
    """Return what kind of output is asked for: text, json or speech; "" when nothing is said."""
    if "audio" in (arguments.get("modalities") or ()):
        return "speech"
    wanted = arguments.get("response_format")
    if isinstance(wanted, type):
        return "json"
    kind = get(wanted, "type") if isinstance(wanted, Mapping) else None
    return "" if kind is None else "text" if kind == "text" else "json"


def read_message(message: Any) -> dict[str, Any]:
    """Return a message of a request in the GenAI shape."""
    role = get(message, "role") or "user"
    if role in ("tool", "function"):
        content = get(message, "content")
        response = content if isinstance(content, str) else _text_of(shape.read_parts(content))
        part = {"type": "tool_call_response", "id": get(message, "tool_call_id") or "", "response": response}
        return {"role": "tool", "parts": [part]}
    found: dict[str, Any] = {"role": role, "parts": _parts(message)}
    if name := get(message, "name"):
        found["name"] = name
    return found


def read_tool(tool: Any) -> dict[str, Any]:
    """Return a tool's definition, flat."""
    function = get(tool, "function") or get(tool, "custom") or tool
    found = {"type": get(tool, "type") or "function"}
    for name in ("name", "description", "parameters"):
        value = get(function, name)
        if value is not None:
            found[name] = plain(value, 12)
    return found


def _parts(message: Any) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if reasoning := _reasoning(message):
        parts.append({"type": "reasoning", "content": reasoning})
    parts += shape.read_parts(get(message, "content"))
    if refusal := get(message, "refusal"):
        parts.append({"type": "text", "content": refusal, "refusal": True})
    calls: Iterable[Any] = get(message, "tool_calls") or ()
    parts += [_tool_call(call) for call in calls]
    if function := get(message, "function_call"):
        parts.append(_tool_call({"function": function}))
    audio = get(message, "audio")
    if audio is not None and get(audio, "data"):
        parts.append({"type": "text", "content": get(audio, "transcript") or ""})
        parts.append(shape.blob("audio", "audio/*", get(audio, "data")))
    return parts


def _tool_call(call: Any) -> dict[str, Any]:
    function = get(call, "function") or get(call, "custom")
    given = get(function, "arguments")
    return {
        "type": "tool_call",
        "id": get(call, "id") or "",
        "name": get(function, "name") or "",
        "arguments": shape.as_object(get(function, "input") if given is None else given),
    }


def _output(message: Any, choice: Any) -> dict[str, Any]:
    finish = shape.finish_reason(get(choice, "finish_reason"))
    return {"role": get(message, "role") or "assistant", "parts": _parts(message), "finish_reason": finish}


def _reasoning(message: Any) -> str:
    """Return the reasoning that compatible servers add to a message."""
    found = get(message, "reasoning_content") or get(message, "reasoning")
    return found if isinstance(found, str) else ""


def _extras(*responses: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for response in responses:
        if fingerprint := get(response, "system_fingerprint"):
            found[semconv.SYSTEM_FINGERPRINT] = fingerprint
        if tier := get(response, "service_tier"):
            found[semconv.SERVICE_TIER] = tier
    return found


def _text_of(parts: list[dict[str, Any]]) -> str:
    return "\n".join(part["content"] for part in parts if "content" in part)
