"""Read requests and responses of Google's decisions: questions about an input, answered with numbers."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.parameters import add_parameter
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import google_shape as google
from kansoku.instruments.google_content import model_name
from kansoku.instruments.google_interactions import read_input, read_origin
from kansoku.instruments.google_shape import get
from kansoku.instruments.google_usage import read_interaction
from kansoku.instruments.openai_decisions import told


class DecisionReader:
    """Reads `decisions.create`; the vendor does not say which model answered."""

    operation = "generate_content"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments: what is to be judged, and the questions by name."""
        request = Request(model_name(arguments), {semconv.OUTPUT_TYPE: "json"})
        if capture:
            request.messages = read_input(arguments.get("input"))
        if (questions := arguments.get("questions")) is not None:
            add_parameter(request.attributes, "questions", questions, capture)
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a CreateDecisionResponse; of an input that was blocked the reason is all that there is."""
        answer = Answer(usage=read_interaction(get(response, "usage")))
        if reason := google.word(get(get(response, "prompt_feedback"), "block_reason")):
            answer.attributes[semconv.BLOCK_REASON] = reason.lower()
            answer.finish_reasons = ["content_filter"]
        if capture:
            answer.messages = told(get(response, "answers"))
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: decisions are not streamed."""
        return self.response(chunks[-1], capture)
