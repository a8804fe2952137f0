"""How an answer is made: whether it is the JSON that was asked for, and how much of it was said before."""

from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from kansoku_collector.model import Span
from kansoku_collector.values import decode

_LEAST = 200  # characters: a shorter answer has too little to repeat
_LATEST = 4000  # characters: who goes round in circles does so until the end
_PROBES, _WIDTH = 12, 16

_TYPE = "gen_ai.output.type"
_FORMATS = (  # parameters that say in which form the answer is wanted, by vendor
    *("response_format", "text", "format"),
    *("output_format", "output_config"),
    *("response_mime_type", "responseMimeType", "generation_config", "generationConfig", "config"),
)
_SCHEMAS = ("response_schema", "responseSchema", "response_json_schema", "responseJsonSchema")
_NAMES = frozenset((*_FORMATS, *_SCHEMAS))
_MARKS = ("json_object", "json_schema", "application/json")
_check = Decoder(Raw).decode  # walks through the text and builds nothing of it


def read_json(span: Span) -> bool | None:
    """Tell whether an answer is valid JSON; None where none was asked for, or a tool was called instead.

    Read from the messages: the text for search is in another normal form, in which wide quotes end strings.
    """
    if not asks_json(span.parameters, span.attributes) or "tool_calls" in span.finish_reasons:
        return None
    messages = decode(span.output_messages) if span.output_messages else None
    texts = [found for one in messages if (found := _text(one))] if isinstance(messages, list) else []
    texts = texts or [span.output_text]
    if any("… [cut: " in found[-40:] for found in texts):  # the sender kept a part of it
        return None
    return all(map(_is_json, texts))


def asks_json(parameters: Mapping[str, str], attributes: Mapping[str, str]) -> bool:
    """Tell whether a request asks for JSON, by OpenTelemetry's attribute or by a vendor's parameter."""
    kind = attributes.get(_TYPE)
    if kind:
        return kind == "json"
    if _NAMES.isdisjoint(parameters):
        return False
    for name in _FORMATS:
        wanted = parameters.get(name)
        if wanted and (wanted == '"json"' or any(mark in wanted for mark in _MARKS)):
            return True
    return any(parameters.get(name, "null") != "null" for name in _SCHEMAS)


def _text(message: Any) -> str:
    parts = message.get("parts") if isinstance(message, dict) else None
    if not isinstance(parts, list):
        return ""
    return "".join(
        str(part.get("content") or "")
        for part in parts
        if isinstance(part, dict) and part.get("type") == "text"
    )


def _is_json(answer: str) -> bool:
    try:
        _check(answer)
    except (DecodeError, UnicodeError, RecursionError):
        return False
    return True


def repetition_of(answer: str) -> float | None:
    """Return how much of a long answer was said before in it, from 0 to 1; None of a short one.

    A sample of strings of sixteen characters is looked for in what stands before each: far cheaper than to
    compare all of them, the same for every script, and a loop leaves hardly any of them new.
    """
    if len(answer) < _LEAST:
        return None
    answer = answer[-_LATEST:]
    step = (len(answer) - _WIDTH) // _PROBES
    again = 0
    for at in range(step, step * _PROBES + 1, step):
        again += answer.find(answer[at : at + _WIDTH], 0, at + _WIDTH - 1) >= 0
    return again / _PROBES
