"""Count the parts of a protobuf request on the wire, before it is parsed.

An empty message is two bytes on the wire and seventy or more in memory: 64 MiB of them would take gigabytes.
Small bodies are not counted, because parsed they stay within a few hundred megabytes whatever they hold.
"""

from functools import cache
from typing import Any

from google.protobuf.message import Message

from kansoku.delivery import wire
from kansoku_collector.receive.answer import Refusal
from kansoku_collector.receive.limits import Limits
from kansoku_collector.receive.trim import too_many_groups

SMALL = 4 << 20  # bytes; the batches of a stock exporter are below it, and nothing is counted of them
PARTS_A_SPAN = 40  # messages of a span (attributes, values, events) where there are as many spans as may be
_DEPTH = 100  # the parser goes no deeper either
Table = dict[int, str]  # number of a field that holds messages -> the name of their type


def check_parts(kind: type[Message], body: bytes, limits: Limits) -> None:
    """Refuse a body of too many messages; one that is no protobuf is left to the parser to name."""
    if len(body) <= SMALL:
        return
    most = PARTS_A_SPAN * limits.max_spans
    try:
        found = _count(kind.DESCRIPTOR, body, most, 2 * limits.max_spans)
    except ValueError:  # it ends in the middle of a field, or its numbers do not end
        return
    if found > most:
        raise Refusal(
            413,
            f"the request has more than {most} attributes, values, events and other parts"
            f" ({PARTS_A_SPAN} times KANSOKU_MAX_SPANS); send fewer spans at a time",
            "too_many_parts",
        )


def _count(descriptor: Any, body: bytes, most: int, most_groups: int) -> int:
    """Return how many messages a body holds, or the first number beyond `most`."""
    tables = _tables(descriptor)
    table, at, end = tables[descriptor.full_name], 0, len(body)
    around: list[tuple[int, Table]] = []  # until where the messages around this one go, and what they hold
    found = groups = 0
    while at < end or around:
        if at >= end:
            end, table = around.pop()
            continue
        field, at = wire.read_varint(body, at)
        kind = field & 7
        if kind == wire.BYTES:
            size, at = wire.read_varint(body, at)
            name = table.get(field >> 3)
            if name is not None:
                found += 1
                groups += not around
                if groups > most_groups:
                    raise too_many_groups(most_groups)
                if found > most:
                    break
                if size and len(around) < _DEPTH:
                    around.append((end, table))
                    end, table = at + size, tables[name]
                    continue
            at += size
        elif kind == wire.VARINT:
            _, at = wire.read_varint(body, at)
        elif kind in (wire.FIXED64, wire.FIXED32):
            at += 8 if kind == wire.FIXED64 else 4
        else:  # what OTLP has none of
            break
    return found


@cache
def _tables(descriptor: Any) -> dict[str, Table]:
    """Return for a message and every one inside of it which fields hold which messages."""
    found: dict[str, Table] = {}
    waiting = [descriptor]
    while waiting:
        one = waiting.pop()
        inner = {field.number: field.message_type for field in one.fields if field.message_type is not None}
        found[one.full_name] = {number: kind.full_name for number, kind in inner.items()}
        waiting += [kind for kind in inner.values() if kind.full_name not in found]
    return found
