"""Read the data on spans of the OpenAI Agents SDK."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from kansoku import runtime, semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import to_json
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.framework import read_parameters
from kansoku.instruments.openai_chat import ChatReader
from kansoku.instruments.openai_hosts import find_provider, read_origin
from kansoku.instruments.openai_items import input_item, output_item
from kansoku.instruments.openai_message import read_answer
from kansoku.instruments.openai_responses import ResponsesReader
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_tokens import read_usage

_RESPONSES = ResponsesReader(read_origin)
_CHAT = ChatReader(read_origin)
_WORDS = 1024


def step_name(data: Any) -> str:
    """Return the name of a step's span."""
    kind = str(data.type)
    if kind == "mcp_tools":
        return f"list tools {data.server}" if data.server else "list tools"
    return str(getattr(data, "name", None) or kind)


def step_facts(data: Any) -> dict[str, Any]:
    """Return what is known of a step at its end, besides content."""
    kind = data.type
    if kind == "guardrail":
        return {semconv.GUARDRAIL_PASSED: not data.triggered}
    if kind == "agent":
        names = {semconv.AGENT_TOOLS: data.tools, semconv.AGENT_HANDOFFS: data.handoffs}
        return {key: tuple(map(str, found)) for key, found in names.items() if found}
    if kind == "handoff":
        ends = {semconv.HANDOFF_FROM: data.from_agent, semconv.HANDOFF_TO: data.to_agent}
        return {key: str(name) for key, name in ends.items() if name}
    return {}


def step_content(data: Any) -> dict[str, Any]:
    """Return what goes into a step and what comes out; sound is left out, its words are not."""
    kind = data.type
    if kind == "function":
        return {semconv.TOOL_ARGUMENTS: shape.as_object(data.input), semconv.TOOL_RESULT: data.output}
    if kind == "custom":
        return {semconv.INPUT_VALUE: data.data or None}
    if kind == "mcp_tools":
        return {semconv.OUTPUT_VALUE: data.result}
    if kind == "transcription":
        return {semconv.OUTPUT_VALUE: data.output}
    if kind in ("speech", "speech_group"):
        return {semconv.INPUT_VALUE: data.input}
    return {}


def read_call(data: Any, running: runtime.Runtime) -> tuple[str, Request, Answer | None]:
    """Return provider, request and answer of a model's call that no client below has described."""
    if data.type == "response":
        return _read_response(data, running.capture)
    return _read_generation(data, running)


def _read_response(data: Any, capture: bool) -> tuple[str, Request, Answer | None]:
    response = data.response
    arguments = {
        name: value
        for name in (
            "model",
            "instructions",
            "tools",
            "temperature",
            "top_p",
            "max_output_tokens",
            "reasoning",
        )
        if (value := get(response, name)) is not None
    }
    request = _RESPONSES.request({**arguments, "input": data.input}, capture)
    if response is not None:
        return "openai", request, _RESPONSES.response(response, capture)
    usage = read_usage(data.usage)  # all there is where the program keeps its data from its traces
    return "openai", request, None if usage is None else Answer(usage=usage)


def _read_generation(data: Any, running: runtime.Runtime) -> tuple[str, Request, Answer | None]:
    settings = data.model_config or {}
    request = _CHAT.request({"model": data.model, "messages": data.input}, running.capture)
    request.attributes.update(read_parameters(settings))
    outputs = list(data.output or ())
    if outputs and get(outputs[0], "output") is not None:  # a stream is put together as a Response
        answer = _RESPONSES.response(outputs[0], running.capture)
    else:
        answer = _CHAT.response({"choices": [{"message": message} for message in outputs]}, running.capture)
    answer.usage = read_usage(data.usage) or answer.usage
    provider = ""
    if host := urlsplit(str(settings.get("base_url") or "")).hostname:
        provider = find_provider(host, running.local_provider)
    return provider, request, answer


def question(data: Any) -> Any:
    """Return the words that a model's call was made for, None where the program does not show them."""
    given = data.input
    if isinstance(given, str):
        return given
    messages = [input_item(item) for item in given or () if get(item, "role") == "user"]
    return _text(messages[-1]["parts"]) if messages else None


def last_words(data: Any) -> Any:
    """Return the text that a model answered with, None when it called a tool instead."""
    outputs = list(data.output or ()) if data.type == "generation" else [data.response]
    items = [item for response in outputs for item in shape.listed(response, "output")]
    if items:
        return _text([part for item in items if get(item, "type") == "message" for part in output_item(item)])
    return _text([part for message in outputs if get(message, "content") for part in read_answer(message)])


def _text(parts: list[dict[str, Any]]) -> str | None:
    words = [part["content"] for part in parts if part.get("type") == "text" and part.get("content")]
    return "\n".join(words) or None


def error_type(error: Mapping[str, Any]) -> str:
    """Return a short word for an error of the library's: the class of the exception where it says one."""
    data = error.get("data")
    named = data.get("error_type") or data.get("type") if isinstance(data, Mapping) else None
    return named if isinstance(named, str) else "SpanError"


def error_words(error: Mapping[str, Any]) -> str:
    """Return what an error of the library's says."""
    data = error.get("data")
    said = data.get("error") if isinstance(data, Mapping) else None
    detail = said if isinstance(said, str) else to_json(data, _WORDS) if data else ""
    return f"{error.get('message')}: {detail}" if detail else str(error.get("message"))
