"""Token counts as each vendor and framework writes them, to the one rule of the conventions.

The result is what `put_usage` takes: input includes cached tokens, output includes reasoning. No count at all
gives an empty dict, which is unknown and not zero.
"""

from typing import Any

from kansoku_collector.model import Span
from kansoku_collector.normalise.modalities import sounds_and_images
from kansoku_collector.normalise.terms import usual
from kansoku_collector.values import count, load, mapping

Counts = dict[str, int | None]

_INPUT = (
    *("input_tokens", "prompt_tokens", "prompt_token_count", "promptTokenCount"),
    *("inputTokens", "promptTokens", "prompt_eval_count"),
)
_OUTPUT = (
    *("output_tokens", "completion_tokens", "candidates_token_count", "candidatesTokenCount"),
    *("outputTokens", "completionTokens", "eval_count"),
)
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
# Parts that Anthropic and Bedrock report beside their input, not inside it.
_READ_BESIDE = ("cache_read_input_tokens", "cacheReadInputTokens")
_WRITE_BESIDE = ("cache_creation_input_tokens", "cacheWriteInputTokens")
_READ_INSIDE = ("cached_content_token_count", "cachedContentTokenCount", "cachedContentTokens")
_THOUGHTS = ("thoughts_token_count", "thoughtsTokenCount", "thoughtsTokens")
_TOOL_INPUT = ("tool_use_prompt_token_count", "toolUsePromptTokenCount")
_LONG_LIVED = ("ephemeral_1h_input_tokens", "ephemeral_1hr_input_tokens")
_BY_AGE = "cache_creation_token_details"  # LiteLLM's
_TOTAL = ("total_tokens", "total_token_count", "totalTokenCount", "totalTokens")
_READ = ("cache_read", "cached_tokens", "cache_read_tokens")
_WRITE = ("cache_creation", "cache_write_tokens", "cache_creation_tokens")


def vendor_counts(value: Any) -> Counts:
    """Return the counts in a vendor's usage object: OpenAI, Anthropic, Gemini, Bedrock or LangChain."""
    usage = load(value)
    if not isinstance(usage, dict) or (_either(usage, _INPUT) is None and _either(usage, _OUTPUT) is None):
        return {}
    given, answered = _either(usage, _INPUT) or 0, _either(usage, _OUTPUT) or 0
    inside, outside = _details(usage, _INPUT_DETAILS), _details(usage, _OUTPUT_DETAILS)
    read, write = _either(usage, _READ_BESIDE), _either(usage, _WRITE_BESIDE)
    if read is not None and "prompt_tokens" in usage and _either(inside, _READ) == read:
        read = write = None  # LiteLLM's: Anthropic's names beside OpenAI's counts, which include them
    given += (read or 0) + (write or 0)
    creation = usage.get("cache_creation")
    long_lived = _either(creation, _LONG_LIVED) if isinstance(creation, dict) else None
    if read is None and write is None:
        read = _either(inside, _READ) or _either(usage, _READ_INSIDE)
        long_lived = long_lived or _either(inside | mapping(inside.get(_BY_AGE)), _LONG_LIVED)
        short_lived = _either(inside, ("ephemeral_5m_input_tokens",)) or 0
        write = max(_either(inside, _WRITE) or 0, short_lived + (long_lived or 0))
    beside = _either(usage, _THOUGHTS) or 0
    reasoning = beside or _either(outside, ("reasoning_tokens", "reasoning", "thinking_tokens")) or 0
    if (
        _either(usage, _TOTAL) == given + answered + reasoning
    ):  # some count Gemini's thoughts beside the answer
        beside = reasoning
    elif beside and _either(usage, _TOTAL) == given + answered:  # and some in it, under Gemini's names
        beside = 0
    return {
        "input_tokens": given + (_either(usage, _TOOL_INPUT) or 0),
        "output_tokens": answered + beside,
        "cache_read": read,
        "cache_write": write,
        "cache_write_1h": long_lived,
        "reasoning": reasoning,
        "audio_in": _either(inside, ("audio_tokens", "audio")),
        "audio_out": _either(outside, ("audio_tokens", "audio")),
        "image": _either(inside, ("image_tokens", "image")),
        **sounds_and_images(usage),
    }


def same_sums(counts: Counts, span: Span) -> bool:
    """Tell whether counts come to what a span reports."""
    given = span.input_fresh + span.cache_read + span.cache_write_5m + span.cache_write_1h + span.audio_in
    answered = span.output_visible + span.audio_out
    return (counts.get("input_tokens"), counts.get("output_tokens")) == (given, answered)


def once(counts: Counts, choices: int) -> Counts:
    """Return counts that LangChain notes on each of several choices, where a sender added them up."""
    if choices < 2 or any((number or 0) % choices for number in counts.values()):
        return counts
    return {name: number // choices if number else number for name, number in counts.items()}


def mlflow_counts(value: Any) -> Counts:
    """Return the counts in MLflow's summary of a usage, which includes caches; None is what it leaves out."""
    usage = load(value)
    usage = usage if isinstance(usage, dict) else {}
    return {
        "input_tokens": count(usage.get("input_tokens")),
        "output_tokens": count(usage.get("output_tokens")),
        "cache_read": count(usage.get("cache_read_input_tokens")),
        "cache_write": count(usage.get("cache_creation_input_tokens")),
        "cache_write_1h": count(usage.get("cache_creation_input_tokens_above_1hr")),
    }


def flat_counts(value: Any) -> Counts:
    """Return the counts of Langfuse's flat form, where `input` and each `input_*` are disjoint.

    A `total` that equals input and output alone tells that this sender counted the parts inside them.
    """
    usage = {key: found for key, item in value.items() if (found := count(item)) is not None}
    if "input" not in usage and "output" not in usage:
        return {}
    # Since version 4 it leaves parts of a priority call in its totals, of which it takes all others out.
    priority = {key: item for key, item in usage.items() if "priority" in key}
    taken_out = sum(priority.values()) > usage.get("input", 0) + usage.get("output", 0)
    inside = {} if taken_out else usual(priority)
    ours = {key: item for key, item in usage.items() if taken_out or key not in priority}
    parts_in = {key: item for key, item in ours.items() if key.startswith("input_") or "input_tokens" in key}
    parts_out = {
        key: item for key, item in ours.items() if key.startswith("output_") or key == "reasoning_tokens"
    }
    given, answered = usage.get("input", 0), usage.get("output", 0)
    write = _sum({k: n for k, n in parts_in.items() if "ephemeral" not in k}, "cache_creation", "cache_write")
    by_age = _sum(parts_in, "ephemeral")  # the cache writes once more, by how long they live
    if usage.get("total") != given + answered:
        given += sum(parts_in.values()) - min(write, by_age)
        answered += sum(parts_out.values())
    parts_in |= {key: item for key, item in inside.items() if key.startswith("input_")}
    parts_out |= {key: item for key, item in inside.items() if key.startswith("output_")}
    return {
        "input_tokens": given,
        "output_tokens": answered,
        "cache_read": _sum(parts_in, "cache_read", "cached"),
        "cache_write": max(write, by_age),
        "cache_write_1h": _sum(parts_in, "ephemeral_1h"),
        "reasoning": _sum(parts_out, "reasoning"),
        "audio_in": _sum(parts_in, "audio"),
        "audio_out": _sum(parts_out, "audio"),
        "image": _sum(parts_in, "image"),
    }


def _either(usage: dict[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        found = count(usage.get(name))
        if found is not None:
            return found
    return None


def _details(usage: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return usual(next((found for name in names if isinstance(found := usage.get(name), dict)), {}))


def _sum(parts: dict[str, int], *words: str) -> int:
    return sum(item for key, item in parts.items() if any(word in key for word in words))
