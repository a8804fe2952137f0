"""Read requests and responses of Cohere's classify: which label fits each text, paid by the text."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import to_json
from kansoku.instruments import cohere_shape as shape
from kansoku.instruments.openai_shape import get

_LONGEST = 65_536  # bytes of all labels together


class ClassifyReader:
    """Reads `Client.classify`; the labels are the answer, as JSON."""

    operation = "generate_content"

    def __init__(self, origin: shape.Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments: texts, and examples of the labels to choose from."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        request.attributes[semconv.OUTPUT_TYPE] = "json"
        texts = arguments.get("inputs")
        if capture and isinstance(texts, list | tuple):
            parts = [{"type": "text", "content": text} for text in texts if isinstance(text, str)]
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a ClassifyResponse: of each text its labels, one or several, and how certain they are."""
        meta = get(response, "meta")
        answer = Answer(
            id=get(response, "id") or "", usage=shape.read_usage(meta), attributes=shape.read_meta(meta)
        )
        told = [_label(each) for each in get(response, "classifications") or ()]
        if capture and told:
            part = {"type": "text", "content": to_json(told, _LONGEST)}
            answer.messages = [{"role": "assistant", "parts": [part], "finish_reason": ""}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: labels are not streamed."""
        return self.response(chunks[-1], capture)


def _label(told: Any) -> dict[str, Any]:
    names = ("prediction", "confidence")  # of one label; of several there is a list of each
    single = {name: value for name in names if (value := get(told, name)) is not None}
    return single or {name: get(told, name) or [] for name in ("predictions", "confidences")}
