"""Read turns of Google's Live API: what the program sent, and what the model said."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import google_shape as shape
from kansoku.instruments.google_content import ContentReader, model_name, read_settings
from kansoku.instruments.google_shape import get
from kansoku.instruments.google_usage import cached_kinds, read_usage
from kansoku.usage import Usage

# Why a turn ended before its time: what these words are in stands for a filter.
_REFUSED = ("SAFETY", "PROHIBITED", "BLOCKLIST", "REJECTED", "CELEBRITY", "NCII", "MINORS")


class Told:
    """What the model said in one turn, growing; sounds as their sizes."""

    __slots__ = (
        "_usages",
        "called",
        "ended",
        "grounding",
        "interrupted",
        "pages",
        "parts",
        "reason",
        "sounds",
        "usage",
    )

    def __init__(self) -> None:
        self.parts: list[dict[str, Any]] = []
        self.sounds: dict[str, int] = {}  # bytes by media type
        self.called = False  # whether the last that it said is a call of a tool
        self.interrupted = False
        self.ended = False  # whether the vendor said that it is over
        self.reason = ""
        self.grounding: Any = None
        self.pages: Any = None
        self.usage: Any = None  # the last count; it holds
        self._usages: list[Any] = []  # of what came before a call of a tool

    def go_on(self) -> None:
        """Note that the model speaks after a call of a tool: what it used until then is counted by itself."""
        if self.called:
            self.called = False
            if self.usage is not None:
                self._usages.append(self.usage)
                self.usage = None

    @property
    def usages(self) -> list[Any]:
        """All counts that add up to the turn's."""
        return [*self._usages, *([] if self.usage is None else [self.usage])]


class LiveReader(ContentReader):
    """Reads a turn: the settings of its connection, and what was said."""

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read what the connection was opened with, and what was sent since the turn before."""
        config = arguments.get("config")
        request = Request(model_name(arguments))
        for settings in (get(config, "generation_config"), config):
            if settings is not None:
                read_settings(settings, request.attributes)
        voice = get(get(get(config, "speech_config"), "voice_config"), "prebuilt_voice_config")
        if isinstance(name := get(voice, "voice_name"), str):
            request.attributes[semconv.REQUEST + "voice"] = name
        if session := arguments.get("session_id"):
            request.attributes[semconv.SESSION_ID] = session
        if capture:
            request.messages = arguments.get("messages")
            if (system := get(config, "system_instruction")) is not None:
                request.instructions = shape.read_texts(system)
            request.tools = shape.read_tools(get(config, "tools")) or None
        return request

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read what was told of a turn."""
        told: Told = chunks[0]
        searched = {"grounding_metadata": told.grounding, "url_context_metadata": told.pages}
        last = {"candidates": [searched], "usage_metadata": told.usage}
        answer = super().fold([last], capture)
        answer.attributes.pop(semconv.VIDEO_INPUT_TOKENS, None)  # they are counted as images, see below
        answer.usage = read_live_usage(told.usages)
        answer.attributes |= sum((Counter(cached_kinds((usage,))) for usage in told.usages), Counter())
        finish = _finish(told)
        answer.finish_reasons = [finish] if finish else []
        if told.interrupted:
            answer.attributes[semconv.CANCEL_REASON] = "interrupted"
        sounds = [sound(kind, size) for kind, size in told.sounds.items()]
        answer.messages = []
        if capture and (told.parts or sounds):
            parts = [*shape.join_parts(told.parts), *sounds]
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer


def sound(kind: str, size: int) -> dict[str, Any]:
    """Return the part that stands for data of a media type, mostly sound."""
    return {"type": "blob", "modality": shape.modality_of(kind), "mime_type": kind, "size": size}


def read_live_usage(told: list[Any]) -> Usage | None:
    """Return the sum of several counts. What the model said has another name here than elsewhere.

    Frames of a video are sold at the price of images.
    """
    found = []
    for usage in told:
        said = {name: get(usage, name) for name in _COUNTS}
        said["candidates_tokens_details"] = get(usage, "response_tokens_details")
        for name in ("prompt_tokens_details", "cache_tokens_details", "tool_use_prompt_tokens_details"):
            said[name] = [_as_image(each) for each in get(usage, name) or ()]
        if (counted := read_usage(said)) is not None:
            found.append(counted)
    return Usage(*map(sum, zip(*found, strict=True))) if found else None


_COUNTS = (
    "prompt_token_count",
    "response_token_count",
    "thoughts_token_count",
    "tool_use_prompt_token_count",
    "cached_content_token_count",
)


def _as_image(details: Any) -> dict[str, Any]:
    modality = shape.word(get(details, "modality")).upper()
    count = get(details, "token_count")
    return {"modality": "IMAGE" if modality == "VIDEO" else modality, "token_count": count}


def _finish(told: Told) -> str:
    if told.interrupted:
        return "cancelled"
    if any(word in told.reason for word in _REFUSED):
        return "content_filter"
    if told.reason and not told.reason.endswith("UNSPECIFIED"):
        return told.reason.lower()
    if not told.ended:
        return ""
    return "tool_calls" if told.called else "stop"
