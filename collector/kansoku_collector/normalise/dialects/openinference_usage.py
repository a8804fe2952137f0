"""OpenInference's token counts, and what the vendor's own response knows of them besides."""

from typing import Any

from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.counts import Counts
from kansoku_collector.normalise.exchange import response_counts
from kansoku_collector.normalise.frame import put_usage
from kansoku_collector.normalise.terms import NAMES, put_searches, put_tier
from kansoku_collector.normalise.vendor import response_facts
from kansoku_collector.values import count, decode

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
_GOOGLE = ("gcp.", "google", "gemini", "vertex")
_CACHED = "llm.token_count.prompt_details.cache_input"  # whatever the cache was used for


def read_usage(left: Attributes, span: Span, response: dict[str, Any] | None = None) -> None:
    """Store the counts; the response's own say more where they come to the same totals."""
    counts: Counts = {
        _COUNTERS[name]: count(left.pop(name)) for name in [name for name in left if name in _COUNTERS]
    }
    if (cached := count(left.pop(_CACHED, None))) is not None:
        counts.setdefault("cache_read", cached)
    total = count(left.pop("llm.token_count.total", None))
    if span.provider.startswith(_GOOGLE) and not counts.get("reasoning"):
        _add_thoughts(counts, total)
    if "metadata.usage.prompt_tokens" in left:
        counts |= {counter: count(left.get(name)) for name, counter in _BESIDE.items()}
    if span.scope_name == _AGNO:
        _include_caches(counts, span.provider)
    _read_terms(left, span, response)
    told = response_counts(response) if response and _may_say_more(left) else {}
    if told and _agrees(told, counts):
        counts["input_tokens"] = told["input_tokens"]
        counts |= {name: value for name, value in told.items() if value and not counts.get(name)}
    put_usage(span, counts)


def _read_terms(left: Attributes, span: Span, response: dict[str, Any] | None) -> None:
    asked = [decode(span.parameters[name]) for name in NAMES if name in span.parameters]
    answer = left.get("output.value")
    served = response_facts(response).get("tier") if isinstance(answer, str) and "tier" in answer else None
    put_tier(left, served, *asked)
    put_searches(left, response)


def _add_thoughts(counts: Counts, total: int | None) -> None:
    """Add what only the total has to the answer: thoughts of Gemini's, which LlamaIndex leaves out of it."""
    given, answered = counts.get("input_tokens"), counts.get("output_tokens")
    if total and given is not None and answered is not None and (missing := total - given - answered) > 0:
        counts["output_tokens"], counts["reasoning"] = answered + missing, missing


def _include_caches(counts: Counts, provider: str) -> None:
    """Add cached tokens to the input, which Agno counts as the vendor does: Claude and Bedrock beside it."""
    given = counts.get("input_tokens")
    if provider in ("anthropic", "awsbedrock", "vertexai") and given is not None:
        counts["input_tokens"] = given + (counts.get("cache_read") or 0) + (counts.get("cache_write") or 0)


def _agrees(told: Counts, counts: Counts) -> bool:
    """Tell whether a response's counts are those of the span, whose input may leave caches out: Bedrock's."""
    if told.get("output_tokens") != counts.get("output_tokens"):
        return False
    cached = (told.get("cache_read") or 0) + (told.get("cache_write") or 0)
    return counts.get("input_tokens") in (told["input_tokens"], (told["input_tokens"] or 0) - cached)


def _may_say_more(left: Attributes) -> bool:
    """Tell whether a response can know parts of its counts that the attributes do not."""
    told = left.get("output.value")
    return isinstance(told, str) and any(
        word in told for word in ('"cache', "_cache_read", "cached_tokens=", "ephemeral_1h")
    )
