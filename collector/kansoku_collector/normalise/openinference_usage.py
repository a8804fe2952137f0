"""OpenInference's token counts, and what the vendor's own response knows of them besides."""

from typing import Any

from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.exchange import response_counts
from kansoku_collector.normalise.frame import put_usage
from kansoku_collector.values import count, text

_AGNO = "openinference.instrumentation.agno"
_COUNTERS = {
    "llm.token_count.prompt": "input_tokens",
    "llm.token_count.completion": "output_tokens",
    "llm.token_count.prompt_details.cache_read": "cache_read",
    "llm.token_count.prompt_details.cache_write": "cache_write",
    "llm.token_count.prompt_details.audio": "audio_in",
    "llm.token_count.completion_details.reasoning": "reasoning",
    "llm.token_count.completion_details.audio": "audio_out",
}
_BESIDE = {  # BeeAI's
    "metadata.usage.cached_prompt_tokens": "cache_read",
    "metadata.usage.cached_creation_tokens": "cache_write",
}
_CACHED = "llm.token_count.prompt_details.cache_input"  # whatever the cache was used for


def read_usage(left: Attributes, span: Span, response: dict[str, Any] | None = None) -> None:
    """Store the counts; the response's own say more where they come to the same totals."""
    counts = {_COUNTERS[name]: count(left.pop(name)) for name in [name for name in left if name in _COUNTERS]}
    if (cached := count(left.pop(_CACHED, None))) is not None:
        counts.setdefault("cache_read", cached)
    left.pop("llm.token_count.total", None)
    if "metadata.usage.prompt_tokens" in left:
        counts |= {counter: count(left.get(name)) for name, counter in _BESIDE.items()}
    if span.scope_name == _AGNO:
        _include_caches(counts, span.provider)
    told = response_counts(response) if response and _may_say_more(left, counts) else {}
    if told and all(told.get(name) == counts.get(name) for name in ("input_tokens", "output_tokens")):
        counts |= {name: value for name, value in told.items() if value and not counts.get(name)}
    put_usage(span, counts)


def _include_caches(counts: dict[str, int | None], provider: str) -> None:
    """Add cached tokens to the input, which Agno counts as the vendor does: Claude and Bedrock beside it."""
    given = counts.get("input_tokens")
    if provider in ("anthropic", "awsbedrock", "vertexai") and given is not None:
        counts["input_tokens"] = given + (counts.get("cache_read") or 0) + (counts.get("cache_write") or 0)


def _may_say_more(left: Attributes, counts: dict[str, int | None]) -> bool:
    """Tell whether a response can know parts of its counts that the attributes do not."""
    told = text(left.get("output.value"))
    if "ephemeral_1h" in told or ("cache_write" not in counts and '"cache_creation_input_tokens"' in told):
        return True
    return "cache_read" not in counts and "cached" in told
