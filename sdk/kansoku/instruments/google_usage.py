"""The token counts of Google's APIs, in disjoint buckets: of contents, and of interactions."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.instruments import openai_shape as shape
from kansoku.instruments import openai_tokens
from kansoku.instruments.google_shape import get, word
from kansoku.usage import Usage

_COUNTED = {
    "google_search": semconv.WEB_SEARCHES,
    "google_maps": semconv.SERVER_TOOL_CALLS.format("google_maps"),
}


def read_usage(*told: Any) -> Usage | None:
    """Return the token counts of `usage_metadata`: one, or those of the chunks of a stream: the last count.

    Thoughts are not among the candidates' tokens, nor are the results of the vendor's tools in the prompt's.
    """
    sent, tools = _last(told, "prompt_token_count"), _last(told, "tool_use_prompt_token_count") or 0
    answered, thought = _last(told, "candidates_token_count"), _last(told, "thoughts_token_count")
    if answered is None:
        answered = _last(told, "response_token_count")  # what Vertex embeddings and Live say
    if thought is None:
        thought = _dropped(told, (sent or 0) + (answered or 0))
    if sent is None and answered is None and not tools and not thought:
        return None
    cached = _last(told, "cached_content_token_count") or 0
    return Usage.from_inclusive(
        (sent or 0) + tools,
        (answered or 0) + thought,
        cache_read=cached,
        reasoning=thought,
        audio_in=_sent(told, "AUDIO"),
        audio_out=tokens_of(told, "AUDIO", "candidates_tokens_details"),
        image=_sent(told, "IMAGE"),
    )


def _dropped(told: tuple[Any, ...], counted: int) -> int:
    """Return the tokens that only the sum still has: of thoughts, which old clients have no field for.

    So have they none for the results of the vendor's tools; most calls that think use no such tool.
    """
    known = next((usage for usage in reversed(told) if usage is not None), None)
    if known is None or isinstance(known, Mapping) or hasattr(known, "thoughts_token_count"):
        return 0
    return max(0, (_last(told, "total_token_count") or 0) - counted)


def _sent(told: tuple[Any, ...], modality: str) -> int:
    """Return the tokens of one modality that were sent afresh: a cached one is counted as cached."""
    fresh = tokens_of(told, modality, "prompt_tokens_details") + tokens_of(
        told, modality, "tool_use_prompt_tokens_details"
    )
    return max(0, fresh - tokens_of(told, modality, "cache_tokens_details"))


def cached_kinds(told: tuple[Any, ...]) -> dict[str, int]:
    """Return how many of the cached tokens were sounds and images: they may have prices of their own."""
    said = {
        semconv.CACHE_READ_AUDIO_TOKENS: tokens_of(told, "AUDIO", "cache_tokens_details"),
        semconv.CACHE_READ_IMAGE_TOKENS: tokens_of(told, "IMAGE", "cache_tokens_details"),
    }
    return {name: number for name, number in said.items() if number}


def video_kinds(told: tuple[Any, ...]) -> dict[str, int]:
    """Return the tokens of videos sent afresh and of videos made: some models have prices for them."""
    said = {
        semconv.VIDEO_INPUT_TOKENS: _sent(told, "VIDEO"),
        semconv.VIDEO_OUTPUT_TOKENS: tokens_of(told, "VIDEO", "candidates_tokens_details"),
    }
    return {name: number for name, number in said.items() if number}


def _last(told: tuple[Any, ...], name: str) -> int | None:
    for usage in reversed(told):
        value = get(usage, name) if usage is not None else None
        if isinstance(value, int):
            return value
    return None


def tokens_of(told: tuple[Any, ...], modality: str, name: str) -> int:
    """Return the tokens of one modality, from the last list that there is."""
    for usage in reversed(told):
        details = get(usage, name) if usage is not None else None
        if details:
            counts = [get(d, "token_count") for d in details if word(get(d, "modality")).upper() == modality]
            return sum(count for count in counts if isinstance(count, int))
    return 0


def read_interaction(usage: Any) -> Usage | None:
    """Return the counts of an interaction; as ever here, thoughts and tools' results are counted apart."""
    sent, answered = (
        openai_tokens.count(usage, "total_input_tokens"),
        openai_tokens.count(usage, "total_output_tokens"),
    )
    if sent is None and answered is None:
        return None
    thought = openai_tokens.count(usage, "total_thought_tokens") or 0
    return Usage.from_inclusive(
        (sent or 0) + (openai_tokens.count(usage, "total_tool_use_tokens") or 0),
        (answered or 0) + thought,
        cache_read=openai_tokens.count(usage, "total_cached_tokens") or 0,
        reasoning=thought,
        audio_in=_fresh(usage, "audio"),
        audio_out=_by_modality(usage, "output", "audio"),
        image=_fresh(usage, "image"),
    )


def interaction_facts(usage: Any) -> dict[str, Any]:
    """Return what is paid beside ordinary tokens: images that were drawn, searches."""
    said = {
        semconv.IMAGE_OUTPUT_TOKENS: _by_modality(usage, "output", "image"),
        semconv.VIDEO_INPUT_TOKENS: _fresh(usage, "video"),
        semconv.VIDEO_OUTPUT_TOKENS: _by_modality(usage, "output", "video"),
    }
    for tool in shape.listed(usage, "grounding_tool_count"):
        if name := _COUNTED.get(word(get(tool, "type"))):
            said[name] = said.get(name, 0) + (openai_tokens.count(tool, "count") or 0)
    return {name: value for name, value in said.items() if value}


def _fresh(usage: Any, modality: str) -> int:
    """Return the tokens of one modality that were sent afresh: a cached one is counted as cached."""
    sent = _by_modality(usage, "input", modality) + _by_modality(usage, "tool_use", modality)
    return max(0, sent - _by_modality(usage, "cached", modality))


def _by_modality(usage: Any, kind: str, modality: str) -> int:
    told = shape.listed(usage, f"{kind}_tokens_by_modality")
    those = [each for each in told if word(get(each, "modality")).lower() == modality]
    return sum(openai_tokens.count(each, "tokens") or 0 for each in those)
