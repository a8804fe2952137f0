"""OpenInference's messages, unflattened, to the one shape of messages."""

from typing import Any

from kansoku_collector.model import Attributes
from kansoku_collector.normalise.blobs import from_url
from kansoku_collector.normalise.flattened import at, listed
from kansoku_collector.normalise.joined_calls import apart
from kansoku_collector.normalise.messages import Message, Part, read_part, text_of, tool_call
from kansoku_collector.values import items, load, mapping, text

_AGENTS = "@arizeai/openinference-instrumentation-openai-agents"


def read_given(nodes: list[Any], scope: str) -> list[Message]:
    """Return what a model was given; the OpenAI Agents' of JavaScript tells no role of what it thought."""
    return [read_node(node, "assistant" if scope == _AGENTS else "user") for node in nodes]


def read_node(node: Any, role: str) -> Message:
    """Return one message of a list; `role` where it names none."""
    message = node["message"] if isinstance(node, dict) and isinstance(node.get("message"), dict) else {}
    parts = [part for child in listed(message.get("contents")) if (part := _content(child))]
    content = message.get("content")
    if content and message.get("tool_call_id"):
        parts = [
            read_part(
                {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": load(content)}
            )
        ]
    elif content and text(content) != text_of({"parts": parts}):  # some say it twice
        parts.insert(0, {"type": "text", "content": text(content)})
    known = {part.get("id") for part in parts if part["type"] == "tool_call"}
    for child in listed(message.get("tool_calls")):
        call = _call(at(child, "tool_call"))
        if not known or call.get("id") not in known:  # Anthropic's are also among the contents
            parts += apart(call)
    parts += [_result(mapping(child)) for child in listed(at(node, "function"))]
    found: Message = {"role": text(message.get("role")) or role, "parts": parts}
    called = message.get("function_call_name")
    if called and "tool_calls" not in message:  # before there were tools; LangChain's Gemini still says both
        parts.append(tool_call(called, message.get("function_call_arguments_json")))
    if name := message.get("name"):
        found["name"] = text(name)
    if reason := message.get("finish_reason"):
        found["finish_reason"] = text(reason)
    return found


def _result(told: dict[str, Any]) -> Part:
    """Return what a function answered, which AutoGen writes beside the message."""
    return read_part(
        {"type": "tool_call_response", "id": told.get("call_id"), "response": told.get("content")}
    )


def _content(node: Any) -> Part | None:
    if isinstance(node, dict) and "tool_call" in node:
        return _call(node["tool_call"])
    content = at(node, "message_content") or {}
    kind = text(at(content, "type"))
    url = (
        at(content, "image.image.url")
        or at(content, "audio.audio.url")
        or at(content, "document.document.url")
    )
    if url:
        return from_url(text(url))
    if kind in {"text", "reasoning"} or at(content, "text") is not None:
        return {"type": "reasoning" if kind == "reasoning" else "text", "content": text(at(content, "text"))}
    return (
        {"type": kind or "unknown", **content} if isinstance(content, dict) and kind != "tool_use" else None
    )


def _call(node: Any) -> Part:
    given = at(node, "function.arguments")  # left out where there is none, as with a handoff
    return tool_call(at(node, "function.name"), "{}" if given is None else given, at(node, "id"))


def prompts_of(left: Attributes, tree: dict[str, Any]) -> list[Any]:
    """Return the prompts of a completion, which LlamaIndex lists in one attribute."""
    found = [at(node, "prompt.text") for node in listed(at(tree, "llm.prompts"))]
    return found or items(left.pop("llm.prompts", None))
