"""Read what Mistral has beside its chats: embeddings, OCR, speech, moderation, and its responses."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_moderation, openai_other, openai_responses, openai_shape, openai_tokens
from kansoku.instruments.mistral_chat import Origin, read_counts, read_message
from kansoku.instruments.openai_shape import get


class EmbeddingReader(openai_other.EmbeddingReader):
    """Reads `embeddings.create`; the vectors are never recorded."""

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments, which have names of their own for what is meant alike."""
        named = {"input": arguments.get("inputs"), "dimensions": arguments.get("output_dimension")}
        kind = arguments.get("output_dtype")
        return super().request({**arguments, **named, "encoding_format": kind}, capture)

    def response(self, response: Any, capture: bool) -> Answer:
        """Read an EmbeddingResponse."""
        answer = super().response(response, capture)
        answer.id = get(response, "id") or ""
        answer.attributes.update(read_counts(get(response, "usage")))
        return answer


class OcrReader:
    """Reads `ocr.process`, which is paid by the page."""

    operation = "generate_content"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments: a document or an image, by address, by data or by file."""
        request = Request(openai_shape.model_name(arguments))
        document = arguments.get("document")
        if capture and document is not None:
            request.messages = [{"role": "user", "parts": [_document(document)]}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read an OCRResponse: a text a page."""
        pages = get(response, "pages") or ()
        count = get(get(response, "usage_info"), "pages_processed")
        answer = Answer(model=get(response, "model") or "")
        if isinstance(count, int):
            answer.attributes[semconv.PAGES] = count
            if _is_annotated(response, pages):
                answer.attributes[semconv.ANNOTATED_PAGES] = count  # all are paid as such
        if capture:
            texts = [text for page in pages for text in _page(page)]
            if told := openai_shape.text_of(response, "document_annotation"):
                texts.append(told)
            parts = [{"type": "text", "content": text} for text in texts]
            answer.messages = [{"role": "assistant", "parts": parts}] if parts else []
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: pages are not streamed."""
        return self.response(chunks[-1], capture)


class TranscriptionReader:
    """Reads `audio.transcriptions.complete` and `stream`; the audio is told by name, size or address."""

    operation = "generate_content"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments: a file, its address, or what an uploaded one is called."""
        request = Request(openai_shape.model_name(arguments), {semconv.OUTPUT_TYPE: "text"})
        temperature = arguments.get("temperature")
        if isinstance(temperature, int | float):
            request.attributes[semconv.TEMPERATURE] = temperature
        if capture:
            request.messages = [{"role": "user", "parts": [_audio(arguments)]}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a TranscriptionResponse, or the event that ends a stream, which says the same."""
        usage = get(response, "usage")
        answer = Answer(
            model=get(response, "model") or "",
            usage=openai_tokens.read_usage(usage or None),
            attributes=read_counts(usage),
        )
        if capture and (text := openai_shape.text_of(response, "text")):
            parts = openai_shape.read_parts(text)
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": ""}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the event that ends a stream; of a stream without one, put together what came."""
        said = [data for chunk in chunks if (data := get(chunk, "data")) is not None]
        if said and get(said[-1], "type") == "transcription.done":
            return self.response(said[-1], capture)
        pieces = [each for each in said if get(each, "type") == "transcription.text.delta"]
        return self.response({"text": "".join(openai_shape.text_of(e, "text") for e in pieces)}, capture)


class ModerationReader(openai_moderation.ModerationReader):
    """Reads `classifiers.moderate` and `moderate_chat`, of texts and of conversations."""

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments; of a conversation the messages."""
        given = arguments.get("inputs")
        listed: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
        if listed and isinstance(listed[0], list | tuple):  # several conversations
            listed = [message for messages in listed for message in messages]
        request = super().request({**arguments, "input": [t for t in listed if isinstance(t, str)]}, capture)
        if capture and (said := [message for message in listed if get(message, "role")]):
            request.messages = [read_message(message) for message in said]
        return request


class SpeechReader:
    """Reads `audio.speech.complete`; what is spoken is told by its type and size."""

    operation = "generate_content"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments; the voice to copy is a sound by itself, and no parameter."""
        request = Request(openai_shape.model_name(arguments), {semconv.OUTPUT_TYPE: "speech"})
        if capture and (text := openai_shape.text_of(arguments, "input")):
            request.messages = [{"role": "user", "parts": openai_shape.read_parts(text)}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a SpeechResponse, or the pieces of a stream put together."""
        return self.fold([response], capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the pieces of a sound together; the last event has the usage."""
        said = [get(chunk, "data") or chunk for chunk in chunks]
        usage = next((found for each in reversed(said) if (found := get(each, "usage"))), None)
        answer = Answer(usage=openai_tokens.read_usage(usage), attributes=read_counts(usage))
        size = sum(openai_shape.decoded_size(get(each, "audio_data")) for each in said)
        if capture and size:
            part = {"type": "blob", "modality": "audio", "mime_type": "audio/*", "size": size}
            answer.messages = [{"role": "assistant", "parts": [part], "finish_reason": ""}]
        return answer


class ResponsesReader(openai_responses.ResponsesReader):
    """Reads `responses.create`, whose events come inside of frames."""

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Take the events out of their frames and read them as ever."""
        return super().fold([data for chunk in chunks if (data := get(chunk, "data")) is not None], capture)


def _is_annotated(response: Any, pages: Any) -> bool:
    """Tell whether a model described a document, or its pictures, beside reading them."""
    if openai_shape.text_of(response, "document_annotation"):
        return True
    return any(openai_shape.text_of(image, "image_annotation") for page in pages for image in _images(page))


def _images(page: Any) -> list[Any]:
    return openai_shape.listed(page, "images")


def _page(page: Any) -> list[str]:
    """Return the texts of a page; its head, its foot and its tables may be apart from it."""
    tables = [openai_shape.text_of(table, "content") for table in openai_shape.listed(page, "tables")]
    told = [openai_shape.text_of(image, "image_annotation") for image in _images(page)]
    head, foot = openai_shape.text_of(page, "header"), openai_shape.text_of(page, "footer")
    whole = [openai_shape.text_of(page, "markdown"), *filter(None, (*tables, foot, *told))]
    return [head, *whole] if head else whole


def _audio(arguments: Mapping[str, Any]) -> dict[str, Any]:
    url, file_id, file = (arguments.get(name) for name in ("file_url", "file_id", "file"))
    if isinstance(url, str):
        return openai_shape.link_or_blob(url, "audio")
    if isinstance(file_id, str):
        return {"type": "file", "modality": "audio", "file_id": file_id}
    named = (get(file, "file_name"), get(file, "content"), get(file, "content_type"))
    return openai_shape.upload(named, "audio")


def _document(document: Any) -> dict[str, Any]:
    for name, modality in (("document_url", "document"), ("image_url", "image")):
        value = get(document, name)
        url = value if isinstance(value, str) else get(value, "url")
        if isinstance(url, str):
            return openai_shape.link_or_blob(url, modality)
    return {"type": "file", "file_id": str(get(document, "file_id") or "")}
