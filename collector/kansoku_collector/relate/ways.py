"""The way from a model call out to the one around it, through spans that came in other requests.

A server of models or a gateway tells a call of its own beneath the client's, in the same trace, but from
another process: between the two is the HTTP request, whose span the client's process sends. So of spans
without an operation it is remembered which call they are beneath, or which span they lead to.
"""

from collections.abc import Iterator

from kansoku_collector.model import Span
from kansoku_collector.normalise.frame import MODEL_OPERATIONS
from kansoku_collector.relate.call_facts import Key, Memory

_FAR = 32  # spans between two descriptions of one call; Bifrost's gateway has one for each hook of a plugin
_REQUESTS = 8  # in which these spans came


class Ways:
    """Remembers where spans lead that may be about a call around them."""

    def __init__(self) -> None:
        self._out: Memory[Key] = Memory()

    def learn(self, by_id: dict[Key, Span]) -> Iterator[tuple[Key, Key]]:
        """Remember the spans without an operation; yield each of them with what it leads to."""
        for key, span in by_id.items():
            if span.operation == "other" and span.parent_span_id:
                around, missing = self.surroundings(span, by_id)
                if end := around[0] if around else missing:
                    self._out.put(key, end)
                    yield key, end

    def surroundings(self, span: Span, by_id: dict[Key, Span]) -> tuple[list[Key], Key | None]:
        """Return the model calls around a span, and the first span on the way out that is not in the batch.

        The way leads through spans that may be about the same call: other model calls, and what has no
        operation (a client's HTTP request). It ends at an agent, a tool or a chain, whose calls are calls of
        their own.
        """
        around: list[Key] = []
        for _ in range(_FAR):
            if not span.parent_span_id:
                break
            key = (span.project, span.trace_id, span.parent_span_id)
            if key not in by_id:
                key = self._end(key)
            parent = by_id.get(key)
            if parent is None:
                return around, key
            if parent.operation in MODEL_OPERATIONS and parent is not span:
                around.append(key)
            elif parent.operation != "other":
                break
            span = parent
        return around, None

    def _end(self, key: Key) -> Key:
        """Return what a span of an earlier request leads to, or itself where none is known."""
        for _ in range(_REQUESTS):
            if (out := self._out.get(key)) is None:
                break
            key = out
        return key
