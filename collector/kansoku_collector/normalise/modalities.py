"""Counts by kind of content, as Gemini lists them: `[{"modality": "AUDIO", "tokenCount": 12}]`."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.values import count, items, text

_GIVEN = (
    *("prompt_tokens_details", "promptTokensDetails"),
    *("tool_use_prompt_tokens_details", "toolUsePromptTokensDetails"),
)
_CACHED = ("cache_tokens_details", "cacheTokensDetails")
_ANSWERED = ("candidates_tokens_details", "candidatesTokensDetails", "response_tokens_details")
_USAGE = ("usage_metadata", "usageMetadata")


def sounds_and_images(usage: dict[str, Any]) -> dict[str, int]:
    """Return the tokens of sounds and images that were sent afresh, and of sounds answered; none is zero."""
    found = {
        "audio_in": _of(usage, _GIVEN, "AUDIO") - _of(usage, _CACHED, "AUDIO"),
        "image": _of(usage, _GIVEN, "IMAGE") - _of(usage, _CACHED, "IMAGE"),
        "audio_out": _of(usage, _ANSWERED, "AUDIO"),
    }
    return {name: number for name, number in found.items() if number > 0}


def put_kinds(left: Attributes, response: dict[str, Any]) -> None:
    """Note what has a price of its own and no bucket: images that a response drew, cached sounds."""
    usage = next((found for name in _USAGE if isinstance(found := response.get(name), dict)), None)
    if usage is None:
        return
    told = {
        s.IMAGE_OUTPUT_TOKENS: _of(usage, _ANSWERED, "IMAGE"),
        s.VIDEO_OUTPUT_TOKENS: _of(usage, _ANSWERED, "VIDEO"),
        s.VIDEO_INPUT_TOKENS: _of(usage, _GIVEN, "VIDEO") - _of(usage, _CACHED, "VIDEO"),
        s.CACHE_READ_AUDIO_TOKENS: _of(usage, _CACHED, "AUDIO"),
        s.CACHE_READ_IMAGE_TOKENS: _of(usage, _CACHED, "IMAGE"),
    }
    for name, number in told.items():
        if number > 0:
            left.setdefault(name, number)


def _of(usage: dict[str, Any], names: tuple[str, ...], kind: str) -> int:
    """Return the tokens of one kind in the lists of these names."""
    parts = [part for name in names for part in items(usage.get(name)) if isinstance(part, dict)]
    counts = [part.get("token_count", part.get("tokenCount")) for part in parts if _kind(part) == kind]
    return sum(count(number) or 0 for number in counts)


def _kind(part: dict[str, Any]) -> str:
    """Return a modality in capitals; Python prints it as `MediaModality.AUDIO`."""
    return text(part.get("modality")).rpartition(".")[2].upper()
