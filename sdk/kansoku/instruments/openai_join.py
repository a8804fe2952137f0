"""Join the events of a streamed chat completion that carry on one text: most of a stream's events.

They are the same JSON but for one text. So the first of a run is read, and of each that follows only whether
it begins and ends as the first did; the texts are put together as they stand, escapes and all. What comes out
is JSON again: the event that the server would have sent had it waited.
"""

import re
from typing import Any

import pydantic_core

# The text of a piece, behind fields that say nothing.
_PIECE = re.compile(
    r'"delta":\s*\{\s*(?:"\w+":\s*(?:null|""|"assistant"),\s*)*"(content|reasoning_content|reasoning)":\s*"'
)
# Possessive: it never gives back what it took, else to refuse a text that ends nowhere would take for ever.
_STRING = re.compile(r'(?:[^"\\]++|\\.)*+')
_PADDING = ',"obfuscation":"'  # random letters at the end, which hide the length of a piece
_SILENT = (None, "", "assistant")
_MOST_FAILURES = 8  # of a server whose pieces differ in more than their text


def join_events(events: list[str]) -> list[str]:
    """Return the events, all of them JSON; of neighbours that only carry on a text, one with all of it."""
    joined: list[str] = []
    run: _Run | None = None
    failures = 0
    padded = False
    for event in events:
        plain = _unpadded(event) if padded else event
        # Thousands pass here: no call but of what is made in C.
        if run is not None and plain.startswith(run.head) and plain.endswith(run.tail):
            run.pieces.append(plain[run.start : len(plain) - run.end])
            continue
        if run is not None:
            failures += len(run.pieces) == 1
            joined += run.joined()
        if not padded and _PADDING in event:
            padded, plain = True, _unpadded(event)
        run = _split(plain) if failures < _MOST_FAILURES else None
        if run is None:
            joined.append(event)
    return joined if run is None else joined + run.joined()


class _Run:
    """Events that begin and end alike, with something in between."""

    __slots__ = ("end", "head", "pieces", "start", "tail")

    def __init__(self, head: str, piece: str, tail: str) -> None:
        self.head = head
        self.tail = tail
        self.start = len(head)
        self.end = len(tail)
        self.pieces = [piece]

    def joined(self) -> list[str]:
        """Return one event; or all, if what is in between is not always the inside of one text."""
        text = "".join(self.pieces)
        if _STRING.fullmatch(text) is not None:
            return [f"{self.head}{text}{self.tail}"]
        return [f"{self.head}{piece}{self.tail}" for piece in self.pieces]


def _unpadded(event: str) -> str:
    """Return an event without its padding, which is its last field."""
    at = event.rfind(_PADDING)
    if at < 0 or not event.endswith('"}') or not event[at + len(_PADDING) : -2].isalnum():
        return event
    return f"{event[:at]}}}"


def _split(event: str) -> _Run | None:
    """Return the run that an event begins; None for one that says what would count again, said again."""
    begins = _PIECE.search(event)
    if begins is None:
        return None
    start = begins.end()
    text = _STRING.match(event, start)
    end = text.end() if text is not None else start
    if event[end : end + 1] != '"' or not _says_only(event, begins[1], event[start:end]):
        return None
    return _Run(event[:start], event[start:end], event[end:])


def _says_only(event: str, field: str, text: str) -> bool:
    try:
        said: dict[str, Any] = pydantic_core.from_json(event)
        (choice,) = said["choices"]
        delta = choice["delta"]
        own = pydantic_core.from_json(f'"{text}"')
    except (ValueError, KeyError, TypeError):  # half a surrogate pair, or nothing that we know
        return False
    return (
        delta[field] == own
        and all(name == field or _is_silent(value) for name, value in delta.items())
        and not choice.get("logprobs")
        and not choice.get("finish_reason")
        and not said.get("usage")
    )


def _is_silent(value: Any) -> bool:
    return value == [] or value in _SILENT
