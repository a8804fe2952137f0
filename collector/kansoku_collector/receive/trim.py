"""Cut what one request has too much of, so that the rest of it can be stored; every cut is counted."""

from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from kansoku_collector.receive.answer import Refusal, Rejected
from kansoku_collector.receive.limits import Limits


def keep_first(groups: Any, scopes: str, items: str, limits: Limits, rejected: Rejected) -> bool:
    """Remove the items beyond the limit; tell whether there were any. Names are the fields of the levels."""
    left, over = limits.max_spans, 0
    for part in _parts(groups, scopes, limits):
        found = getattr(part, items)
        if len(found) > left:
            over += len(found) - left
            del found[left:]
        left -= len(found)
    if over:
        rejected.add(f"too_many_{items}", f"a request may hold {limits.max_spans} (KANSOKU_MAX_SPANS)", over)
    return over > 0


def _parts(groups: Any, scopes: str, limits: Limits) -> Iterator[Any]:
    """Yield the scopes of a request; refuse one that has nothing but more of them than it may have items."""
    number = 0
    for group in groups:
        found = getattr(group, scopes)
        number += 1 + len(found)
        if number > 2 * limits.max_spans:
            raise too_many_groups(2 * limits.max_spans)
        yield from found


def too_many_groups(most: int) -> Refusal:
    """Return the answer to a request that is made of resources and scopes without items."""
    return Refusal(413, f"the request has more than {most} resources and scopes", "too_many_groups")


def trim(holder: Any, size: int, limits: Limits, rejected: Rejected) -> bool:
    """Cut the attributes of a span, event, record, scope or resource; tell whether any was cut.

    `size` is the size of the whole request: where that is small no value can be too large.
    """
    pairs = holder.attributes
    over = len(pairs) - limits.max_attributes
    if over > 0:
        del pairs[limits.max_attributes :]
        _note(holder, over)
        rejected.cut(
            "too_many_attributes", f"the limit is {limits.max_attributes} (KANSOKU_MAX_ATTRIBUTES)", over
        )
    if size <= limits.max_attribute_bytes:
        return over > 0
    large = [at for at, pair in enumerate(pairs) if pair.ByteSize() > limits.max_attribute_bytes]
    for at in reversed(large):
        rejected.cut(
            "attribute_too_large",
            f"{pairs[at].key[:80]!r} is larger than {limits.max_attribute_bytes} bytes"
            " (KANSOKU_MAX_ATTRIBUTE_BYTES)",
        )
        if not _shorten(pairs[at], limits.max_attribute_bytes):
            del pairs[at]
            _note(holder, 1)
    return over > 0 or bool(large)


def _shorten(pair: KeyValue, limit: int) -> bool:
    """Cut a text within the limit; False where that leaves nothing, or the value is no text."""
    room = limit - len(pair.key.encode("utf-8", "replace"))
    if room <= 0 or pair.value.WhichOneof("value") != "string_value":
        return False
    pair.value.string_value = pair.value.string_value.encode()[:room].decode("utf-8", "ignore")
    return True


def _note(holder: Any, number: int) -> None:
    """Count what was dropped where OpenTelemetry counts it: everywhere but in data points."""
    if "dropped_attributes_count" in holder.DESCRIPTOR.fields_by_name:
        holder.dropped_attributes_count = min(2**32 - 1, holder.dropped_attributes_count + number)
