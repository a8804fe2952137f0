"""Read requests and responses of Cohere's parse: what is on a page, which is paid by the page."""

from collections.abc import Iterator, Mapping
from typing import Any

from kansoku.calls.reader import Answer, Request
from kansoku.instruments import cohere_shape as shape
from kansoku.instruments.openai_shape import get, link_or_blob

_WORDS = ("content", "html", "description")  # of a text, a table, an image


class ParseReader:
    """Reads `ClientV2.parse`."""

    operation = "generate_content"

    def __init__(self, origin: shape.Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments: the image of a page, by its address or its size."""
        request = Request(shape.model_name(arguments))
        document = arguments.get("document")
        if capture and document is not None:
            part = link_or_blob(get(document, "image_url"), "image")
            request.messages = [{"role": "user", "parts": [part]}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a ParseResponse: a text a page, or a text a block of it."""
        meta, finish = get(response, "meta"), shape.finish_reason(get(response, "finish_reason"))
        answer = Answer(
            id=get(response, "id") or "",
            finish_reasons=[finish] if finish else [],
            usage=shape.read_usage(meta),
            attributes=shape.read_meta(meta),
        )
        if capture:
            texts = [text for page in get(response, "pages") or () for text in _texts(page)]
            parts = [{"type": "text", "content": text} for text in texts]
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: pages are not streamed."""
        return self.response(chunks[-1], capture)


def _texts(page: Any) -> Iterator[str]:
    if (whole := get(page, "markdown")) is not None:
        yield get(whole, "content") or ""
    for block in get(page, "blocks") or ():
        told = get(block, str(get(block, "type")))
        text = next((found for name in _WORDS if (found := get(told, name))), None)
        if isinstance(text, str):
            yield text
