"""Read requests and responses of the decisions endpoint: questions about an input, answered with numbers."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import plain, to_json
from kansoku.instruments import openai_extras as extras
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_items import input_item
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_tokens import read_usage
from kansoku.instruments.openai_usage import usage_facts

_LONGEST = 65_536  # bytes of all answers together
_DEPTH = 6


class DecisionReader:
    """Reads decisions: what was to be judged, the questions beside it, and the answers as JSON."""

    operation = "generate_content"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create`."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        request.attributes[semconv.OUTPUT_TYPE] = "json"
        given = arguments.get("input")
        if capture and isinstance(given, str):
            request.messages = [{"role": "user", "parts": shape.read_parts(given)}]
        elif capture and isinstance(given, list | tuple):
            request.messages = [input_item(item) for item in given]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a Decision; a question that the model declines is answered by a refusal among the others."""
        usage = get(response, "usage")
        answer = Answer(
            model=shape.text_of(response, "model"),
            usage=read_usage(usage),
            attributes=usage_facts(usage),
        )
        extras.add_request_id(answer, response)
        if capture:
            answer.messages = told(shape.listed(response, "answers"))
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: decisions are not streamed."""
        return self.response(chunks[-1], capture)


def told(answers: Any) -> list[dict[str, Any]]:
    """Return the message that tells answers, as JSON; none where there are none."""
    if not answers:
        return []
    text = to_json(plain(_dumped(answers), _DEPTH), _LONGEST)
    return [{"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": ""}]


def _dumped(value: Any) -> Any:
    if isinstance(value, list):
        return [_dumped(item) for item in value]
    if isinstance(value, dict):
        return {name: _dumped(item) for name, item in value.items()}
    return value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else value
