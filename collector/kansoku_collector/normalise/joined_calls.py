"""Parallel tool calls of a stream that an instrumentation put together into one.

JavaScript's instrumentations append every piece to the first call: names, ids and arguments follow one
another without a mark between them.
"""

import json

from kansoku_collector.normalise.messages import Part, tool_call
from kansoku_collector.values import text

_parse = json.JSONDecoder().raw_decode
_ID_PREFIX = 5  # `call_`, `toolu`: how the ids of one vendor begin


def apart(call: Part, *, alone: bool = False) -> list[Part]:
    """Return the calls that one stands for: itself, where it is not several of the same tool.

    `alone` says that there was no other tool to call, so that the name need not stand there as often.
    """
    arguments = call.get("arguments")
    if not isinstance(arguments, str) or "}{" not in arguments:
        return [call]
    values = _sequence(arguments)
    name = text(call.get("name"))
    names = [name] * len(values) if alone else _pieces(name, len(values))
    ids = _pieces(text(call.get("id")), len(values))
    if len(values) < 2 or len(set(names)) != 1:
        return [call]
    alike = len({identity[:_ID_PREFIX] for identity in ids}) == 1
    return [
        tool_call(name, value, identity if alike else None)
        for name, value, identity in zip(names, values, ids or names, strict=True)
    ]


def _sequence(value: str) -> list[object]:
    """Return the JSON values that follow one another in a text; none where it is anything else."""
    found: list[object] = []
    position = 0
    try:
        while position < len(value):
            one, position = _parse(value, position)
            found.append(one)
    except (ValueError, RecursionError):
        return []
    return found


def _pieces(value: str, number: int) -> list[str]:
    """Return a text in pieces of the same length; none where it has no such pieces."""
    size, rest = divmod(len(value), number or 1)
    return [] if rest or not size else [value[i : i + size] for i in range(0, len(value), size)]
