"""Read requests and responses of Cohere's chat, version 1, also as Bedrock speaks it."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import plain, to_json
from kansoku.instruments import cohere_shape as shape
from kansoku.instruments.openai_shape import get

_LIMIT = 65_536  # bytes of all documents together
_ROLES = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}


class OldChatReader:
    """Reads `Client.chat` and `chat_stream`."""

    operation = "chat"

    def __init__(self, origin: shape.Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        if isinstance(session := arguments.get("conversation_id"), str):
            request.attributes[semconv.CONVERSATION_ID] = session
        if capture:
            history = arguments.get("chat_history")
            request.messages = [_message(m) for m in history] if isinstance(history, list | tuple) else []
            request.messages += _last(arguments)
            preamble = arguments.get("preamble")
            request.instructions = preamble if isinstance(preamble, str) else ""
            tools = arguments.get("tools")
            request.tools = [_tool(tool) for tool in tools] if isinstance(tools, list | tuple) else None
            if documents := shape.read_documents(arguments.get("documents")):
                request.attributes[semconv.RETRIEVAL_DOCUMENTS] = to_json(documents, _LIMIT)
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a NonStreamedChatResponse."""
        meta = get(response, "meta")
        finish = shape.finish_reason(get(response, "finish_reason"))
        calls = get(response, "tool_calls") or ()
        if calls and finish == "stop":
            finish = "tool_calls"  # this version calls every answer complete
        answer = Answer(
            id=get(response, "response_id") or get(response, "generation_id") or "",
            finish_reasons=[finish] if finish else [],
            usage=shape.read_usage(meta),
            attributes=shape.read_meta(meta),
        )
        if capture:
            text = get(response, "text") or ""
            parts: list[dict[str, Any]] = [{"type": "text", "content": text}] if text else []
            parts += [_tool_call(call) for call in calls]
            if citations := get(response, "citations"):
                parts.append({"type": "citations", "citations": shape.dumped(citations)})
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the event that ends a stream; of a stream without one, put together what came."""
        text: list[str] = []
        whole: dict[str, Any] = {}
        for event in chunks:
            kind = get(event, "event_type")
            if kind == "stream-end":
                finish = get(event, "finish_reason")
                response = get(event, "response")
                if response is not None:
                    answer = self.response(response, capture)
                    if not answer.finish_reasons and finish:
                        answer.finish_reasons = [shape.finish_reason(finish)]
                    return answer
                whole["finish_reason"] = finish
            elif kind == "stream-start":
                whole["generation_id"] = get(event, "generation_id")
            elif kind == "text-generation":
                text.append(get(event, "text") or "")
            elif kind == "tool-calls-generation":
                whole["tool_calls"] = get(event, "tool_calls")
        return self.response({**whole, "text": "".join(text)}, capture)


def _message(message: Any) -> dict[str, Any]:
    role = get(message, "role")
    role = _ROLES.get(role, str(role or "user").lower())
    if role == "tool":
        return {"role": role, "parts": _results(get(message, "tool_results"))}
    parts: list[dict[str, Any]] = []
    if text := get(message, "message"):
        parts.append({"type": "text", "content": text})
    parts += [_tool_call(call) for call in get(message, "tool_calls") or ()]
    return {"role": role, "parts": parts}


def _last(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the message itself and the results of tools, which this version sends beside the history."""
    found: list[dict[str, Any]] = []
    if results := _results(arguments.get("tool_results")):
        found.append({"role": "tool", "parts": results})
    message = arguments.get("message")
    if isinstance(message, str) and message:
        found.append({"role": "user", "parts": [{"type": "text", "content": message}]})
    return found


def _results(results: Any) -> list[dict[str, Any]]:
    return [
        {
            "type": "tool_call_response",
            "id": None,
            "name": get(get(result, "call"), "name") or "",
            "response": plain(get(result, "outputs"), 6),
        }
        for result in (results if isinstance(results, list | tuple) else ())
    ]


def _tool_call(call: Any) -> dict[str, Any]:
    """Return a call of a tool; this version gives it no id."""
    arguments = plain(get(call, "parameters"), 8)
    return {"type": "tool_call", "id": None, "name": get(call, "name") or "", "arguments": arguments}


def _tool(tool: Any) -> dict[str, Any]:
    found = {
        "type": "function",
        "name": get(tool, "name") or "",
        "description": get(tool, "description") or "",
    }
    return {**found, "parameters": plain(get(tool, "parameter_definitions"), 6)}
