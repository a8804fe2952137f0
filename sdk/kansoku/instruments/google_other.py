"""Read requests and responses of Google's embeddings and images."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import google_shape as shape
from kansoku.instruments import openai_shape
from kansoku.instruments.google_content import model_name
from kansoku.instruments.google_shape import get
from kansoku.instruments.google_usage import read_usage, tokens_of, video_kinds
from kansoku.usage import Usage


class EmbeddingReader:
    """Reads embeddings; the vectors are never recorded."""

    operation = "embeddings"

    def __init__(self, origin: Any) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `embed_content`, or of what it calls."""
        request = Request(model_name(arguments))
        wanted = get(arguments.get("config"), "output_dimensionality")
        if isinstance(wanted, int):
            request.attributes[semconv.EMBEDDING_DIMENSIONS] = wanted
        if capture:
            names = ("contents", "content", "batch_contents")
            given = next((arguments[name] for name in names if arguments.get(name) is not None), ())
            request.messages = shape.read_contents(given) or None
        return request

    def response(self, response: Any, capture: bool) -> Answer:  # noqa: ARG002 - there is no content in it
        """Read an EmbedContentResponse."""
        found = get(response, "embeddings") or ()
        told = get(response, "usage_metadata")
        usage = read_usage(told)
        answer = Answer(usage=usage if usage is not None else _counted(found))
        if watched := _watched(found) if usage is None else video_kinds((told,)):
            answer.attributes.update(watched)
        answer.attributes[semconv.EMBEDDING_INPUTS] = len(found)
        if found:
            answer.attributes[semconv.EMBEDDING_DIMENSIONS] = len(get(found[0], "values") or ())
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: embeddings are not streamed."""
        return self.response(chunks[-1], capture)


def _counted(embeddings: Any) -> Usage | None:
    """Return the tokens that Vertex counts beside each embedding, of texts and of what is none."""
    told = [get(each, "statistics") for each in embeddings]
    counts = [get(each, "token_count") for each in told]
    known = [int(count) for count in counts if isinstance(count, int | float)]
    if not known:
        return None
    audio, image = (
        sum(tokens_of((each,), kind, "tokens_details") for each in told) for kind in ("AUDIO", "IMAGE")
    )
    return Usage.from_inclusive(sum(known), 0, audio_in=audio, image=image)


def _watched(embeddings: Any) -> dict[str, int]:
    """Return the tokens of videos among those, which cost many times those of texts."""
    told = [get(each, "statistics") for each in embeddings]
    tokens = sum(tokens_of((each,), "VIDEO", "tokens_details") for each in told)
    return {semconv.VIDEO_INPUT_TOKENS: tokens} if tokens else {}


class ImageReader:
    """Reads generated and edited images, by type and size; Google says no usage for them."""

    operation = "generate_content"

    def __init__(self, origin: Any) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `generate_images`, or of what changes images."""
        request = Request(model_name(arguments), {semconv.OUTPUT_TYPE: "image"})
        config = arguments.get("config")
        for name, key in (("number_of_images", semconv.CHOICE_COUNT), ("seed", semconv.SEED)):
            value = get(config, name)
            if isinstance(value, int):
                request.attributes[key] = value
        source = arguments.get("source")  # images to put together, and what to do with them
        prompt = arguments.get("prompt") or get(source, "prompt")
        if capture:
            parts = [{"type": "text", "content": prompt}] if isinstance(prompt, str) else []
            shown = [arguments.get("image"), get(source, "person_image")]
            shown += [get(each, "product_image") for each in get(source, "product_images") or ()]
            shown += [get(each, "reference_image") for each in arguments.get("reference_images") or ()]
            parts += [_image(image) for image in shown if image is not None]
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a GenerateImagesResponse."""
        answer = Answer()
        generated = get(response, "generated_images") or ()
        if made := [each for each in generated if _is_made(get(each, "image"))]:
            answer.attributes[semconv.IMAGES] = len(made)
        for each in generated:
            reason = get(each, "rai_filtered_reason")
            finish = "content_filter" if reason else "stop"
            answer.finish_reasons.append(finish)
            if capture:
                image = get(each, "image")
                parts = [_image(image)] if _is_made(image) else []
                answer.messages.append({"role": "assistant", "parts": parts, "finish_reason": finish})
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: images are not streamed."""
        return self.response(chunks[-1], capture)


def _is_made(image: Any) -> bool:
    """Tell an image from the empty one that the client makes of an answer which was filtered."""
    return bool(get(image, "image_bytes") or get(image, "gcs_uri"))


def _image(image: Any) -> dict[str, Any]:
    kind = str(get(image, "mime_type") or "image/*")
    if isinstance(uri := get(image, "gcs_uri"), str):
        return {**openai_shape.link_or_blob(uri, "image"), "mime_type": kind}
    data = get(image, "image_bytes")
    size = len(data) if isinstance(data, bytes) else 0
    return {"type": "blob", "modality": "image", "mime_type": kind, "size": size}
