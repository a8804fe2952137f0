"""Cline: log records of requests, failed requests and tools; it counts caches beside the input.

A request is told when it has ended, by the main agent's alone: nothing tells those of agents that it starts.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counters import include_caches
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import rename, text, truth

_SCOPE = "cline"
_OPERATIONS = {"cline.tokens": "chat", "cline.error": "chat", "cline.tool_used": "execute_tool"}
_NAMES = {
    "model": s.REQUEST_MODEL,
    "tokensIn": s.INPUT_TOKENS,
    "tokensOut": s.OUTPUT_TOKENS,
    "cacheReadTokens": s.CACHE_READ_TOKENS,
    "cacheWriteTokens": s.CACHE_WRITE_TOKENS,
    "totalCost": s.VENDOR_COST,
    "tool": s.TOOL_NAME,
    "agentId": s.AGENT_ID,
}
_PROVIDERS = {"openai-native": "openai", "openai-codex": "openai", "claude-code": "anthropic"}
_NO_PROVIDER = "openai-compatible"  # the protocol: the model's name tells more


def is_cline(raw: RawSpan) -> bool:
    """Tell whether a span is a record of Cline's, by its scope and name."""
    return raw.scope_name == _SCOPE and raw.name in _OPERATIONS


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span`: what a request used is the call, and its caches are a part of the input."""
    left[s.OPERATION] = operation = _OPERATIONS[raw.name]
    provider = text(left.pop("provider", None) or left.pop("providerId", None))
    if operation == "chat":
        rename(left, {"modelId": s.REQUEST_MODEL})
        if provider != _NO_PROVIDER:
            left[s.PROVIDER] = _PROVIDERS.get(provider, provider)
    rename(left, _NAMES)
    include_caches(left)
    gen_ai.read(raw, left, span)
    span.dialect = "cline"
    span.session_id = span.session_id or text(left.pop("ulid", None))
    span.user_id = span.user_id or text(left.get("user_id"))
    if operation == "execute_tool" and not truth(left.get("success", True)):
        span.status = "error"
