"""Items of the responses endpoint, asked and answered, in the GenAI shape."""

from typing import Any

from kansoku.content import plain
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_shape import get

# Tools that the caller runs, of its own or as the vendor defines them -> where the arguments are.
_CALLERS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "computer_call": "action",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
    "mcp_approval_request": "arguments",
    "tool_search_call": "arguments",  # where the caller searches, see below
}
_READING = frozenset({"open_page", "find_in_page", "find"})
_RESULTS = ("output", "result", "tools")  # where an item that answers a call has what came out
_NO_TOOLS = frozenset(
    {
        "compaction",
        "compaction_trigger",
        "context_compaction",
        "additional_tools",
        "configuration_update",
        "mcp_approval_response",
        "item_reference",
    }
)
_TOLD = (
    "action",
    "queries",
    "results",
    "code",
    "outputs",
    "server_label",
    "arguments",
    "output",
    "error",
    "tools",
)


def input_item(item: Any) -> dict[str, Any]:
    """Return an item of `input` as a message."""
    kind = get(item, "type")
    if kind in (None, "message"):
        return {"role": get(item, "role") or "user", "parts": shape.read_parts(get(item, "content"))}
    if isinstance(kind, str) and kind.endswith("_output"):
        part = {"type": "tool_call_response", "id": get(item, "call_id") or "", "response": _outcome(item)}
        return {"role": "tool", "parts": [part]}
    if kind == "mcp_approval_response":
        verdict = {"id": get(item, "approval_request_id") or "", "approve": get(item, "approve")}
        return {"role": "user", "parts": [{"type": kind, **verdict}]}
    return {"role": "assistant", "parts": output_item(item)}


def output_item(item: Any) -> list[dict[str, Any]]:
    """Return the parts of an item that the model put out."""
    kind = get(item, "type")
    if kind == "message":
        # What a compacted conversation keeps of its questions is no answer.
        return shape.read_parts(get(item, "content")) if get(item, "role") != "user" else []
    if kind == "reasoning":
        texts = [*shape.listed(item, "summary"), *shape.listed(item, "content")]
        words = "\n".join(text for part in texts if (text := shape.text_of(part, "text")))
        return [{"type": "reasoning", "content": words}] if words else []
    if runs_at_caller(item):
        return [_tool_call(item, kind)]
    if kind == "image_generation_call" and get(item, "result"):  # else it failed, or is only referred to
        drawn = shape.blob("image", f"image/{get(item, 'output_format') or 'png'}", get(item, "result"))
        revised = shape.text_of(item, "revised_prompt")
        return [{**drawn, "revised_prompt": revised} if revised else drawn]
    return [_server_item(item, str(kind or "unknown"))]


def runs_at_caller(item: Any) -> bool:
    """Tell whether an item is the call of a tool that the caller is to run."""
    kind = get(item, "type")
    if kind == "shell_call":
        return bool(get(get(item, "environment"), "type") != "container_reference")
    if kind == "tool_search_call":
        return bool(get(item, "execution") == "client")
    return kind in _CALLERS


def searches_apart(items: list[Any], tools: list[Any]) -> list[Any]:
    """Return the items with xAI's searches of X as what they are: they look like calls of custom tools."""
    if "x_search" not in {shape.text_of(tool, "type") for tool in tools}:
        return items
    own = {shape.text_of(tool, "name") for tool in tools}
    return [
        {
            "type": "x_search_call",
            "id": shape.text_of(item, "call_id"),
            "name": shape.text_of(item, "name"),
            "arguments": shape.text_of(item, "input"),
        }
        if shape.text_of(item, "type") == "custom_tool_call" and shape.text_of(item, "name") not in own
        else item
        for item in items
    ]


def server_tools(items: list[Any]) -> dict[str, int]:
    """Return how often the vendor ran each of its tools, as it is paid."""
    found: dict[str, int] = {}
    for item in items:
        kind = shape.text_of(item, "type")
        if kind.endswith("_call") and not runs_at_caller(item) and not _reads_on(item):
            name = kind.removesuffix("_call")
            found[name] = found.get(name, 0) + 1
    return found


def _reads_on(item: Any) -> bool:
    """Tell what a model does with the pages that a search found: it is no search, and not paid as one."""
    return get(item, "type") == "web_search_call" and get(get(item, "action"), "type") in _READING


def logprobs(items: list[Any]) -> list[Any]:
    """Return the log probabilities of all tokens of the answer's texts, where they were asked for."""
    return [
        get(token, "logprob")
        for item in items
        for part in shape.listed(item, "content")
        for token in shape.listed(part, "logprobs")
    ]


def _tool_call(item: Any, kind: str) -> dict[str, Any]:
    name = shape.text_of(item, "name") or kind.removesuffix("_call")
    if kind == "custom_tool_call":
        arguments = get(item, "input")  # free text, also where it looks like a number or a list
    else:
        given = get(item, _CALLERS[kind])
        given = get(item, "actions") if given is None else given
        arguments = shape.as_object(given) if isinstance(given, str) else plain(_dumped(given), 8)
    called = get(item, "call_id") or get(item, "id") or ""
    return {"type": "tool_call", "id": called, "name": name, "arguments": arguments}


def _server_item(item: Any, kind: str) -> dict[str, Any]:
    """Return what the server did: with the conversation, which is sealed, or by a tool."""
    if kind in _NO_TOOLS:
        return {"type": kind}
    return _server_result(item) if kind.endswith("_output") else _server_tool(item, kind)


def _server_tool(item: Any, kind: str) -> dict[str, Any]:
    """Return the call of a tool that runs at the vendor (search, code, MCP)."""
    found = {"type": "server_tool_call", "id": get(item, "id") or "", "name": get(item, "name") or kind}
    for name in _TOLD:
        value = get(item, name)
        if value is not None:
            told = shape.as_object(value) if name == "arguments" else value  # of MCP a text
            found[name] = plain(_dumped(told), 8)
    return found


def _server_result(item: Any) -> dict[str, Any]:
    """Return what came out of a tool that ran at the vendor, where that is an item of its own."""
    called = get(item, "call_id") or get(item, "id") or ""
    return {"type": "server_tool_call_response", "id": called, "response": _outcome(item)}


def _outcome(item: Any) -> Any:
    """Return what came out of a call, wherever its kind has it: a search for tools the tools."""
    found = next((value for name in _RESULTS if (value := get(item, name)) is not None), None)
    return found if isinstance(found, str) else plain(_dumped(found), 8)


def _dumped(value: Any) -> Any:
    """Return plain data; an image inside is told by type and size."""
    if isinstance(value, list | tuple):
        return [_dumped(item) for item in value]
    if hasattr(value, "model_dump"):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, dict):
        return {name: _dumped(item) for name, item in value.items()}
    if isinstance(value, str) and value.startswith("data:"):
        return shape.link_or_blob(value, "image")
    return value
