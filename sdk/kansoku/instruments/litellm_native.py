"""Read LiteLLM's functions that speak Anthropic's and Google's APIs: their streams are bytes of events."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kansoku.calls.reader import Answer, Reader
from kansoku.instruments.anthropic_messages import MessagesReader
from kansoku.instruments.anthropic_shape import fields
from kansoku.instruments.google_content import ContentReader
from kansoku.instruments.litellm_read import RoutedReader, origin

_DATA = b"data:"


class NativeReader(RoutedReader):
    """Reads a function that answers as a vendor does, whoever answers."""

    def __init__(self, inner: Reader, *names: str) -> None:
        super().__init__(inner)
        self._names = names

    def given(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are the model's, with those that are this API's own."""
        own = {name: value for name in self._names if (value := arguments.get(name)) is not None}
        if "contents" in own and arguments.get("tools") is not None:
            own["config"] = {**fields(own.get("config")), "tools": arguments["tools"]}
        return {**super().given(arguments), **own}

    def said(self, response: Any) -> Any:
        """Return a dictionary, which it may be, or else a model of LiteLLM's, with the names of the API."""
        return fields(response)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the events of a stream together, which are cut into chunks wherever the network cut them."""
        return self._inner.fold(list(_events(chunks)), capture)


def _events(chunks: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the data of a stream's events; some of LiteLLM's streams have them ready."""
    left = b""
    for chunk in chunks:
        if not isinstance(chunk, str | bytes):
            yield dict(fields(chunk))
            continue
        *lines, left = (left + (chunk.encode() if isinstance(chunk, str) else chunk)).split(b"\n")
        yield from filter(None, map(_event, lines))
    yield from filter(None, [_event(left)])


def _event(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(_DATA):
        return None
    try:
        found = json.loads(line[len(_DATA) :])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


MESSAGES = NativeReader(MessagesReader(origin), "system", "stop_sequences", "metadata", "output_config")
CONTENT = NativeReader(ContentReader(origin), "contents", "config")
