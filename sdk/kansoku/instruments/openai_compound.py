"""What a compound system of Groq's says of its answer: the models it asked, and the tools that it ran."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer
from kansoku.content import plain, to_json
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_tokens import read_usage

_LONGEST = 4096
# What a tool that the server runs is called -> how it is counted, and may be priced.
_COUNTED = {
    "search": "web_search",
    "browser_search": "web_search",
    "python": "code_execution",
    "code_interpreter": "code_execution",
}
_RESULTS = ("output", "search_results", "code_results", "browser_results")  # of a tool that the server ran


def add_to_answer(answer: Answer, response: Any, capture: bool) -> None:
    """Add what a whole response says."""
    _add_shares(answer, (response,))
    ran = [get(get(choice, "message"), "executed_tools") or () for choice in get(response, "choices") or ()]
    _count_tools(answer, [tool for tools in ran for tool in tools])
    if capture:
        for message, tools in zip(answer.messages, ran, strict=False):
            message["parts"][:0] = _executed(tools)


def add_to_stream(answer: Answer, chunks: Sequence[Any], capture: bool) -> None:
    """Add what the chunks of a stream say."""
    _add_shares(answer, chunks[-3:])
    ran = _last_executed(chunks)
    _count_tools(answer, ran)
    if capture and answer.messages:
        answer.messages[0]["parts"][:0] = _executed(ran)


def _add_shares(answer: Answer, responses: Sequence[Any]) -> None:
    """Add which models a compound system asked, and what each used: it has no price itself, they have."""
    for response in reversed(responses):
        models = shape.listed(get(response, "usage_breakdown"), "models")
        told = [(shape.text_of(each, "model"), read_usage(get(each, "usage"))) for each in models]
        answer.shares = [(model, usage) for model, usage in told if model and usage is not None]
        if answer.shares:
            break
    counts: dict[str, dict[str, int]] = {}
    for model, usage in answer.shares:
        known = counts.setdefault(model, {"input_tokens": 0, "output_tokens": 0})
        known["input_tokens"] += usage.input_tokens
        known["output_tokens"] += usage.output_tokens
    if counts:
        answer.attributes[semconv.USAGE_BY_MODEL] = to_json(counts, _LONGEST)


def _count_tools(answer: Answer, tools: Sequence[Any]) -> None:
    """Add how often the server ran each of its tools, which may be paid by the piece."""
    kinds = [shape.text_of(tool, "type") for tool in tools]
    for name, number in Counter(_COUNTED.get(kind, kind) for kind in kinds if kind).items():
        answer.attributes[semconv.SERVER_TOOL_CALLS.format(name)] = number


def _last_executed(chunks: Sequence[Any]) -> list[Any]:
    """Return the tools that the server ran, each as the last chunk that speaks of it has it."""
    found: dict[Any, Any] = {}
    for chunk in chunks:
        for choice in shape.listed(chunk, "choices"):
            for tool in shape.listed(get(choice, "delta"), "executed_tools"):
                found[get(tool, "index")] = tool
    return list(found.values())


def _executed(tools: Any) -> list[dict[str, Any]]:
    """Return the parts for tools that ran on the server: nobody else has to run them."""
    parts: list[dict[str, Any]] = []
    for tool in tools or ():
        called = str(get(tool, "index"))
        arguments = shape.as_object(get(tool, "arguments"))
        name = get(tool, "type") or ""
        parts.append({"type": "server_tool_call", "id": called, "name": name, "arguments": arguments})
        found = next((value for place in _RESULTS if (value := get(tool, place)) is not None), None)
        if found is not None:
            response = _without_images(plain(found, 6))
            parts.append({"type": "server_tool_call_response", "id": called, "response": response})
    return parts


def _without_images(value: Any) -> Any:
    """Return what code on the server gave; an image that it drew by type and size."""
    if isinstance(value, list):
        return [_without_images(item) for item in value]
    if isinstance(value, dict) and isinstance(drawn := value.get("png"), str):
        return {**value, "png": shape.blob("image", "image/png", drawn)}
    return value
