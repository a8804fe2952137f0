"""Read requests and responses of the chat completions endpoint."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.calls.sent import Growth
from kansoku.instruments import openai_broken, openai_compound, openai_tokens
from kansoku.instruments import openai_extras as extras
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_brief import ChatBrief
from kansoku.instruments.openai_fold import NOTHING, Choice
from kansoku.instruments.openai_message import read_answer, read_message, read_tool
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_usage import last_usage, usage_facts

__all__ = ["ChatReader", "Origin", "output_type", "read_message", "read_tool"]

Origin = Callable[[Any, str], tuple[str, str, int]]

# Words, thoughts or a piece of a tool's arguments, in an event with one choice and no more of any of them.
_NOTHING_MORE = rb'(?:,\s?"\w+":\s?(?:null|""|"assistant"|\[\]))*\s?\}'
_JUDGED = rb'"content_filter_results":\s?\{(?:[^{}]|\{[^{}]*\})*\}'
_GROWTH = Growth(
    re.compile(
        rb'"choices":\s?\[\{'
        rb'(?:"\w+":\s?(?:null|""|\d+|\[\]),\s?|' + _JUDGED + rb",\s?)*"
        rb'"delta":\s?\{(?:"\w+":\s?(?:null|""|"assistant"),\s?)*'
        rb'(?:"(?:content|reasoning_content|reasoning)":\s?"'
        rb'|"tool_calls":\s?\[\{"index":\s?\d+,\s?"function":\s?\{"arguments":\s?")'
    ),
    re.compile(
        rb'"(?:\s?\}\s?\}\s?\])?' + _NOTHING_MORE + rb"(?:,\s?" + _JUDGED + rb")?" + _NOTHING_MORE + rb"\s?\]"
    ),
    re.compile(rb',\s?"obfuscation":\s?"\w*"'),  # random letters, which hide the length of a piece
    b"",
    b'"obfuscation"',
)


class ChatReader:
    """Reads chat completions."""

    operation = "chat"
    brief = ChatBrief()
    growth = _GROWTH
    last_words = staticmethod(openai_broken.last_words)

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create` or `parse`."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        if (extra := arguments.get("extra_body")) is not None:
            _read_thinking(extra, request.attributes)
        if isinstance(effort := arguments.get("reasoning_effort"), str):
            request.attributes[semconv.REASONING_LEVEL] = effort
        if output := output_type(arguments):
            request.attributes[semconv.OUTPUT_TYPE] = output
        if capture:
            messages = arguments.get("messages")
            # Any iterable is allowed; reading a generator would take it from the client.
            if type(messages) is list or isinstance(messages, tuple):
                request.messages = [read_message(message) for message in messages]
            tools = arguments.get("tools") or arguments.get("functions")
            if tools is not None and isinstance(tools, list | tuple):
                request.tools = [read_tool(tool) for tool in tools]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a ChatCompletion."""
        response = shape.flat(response)
        choices = [shape.flat(choice) for choice in shape.listed(response, "choices")]
        usage = get(response, "usage")
        reasons = [shape.finish_reason(get(choice, "finish_reason")) for choice in choices]
        answer = Answer(
            model=shape.text_of(response, "model"),
            id=shape.text_of(response, "id"),
            finish_reasons=[reason for reason in reasons if reason],
            usage=openai_tokens.read_usage(usage, shape.text_of(response, "model")),
            attributes=usage_facts(usage),
        )
        extras.add_extras(answer, (response,))
        extras.add_search(answer)
        extras.add_request_id(answer, response)
        if get(response, "prompt_filter_results"):
            extras.add_verdicts(answer, (response,))
        if (moderation := get(response, "moderation")) is not None:
            extras.add_moderation(answer, moderation)
        if logprobs := [p for c in choices if (found := get(c, "logprobs")) for p in shape.logprobs(found)]:
            extras.add_logprob(answer, logprobs)
        extras.add_failure(answer, extras.failure_in(response, choices))
        if capture:
            extras.add_sources(answer, (response,), response)
            answer.messages = [
                {"role": "assistant", "parts": read_answer(get(choice, "message")), "finish_reason": reason}
                for choice, reason in zip(choices, reasons, strict=True)
            ]
        if self.may_be_compound(response, response):
            openai_compound.add_to_answer(answer, response, capture)
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks of a stream together."""
        choices: dict[int, Choice] = {}
        usage: Any = None
        problem: Any = None
        for chunk in chunks:
            parts = chunk if type(chunk) is dict else getattr(chunk, "__dict__", NOTHING)
            listed = parts.get("choices")
            for item in listed if type(listed) is list else ():
                choice = item if type(item) is dict else getattr(item, "__dict__", NOTHING)
                index = choice.get("index")
                if type(index) is not int:
                    index = 0
                folded = choices.get(index)
                if folded is None:
                    folded = choices[index] = Choice()
                folded.add(choice)
                if choice.get("finish_reason"):  # with which an error comes
                    problem = extras.failure_in(chunk, (item,)) or problem
            usage = parts.get("usage") or usage
        usage = usage or last_usage(chunks)
        ordered = [choices[index] for index in sorted(choices)]
        model = extras.last_text(chunks, "model")
        answer = Answer(
            model=model,
            id=extras.last_text(chunks, "id"),
            finish_reasons=[choice.finish for choice in ordered if choice.finish],
            usage=openai_tokens.read_usage(usage, model),
            attributes=usage_facts(usage),
        )
        extras.add_extras(answer, chunks)
        extras.add_search(answer)
        begun = next((chunk for chunk in chunks if get(chunk, "choices")), None)
        if chunks and (get(chunks[0], "prompt_filter_results") or _is_judged(begun)):
            extras.add_verdicts(answer, chunks)
        for chunk in chunks[-2:]:  # beside the usage, which comes last
            if (moderation := get(chunk, "moderation")) is not None:
                extras.add_moderation(answer, moderation)
        if logprobs := [p for choice in ordered for p in choice.logprobs]:
            extras.add_logprob(answer, logprobs)
        extras.add_failure(answer, problem or (extras.failure_in(chunks[-1], ()) if chunks else None))
        if capture:
            extras.add_sources(answer, chunks, begun)
            answer.messages = [choice.message() for choice in ordered]
        if chunks and self.may_be_compound(chunks[0], chunks[-1]):
            openai_compound.add_to_stream(answer, chunks, capture)
        return answer

    def may_be_compound(self, first: Any, last: Any) -> bool:
        """Tell whether Groq answered, whose systems ask several models and run tools."""
        return get(last, "x_groq") is not None or get(first, "x_groq") is not None


def _read_thinking(extra: Any, found: dict[str, Any]) -> None:
    """Add how much is to be thought, which routers and others than OpenAI have fields of their own for."""
    reasoning = get(extra, "reasoning")  # OpenRouter
    effort = get(extra, "reasoning_effort") or get(reasoning, "effort")
    if isinstance(effort, str):
        found[semconv.REASONING_LEVEL] = effort
    asked = (
        get(reasoning, "max_tokens"),
        get(get(extra, "thinking"), "budget_tokens"),
    )  # the second: Anthropic
    budget = next(
        (tokens for tokens in asked if isinstance(tokens, int)), get(extra, "thinking_budget")
    )  # Qwen
    if isinstance(budget, int):
        found[semconv.THINKING_BUDGET] = budget


def _is_judged(first: Any) -> bool:
    """Tell a stream of Azure whose filter looks at the answer alone: it says so from the start."""
    return any(get(choice, "content_filter_results") is not None for choice in shape.listed(first, "choices"))


def output_type(arguments: Mapping[str, Any]) -> str:
    """Return what kind of output is asked for: text, json or speech; "" when nothing is said."""
    if "audio" in (arguments.get("modalities") or ()):
        return "speech"
    wanted = arguments.get("response_format")
    if isinstance(wanted, type):
        return "json"
    kind = get(wanted, "type") if isinstance(wanted, Mapping) else None
    return "" if kind is None else "text" if kind == "text" else "json"
