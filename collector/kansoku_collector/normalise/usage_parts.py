"""Parts of usage that only a vendor's own usage object names: caches, reasoning, audio."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.values import count, mapping

_GIVEN = {
    "cached_tokens": s.CACHE_READ_TOKENS,
    "audio_tokens": s.AUDIO_INPUT_TOKENS,
    "image_tokens": s.IMAGE_INPUT_TOKENS,
}
_NESTED = {
    **dict.fromkeys(("prompt_tokens_details", "input_tokens_details"), _GIVEN),
    "input_token_details": _GIVEN,  # of transcriptions
    "completion_tokens_details": {
        "reasoning_tokens": s.REASONING_TOKENS,
        "audio_tokens": s.AUDIO_OUTPUT_TOKENS,
    },
    "output_tokens_details": {
        "reasoning_tokens": s.REASONING_TOKENS,
        "audio_tokens": s.AUDIO_OUTPUT_TOKENS,
    },
    "cache_creation": {"ephemeral_1h_input_tokens": s.CACHE_WRITE_1H_TOKENS},
}
_FLAT = {
    "cache_read_input_tokens": s.CACHE_READ_TOKENS,
    "cacheReadInputTokens": s.CACHE_READ_TOKENS,
    "cachedPromptTokens": s.CACHE_READ_TOKENS,
    "cachedContentTokenCount": s.CACHE_READ_TOKENS,
    "cached_content_token_count": s.CACHE_READ_TOKENS,
    "cache_creation_input_tokens": s.CACHE_WRITE_TOKENS,
    "cacheCreationInputTokens": s.CACHE_WRITE_TOKENS,
    "cacheWriteInputTokens": s.CACHE_WRITE_TOKENS,
    "reasoningTokens": s.REASONING_TOKENS,
    "thoughtsTokenCount": s.REASONING_TOKENS,
    "thoughts_token_count": s.REASONING_TOKENS,
}


def usage_parts(usage: Any) -> dict[str, int]:
    """Return the parts in a vendor's usage object under the names of the conventions; none that is zero."""
    found: dict[str, int] = {}
    source = mapping(usage)
    for key, name in _FLAT.items():
        if value := count(source.get(key)):
            found[name] = value
    for key, names in _NESTED.items():
        inner = mapping(source.get(key))
        for leaf, name in names.items():
            if value := count(inner.get(leaf)):
                found[name] = value
    return found
