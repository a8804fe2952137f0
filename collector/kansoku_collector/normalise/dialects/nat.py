"""NVIDIA's NeMo Agent Toolkit: OpenInference's names, and the framework's own objects beside them as JSON.

Where the provider belongs it names the framework; caches, the answering model and why an answer ended are in
the framework's message alone, and the tools that the answer calls are printed behind its words.
"""

from typing import Any

from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import openinference
from kansoku_collector.normalise.printed import read_printed
from kansoku_collector.values import dump, items, mapping, text

_EVENTS = ("nat.event_type", "aiq.event_type")
_METADATA = ".metadata"
_OBJECTS = ("input.value_obj", "output.value_obj")  # the same as without `_obj`
_CALLED = "\n\nTool calls: "


def is_nat(raw: RawSpan) -> bool:
    """Tell whether the toolkit wrote a span, by the event that it was made of, whose prefix may be set."""
    marked = any(name in raw.attributes for name in _EVENTS) or raw.scope_name == "nat"
    return marked and openinference.KIND in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` as OpenInference does, with request and response put together from the framework's own."""
    told: dict[str, Any] = {}
    if left[openinference.KIND] == "LLM":
        name = next((name for name in left if name.endswith(_METADATA)), "")
        told = mapping(left.get(name))
        left.pop("llm.provider", None)
        _put_request(left, told)
        _put_response(left, told.get("chat_responses"))
        for other in (*_OBJECTS, name, f"{name}.mime_type"):
            left.pop(other, None)
    openinference.read(raw, left, span)
    span.dialect = "nat"
    span.provider = _seller(told.get("chat_responses")) or span.provider


def _put_request(left: Attributes, told: dict[str, Any]) -> None:
    messages = [item for item in items(told.get("chat_inputs")) if isinstance(item, dict)]
    if not all("role" in item or "content" in item for item in messages):
        messages = []  # Semantic Kernel's, whose words are in `input.value`
    if messages:
        request = {"model": text(left.get("llm.model_name")), "messages": messages}
        left["input.value"] = dump(request | {"tools": told.get("tools_schema") or None})


def _put_response(left: Attributes, answers: Any) -> None:
    """Put a vendor's response in place of the words: LangChain's generations, or a choice of LiteLLM's."""
    if isinstance(answers, dict) and isinstance(answers.get("message"), dict):
        left["output.value"] = dump({"choices": [answers]})
        return
    messages = [found for found in map(_message, items(answers)) if found]
    if not messages:
        return
    printed = text(left.get("output.value")).partition(_CALLED)[2]
    if printed and not messages[0].get("tool_calls"):  # the message is kept without them
        messages[0]["tool_calls"] = [call for call in items(read_printed(printed)) if isinstance(call, dict)]
    left["output.value"] = dump({"generations": [answers]})


def _seller(answers: Any) -> str:
    """Return who answered, as LangChain's newer messages say."""
    for message in map(_message, items(answers)):
        return text(mapping(message.get("response_metadata")).get("model_provider")).lower()
    return ""


def _message(answer: Any) -> dict[str, Any]:
    return mapping(mapping(answer).get("message"))
