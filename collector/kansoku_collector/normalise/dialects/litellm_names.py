"""LiteLLM's names beside the conventions': functions for operations, who asked, tools one by one, costs."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise import flattened
from kansoku_collector.normalise.flattened import at, listed
from kansoku_collector.normalise.frame import put_metadata
from kansoku_collector.normalise.printed import read_printed
from kansoku_collector.values import decode, first, items, mapping, rename, text

_CHAT = (
    "completion",
    "responses",
    "anthropic_messages",
    "messages",
    "generate_content",
    "completion_with_retries",
)
_OPERATIONS = {
    **dict.fromkeys(_CHAT, "chat"),
    "generate_content_stream": "chat",
    "text_completion": "text_completion",
    "embedding": "embeddings",
    "rerank": "rerank",
    "image_generation": "image_generation",
    "image_edit": "image_generation",
    **dict.fromkeys(("transcription", "speech"), "generate_content"),
    "call_mcp_tool": "execute_tool",
    "search": "retrieval",
    "vector_store_search": "retrieval",
}
_NAMES = {
    "litellm.request.streaming": s.STREAM,
    "litellm.cost.total": s.COST_REPORTED_USD,
}
_METADATA = "litellm.metadata."
_TOOL = "gen_ai.tool."
_TOOLS = tuple(f"{_TOOL}{digit}" for digit in range(10))


def read_names(left: Attributes, span: Span) -> None:
    """Give what has another name the one of the conventions, and take who asked."""
    _read_kind(left)
    rename(left, _NAMES)
    _read_who(left, span)
    _read_tools(left)


def _read_kind(left: Attributes) -> None:
    """Name the operation by the function that was called: it stands where the operation belongs."""
    called = text(left.pop("llm.request.type", None) or left.get("litellm.call_type")).lower()
    operation = text(left.get(s.OPERATION)).lower()
    if known := operation_of(called) or operation_of(operation):
        left[s.OPERATION] = known


def operation_of(function: str) -> str:
    """Return what a function of LiteLLM's does; "" where it is not known."""
    return _OPERATIONS.get(function) or _OPERATIONS.get(function.removeprefix("a"), "")


def _read_who(left: Attributes, span: Span) -> None:
    """Take the user and what the caller noted; what the gateway notes of its keys stays an attribute."""
    user = first(left, "llm.user", "litellm.end_user.id", "metadata.user_api_key_end_user_id")
    span.user_id = span.user_id or text(user)
    notes = _object(left.get("metadata.requester_metadata"))
    notes |= {
        key.removeprefix(_METADATA): left.pop(key) for key in [k for k in left if k.startswith(_METADATA)]
    }
    session = next((text(notes.pop(name)) for name in ("session_id", "thread_id") if notes.get(name)), "")
    span.session_id = span.session_id or session
    span.tags = [*span.tags, *(text(tag) for tag in items(notes.pop("tags", None)))]
    put_metadata(span, {key: value for key, value in notes.items() if not key.startswith("user_api_key")})


def _read_tools(left: Attributes) -> None:
    """Take the tools that were offered, each with its parts in attributes of their own."""
    tree = flattened.take(left, _TOOLS) if any(key.startswith(_TOOLS) for key in left) else {}
    tools = [
        {"type": "function", **{k: decode(v) if k == "parameters" else v for k, v in node.items()}}
        for node in listed(at(tree, "gen_ai.tool"))
        if isinstance(node, dict)
    ]
    if tools:
        left.setdefault(s.TOOL_DEFINITIONS, tools)


def _object(value: object) -> dict[str, object]:
    """Return an object that is JSON, or printed as Python prints it."""
    found = mapping(value) or read_printed(value)
    return dict(found) if isinstance(found, dict) else {}
