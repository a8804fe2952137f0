"""Read token counts as the endpoints of the OpenAI API have them, and servers that speak like it."""

from typing import Any

from kansoku.instruments.openai_shape import flat, get
from kansoku.usage import Usage

# Counts that few servers tell, in a usage and in what it says of the prompt: without any of these names none
# is looked for.
_RARE_COUNTS = frozenset(
    {
        "prompt_cache_hit_tokens",
        "cached_tokens",
        "cache_read_input_tokens",
        "reasoning_tokens",
        "cache_creation_input_tokens",
        "citation_tokens",
    }
)
_WRITES = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
_WRITTEN = frozenset(_WRITES)
_GEMINIS = ("gemini", "models/gemini", "google/gemini")


def read_usage(usage: Any, model: str = "") -> Usage | None:
    """Return the token counts of a `usage` object of any endpoint, None when there is none.

    Gemini's, behind OpenAI's API, have thoughts in the sum alone: `model` is who answers.
    """
    if usage is None:
        return None
    usage = flat(usage)
    sent = count(usage, "prompt_tokens", "input_tokens")
    answered = count(usage, "completion_tokens", "output_tokens")
    if sent is None and answered is None:
        return None
    into = details(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    out = details(usage, "completion_tokens_details", "output_tokens_details", "output_token_details")
    is_rare = type(usage) is not dict or not _RARE_COUNTS.isdisjoint(usage)
    cached = count(into, "cached_tokens")
    if cached is None and is_rare:  # DeepSeek, Together, and who passes on the names of Anthropic
        cached = count(usage, "prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
    thought = count(out, "reasoning_tokens") or (count(usage, "reasoning_tokens") if is_rare else 0) or 0
    if not thought and out is None and model.startswith(_GEMINIS):
        thought = max(0, (count(usage, "total_tokens") or 0) - (sent or 0) - (answered or 0))
    written = 0
    if type(into) is not dict or not _WRITTEN.isdisjoint(into):
        written = count(into, *_WRITES) or 0
    if is_rare and not written:
        written = count(usage, "cache_creation_input_tokens") or 0
    apart = beside(usage, sent or 0, answered or 0, thought)
    if is_rare and count(usage, "citation_tokens") is not None:
        apart = thought  # Perplexity's, which counts neither those nor thoughts in any sum
    said = (answered or 0) + apart
    sent, part = sent or 0, (cached or 0) + written
    sent += part if part > sent else beside(usage, sent, said, part)  # more than all is not among it
    return Usage.from_inclusive(
        sent,
        said,
        cache_read=cached or 0,
        cache_write=written,
        cache_write_1h=(_for_an_hour(into) or _for_an_hour(usage)) if written else 0,
        reasoning=min(thought, said) if thought and count(usage, "total_tokens") == sent + said else thought,
        audio_in=count(into, "audio_tokens") or 0,
        audio_out=count(out, "audio_tokens") or 0,
        image=count(into, "image_tokens") or 0,
    )


def _for_an_hour(into: Any) -> int:
    """Return the tokens that were written to a cache for an hour: routers say so of Anthropic's models."""
    split = details(into, "cache_creation_token_details", "cache_creation")
    return count(split, "ephemeral_1h_input_tokens") or 0


def beside(usage: Any, sent: int, answered: int, part: int) -> int:
    """Return tokens that are counted beside the others and not among them: the sum of all tells.

    So xAI counts thoughts, and Databricks what Anthropic's caches read and wrote.
    """
    return part if part and count(usage, "total_tokens") == sent + answered + part else 0


def details(usage: Any, *names: str) -> Any:
    """Return the first of several fields that is there."""
    known = type(usage) is dict
    for name in names:
        found = usage.get(name) if known else get(usage, name)
        if found is not None:
            return flat(found)
    return None


def count(counts: Any, *names: str) -> int | None:
    """Return the first of several fields that is a count."""
    if counts is None:
        return None
    known = type(counts) is dict
    for name in names:
        value = counts.get(name) if known else get(counts, name)
        if value is None:
            continue
        if isinstance(value, int) and value >= 0:
            return value
        if type(value) is float and value >= 0 and value.is_integer():
            return int(value)  # gateways that rewrite a body may make floats of all its numbers
    return None
