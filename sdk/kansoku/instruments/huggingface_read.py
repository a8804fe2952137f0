"""Read requests and responses of Hugging Face's inference tasks that are not chats."""

import os
from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_shape import get
from kansoku.usage import Usage

_NO_PARAMETERS = frozenset({"model", "prompt", "text", "audio", "stream", "details", "extra_body"})
_LONGEST = 4096


class TaskReader:
    """What the readers of the tasks have in common; the input is the parameter named `given`."""

    operation = "text_completion"
    given = "prompt"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments; a parameter that is None was not given."""
        wanted = {k: v for k, v in arguments.items() if k not in _NO_PARAMETERS and v is not None}
        if "max_new_tokens" in wanted:
            wanted["max_tokens"] = wanted.pop("max_new_tokens")
        request = Request(shape.model_name(arguments), shape.read_parameters(wanted))
        if capture:
            parts = self.parts(arguments.get(self.given))
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def parts(self, given: Any) -> list[dict[str, Any]]:
        """Return the parts of the input."""
        texts = given if isinstance(given, list | tuple) else [given]
        return [{"type": "text", "content": text} for text in texts if isinstance(text, str)]

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a whole response."""
        return self.fold([response], capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:  # noqa: ARG002 - for the subclasses
        """Read the chunks of a stream, or the only response."""
        return Answer()


class TextReader(TaskReader):
    """Reads text generation: texts alone, or with details that count the tokens."""

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the text together; only with details the server says more than the text."""
        answer = Answer()
        last = chunks[-1]
        details = None if isinstance(last, str) else get(last, "details")
        if details is not None:
            finish = shape.finish_reason(get(details, "finish_reason"))
            answer.finish_reasons = [finish] if finish else []
            _count(answer, details)
        if capture and (text := _text(chunks)):
            part = {"type": "text", "content": text}
            finish = answer.finish_reasons[0] if answer.finish_reasons else ""
            answer.messages = [{"role": "assistant", "parts": [part], "finish_reason": finish}]
        return answer


class FeatureReader(TaskReader):
    """Reads feature extraction, which is embeddings; the vectors are never recorded."""

    operation = "embeddings"
    given = "text"

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        request = super().request(arguments, capture)
        texts = arguments.get("text")
        request.attributes[semconv.EMBEDDING_INPUTS] = len(texts) if isinstance(texts, list | tuple) else 1
        return request

    def fold(self, chunks: list[Any], capture: bool) -> Answer:  # noqa: ARG002 - there is no content in it
        """Read an array: its last axis is the vector's."""
        size = getattr(chunks[-1], "shape", None)
        return Answer(attributes={semconv.EMBEDDING_DIMENSIONS: int(size[-1])} if size else {})


class ImageReader(TaskReader):
    """Reads image generation."""

    operation = "image_generation"

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read an image of Pillow: what it is, never its data."""
        image = chunks[-1]
        part = {"type": "blob", "modality": "image", "mime_type": f"image/{(image.format or 'png').lower()}"}
        parts = [{**part, "width": image.width, "height": image.height}]
        messages = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
        return Answer(messages=messages if capture else [], attributes={semconv.IMAGES: 1})


class SpeechReader(TaskReader):
    """Reads speech recognition."""

    operation = "generate_content"
    given = "audio"

    def parts(self, given: Any) -> list[dict[str, Any]]:
        """Return the part of a recording: bytes by their size, files and URLs by name."""
        if isinstance(given, bytes | bytearray | memoryview):
            return [{"type": "blob", "modality": "audio", "mime_type": "audio/*", "size": len(given)}]
        if isinstance(given, str | os.PathLike):
            return [{"type": "uri", "modality": "audio", "uri": str(os.fspath(given))[:_LONGEST]}]
        return [{"type": "blob", "modality": "audio", "mime_type": "audio/*"}]

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the transcript."""
        said = chunks[-1]  # a bare text in 0.20
        parts = [{"type": "text", "content": said if isinstance(said, str) else get(said, "text") or ""}]
        messages = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
        return Answer(messages=messages if capture else [])


def _text(chunks: list[Any]) -> str:
    """Return the text: given in whole with the last chunk, else that of the tokens that are no marks."""
    last = chunks[-1]
    if not isinstance(last, str) and (whole := get(last, "generated_text")) is not None:
        return str(whole)
    tokens = [get(chunk, "token") for chunk in chunks if not isinstance(chunk, str)]
    found = [get(token, "text") or "" for token in tokens if not get(token, "special")]
    return "".join(chunk for chunk in chunks if isinstance(chunk, str)) + "".join(found)


def _count(answer: Answer, details: Any) -> None:
    """Add the tokens that the server counted; those of the prompt only when it was asked for them."""
    answered = get(details, "generated_tokens")
    prefill = get(details, "prefill")
    sent = get(details, "input_length") or (len(prefill) if isinstance(prefill, list) and prefill else None)
    if isinstance(answered, int) and isinstance(sent, int):
        answer.usage = Usage.from_inclusive(sent, answered)
    elif isinstance(answered, int):
        answer.attributes[semconv.OUTPUT_TOKENS] = answered
