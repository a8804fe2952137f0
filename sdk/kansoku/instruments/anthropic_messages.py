"""Read requests and responses of Anthropic's messages endpoint."""

import re
from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls import estimation
from kansoku.calls.parameters import add_parameter
from kansoku.calls.reader import Answer, Request
from kansoku.calls.sent import Growth
from kansoku.instruments import anthropic_shape as blocks
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.anthropic_billed import add_billed
from kansoku.instruments.anthropic_growing import Growing
from kansoku.instruments.openai_hosts import Origin
from kansoku.instruments.openai_shape import get

_NUMBERS = {
    "max_tokens": semconv.MAX_TOKENS,
    "temperature": semconv.TEMPERATURE,
    "top_p": semconv.TOP_P,
    "top_k": semconv.TOP_K,
}
# What is content, is read by name, or is no parameter of the model.
_READ_ELSEWHERE = frozenset(
    {
        "messages",
        "model",
        "system",
        "tools",
        "mcp_servers",
        "stream",
        "stop_sequences",
        "metadata",
        "thinking",
    }
    | {"output_config", "output_format", "tool_choice", "user_profile_id", "workspace_id"}
)
_SERVER_TOOLS = {
    "web_search_requests": semconv.WEB_SEARCHES,
    "web_fetch_requests": semconv.WEB_FETCHES,
}


# Words, thoughts or a piece of a tool's arguments; spaces at the end of each event hide how long they are.
_GROWTH = Growth(
    re.compile(
        rb'"delta":\s?\{"type":\s?"(?:text|thinking|input_json)_delta",'
        rb'\s?"(?:text|thinking|partial_json)":\s?"'
    ),
    re.compile(rb'"\s?\}\s*\}\s*\Z'),
    re.compile(rb"\} +\}\n"),
    b"}}\n",
    b" }\n",
    named=True,
)


class MessagesReader:
    """Reads messages and the events of their streams."""

    operation = "chat"
    growth = _GROWTH

    def __init__(self, origin: Any) -> None:
        self._origin = origin

    def origin(self, resource: Any, local_provider: str) -> Origin:
        """Return provider, server address and port of the client that makes the call."""
        found: Origin = self._origin(resource, local_provider)
        return found

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create`, `stream` or `parse`."""
        extra = arguments.get("extra_body")
        given = {**arguments, **extra} if isinstance(extra, Mapping) else arguments
        request = Request(shape.model_name(given))
        _read_settings(given, request.attributes, capture)
        if capture:
            messages = given.get("messages")
            # Any iterable is allowed; reading a generator would take it from the client.
            if isinstance(messages, list | tuple):
                request.messages = [blocks.read_message(message) for message in messages]
            request.instructions = blocks.read_texts(given.get("system"))
            tools = [tool for name in ("tools", "mcp_servers") for tool in _listed(given.get(name))]
            request.tools = [blocks.read_tool(tool) for tool in tools if get(tool, "type") != "url"] or None
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a Message."""
        usage = get(response, "usage")
        error = get(response, "error") if get(response, "type") == "error" else None
        finish = blocks.finish_reason(get(response, "stop_reason"))
        answer = Answer(
            model=get(response, "model") or "",
            id=get(response, "id") or "",
            finish_reasons=[finish] if finish else [],
            usage=blocks.read_usage(usage) if usage is not None else None,
            attributes=_read_extras(response, usage),
        )
        add_billed(answer, response)
        if error is not None:  # a gateway may send one with a good status
            answer.failure = shape.text_of(error, "type") or "error"
            answer.failure_message = shape.text_of(error, "message")
        elif capture:
            parts = blocks.read_blocks(get(response, "content"))
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the events of a stream together to the message that they tell."""
        message: dict[str, Any] = {}
        usage: dict[str, Any] = {}
        growing = Growing(())
        complete = False
        for event in chunks:
            # Where a client is too old for what it was sent, all of an event is extra.
            told = event if type(event) is dict else blocks.fields(event)
            kind = told.get("type")
            if kind == "content_block_delta":
                growing.add(told, capture)
            elif kind == "content_block_start":
                growing.begin(told)
                if successor := get(get(told.get("content_block"), "to"), "model"):
                    message["model"] = successor  # it declined, another model answers from here on
            elif kind == "message_start":
                message = dict(blocks.fields(told.get("message") or {}))
                usage = dict(blocks.fields(message.get("usage") or {}))
                # What the vendor's tools gave meanwhile may be there from the start, and all of the answer.
                content = _listed(message.get("content"))
                growing = Growing(content)
                complete = bool(content and message.get("stop_reason"))
            elif kind == "message_delta":
                complete = True
                _merge(message, told.get("delta"))
                _merge(usage, told.get("usage"), counts=True)  # cumulative: the last word counts
                if message.get("stop_reason") == "refusal" and get(told.get("usage"), "output_tokens") == 0:
                    usage["output_tokens"] = 0  # nothing was said: what the beginning has is a placeholder
        message["usage"] = usage or None
        message["content"] = growing.whole()
        answer = self.response(message, capture)
        if usage and not complete:
            # What message_start says of the output is a placeholder; its input is final.
            answer.attributes[semconv.USAGE_ESTIMATED] = True
            if capture:
                guess = estimation.output_tokens(answer.messages)
                answer.attributes[semconv.ESTIMATED_OUTPUT_TOKENS] = guess
        return answer


def _merge(known: dict[str, Any], told: Any, *, counts: bool = False) -> None:
    """Add what is told; a count that was there does not become 0: a gateway fills what it does not know."""
    for name, value in blocks.fields(told).items() if told is not None else ():
        if value is not None and not (counts and value == 0 and known.get(name)):
            known[name] = value


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _read_settings(given: Mapping[str, Any], found: dict[str, Any], capture: bool) -> None:
    """Add the parameters of a request."""
    for name, value in given.items():
        key = _NUMBERS.get(name)
        if key is None:
            if name not in _READ_ELSEWHERE:
                add_parameter(found, name, value, capture)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[key] = value
    if stops := [str(word) for word in _listed(given.get("stop_sequences"))]:
        found[semconv.STOP_SEQUENCES] = tuple(stops)
    user = get(given.get("metadata"), "user_id")
    if isinstance(user, str) and user:
        found[semconv.USER_ID] = user
    output = given.get("output_config")
    effort = get(output, "effort")
    if isinstance(effort, str):
        found[semconv.REASONING_LEVEL] = effort
    budget = get(given.get("thinking"), "budget_tokens")
    if isinstance(budget, int):
        found[semconv.THINKING_BUDGET] = budget
    if previous := shape.text_of(given.get("thread"), "previous_message_id"):
        found[semconv.PREVIOUS_RESPONSE_ID] = previous
    schema = get(output, "format") or given.get("output_format")
    if isinstance(schema, type | Mapping):
        found[semconv.OUTPUT_TYPE] = "json"
    choice = given.get("tool_choice")
    kind = get(choice, "type")
    if isinstance(kind, str):
        name = get(choice, "name")
        found[semconv.TOOL_CHOICE] = name if kind == "tool" and isinstance(name, str) else kind


def _read_extras(response: Any, usage: Any) -> dict[str, Any]:
    """Return what else an answer says: tier and place of service, tools run by the vendor, container."""
    said = {
        semconv.RESPONSE_TIER: get(usage, "service_tier"),
        semconv.INFERENCE_GEO: get(usage, "inference_geo"),
        semconv.STOP_SEQUENCE: get(response, "stop_sequence"),
        semconv.BLOCK_REASON: get(get(response, "stop_details"), "category"),
        semconv.CONTAINER_ID: get(get(response, "container"), "id"),
    }
    found: dict[str, Any] = {key: value for key, value in said.items() if isinstance(value, str) and value}
    # Fast mode has prices of its own, as a tier has; other tiers do not offer it.
    if get(usage, "speed") == "fast" and found.get(semconv.RESPONSE_TIER, "standard") == "standard":
        found[semconv.RESPONSE_TIER] = "fast"
    ran = get(usage, "server_tool_use")
    for name, key in _SERVER_TOOLS.items():
        count = get(ran, name)
        if isinstance(count, int) and count:
            found[key] = count
    return found
