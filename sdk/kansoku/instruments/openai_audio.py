"""Read requests and responses of the audio endpoints: speech to text, and text to speech."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.raw_body import events_of
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_extras as extras
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_tokens import read_usage
from kansoku.instruments.openai_usage import usage_facts


class TranscriptionReader:
    """Reads transcriptions and translations; the audio is told by its name and size."""

    operation = "generate_content"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create`."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        request.attributes[semconv.OUTPUT_TYPE] = "text"
        if capture:
            parts = [shape.upload(arguments.get("file"), "audio")]
            prompt = arguments.get("prompt")
            if isinstance(prompt, str) and prompt:
                parts.append({"type": "text", "content": prompt})
            request.messages = [{"role": "user", "parts": parts}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a transcription: an object, or the bare text of some response formats."""
        usage = get(response, "usage")
        answer = Answer(usage=read_usage(usage), attributes=usage_facts(usage))
        seconds = get(response, "duration")
        if semconv.AUDIO_SECONDS not in answer.attributes and isinstance(seconds, int | float):
            answer.attributes[semconv.AUDIO_SECONDS] = float(seconds)
        extras.add_request_id(answer, response)
        tokens = shape.listed(response, "logprobs")
        extras.add_logprob(answer, [get(token, "logprob") for token in tokens])
        if capture:
            text = response if isinstance(response, str) else shape.text_of(response, "text")
            answer.messages = [_told(text)] if text else []
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the event that ends a stream; of a stream without one, put together what came."""
        for event in reversed(chunks):
            if get(event, "type") == "transcript.text.done":
                return self.response(event, capture)
        deltas = [e for e in chunks if get(e, "type") == "transcript.text.delta"]
        text = "".join(shape.text_of(event, "delta") for event in deltas)
        return Answer(messages=[_told(text)] if text and capture else [])


class SpeechReader:
    """Reads speech; what is spoken is told by its type and size."""

    operation = "generate_content"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `create`."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        request.attributes[semconv.OUTPUT_TYPE] = "speech"
        text, manner = arguments.get("input"), arguments.get("instructions")
        if isinstance(text, str):
            request.attributes[semconv.CHARACTERS] = len(text)  # by which some models are paid
        if capture and isinstance(text, str):
            request.messages = [{"role": "user", "parts": shape.read_parts(text)}]
        if capture and isinstance(manner, str):
            request.instructions = manner
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read the head of a binary response and its size, where its body is here; or its events."""
        # Of openai's client it is `response`, of others of its family `http_response`.
        http = getattr(response, "response", None) or getattr(response, "http_response", None)
        headers = getattr(http, "headers", None)
        if headers is None:
            return Answer()
        kind = str(headers.get("content-type") or "audio/*").partition(";")[0]
        body = getattr(http, "_content", None)  # absent until read: asking for `content` would raise
        if kind == "text/event-stream":
            return self.fold(events_of(body.decode("utf-8", "replace")) if body else [], capture)
        size = len(body) if isinstance(body, bytes) else int(headers.get("content-length") or 0)
        return Answer(messages=_spoken(kind, getattr(response, "size", None) or size) if capture else [])

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the pieces of a sound together; the event that ends a stream has the usage."""
        usage = next((found for event in reversed(chunks) if (found := get(event, "usage"))), None)
        size = sum(shape.decoded_size(get(event, "audio")) for event in chunks)
        return Answer(
            usage=read_usage(usage),
            attributes=usage_facts(usage),
            messages=_spoken("audio/*", size) if size and capture else [],
        )


def _spoken(kind: str, size: int) -> list[dict[str, Any]]:
    part = {"type": "blob", "modality": "audio", "mime_type": kind, "size": size}
    return [{"role": "assistant", "parts": [part], "finish_reason": ""}]


def _told(text: str) -> dict[str, Any]:
    return {"role": "assistant", "parts": shape.read_parts(text), "finish_reason": ""}
