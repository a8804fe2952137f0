"""The content blocks of a streamed message of Anthropic's API, put together from its events.

The API numbers each block. Gateways that speak it number all of them alike, or none, and leave events out:
what one event lacks costs no more than what it would have said.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kansoku.instruments import anthropic_shape as blocks
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_shape import get

_OPENED = {"text_delta": "text", "thinking_delta": "thinking"}


class Growing:
    """The blocks of one message, growing."""

    def __init__(self, content: Iterable[Any]) -> None:
        self._places = dict(enumerate(map(_Block, content)))  # what is there from the start
        self._begun: set[int] = set()  # those that an event of their own began
        self._ended: list[_Block] = []

    def begin(self, event: Mapping[str, Any]) -> None:
        """Begin the block that an event announces."""
        index = event.get("index")
        if type(index) is not int:
            index = max(self._places, default=-1) + 1
        if index in self._begun:  # another block with the number of one that ended
            self._ended.append(self._places[index])
        self._begun.add(index)
        self._places[index] = _Block(event.get("content_block") or {})

    def add(self, event: Mapping[str, Any], capture: bool) -> None:
        """Add what an event says to its block."""
        index, delta = event.get("index"), event.get("delta")
        if type(index) is not int:
            index = max(self._places, default=0)
        block = self._places.get(index)
        if block is None:
            opened = _OPENED.get(get(delta, "type"))
            if opened is None:
                return
            block = self._places[index] = _Block({"type": opened})  # which nothing announced
        if capture and delta:
            block.add(delta)

    def whole(self) -> list[dict[str, Any]]:
        """Return the blocks, in their order."""
        return [block.whole() for block in (*self._ended, *(self._places[n] for n in sorted(self._places)))]


class _Block:
    """One content block of a stream, growing."""

    __slots__ = ("_arguments", "_citations", "_start", "_words")

    def __init__(self, start: Any) -> None:
        self._start = start
        self._words: list[str] = []
        self._arguments: list[str] = []
        self._citations: list[Any] = []

    def add(self, delta: Any) -> None:
        """Add what one event says about this block."""
        said = delta if type(delta) is dict else delta.__dict__
        kind = said.get("type")
        if kind == "text_delta":
            self._words.append(said.get("text") or "")
        elif kind == "thinking_delta":
            self._words.append(said.get("thinking") or "")
        elif kind == "input_json_delta":
            self._arguments.append(said.get("partial_json") or "")
        elif kind == "citations_delta":
            self._citations.append(said.get("citation"))
        elif kind == "compaction_delta":
            self._words.append(said.get("content") or "")

    def whole(self) -> dict[str, Any]:
        """Return the whole block."""
        found = dict(blocks.fields(self._start))
        name = {"text": "text", "thinking": "thinking", "compaction": "content"}.get(str(found.get("type")))
        if name is not None:
            found[name] = (found.get(name) or "") + "".join(self._words)
        if arguments := "".join(self._arguments):
            found["input"] = shape.as_object(arguments)
        if self._citations:
            found["citations"] = [*(found.get("citations") or ()), *self._citations]
        return found
