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
_STRING = re.compile(r'(?:[^"\\]+|\\.)*')
_PADDING = ',"obfuscation":"'  # random letters at the end, which hide the length of a piece
_SILENT = (None, "", "assistant")
_MOST_FAILURES = 8  # of a server whose pieces differ in more than their text


def join_events(events: list[str]) -> list[str]:
    """Return the events; of neighbours that only carry on a text, one with the whole text."""
    joined: list[str] = []
    head, pieces, tail = "", [""], ""
    failures = 0
    for event in events:
        plain = _unpadded(event)
        if head and plain.startswith(head) and plain.endswith(tail) and len(plain) >= len(head) + len(tail):
            piece = plain[len(head) : len(plain) - len(tail)]
            if _is_inside(piece):
                pieces.append(piece)
                continue
        if head:
            joined.append(f"{head}{''.join(pieces)}{tail}")
            failures += len(pieces) == 1
        head = ""
        found = _split(plain) if failures < _MOST_FAILURES else None
        if found is None:
            joined.append(event)
        else:
            head, pieces, tail = found[0], [found[1]], found[2]
    if head:
        joined.append(f"{head}{''.join(pieces)}{tail}")
    return joined


def _unpadded(event: str) -> str:
    at = event.rfind(_PADDING)
    if at < 0 or not event.endswith('"}') or not event[at + len(_PADDING) : -2].isalnum():
        return event
    return f"{event[:at]}}}"


def _is_inside(piece: str) -> bool:
    """Tell whether this is the inside of one JSON string, whole."""
    return ("\\" not in piece and '"' not in piece) or _STRING.fullmatch(piece) is not None


def _split(event: str) -> tuple[str, str, str] | None:
    """Return what is before the text of a piece, the text as it is escaped, and what is behind it.

    None for an event that says anything which, said again, would count again.
    """
    begins = _PIECE.search(event)
    if begins is None:
        return None
    start = begins.end()
    text = _STRING.match(event, start)
    end = text.end() if text is not None else start
    if event[end : end + 1] != '"' or not _says_only(event, begins[1], event[start:end]):
        return None
    return event[:start], event[start:end], event[end:]


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
