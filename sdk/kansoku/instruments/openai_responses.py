"""Read requests and responses of the responses endpoint."""

import re
from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Beside, Request
from kansoku.calls.sent import Growth
from kansoku.instruments import openai_extras as extras
from kansoku.instruments import openai_items as read
from kansoku.instruments import openai_shape as shape
from kansoku.instruments import openai_tokens
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_events import fold_events
from kansoku.instruments.openai_message import read_tool
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_usage import counted_tools, told_apart, usage_facts, written

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_LAST = ("response.completed", "response.incomplete", "response.failed")
# Events are numbered, and padded to hide how long their texts are.
_GROWTH = Growth(
    re.compile(rb'\A[^{]*\{(?>[^{]*?"type":\s?"response\.\w+\.delta",)[^{]*"delta":\s?"'),
    re.compile(rb'"(?:,\s?"\w+":\s?(?:"[^"\\]*"|\d+|null|\[\]))*\s?\}\s*\Z'),
    re.compile(rb',\s?"(?:sequence_number":\s?\d+|obfuscation":\s?"\w*")'),
    b"",
    b'"sequence_number"',
)


class ResponsesReader:
    """Reads responses and the events of their streams."""

    operation = "chat"
    growth = _GROWTH

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create`, `parse` or `compact`."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        found = request.attributes
        effort = get(arguments.get("reasoning"), "effort")
        if isinstance(effort, str):
            found[semconv.REASONING_LEVEL] = effort
        wanted = get(get(arguments.get("text"), "format"), "type")
        if isinstance(arguments.get("text_format"), type):
            wanted = "json_schema"
        if isinstance(wanted, str):
            found[semconv.OUTPUT_TYPE] = "text" if wanted == "text" else "json"
        if previous := shape.text_of(arguments, "previous_response_id"):
            found[semconv.PREVIOUS_RESPONSE_ID] = previous
        if conversation := _conversation(arguments):
            found[semconv.CONVERSATION_ID] = conversation
        prompt = arguments.get("prompt")
        if name := shape.text_of(prompt, "id"):
            found[semconv.PROMPT_NAME] = name
            if version := shape.text_of(prompt, "version"):
                found[semconv.PROMPT_VERSION] = version
        if capture:
            self._read_content(arguments, request)
        return request

    def _read_content(self, arguments: Mapping[str, Any], request: Request) -> None:
        given = arguments.get("input")
        if isinstance(given, str):
            request.messages = [{"role": "user", "parts": shape.read_parts(given)}]
        elif isinstance(given, list | tuple):
            request.messages = [read.input_item(item) for item in given]
        request.instructions = shape.text_of(arguments, "instructions")
        tools = arguments.get("tools")
        if isinstance(tools, list | tuple):
            request.tools = [read_tool(tool) for tool in tools]
        variables = get(arguments.get("prompt"), "variables")
        for name, value in variables.items() if isinstance(variables, Mapping) else ():
            if isinstance(value, str):
                request.attributes[semconv.PROMPT_VARIABLE + str(name)] = value

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a Response."""
        response = shape.flat(response)
        items = read.searches_apart(shape.listed(response, "output"), shape.listed(response, "tools"))
        usage = get(response, "usage")
        finish = _finish(response, items)
        answer = Answer(
            model=shape.text_of(response, "model"),
            id=shape.text_of(response, "id"),
            finish_reasons=[finish] if finish else [],
            usage=openai_tokens.read_usage(usage),
            attributes=usage_facts(usage),
        )
        extras.add_extras(answer, (response,))
        extras.add_request_id(answer, response)
        extras.add_logprob(answer, read.logprobs(items))
        extras.add_failure(answer, get(response, "error"))
        extras.add_moderation(answer, get(response, "moderation"))
        if get(response, "content_filters"):
            extras.add_verdicts(answer, (response,))
        if conversation := _conversation(response):
            answer.attributes[semconv.CONVERSATION_ID] = conversation
        ran = {**read.server_tools(items), **counted_tools(usage)}
        tools = get(response, "tool_usage")
        if (searches := openai_tokens.count(get(tools, "web_search"), "num_requests")) is not None:
            ran["web_search"] = searches  # as billed: fewer than there are items, or none
        # Other models' tokens, at other prices: the counts of the answer have none of them.
        answer.attributes |= told_apart(semconv.IMAGE_TOOL_USAGE, [get(tools, "image_gen")])
        drawings = [found for item in items if (found := get(item, "svg_usage")) is not None]
        answer.attributes |= told_apart(semconv.SVG_USAGE, drawings)
        answer.beside = [*_drawn(response, get(tools, "image_gen")), *written(drawings)]
        for name, count in ran.items():
            if count:
                answer.attributes[semconv.SERVER_TOOL_CALLS.format(name)] = count
        if capture and items:
            parts = [part for item in items for part in read.output_item(item)]
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the event that ends a stream; of a stream without one, put together what came."""
        for event in reversed(chunks):
            if get(event, "type") in _LAST:
                last = shape.flat(get(event, "response"))
                if isinstance(last, Mapping) and not shape.listed(last, "output"):
                    # Some servers do not repeat at the end what the stream has said.
                    last = {**last, "output": fold_events(chunks)[1]}
                return self.response(last, capture)
        head, items, error = fold_events(chunks)
        answer = self.response(
            {
                **{name: get(head, name) for name in ("model", "id", "tools")},
                **{"output": items, "error": error},
            },
            capture,
        )
        answer.finish_reasons = []
        return answer


def _drawn(response: Any, usage: Any) -> list[Beside]:
    """Return what the model that drew for the answer used; nothing where none is named."""
    found = openai_tokens.read_usage(usage)
    tools = [tool for tool in shape.listed(response, "tools") if get(tool, "type") == "image_generation"]
    model = next((name for tool in tools if (name := shape.text_of(tool, "model"))), "")
    if found is None or not model or not (found.input_tokens or found.output_tokens):
        return []
    return [Beside(model, found, usage_facts(usage))]


def _conversation(thing: Any) -> str:
    """Return the identifier of a conversation, given as such or as an object."""
    found = get(thing, "conversation")
    return found if isinstance(found, str) else shape.text_of(found, "id")


def _finish(response: Any, items: list[Any]) -> str:
    status = get(response, "status")
    if status == "completed":
        return "tool_calls" if any(read.runs_at_caller(item) for item in items) else "stop"
    if status == "incomplete":
        reason = get(get(response, "incomplete_details"), "reason")
        return _INCOMPLETE.get(reason, str(reason or "incomplete"))
    return str(status or "")
