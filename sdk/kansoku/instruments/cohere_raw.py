"""Read what Cohere's `with_raw_response` gives: the same answers, each with its HTTP response around it."""

from collections.abc import Mapping
from typing import Any

from kansoku.reader import Answer, Reader, Request


class RawReader:
    """Reads an answer with the reader of what is inside of it.

    The client makes its own calls through the same methods: inside of a call that is traced already, these
    are not traced again.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.operation = reader.operation

    def origin(self, resource: Any, local_provider: str) -> tuple[str, str, int]:
        """Return provider, host and port of a client."""
        return self._reader.origin(resource, local_provider)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        return self._reader.request(arguments, capture)

    def response(self, response: Any, capture: bool) -> Answer:
        """Read the answer inside of a response."""
        return self._reader.response(response.data, capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: raw streams are not traced."""
        return self.response(chunks[-1], capture)


def whole_answers(readers: Mapping[str, Reader]) -> dict[str, Reader]:
    """Return readers of the raw responses of those methods that do not stream."""
    return {name: RawReader(reader) for name, reader in readers.items() if not name.endswith("_stream")}
