"""Read requests and responses of the embeddings endpoint and of the old text completions."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_broken, openai_tokens
from kansoku.instruments import openai_extras as extras
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_usage import usage_facts
from kansoku.usage import Usage


class EmbeddingReader:
    """Reads embeddings; the vectors are never recorded."""

    operation = "embeddings"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create`."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        encoding = arguments.get("encoding_format")
        if isinstance(encoding, str):
            request.attributes[semconv.ENCODING_FORMATS] = (encoding,)
        wanted = arguments.get("dimensions")
        if isinstance(wanted, int):
            request.attributes[semconv.EMBEDDING_DIMENSIONS] = wanted
        texts = arguments.get("input")
        many = isinstance(texts, list | tuple) and bool(texts) and not isinstance(texts[0], int)
        request.attributes[semconv.EMBEDDING_INPUTS] = len(texts) if many and texts is not None else 1
        if capture:
            listed = texts if many else [texts]
            parts = [{"type": "text", "content": text} for text in listed or () if isinstance(text, str)]
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:  # noqa: ARG002 - there is no content in it
        """Read a CreateEmbeddingResponse."""
        usage = get(response, "usage")
        answer = Answer(
            model=shape.text_of(response, "model"),
            usage=_embedded(openai_tokens.read_usage(usage), openai_tokens.count(usage, "total_tokens")),
            attributes=usage_facts(usage),
        )
        extras.add_request_id(answer, response)
        extras.add_failure(answer, extras.failure_in(response, ()))
        found = shape.listed(response, "data")
        if found:
            vector = get(found[0], "embedding")
            # base64 of 4-byte floats, when the caller asked for that
            size = len(vector) * 3 // 16 if isinstance(vector, str) else len(vector or ())
            answer.attributes[semconv.EMBEDDING_DIMENSIONS] = size
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: embeddings are not streamed."""
        return self.response(chunks[-1], capture)


def _embedded(usage: Usage | None, total: int | None) -> Usage | None:
    """Return the counts; some servers say no more than the sum, or 0 beside it: nothing is answered."""
    if total and (usage is None or not usage.input_tokens):
        return Usage(input_fresh=total)
    return usage


class CompletionReader:
    """Reads text completions, the endpoint before chat."""

    operation = "text_completion"
    last_words = staticmethod(openai_broken.last_words)

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create`."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        if capture:
            prompt = arguments.get("prompt")
            texts = list(prompt) if isinstance(prompt, list | tuple) else [prompt]
            texts.append(arguments.get("suffix") or None)  # what comes after that which the model writes
            parts = [{"type": "text", "content": text} for text in texts if isinstance(text, str)]
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a Completion."""
        return self.fold([response], capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks together; a whole response is one chunk."""
        texts: dict[int, list[str]] = {}
        finish: dict[int, str] = {}
        usage = None
        logprobs: list[Any] = []
        answer = Answer(model=extras.last_text(chunks, "model"), id=extras.last_text(chunks, "id"))
        for chunk in chunks:
            for choice in shape.listed(chunk, "choices"):
                index = openai_tokens.count(choice, "index") or 0
                texts.setdefault(index, []).append(shape.text_of(choice, "text"))
                logprobs += shape.logprobs(get(choice, "logprobs"))
                if reason := get(choice, "finish_reason"):
                    finish[index] = shape.finish_reason(reason)
            usage = get(chunk, "usage") or usage
        answer.usage = openai_tokens.read_usage(usage)
        answer.attributes.update(usage_facts(usage))
        extras.add_extras(answer, (chunks[0], chunks[-1]))
        extras.add_request_id(answer, chunks[0])
        extras.add_logprob(answer, logprobs)
        for chunk in chunks[-2:]:  # the last may have the usage alone
            extras.add_failure(answer, extras.failure_in(chunk, shape.listed(chunk, "choices")))
        answer.finish_reasons = [finish[index] for index in sorted(finish)]
        if capture:
            answer.messages = [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "".join(texts[index])}],
                    "finish_reason": finish.get(index, ""),
                }
                for index in sorted(texts)
            ]
        return answer
