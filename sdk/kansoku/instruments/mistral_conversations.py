"""Read requests and responses of the conversations that Mistral keeps, with agents and tools of its own."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import plain
from kansoku.instruments import openai_shape as shape
from kansoku.instruments import openai_tokens
from kansoku.instruments.mistral_chat import Origin, read_content, read_parameters
from kansoku.instruments.openai_chat import read_tool
from kansoku.instruments.openai_shape import get
from kansoku.usage import Usage

_SETTINGS = (
    *("frequency_penalty", "max_tokens", "presence_penalty", "random_seed", "reasoning_effort"),
    *("response_format", "stop", "temperature", "tool_choice", "top_p"),
)


class ConversationReader:
    """Reads `beta.conversations.start`, `append` and `restart`, and their streams."""

    operation = "chat"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments; the parameters of the model are in one of them."""
        given = arguments.get("completion_args")
        settings = {name: value for name in _SETTINGS if (value := get(given, name)) is not None}
        request = Request(shape.model_name(arguments), read_parameters(settings, capture))
        for name, key in (("agent_id", semconv.AGENT_ID), ("conversation_id", semconv.CONVERSATION_ID)):
            if isinstance(value := arguments.get(name), str):
                request.attributes[key] = value
        if capture:
            inputs = arguments.get("inputs")
            if isinstance(inputs, str):
                request.messages = [{"role": "user", "parts": read_content(inputs)}]
            elif isinstance(inputs, list | tuple):
                request.messages = [_entry(entry) for entry in inputs]
            request.instructions = shape.text_of(arguments, "instructions")
            tools = arguments.get("tools")
            if isinstance(tools, list | tuple):
                request.tools = [read_tool(tool) for tool in tools]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a ConversationResponse; several agents may have had a part in it."""
        outputs = shape.listed(response, "outputs")
        usage = get(response, "usage")
        answer = Answer(
            model=next((name for entry in reversed(outputs) if (name := shape.text_of(entry, "model"))), ""),
            usage=_usage(usage),
        )
        if conversation := shape.text_of(response, "conversation_id"):
            answer.attributes[semconv.CONVERSATION_ID] = conversation
        connectors = get(usage, "connectors")
        for name, count in connectors.items() if isinstance(connectors, Mapping) else ():
            answer.attributes[semconv.SERVER_TOOL_CALLS.format(name)] = count
        if capture and outputs:
            parts = [part for entry in outputs for part in _output(entry)]
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": ""}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the events of a stream together and read them as a whole response."""
        whole: dict[str, Any] = {}
        entries: dict[str, dict[str, Any]] = {}
        problem: Any = None
        for event in (data for chunk in chunks if (data := get(chunk, "data")) is not None):
            kind = shape.text_of(event, "type")
            if kind == "conversation.response.started":
                whole["conversation_id"] = get(event, "conversation_id")
            elif kind == "conversation.response.done":
                whole["usage"] = get(event, "usage")
            elif kind == "conversation.response.error":
                problem = event
            else:
                _grow(entries, kind, event)
        answer = self.response({**whole, "outputs": list(entries.values())}, capture)
        if problem is not None:
            answer.failure = str(get(problem, "code") or "error")
            answer.failure_message = shape.text_of(problem, "message")
        return answer


def _grow(entries: dict[str, dict[str, Any]], kind: str, event: Any) -> None:
    """Add what one event says to the entry that it is of."""
    entry = entries.setdefault(shape.text_of(event, "id"), {"content": [], "arguments": "", "type": ""})
    entry["model"] = get(event, "model") or entry.get("model")
    if kind == "message.output.delta":
        entry["type"] = "message.output"
        entry["content"].append(get(event, "content") or "")
    elif kind == "function.call.delta":
        entry["type"] = "function.call"
        entry["name"], entry["tool_call_id"] = get(event, "name"), get(event, "tool_call_id")
        entry["arguments"] += shape.text_of(event, "arguments")
    elif kind.startswith("tool.execution."):
        entry["type"] = "tool.execution"
        entry["id"] = get(event, "id")
        for name in ("name", "info"):
            entry[name] = get(event, name) or entry.get(name)
        entry["arguments"] += shape.text_of(event, "arguments")
    elif kind == "agent.handoff.started":
        entry["type"] = "agent.handoff"


def _entry(entry: Any) -> dict[str, Any]:
    """Return an entry that is sent: words, a call of before, or what came of one."""
    kind = shape.text_of(entry, "type")
    if kind == "function.result":
        response = get(entry, "result")
        part = {"type": "tool_call_response", "id": get(entry, "tool_call_id"), "response": response}
        return {"role": "tool", "parts": [part]}
    if kind in ("function.call", "tool.execution", "agent.handoff"):
        return {"role": "assistant", "parts": _output(entry)}
    return {"role": get(entry, "role") or "user", "parts": read_content(get(entry, "content"))}


def _output(entry: Any) -> list[dict[str, Any]]:
    """Return the parts of an entry that the conversation got."""
    kind = shape.text_of(entry, "type")
    if kind == "message.output":
        return _joined(read_content(get(entry, "content")))
    if kind == "function.call":
        return [_call("tool_call", get(entry, "tool_call_id"), entry)]
    if kind == "tool.execution":
        called = get(entry, "id")
        parts = [_call("server_tool_call", called, entry)]
        if info := plain(get(entry, "info"), 6):
            parts.append({"type": "server_tool_call_response", "id": called, "response": info})
        return parts
    return [{"type": kind or "unknown"}]


def _call(kind: str, called: Any, entry: Any) -> dict[str, Any]:
    given = get(entry, "arguments")
    arguments = shape.as_object(given) if isinstance(given, str) else plain(given, 8)
    return {"type": kind, "id": called, "name": str(get(entry, "name") or ""), "arguments": arguments}


def _joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the pieces of one text, or of one thought, together."""
    joined: list[dict[str, Any]] = []
    for part in parts:
        if joined and part["type"] in ("text", "reasoning") and joined[-1]["type"] == part["type"]:
            joined[-1] = {**part, "content": joined[-1]["content"] + part["content"]}
        else:
            joined.append(part)
    return joined


def _usage(usage: Any) -> Usage | None:
    """Return the token counts; what the vendor's tools gave the model to read is beside the prompt's."""
    if usage is None:
        return None
    sent, answered = (
        openai_tokens.count(usage, "prompt_tokens"),
        openai_tokens.count(usage, "completion_tokens"),
    )
    if sent is None and answered is None:
        return None
    return Usage(
        input_fresh=(sent or 0) + (openai_tokens.count(usage, "connector_tokens") or 0),
        output_visible=answered or 0,
    )
