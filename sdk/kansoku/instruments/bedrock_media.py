"""Read the models of Bedrock that make images, and those that make vectors; neither is ever recorded."""

from collections.abc import Iterator, Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments.bedrock_blocks import read_medium
from kansoku.instruments.bedrock_origin import read_origin
from kansoku.instruments.openai_shape import blob
from kansoku.usage import Usage

_FILTERED = (
    "CONTENT_FILTERED",
    "Filter reason",
)  # of Stable Image followed by what was: the prompt, an image
_MEDIA = ("image", "video", "audio")
_WORDS = ("text", "prompt", "inputText")


class ImageReader:
    """Reads Nova Canvas, Titan Image Generator and the models of Stability."""

    operation = "image_generation"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read a body."""
        request = Request("", {semconv.OUTPUT_TYPE: "image"})
        config = arguments.get("imageGenerationConfig")
        for given in (arguments, config if isinstance(config, Mapping) else {}):
            for name, key in (("numberOfImages", semconv.CHOICE_COUNT), ("samples", semconv.CHOICE_COUNT)):
                if isinstance(value := given.get(name), int):
                    request.attributes[key] = value
            if isinstance(seed := given.get("seed"), int):
                request.attributes[semconv.SEED] = seed
        if capture:
            parts = [{"type": "text", "content": text} for text in _prompts(arguments)]
            parts += list(_images(arguments))
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a body: images by number and size."""
        artifacts = response.get("artifacts") or ()
        images = [a.get("base64") for a in artifacts] if artifacts else response.get("images") or ()
        reasons = [a.get("finishReason") for a in artifacts] or response.get("finish_reasons") or ()
        filtered = any(str(reason).startswith(_FILTERED) for reason in reasons)
        answer = Answer(attributes={semconv.IMAGES: len(images)} if images else {})
        if images or filtered:
            answer.finish_reasons = ["content_filter" if filtered else "stop"]
        if error := response.get("error"):
            answer.failure, answer.failure_message = "error", str(error)
        if capture and images:
            parts = [blob("image", "image/*", image) for image in images]
            finish = answer.finish_reasons[0]
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: images are not streamed."""
        return self.response(chunks[-1], capture)


class VectorReader:
    """Reads the embedding models of Amazon and TwelveLabs."""

    operation = "embeddings"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read a body: one text, one image, or both as one."""
        request = Request("", {semconv.EMBEDDING_INPUTS: 1})
        config = arguments.get("embeddingConfig")
        config = config if isinstance(config, Mapping) else {}
        params = arguments.get("singleEmbeddingParams") or arguments.get("segmentedEmbeddingParams")
        params = params if isinstance(params, Mapping) else {}
        wanted = (
            arguments.get("dimensions")
            or config.get("outputEmbeddingLength")
            or params.get("embeddingDimension")
        )
        if isinstance(wanted, int):
            request.attributes[semconv.EMBEDDING_DIMENSIONS] = wanted
        if isinstance(kinds := arguments.get("embeddingTypes"), list):
            request.attributes[semconv.ENCODING_FORMATS] = tuple(map(str, kinds))
        if capture:
            texts = [arguments.get("inputText"), _value(params.get("text")), _value(arguments.get("text"))]
            parts = [{"type": "text", "content": text} for text in texts if isinstance(text, str)]
            if image := arguments.get("inputImage"):
                parts.append(blob("image", "image/*", image))
            media = [(kind, params.get(kind)) for kind in _MEDIA]  # of Nova, as Converse has them
            parts += [read_medium(kind, value) for kind, value in media if isinstance(value, Mapping)]
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:  # noqa: ARG002 - there is no content in it
        """Read a body."""
        sent = response.get("inputTextTokenCount")
        answer = Answer(usage=None if sent is None else Usage(input_fresh=int(sent)))
        if vector := _vector(response):
            answer.attributes[semconv.EMBEDDING_DIMENSIONS] = len(vector)
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: embeddings are not streamed."""
        return self.response(chunks[-1], capture)


def _value(text: Any) -> Any:
    return text.get("value") or text.get("inputText") if isinstance(text, Mapping) else text


def _vector(response: Mapping[str, Any]) -> Any:
    """Return one of the vectors, wherever they are."""
    found = response.get("embedding") or response.get("embeddings") or response.get("data")
    by_type = response.get("embeddingsByType")
    found = found or next(iter(by_type.values()), None) if isinstance(by_type, Mapping) else found
    while isinstance(found, Mapping) or (isinstance(found, list) and found and not _is_number(found[0])):
        found = found.get("embedding") if isinstance(found, Mapping) else found[0]
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _prompts(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts that say what to draw, top level or in the parameters of a task."""
    for prompt in body.get("text_prompts") or ():
        yield str(prompt.get("text") or "")
    for given in (body, *(value for name, value in body.items() if name.endswith("Params"))):
        for name in _WORDS if isinstance(given, Mapping) else ():
            if isinstance(text := given.get(name), str):
                yield text


def _images(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the images to start from, by size."""
    for given in (body, *(value for name, value in body.items() if name.endswith("Params"))):
        for name in ("image", "init_image", "conditionImage", "images") if isinstance(given, Mapping) else ():
            value = given.get(name)
            for data in value if isinstance(value, list) else [value]:
                if isinstance(data, str):
                    yield blob("image", "image/*", data)
