"""Messages that have the canonical shape already, read and written without a look at each of their parts.

Current instrumentations send `[{role, parts: [{type, content}]}]` as JSON text. A typed decoder says in one
go whether that is all there is; anything else is left to `messages`, which makes the same rows more slowly.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError
from msgspec.json import Decoder, Encoder

_Filled = Annotated[str, Meta(min_length=1)]


class Text(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    """Words."""

    content: str


class Reasoning(Struct, tag_field="type", tag="reasoning", forbid_unknown_fields=True):
    """What a model thought."""

    content: str


class Call(Struct, tag_field="type", tag="tool_call", forbid_unknown_fields=True):
    """A tool call whose arguments are a value, not the JSON text of one."""

    name: str
    arguments: dict[str, Any]
    id: _Filled | UnsetType = UNSET


class Answer(Struct, tag_field="type", tag="tool_call_response", forbid_unknown_fields=True):
    """What a tool answered, in words."""

    response: str
    id: _Filled | UnsetType = UNSET


class Message(Struct, forbid_unknown_fields=True):
    """One message; the order of the fields is that of `messages`."""

    role: _Filled
    parts: list[Text | Reasoning | Call | Answer]
    finish_reason: _Filled | UnsetType = UNSET

    def words(self) -> str:
        """Return the words, without reasoning and tool calls."""
        if len(self.parts) == 1 and type(self.parts[0]) is Text:  # as nearly always
            return self.parts[0].content
        return "\n".join(part.content for part in self.parts if type(part) is Text)


class Given(NamedTuple):
    """What a model was given: the messages as compact JSON, and the words that search finds."""

    json: str
    words: str


class Answered(NamedTuple):
    """What a model answered; `called` says that it called a tool whose result is not there too."""

    json: str
    words: str
    reasons: list[str]
    called: bool


_encode: Callable[[Any], bytes] = Encoder(enc_hook=str).encode
_decode: Callable[[str], list[Message]] = Decoder(list[Message]).decode


def read_given(value: Any) -> Given | None:
    """Return messages of canonical shape and what the user said last in them, or None."""
    messages = _read(value)
    return messages and Given(_encode(messages).decode(), _last_words(messages))


def read_answered(value: Any) -> Answered | None:
    """Return an answer of canonical shape, or None."""
    messages = _read(value)
    kinds = {type(part) for message in messages or () for part in message.parts}
    return messages and Answered(
        _encode(messages).decode(),
        "\n".join(words for message in messages if (words := message.words())),
        [message.finish_reason for message in messages if message.finish_reason is not UNSET],
        Call in kinds and Answer not in kinds,
    )


def _read(value: Any) -> Any:
    """Return the messages in JSON text; None where they are none, or of another shape."""
    if not isinstance(value, str) or not value.startswith("["):
        return None
    try:
        found = _decode(value)
    except (ValidationError, ValueError, RecursionError):
        return None
    return found if found and all(message.role.islower() for message in found) else None  # Koog: `User`


def _last_words(messages: list[Message]) -> str:
    for message in reversed(messages):
        if message.role.lower() in {"user", "human"} and (words := message.words()):
            return words
    return next((words for message in reversed(messages) if (words := message.words())), "")
