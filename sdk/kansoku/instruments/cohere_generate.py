"""Read requests and responses of Cohere's generate, the endpoint before its chat."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import cohere_shape as shape
from kansoku.instruments.openai_shape import get


class GenerateReader:
    """Reads `Client.generate` and `generate_stream`: a prompt, and one or more texts that follow from it."""

    operation = "text_completion"

    def __init__(self, origin: shape.Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments; what ends a text may be left in it (stop) or not (end)."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        wanted = arguments.get("num_generations")
        if isinstance(wanted, int):
            request.attributes[semconv.CHOICE_COUNT] = wanted
        ends = arguments.get("end_sequences")
        if isinstance(ends, list | tuple):
            stops = request.attributes.get(semconv.STOP_SEQUENCES, ())
            request.attributes[semconv.STOP_SEQUENCES] = (*stops, *map(str, ends))
        prompt = arguments.get("prompt")
        if capture and isinstance(prompt, str):
            request.messages = [{"role": "user", "parts": [{"type": "text", "content": prompt}]}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a Generation, or the end of a stream, whose texts are the same."""
        meta = get(response, "meta")
        answer = Answer(
            id=get(response, "id") or "", usage=shape.read_usage(meta), attributes=shape.read_meta(meta)
        )
        for told in get(response, "generations") or ():
            finish = shape.finish_reason(get(told, "finish_reason"))
            if finish:
                answer.finish_reasons.append(finish)
            if capture:
                part = {"type": "text", "content": get(told, "text") or ""}
                answer.messages.append({"role": "assistant", "parts": [part], "finish_reason": finish})
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the event that ends a stream; of a stream without one, put the texts together."""
        texts: dict[int, list[str]] = {}
        for event in chunks:
            if (whole := get(event, "response")) is not None:
                answer = self.response(whole, capture)
                finish = shape.finish_reason(get(event, "finish_reason"))
                answer.finish_reasons = answer.finish_reasons or ([finish] if finish else [])
                return answer
            if (text := get(event, "text")) is not None:
                texts.setdefault(get(event, "index") or 0, []).append(text)
        generations = [{"text": "".join(texts[index])} for index in sorted(texts)]
        answer = self.response({"generations": generations}, capture)
        if problem := get(chunks[-1], "err"):
            answer.failure, answer.failure_message = "error", str(problem)
        return answer
