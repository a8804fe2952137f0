"""Guess how many tokens a call took, by length and script of its texts, where the vendor does not say.

No tokenizer is loaded: which one a model uses is rarely known, and loading one costs more than all the rest.
Lengths in three encodings tell the scripts apart without looking at a single character in Python.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kansoku import semconv
from kansoku.content import to_json

# Tokens a character, by the bytes that it has in UTF-8: Latin, other alphabets, kana and CJK, emoji.
_RATES = (0.24, 0.35, 0.75, 2.0)
_PER_REQUEST = 6  # the frame of a conversation
_PER_MESSAGE = 4  # a role and its separators
_PER_TOOL_CALL = 5
_PER_ANSWER = 2
_TOOLS_RATE = 0.2  # tokens a character of a definition: vendors rewrite JSON into something shorter
_WHOLE = 1 << 30
_SAMPLE = 32_768  # characters
_MEDIA = frozenset({"blob", "uri", "file"})


def tokens_of(text: str) -> float:
    """Return about how many tokens a text has; of a long one, a part tells of the whole."""
    length = len(text)
    if length > _SAMPLE:
        return tokens_of(text[:_SAMPLE]) * length / _SAMPLE
    if text.isascii():
        return length * _RATES[0]
    one = len(text.encode("ascii", "ignore"))
    four = len(text.encode("utf-16-le", "surrogatepass")) // 2 - length
    three = len(text.encode("utf-8", "surrogatepass")) - 2 * length + one - 2 * four
    counts = (one, length - one - three - four, three, four)
    return sum(count * rate for count, rate in zip(counts, _RATES, strict=True))


def estimate(
    messages: Sequence[Mapping[str, Any]],
    instructions: str,
    tools: list[Any],
    told: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the attributes for a call whose vendor counts nothing; never those of counted tokens.

    Nothing is guessed of a request that was not readable, or that has images, sound or files.
    """
    media = any(part.get("type") in _MEDIA for message in messages for part in message.get("parts") or ())
    if media or not messages:
        return {}
    return {
        semconv.USAGE_ESTIMATED: True,
        semconv.ESTIMATED_INPUT_TOKENS: input_tokens(messages, instructions, tools),
        semconv.ESTIMATED_OUTPUT_TOKENS: output_tokens(told),
    }


def input_tokens(messages: Iterable[Mapping[str, Any]], instructions: str, tools: list[Any]) -> int:
    """Return about how many tokens a request has: its texts and its tools."""
    total = _PER_REQUEST + (_PER_MESSAGE + tokens_of(instructions) if instructions else 0.0)
    total += sum(_PER_MESSAGE + _parts(message) for message in messages)
    total += len(to_json(tools, _WHOLE)) * _TOOLS_RATE if tools else 0.0
    return round(total)


def output_tokens(messages: Iterable[Mapping[str, Any]]) -> int:
    """Return about how many tokens an answer has; reasoning that the vendor keeps to itself is not in it."""
    return round(sum(_PER_ANSWER + _parts(message) for message in messages))


def _parts(message: Mapping[str, Any]) -> float:
    return sum(_part(part) for part in message.get("parts") or ())


def _part(part: Mapping[str, Any]) -> float:
    content = part.get("content")
    if isinstance(content, str):
        return tokens_of(content)
    for name, extra in (("arguments", _PER_TOOL_CALL), ("response", 0)):
        if name in part:
            value = part[name]
            text = value if isinstance(value, str) else to_json(value, _WHOLE)
            return tokens_of(f"{part.get('name') or ''}{text}") + extra
    return 0.0
