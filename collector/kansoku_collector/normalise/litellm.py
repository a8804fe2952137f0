"""LiteLLM, library and proxy: names of OpenLLMetry at first, then the conventions; its own beside both.

An answer from its cache is not billed.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise import flattened, openllmetry
from kansoku_collector.normalise.flattened import at, listed
from kansoku_collector.normalise.frame import put_metadata
from kansoku_collector.values import decode, first, items, notation, rename, text, truth

_SCOPE = "litellm"
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
    "call_mcp_tool": "execute_tool",
    "search": "retrieval",
    "vector_store_search": "retrieval",
}
_NAMES = {
    "litellm.request.streaming": s.STREAM,
    "litellm.cost.total": s.COST_REPORTED_USD,
    "gen_ai.cost.total_cost": s.COST_REPORTED_USD,
}
_PROVIDERS = {
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "azure_ai": "azure.ai.inference",
    "text-completion-openai": "openai",
    "cohere_chat": "cohere",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
_METADATA = "litellm.metadata."
_TOOL = "gen_ai.tool."
_TOOLS = tuple(f"{_TOOL}{digit}" for digit in range(10))


def is_litellm(raw: RawSpan) -> bool:
    """Tell whether LiteLLM wrote a span in its own way, not in that of a platform that it exports to."""
    return raw.scope_name == _SCOPE and "openinference.span.kind" not in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> bool:
    """Fill `span`, and tell whether its answer came from LiteLLM's cache."""
    _read_kind(left)
    rename(left, _NAMES)
    _read_who(left, span)
    _read_tools(left)
    openllmetry.read(raw, left, span)
    span.dialect = "litellm"
    span.provider = _PROVIDERS.get(span.provider, span.provider)
    if span.operation == "other" and "litellm.guardrail.name" in left:
        span.operation = "guardrail"
    return truth(left.get("litellm.cache_hit"))


def _read_kind(left: Attributes) -> None:
    """Name the operation by the function that was called: it stands where the operation belongs."""
    called = text(left.pop("llm.request.type", None) or left.get("litellm.call_type")).lower()
    operation = text(left.get(s.OPERATION)).lower()
    for name in (called, operation):
        if known := _OPERATIONS.get(name) or _OPERATIONS.get(name.removeprefix("a")):
            left[s.OPERATION] = known
            return


def _read_who(left: Attributes, span: Span) -> None:
    """Take the user and what the caller noted; what the gateway notes of its keys stays an attribute."""
    user = first(left, "llm.user", "litellm.end_user.id", "metadata.user_api_key_end_user_id")
    span.user_id = span.user_id or text(user)
    notes = notation(left.get("metadata.requester_metadata"))
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
