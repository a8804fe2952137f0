"""Join the events of a streamed chat completion that carry on one text: most of a stream's events.

They are the same JSON but for one text. So the first of a run is looked at, and of each that follows only
whether it begins and ends as the first did; the texts are put together as they stand, escapes and all. What
comes out is JSON again: the event that the server would have sent had it waited. Whether it says so is read
later, where nobody waits.
"""

import re
from typing import Any, NamedTuple

import pydantic_core

from kansoku.events import parse_event

# The text of a piece, behind fields that say nothing.
_PIECE = re.compile(
    r'"delta":\s*\{\s*(?:"\w+":\s*(?:null|""|"assistant"),\s*)*"(content|reasoning_content|reasoning)":\s*"'
)
# Possessive: it never gives back what it took, else to refuse a text that ends nowhere would take for ever.
_STRING = re.compile(r'(?:[^"\\]++|\\.)*+')
_PADDING = ',"obfuscation":"'  # random letters at the end, which hide the length of a piece
_SILENT = (None, "", "assistant")
_MOST_FAILURES = 8  # of a server whose pieces differ in more than their text
_CUT = "\x1f"  # between pieces: no JSON has it
_NOTHING = "\0"  # with which no event begins


class Run(NamedTuple):
    """Neighbours that begin and end alike; `pieces` is what is in between, with cuts."""

    field: str
    head: str
    pieces: str
    tail: str

    def chunks(self) -> list[dict[str, Any] | None]:
        """Return the one chunk that all of them make; each for itself if they say more than one text."""
        pieces = self.pieces.split(_CUT)
        text = "".join(pieces)
        if len(pieces) > 1 and _is_inside(text):
            joined = _only(f"{self.head}{text}{self.tail}", self.field, text)
            if joined is not None:
                return [joined]
        return [parse_event(f"{self.head}{piece}{self.tail}") for piece in pieces]


class JoinedChat:
    """See `kansoku.events.Joined`."""

    __slots__ = (
        "_count",
        "_end",
        "_failures",
        "_field",
        "_head",
        "_padded",
        "_pieces",
        "_start",
        "_tail",
        "parts",
    )

    def __init__(self) -> None:
        self.parts: list[str | Run] = []
        self._pieces: list[str] = []
        self._field = self._tail = ""
        self._head = _NOTHING
        self._start = self._end = 0
        self._padded = False
        self._failures = self._count = 0

    def take(self, event: str) -> None:
        """Take the next event; thousands pass here."""
        if self._padded:
            event = _unpadded(event)
        if event.startswith(self._head) and event.endswith(self._tail):
            self._pieces.append(event[self._start : self._end])
        else:
            self._turn(event)

    def _turn(self, event: str) -> None:
        """Take an event that does not carry on the present run."""
        self._end_run()
        if not self._padded and _PADDING in event:
            self._padded, event = True, _unpadded(event)
        begins = _PIECE.search(event) if self._failures < _MOST_FAILURES else None
        if begins is None:
            self.parts.append(event)
            return
        start = begins.end()
        text = _STRING.match(event, start)
        end = text.end() if text is not None else start
        if event[end : end + 1] != '"':
            self.parts.append(event)
            return
        self._field, self._head, self._tail = begins[1], event[:start], event[end:]
        self._start, self._end = start, end - len(event)
        self._pieces.append(event[start:end])

    def _end_run(self) -> None:
        if self._pieces:
            self._failures += len(self._pieces) == 1
            self._count += len(self._pieces) - 1
            self.parts.append(Run(self._field, self._head, _CUT.join(self._pieces), self._tail))
            self._pieces = []
        self._head = _NOTHING

    def last(self) -> str:
        """Return the last event; "" for none."""
        if self._pieces:
            return f"{self._head}{self._pieces[-1]}{self._tail}"
        last = self.parts[-1] if self.parts else ""
        return last if type(last) is str else ""

    def drop_last(self) -> None:
        """Forget the last event, once."""
        (self._pieces or self.parts).pop()

    def close(self) -> int:
        """Return how many events there are; no more will come."""
        self._end_run()
        return len(self.parts) + self._count

    def read(self) -> list[dict[str, Any]]:
        """Return the chunks that the events were, neighbours of one text as one."""
        chunks = (
            chunk
            for part in self.parts
            for chunk in (part.chunks() if type(part) is Run else [parse_event(str(part))])
        )
        return [chunk for chunk in chunks if chunk is not None]


def _unpadded(event: str) -> str:
    """Return an event without its padding, which is its last field."""
    at = event.rfind(_PADDING)
    letters = event[at + len(_PADDING) : -2]
    if at < 0 or not event.endswith('"}') or not (letters.isalnum() or not letters):
        return event
    return f"{event[:at]}}}"


def _is_inside(text: str) -> bool:
    """Tell whether a text, escapes and all, is what can stand between the quotes of a string."""
    return ('"' not in text and "\\" not in text) or _STRING.fullmatch(text) is not None


def _only(event: str, field: str, text: str) -> dict[str, Any] | None:
    """Return the chunk that an event is, if it carries on a text and says nothing else that counts."""
    try:
        said: dict[str, Any] = pydantic_core.from_json(event)
        (choice,) = said["choices"]
        delta = choice["delta"]
        own = text if "\\" not in text else pydantic_core.from_json(f'"{text}"')
    except (ValueError, KeyError, TypeError):  # half a surrogate pair, or nothing that we know
        return None
    if (
        delta[field] == own
        and all(name == field or _is_silent(value) for name, value in delta.items())
        and not choice.get("logprobs")
        and not choice.get("finish_reason")
        and not said.get("usage")
    ):
        return said
    return None


def _is_silent(value: Any) -> bool:
    return value == [] or value in _SILENT
