"""Read requests and responses of Cohere's chat, version 2."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import to_json
from kansoku.instruments import cohere_shape as shape
from kansoku.instruments.openai_chat import read_tool
from kansoku.instruments.openai_extras import add_logprob
from kansoku.instruments.openai_shape import as_object, get, link_or_blob

_FAILED = frozenset({"error", "timeout"})  # the vendor's own fault, with a good status
_LIMIT = 65_536  # bytes of all documents together


class ChatReader:
    """Reads `ClientV2.chat` and `chat_stream`."""

    operation = "chat"

    def __init__(self, origin: shape.Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        thinking = arguments.get("thinking")
        if isinstance(kind := get(thinking, "type"), str):
            request.attributes[semconv.REASONING_LEVEL] = kind
        if isinstance(budget := get(thinking, "token_budget"), int):
            request.attributes[semconv.THINKING_BUDGET] = budget
        if capture:
            messages = arguments.get("messages")
            if isinstance(messages, list | tuple):
                request.messages = [_message(message) for message in messages]
            tools = arguments.get("tools")
            if isinstance(tools, list | tuple):
                request.tools = [read_tool(tool) for tool in tools]
            if documents := shape.read_documents(arguments.get("documents")):
                request.attributes[semconv.RETRIEVAL_DOCUMENTS] = to_json(documents, _LIMIT)
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a V2ChatResponse."""
        finish = shape.finish_reason(get(response, "finish_reason"))
        usage = get(response, "usage")
        answer = Answer(
            id=get(response, "id") or "",
            finish_reasons=[finish] if finish else [],
            usage=shape.read_usage(usage),
            attributes=shape.read_meta(usage),
        )
        add_logprob(answer, shape.read_logprobs(get(response, "logprobs")))
        if finish in _FAILED:
            answer.failure = finish
        message = get(response, "message")
        if capture and message is not None:
            answer.messages = [{"role": "assistant", "parts": _parts(message), "finish_reason": finish}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the events of a stream together and read them as a whole response."""
        whole: dict[str, Any] = {}
        folded = _Folded()
        failure = ""
        whole["logprobs"] = [found for event in chunks if (found := get(event, "logprobs")) is not None]
        for event in chunks:
            kind = get(event, "type")
            if kind == "message-start":
                whole["id"] = get(event, "id")
            elif kind == "message-end":
                delta = get(event, "delta")
                whole["finish_reason"] = get(delta, "finish_reason")
                whole["usage"] = get(delta, "usage")
                failure = get(delta, "error") or ""
            elif capture:
                folded.add(kind, get(event, "index") or 0, get(get(event, "delta"), "message"))
        answer = self.response({**whole, "message": folded.message()}, capture)
        if failure:
            answer.failure, answer.failure_message = "error", str(failure)
        return answer


class _Folded:
    """The message of a stream, growing."""

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[str, list[str]]] = {}
        self._plan: list[str] = []
        self._tools: dict[int, dict[str, Any]] = {}
        self._citations: list[Any] = []

    def add(self, kind: Any, index: int, message: Any) -> None:
        """Add what one event says."""
        if kind in ("content-start", "content-delta"):
            content = get(message, "content")
            name = "thinking" if get(content, "thinking") is not None else "text"
            _, texts = self._blocks.setdefault(index, (get(content, "type") or name, []))
            texts.append(get(content, "text") or get(content, "thinking") or "")
        elif kind == "tool-plan-delta":
            self._plan.append(get(message, "tool_plan") or "")
        elif kind == "tool-call-start":
            call = get(message, "tool_calls")
            function = get(call, "function")
            self._tools[index] = {
                "id": get(call, "id"),
                "name": get(function, "name"),
                "text": [get(function, "arguments") or ""],
            }
        elif kind == "tool-call-delta" and index in self._tools:
            piece = get(get(get(message, "tool_calls"), "function"), "arguments")
            self._tools[index]["text"].append(piece or "")
        elif kind == "citation-start":
            self._citations.append(get(message, "citations"))

    def message(self) -> dict[str, Any]:
        """Return the whole message, as a response that is not streamed has it."""
        calls = [
            {"id": tool["id"], "function": {"name": tool["name"], "arguments": "".join(tool["text"])}}
            for _, tool in sorted(self._tools.items())
        ]
        content = [{"type": kind, kind: "".join(texts)} for _, (kind, texts) in sorted(self._blocks.items())]
        return {
            "content": content,
            "tool_plan": "".join(self._plan),
            "tool_calls": calls,
            "citations": self._citations,
        }


def _message(message: Any) -> dict[str, Any]:
    role = get(message, "role") or "user"
    if role == "tool":
        parts = _content(get(message, "content"))
        plain_text = all(part["type"] == "text" for part in parts)
        response = "\n".join(part["content"] for part in parts) if plain_text else parts
        part = {"type": "tool_call_response", "id": get(message, "tool_call_id") or "", "response": response}
        return {"role": "tool", "parts": [part]}
    return {"role": role, "parts": _parts(message)}


def _parts(message: Any) -> list[dict[str, Any]]:
    parts = _content(get(message, "content"))
    if plan := get(message, "tool_plan"):
        parts.append({"type": "tool_plan", "content": plan})
    for call in get(message, "tool_calls") or ():
        function = get(call, "function")
        parts.append(
            {
                "type": "tool_call",
                "id": get(call, "id") or "",
                "name": get(function, "name") or "",
                "arguments": as_object(get(function, "arguments")),
            }
        )
    if citations := get(message, "citations"):
        parts.append({"type": "citations", "citations": shape.dumped(citations)})
    return parts


def _content(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    return [_part(item) for item in content] if isinstance(content, list | tuple) else []


def _part(item: Any) -> dict[str, Any]:
    if isinstance(item, str):
        return {"type": "text", "content": item}
    kind = get(item, "type")
    if kind == "text":
        return {"type": "text", "content": get(item, "text") or ""}
    if kind == "thinking":
        return {"type": "reasoning", "content": get(item, "thinking") or ""}
    if kind == "image_url":
        image = get(item, "image_url")
        return link_or_blob(image if isinstance(image, str) else get(image, "url"), "image")
    if kind == "document":
        document = shape.read_documents([get(item, "document")])[0]
        return {"type": "document", **document}
    return {"type": str(kind or "unknown")}
