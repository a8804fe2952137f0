"""Sentry: the conventions on spans of its SDKs and of programs, whose kind may stand in `sentry.op` alone.

Before them its Python SDK had names of its own, `ai.*`. What it takes over from the AI SDK keeps the words of
that one.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.dialects.ai_sdk import cut_provider
from kansoku_collector.values import mapping, rename, text

_OP = "sentry.op"
_PREFIXES = ("gen_ai.", "ai.")
_MESSAGE = "sentry.status.message"
_UNSAID = frozenset({"", "request"})  # a kind that says only that a model was asked
_OLDER = {  # of the second word of a kind, where the first is `ai`
    **dict.fromkeys(("chat_completions", "messages"), "chat"),
    "embeddings": "embeddings",
    "tool": "execute_tool",
    "agent": "invoke_agent",
}
_VENDORS = frozenset({"openai", "anthropic", "cohere"})
_NAMES = {
    "gen_ai.cost.total_tokens": s.VENDOR_COST,
    "ai.model_id": s.REQUEST_MODEL,
    "ai.generation_id": s.RESPONSE_ID,
    "ai.input_messages": s.INPUT_MESSAGES,
    "ai.texts": s.INPUT_MESSAGES,
    "ai.preamble": s.SYSTEM_INSTRUCTIONS,
    "ai.responses": "gen_ai.response.text",
    "ai.tool_calls": "gen_ai.response.tool_calls",
    "ai.tools": s.TOOL_DEFINITIONS,
    "ai.finish_reason": s.FINISH_REASONS,
    "ai.streaming": s.STREAM,
    "ai.prompt_tokens.used": s.INPUT_TOKENS,
    "ai.completion_tokens.used": s.OUTPUT_TOKENS,
    "ai.total_tokens.used": "gen_ai.usage.total_tokens",
    "ai.total_cost": s.VENDOR_COST,
    "ai.temperature": s.TEMPERATURE,
    "ai.top_p": s.TOP_P,
    "ai.top_k": s.TOP_K,
    "ai.seed": s.SEED,
    "ai.frequency_penalty": s.FREQUENCY_PENALTY,
    "ai.presence_penalty": s.PRESENCE_PENALTY,
}


def is_sentry(raw: RawSpan) -> bool:
    """Tell whether a span of Sentry's is about a model, by its kind and a name of one beside it."""
    return _OP in raw.attributes and any(name.startswith(_PREFIXES) for name in raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions."""
    rename(left, _NAMES)
    _read_kind(left)
    if "toolCallId" in (result := mapping(left.get(s.TOOL_RESULT))):  # the AI SDK's, with the call around it
        left[s.TOOL_RESULT] = result.get("output")
    gen_ai.read(raw, left, span)
    span.dialect = "sentry"
    cut_provider(span)
    if span.status == "error":
        span.error_message = span.error_message or text(left.pop(_MESSAGE, None))


def _read_kind(left: Attributes) -> None:
    """Give a span the operation that its kind tells: programs' own have no other, nor have older ones."""
    first, _, rest = text(left[_OP]).partition(".")
    if left.get(s.OPERATION):
        return
    if first == "gen_ai" and rest not in _UNSAID:
        left[s.OPERATION] = rest
    elif first == "ai":
        words = rest.split(".")
        left[s.OPERATION] = _OLDER.get(words[0], "chain")
        if words[-1] in _VENDORS:
            left.setdefault(s.PROVIDER, words[-1])
