"""Read requests and responses of the responses endpoint."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.call import Answer, Request
from kansoku.content import plain
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_chat import Origin, read_tool
from kansoku.instruments.openai_shape import get

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_LAST = ("response.completed", "response.incomplete", "response.failed")


class ResponsesReader:
    """Reads responses and the events of their streams."""

    operation = "chat"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create` or `parse`."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments))
        effort = get(arguments.get("reasoning"), "effort")
        if isinstance(effort, str):
            request.attributes[semconv.REASONING_LEVEL] = effort
        wanted = get(get(arguments.get("text"), "format"), "type")
        if isinstance(arguments.get("text_format"), type):
            wanted = "json_schema"
        if isinstance(wanted, str):
            request.attributes[semconv.OUTPUT_TYPE] = "text" if wanted == "text" else "json"
        if capture:
            self._read_content(arguments, request)
        return request

    def _read_content(self, arguments: Mapping[str, Any], request: Request) -> None:
        given = arguments.get("input")
        if isinstance(given, str):
            request.messages = [{"role": "user", "parts": shape.read_parts(given)}]
        elif isinstance(given, list | tuple):
            request.messages = [_input_item(item) for item in given]
        instructions = arguments.get("instructions")
        request.instructions = instructions if isinstance(instructions, str) else ""
        tools = arguments.get("tools")
        if isinstance(tools, list | tuple):
            request.tools = [read_tool(tool) for tool in tools]

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a Response."""
        items = get(response, "output") or ()
        finish = _finish(response, items)
        answer = Answer(
            model=get(response, "model") or "",
            id=get(response, "id") or "",
            finish_reasons=[finish] if finish else [],
            usage=shape.read_usage(get(response, "usage")),
        )
        if tier := get(response, "service_tier"):
            answer.attributes[semconv.SERVICE_TIER] = tier
        if error := get(response, "error"):
            answer.failure = str(get(error, "code") or "error")
            answer.failure_message = str(get(error, "message") or "")
        if capture and items:
            parts = [part for item in items for part in _output_item(item)]
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the event that ends a stream; of a stream without one, put together what came."""
        for event in reversed(chunks):
            if get(event, "type") in _LAST:
                return self.response(get(event, "response"), capture)
        head: Any = {}
        items: list[Any] = []
        text: list[str] = []
        answer = Answer()
        for event in chunks:
            kind = get(event, "type")
            if kind in ("response.created", "response.in_progress"):
                head = get(event, "response")
            elif kind == "response.output_text.delta":
                text.append(get(event, "delta") or "")
            elif kind == "response.output_item.done":
                items.append(get(event, "item"))
                text = []
            elif kind == "error":
                answer.failure = str(get(event, "code") or "error")
                answer.failure_message = str(get(event, "message") or "")
        answer.model, answer.id = get(head, "model") or "", get(head, "id") or ""
        if capture:
            parts = [part for item in items for part in _output_item(item)]
            if text:
                parts.append({"type": "text", "content": "".join(text)})
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": ""}] if parts else []
        return answer


def _finish(response: Any, items: Any) -> str:
    status = get(response, "status")
    if status == "completed":
        called = any(get(item, "type") in ("function_call", "custom_tool_call") for item in items)
        return "tool_calls" if called else "stop"
    if status == "incomplete":
        reason = get(get(response, "incomplete_details"), "reason")
        return _INCOMPLETE.get(reason, str(reason or "incomplete"))
    return "error" if status == "failed" else str(status or "")


def _input_item(item: Any) -> dict[str, Any]:
    """Return an item of `input` as a message in the GenAI shape."""
    kind = get(item, "type")
    if kind in (None, "message"):
        return {"role": get(item, "role") or "user", "parts": shape.read_parts(get(item, "content"))}
    if isinstance(kind, str) and kind.endswith("_output"):
        output = get(item, "output")
        response = output if isinstance(output, str) else plain(_dumped(output), 8)
        part = {"type": "tool_call_response", "id": get(item, "call_id") or "", "response": response}
        return {"role": "tool", "parts": [part]}
    return {"role": "assistant", "parts": _output_item(item)}


def _output_item(item: Any) -> list[dict[str, Any]]:
    """Return the parts of an item that the model put out."""
    kind = get(item, "type")
    if kind == "message":
        return shape.read_parts(get(item, "content"))
    if kind == "reasoning":
        texts = [*(get(item, "summary") or ()), *(get(item, "content") or ())]
        words = "\n".join(text for part in texts if (text := get(part, "text")))
        return [{"type": "reasoning", "content": words}] if words else []
    if kind in ("function_call", "custom_tool_call"):
        given = get(item, "arguments") if kind == "function_call" else get(item, "input")
        return [
            {
                "type": "tool_call",
                "id": get(item, "call_id") or get(item, "id") or "",
                "name": get(item, "name") or "",
                "arguments": shape.as_object(given),
            }
        ]
    if kind == "image_generation_call":
        return [shape.blob("image", f"image/{get(item, 'output_format') or 'png'}", get(item, "result"))]
    return [_server_tool(item, str(kind or "unknown"))]


def _server_tool(item: Any, kind: str) -> dict[str, Any]:
    """Return the call of a tool that runs at the vendor (search, code, MCP)."""
    found = {"type": "server_tool_call", "id": get(item, "id") or "", "name": get(item, "name") or kind}
    for name in ("action", "queries", "code", "arguments", "output"):
        value = get(item, name)
        if value is not None:
            found[name] = plain(_dumped(value), 8)
    return found


def _dumped(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_dumped(item) for item in value]
    return value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else value
