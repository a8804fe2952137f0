"""Read server-sent events as the clients do: any of three line ends, fields in any order, comments."""

import json
import re
from typing import Any

from pydantic_core import from_json

BETWEEN = b"\n\n"  # two events
# Nearly all of them, where a name is needed and where it is not.
_NAMED = re.compile(rb"event: ?(?!ping\n| )[^\n]+\ndata: ?\{[^\n]*\n*")
_ANY = re.compile(rb"(?:event:[^\n]*\n)?data: ?\{[^\n]*\n*")
_DONE = re.compile(rb"(?:event:[^\n]*\n)?data: ?\[DONE\]")
_PING = re.compile(rb"event: ?ping\n")


def split(text: bytes, *, ended: bool) -> tuple[bytes, bytes]:
    """Return the whole events of a text, with one kind of line end, and the begun one after them.

    A line may end in two bytes of which the second is to come, unless the text has ended.
    """
    held = b""
    if b"\r" in text:
        if text.endswith(b"\r") and not ended:
            text, held = text[:-1], b"\r"
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, _, begun = text.rpartition(BETWEEN)
    return events, begun + held


def chunks_of(events: list[bytes], *, named: bool) -> tuple[list[bytes], bool]:
    """Return the events of which a client makes chunks, each in the usual form, and whether it was the last.

    Clients of Anthropic make chunks of named events alone (`named`), and none of a ping.
    """
    found: list[bytes] = []
    is_usual = _NAMED.fullmatch if named else _is_object
    for event in events:
        if is_usual(event):
            found.append(event)
            continue
        told = _usual(event)
        if _DONE.match(told):
            return found, True
        if told and not (named and (not told.startswith(b"event:") or _PING.match(told))):
            found.append(told)
    return found, False


def _is_object(event: bytes) -> Any:
    """Tell an event whose data are an object in one line; most are nothing else, which is quickly seen."""
    return (event.startswith(b"data: {") and b"\n" not in event.rstrip(b"\n")) or _ANY.fullmatch(event)


def read(events: list[bytes]) -> list[Any]:
    """Return what the data of events in the usual form say, as far as it is objects in JSON."""
    told = [_data_of(event) for event in events]
    try:
        said = from_json(b"[%b]" % b",".join(told))  # at once: to begin takes longer than to read
    except ValueError:
        said = [_json_of(data) for data in told]
    return [each for each in said if type(each) is dict]


def _json_of(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _data_of(event: bytes) -> bytes:
    return event[5:] if event.startswith(b"data:") else event.partition(b"\n")[2][5:]


def _usual(event: bytes) -> bytes:
    """Return an event as its name, if it has one, and its data in one line; nothing of one without data."""
    name, data = b"", []
    for line in event.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"event":
            name = value.removeprefix(b" ")
        elif field == b"data":
            data.append(value.removeprefix(b" "))
    told = b" ".join(data)  # in JSON a line ends where a space may be
    return (b"event: %b\ndata: %b" % (name, told) if name else b"data: " + told) if told else b""
