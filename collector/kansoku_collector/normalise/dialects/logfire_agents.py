"""OpenAI's Agents SDK under Logfire: its message's template says what a span is, SDK objects the rest."""

from typing import Any, NamedTuple

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.dialects.openinference_objects import response_of
from kansoku_collector.normalise.exchange import put_exchange, read_request, read_response
from kansoku_collector.normalise.frame import put_metadata
from kansoku_collector.normalise.usage_parts import usage_parts
from kansoku_collector.values import count, load, mapping, text

SCOPE = "logfire.openai_agents"
_OPERATIONS = {  # by how the template begins
    "OpenAI Agents trace": "invoke_workflow",
    "Task": "invoke_workflow",
    "Turn": "invoke_workflow",
    "Handoff": "invoke_workflow",
    "Agent run": "invoke_agent",
    "Function": "execute_tool",
    "Chat completion": "chat",
    "Responses API": "chat",
}
_GUARDRAIL = "Guardrail"
_CALL = ("input", "output", "raw_input", "response", "model_config", "model_settings", "request_data")


class Call(NamedTuple):
    """A model call: what was asked, in the vendor's names, and the vendor's answer."""

    request: dict[str, Any]
    response: Any


def take(left: Attributes, span: Span) -> Call | None:
    """Name the operation; take the objects of a model call out of `left`."""
    template = text(left.get("logfire.msg_template"))
    operation = next((found for begin, found in _OPERATIONS.items() if template.startswith(begin)), "")
    if template.startswith(_GUARDRAIL):
        left[s.KIND] = "guardrail"
    if operation:
        left[s.OPERATION] = operation
    if template.startswith("OpenAI Agents trace"):
        _read_trace(left, span)
    elif operation == "execute_tool":
        for name, target in (("name", s.TOOL_NAME), ("input", s.TOOL_ARGUMENTS), ("output", s.TOOL_RESULT)):
            if left.get(name) is not None:
                left[target] = left.pop(name)
    return _take_call(left) if operation == "chat" else None


def put(call: Call | None, span: Span) -> None:
    """Store the content of a call after the conventions' own names were read."""
    if call is not None:
        put_exchange(span, read_request(call.request), read_response(call.response), [])


def _read_trace(left: Attributes, span: Span) -> None:
    group = text(left.get("group_id"))
    span.session_id = span.session_id or ("" if group == "null" else group)
    put_metadata(span, mapping(left.get("metadata")))


def _take_call(left: Attributes) -> Call | None:
    """Take what was asked and answered; without an answer of the Responses API its events stay."""
    _drop_no_usage(left)
    for name, value in usage_parts(left.get("usage")).items():
        left.setdefault(name, value)
    if "raw_input" in left and not mapping(left.get("response")):
        return None
    left.pop("events", None)
    found = {name: load(left.pop(name)) for name in _CALL if name in left}
    response = mapping(found.get("response"))
    settings = mapping(found.get("model_config")) | mapping(found.get("model_settings"))
    request = {**settings, "messages": found.get("input", found.get("raw_input"))}
    request |= {name: response[name] for name in ("instructions", "tools") if response.get(name)}
    return Call(request, response or response_of(found.get("output")) or found.get("output"))


def _drop_no_usage(left: Attributes) -> None:
    """Drop zeros: of a stream without usage the SDK has nothing, and says so in numbers."""
    if not count(left.get(s.INPUT_TOKENS)) and not count(left.get(s.OUTPUT_TOKENS)):
        left.pop(s.INPUT_TOKENS, None)
        left.pop(s.OUTPUT_TOKENS, None)
