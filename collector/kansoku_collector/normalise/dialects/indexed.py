"""Messages flattened by index, `gen_ai.prompt.0.role` and its like: older OpenLLMetry, Laminar, LiteLLM."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.normalise import flattened
from kansoku_collector.normalise.dialects import tracy
from kansoku_collector.normalise.flattened import at, listed
from kansoku_collector.normalise.messages import Message
from kansoku_collector.values import load, text

_GIVEN = ("gen_ai.prompt", "llm.prompts", "llm.prompt")  # the last: texts that Traceloop's gateway embeds
_ANSWERED = ("gen_ai.completion", "llm.completions")
_SYSTEM = {"system", "developer"}
_TOOLS = ("llm.request.functions", "gen_ai.request.functions", "gen_ai.tool")
# With the digit: `gen_ai.prompt.name` and `gen_ai.prompt.variable.*` are something else.
_PREFIXES = tuple(f"{root}.{digit}" for root in (*_GIVEN, *_ANSWERED, *_TOOLS) for digit in range(10))
_MARKS = frozenset(
    f"{root}.0.{leaf}"
    for root in (*_GIVEN, *_ANSWERED, *_TOOLS)
    for leaf in ("role", "content", "user", "name", "finish_reason", "text")
)


def is_indexed(attributes: Attributes) -> bool:
    """Tell whether messages are flattened by index."""
    return not _MARKS.isdisjoint(attributes)


def restore(left: Attributes) -> None:
    """Replace flattened messages and tools in `left` by the attributes of the conventions."""
    if tracy.is_tracy(left):
        tracy.restore(left)
    tree = flattened.take(left, _PREFIXES)
    given = [_message(node, "user") for root in _GIVEN for node in listed(at(tree, root))]
    answered = [_message(node, "assistant") for root in _ANSWERED for node in listed(at(tree, root))]
    if s.INPUT_MESSAGES in left and given and given[0]["role"] in _SYSTEM:
        _keep_system(left, given[0])
    tools = [_tool(node) for root in _TOOLS for node in listed(at(tree, root))]
    for name, found in (
        (s.INPUT_MESSAGES, given),
        (s.OUTPUT_MESSAGES, answered),
        (s.TOOL_DEFINITIONS, tools),
    ):
        if found:
            left.setdefault(name, found)


def _keep_system(left: Attributes, message: Message) -> None:
    """Keep instructions that only the flattened messages have: Laminar's of the Responses API."""
    told = load(left[s.INPUT_MESSAGES])
    roles = (
        {text(item.get("role")) for item in told if isinstance(item, dict)}
        if isinstance(told, list)
        else _SYSTEM
    )
    if roles.isdisjoint(_SYSTEM):
        left.setdefault(s.SYSTEM_INSTRUCTIONS, message["content"])


def _message(node: Any, role: str) -> Message:
    content = at(node, "content")
    if content is None:
        content = at(node, role) if at(node, role) is not None else at(node, "text")
    parts = _blocks(content)
    if reasoning := at(node, "reasoning") or at(node, "reasoning_content"):
        parts.insert(0, {"type": "reasoning", "content": reasoning})
    calls = [_call(call) for call in listed(at(node, "tool_calls"))]
    if not calls and isinstance(at(node, "function_call"), dict):
        calls.append(_call(at(node, "function_call")))
    found: Message = {"role": at(node, "role") or role, "content": parts, "tool_calls": calls}
    if identity := at(node, "tool_call_id"):
        found |= {"tool_call_id": identity, "content": content}
    if reason := at(node, "finish_reason"):
        found["finish_reason"] = reason
    return found


def _blocks(content: Any) -> list[Any]:
    """Return content as a list of blocks; text that merely looks like JSON stays text."""
    found = load(content)
    if isinstance(found, list) and found and all(isinstance(item, dict) and "type" in item for item in found):
        return found
    return [] if content in (None, "") else [content]


def _call(node: Any) -> dict[str, Any]:
    inner = at(node, "function")
    source = inner if isinstance(inner, dict) else node
    found = {"id": at(node, "id"), "name": at(source, "name"), "arguments": at(source, "arguments")}
    return {"type": "tool_call"} | {name: value for name, value in found.items() if value is not None}


def _tool(node: Any) -> dict[str, Any]:
    found = {"type": "function", "name": at(node, "name")}
    if description := at(node, "description"):
        found["description"] = description
    if parameters := load(at(node, "parameters") or at(node, "arguments") or at(node, "input_schema")):
        found["parameters"] = parameters
    return found
