"""Put together calls whose arguments Gemini streams: each piece has a value and the place it belongs to."""

import re
from typing import Any

from kansoku.instruments.google_shape import get, read_call

# One step of a path such as $.where.stops[0]['the name'].
_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")
_VALUES = ("string_value", "number_value", "bool_value")
_MOST = 10_000  # items of a list: a path of a stranger makes no larger one


class Calls:
    """The calls of one candidate; a whole one is a call that begins and ends with one piece."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[str, Any] | None = None

    def add(self, call: Any) -> dict[str, Any] | None:
        """Return the part of a call that begins here; None for a piece of one that has begun."""
        part = self._open
        pieces = get(call, "partial_args") or ()
        begins = part is None or self._is_another(part, call)
        if begins:
            part = read_call(call)
        if part is None:
            return None
        part["id"] = part["id"] or get(call, "id")
        for piece in pieces:
            _put(part["arguments"], piece)
        self._open = part if get(call, "will_continue") else None
        # The piece that ends a call has nothing in it; without a call it is the end of none.
        return part if begins and (part["name"] or part["id"] or part["arguments"]) else None

    def _is_another(self, part: dict[str, Any], call: Any) -> bool:
        name, called = get(call, "name"), get(call, "id")
        return bool((name and name != part["name"]) or (called and part["id"] and called != part["id"]))


def _put(arguments: Any, piece: Any) -> None:
    """Set a value at its place; a text goes on where one is."""
    path = [_step(match) for match in _STEP.finditer(get(piece, "json_path") or "")]
    value = next((found for name in _VALUES if (found := get(piece, name)) is not None), None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as a whole answer has it: the wire knows no other numbers
    place = arguments
    if not path:
        return  # the whole, or a path that nobody can follow: it costs this piece and no more
    for step, after in zip(path, [*path[1:], None], strict=True):
        if not _fits(place, step):
            return
        if after is not None:
            place = _below(place, step, [] if isinstance(after, int) else {})
            continue
        known = place[step] if isinstance(place, dict) and step in place else None
        if isinstance(place, list):
            known = place[step] if step < len(place) else None
            place += [None] * (step + 1 - len(place))
        place[step] = known + value if isinstance(known, str) and isinstance(value, str) else value


def _step(match: re.Match[str]) -> Any:
    name, number, single, double = match.groups()
    if number is not None:
        return int(number)
    return name if name is not None else re.sub(r"\\(.)", r"\1", single if single is not None else double)


def _fits(place: Any, step: Any) -> bool:
    if isinstance(step, int):
        return isinstance(place, list) and step < _MOST
    return isinstance(place, dict)


def _below(place: Any, step: Any, made: Any) -> Any:
    """Return what is at a step, made if there is nothing."""
    if isinstance(place, list):
        place += [None] * (step + 1 - len(place))
        if place[step] is None:
            place[step] = made
        return place[step]
    return place.setdefault(step, made)
