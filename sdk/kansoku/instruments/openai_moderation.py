"""Read requests and responses of the moderations endpoint: a check, not a billed call of a model."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_extras as extras
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_shape import get


class ModerationReader:
    """Reads moderations."""

    operation = "moderation"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create`."""
        request = Request(shape.model_name(arguments), {semconv.KIND: "guardrail"})
        if capture:
            parts = shape.read_parts(arguments.get("input"))
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:  # noqa: ARG002 - a verdict is no content
        """Read a ModerationCreateResponse: passed unless anything is flagged, and for what."""
        results = shape.listed(response, "results")
        answer = Answer(model=shape.text_of(response, "model"), id=shape.text_of(response, "id"))
        extras.add_request_id(answer, response)
        if results:
            flagged = [
                name for result in results for name in extras.flagged_categories(get(result, "categories"))
            ]
            passed = not flagged and not any(get(r, "flagged") for r in results)
            answer.attributes[semconv.GUARDRAIL_PASSED] = passed
            if flagged:
                answer.attributes[semconv.GUARDRAIL_REASON] = ", ".join(dict.fromkeys(flagged))
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: moderations are not streamed."""
        return self.response(chunks[-1], capture)
