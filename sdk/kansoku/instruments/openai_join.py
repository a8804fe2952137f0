"""Join the events of a streamed chat completion that carry on one text: most of a stream's events.

They are the same JSON but for one text. So the first of a run is read, and of each that follows only whether
it begins and ends as the first did; the texts are put together as they stand, escapes and all. What comes out
is JSON again: the event that the server would have sent had it waited.
"""

import re
from operator import itemgetter
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
_FEW = 8  # events that are not worth a look at all of them together
_EDGE = 4  # events at either end of a stream that say other things: who speaks, why it ends, what it took
_SEAM = "\x1e"  # between events: no JSON has it, nor the next one
_CUT = "\x1f"  # between pieces
_PADDED = re.compile(rf'{_PADDING}[a-zA-Z0-9]*"\}}(?={_SEAM}|\Z)')


class Run(NamedTuple):
    """Neighbours that begin and end alike, so far unread; `pieces` is what is in between, with cuts."""

    field: str
    head: str
    pieces: str
    tail: str

    def chunk(self) -> dict[str, Any] | None:
        """Return the chunk that all of them make; None if they say more than pieces of one text."""
        text = self.pieces.replace(_CUT, "")
        if not _is_inside(text):
            return None
        return _only(f"{self.head}{text}{self.tail}", self.field, text)

    def events(self) -> list[str]:
        """Return what it was made of."""
        return [f"{self.head}{piece}{self.tail}" for piece in self.pieces.split(_CUT)]


def squeeze_events(events: list[str]) -> list[str | Run]:
    """Return the events, all of them JSON, smaller; fast where nearly all carry on one text."""
    if len(events) < _FEW:
        return list(events)
    if _PADDING in events[len(events) // 2]:
        events = _PADDED.sub("}", _SEAM.join(events)).split(_SEAM)
    squeezed = _squeezed(events)
    return list(join_events(events)) if squeezed is None else squeezed


def _squeezed(events: list[str]) -> list[str | Run] | None:
    """Return one run and what is before and behind it; None where the events are more mixed than that.

    Dozens pass here while the program waits: no step of Python's own for each.
    """
    sample = events[len(events) // 2]
    begins = _PIECE.search(sample)
    if begins is None:
        return None
    text = _STRING.match(sample, begins.end())
    end = text.end() if text is not None else len(sample)
    head, tail = sample[: begins.end()], sample[end:]
    first, last = 0, len(events)
    while first < _EDGE and not (events[first].startswith(head) and events[first].endswith(tail)):
        first += 1
    while last > first and not (events[last - 1].startswith(head) and events[last - 1].endswith(tail)):
        last -= 1
    if not tail or last - first < _FEW or len(events) - last > _EDGE:
        return None
    inside = events[first:last]
    pieces = list(map(itemgetter(slice(len(head), -len(tail))), inside))
    if f"{head}{f'{tail}{_SEAM}{head}'.join(pieces)}{tail}" != _SEAM.join(inside):
        return None
    return [*events[:first], Run(begins[1], head, _CUT.join(pieces), tail), *events[last:]]


def read_events(squeezed: list[str | Run]) -> list[dict[str, Any]]:
    """Return the chunks that the events were, neighbours of one text as one."""
    chunks: list[dict[str, Any]] = []
    for part in squeezed:
        if type(part) is not Run:
            chunk = parse_event(part)  # type: ignore[arg-type]
        else:
            chunk = part.chunk()
            if chunk is None:
                chunks += read_events(list(join_events(part.events())))
        if chunk is not None:
            chunks.append(chunk)
    return chunks


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
        if _is_inside(text):
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
    if event[end : end + 1] != '"' or _only(event, begins[1], event[start:end]) is None:
        return None
    return _Run(event[:start], event[start:end], event[end:])


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
