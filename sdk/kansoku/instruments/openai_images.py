"""Read requests and responses of the images endpoints; images are told by type and size, never copied."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_extras as extras
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_tokens import read_usage
from kansoku.instruments.openai_usage import told_apart, usage_facts, written


class ImageReader:
    """Reads images made, changed and varied."""

    operation = "image_generation"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `generate`, `edit` or `create_variation`."""
        request = Request(shape.model_name(arguments), shape.read_parameters(arguments, capture))
        request.attributes[semconv.OUTPUT_TYPE] = "image"
        if capture:
            prompt = arguments.get("prompt")
            parts = shape.read_parts(prompt) if isinstance(prompt, str) else []
            given = arguments.get("image")
            for image in given if isinstance(given, list) else [given]:
                if image is not None:
                    parts.append(shape.upload(image, "image"))
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read an ImagesResponse."""
        usage = get(response, "usage")
        images = shape.listed(response, "data")
        answer = Answer(usage=read_usage(usage), attributes=usage_facts(usage))
        answer.attributes |= told_apart(semconv.SVG_USAGE, [get(response, "svg_usage")])
        answer.beside = written([get(response, "svg_usage")])
        extras.add_request_id(answer, response)
        if images:
            answer.attributes[semconv.IMAGES] = len(images)
        if capture and images:
            kind = shape.text_of(response, "output_format") or "png"
            parts = [_image(image, kind) for image in images]
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": ""}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the events that complete images; partial ones are drafts of them."""
        done = [event for event in chunks if shape.text_of(event, "type").endswith(".completed")]
        last = done[-1] if done else None
        return self.response(
            {
                "usage": get(last, "usage"),
                "output_format": get(last, "output_format"),
                "data": [{"b64_json": get(event, "b64_json")} for event in done],
            },
            capture,
        )


def _image(image: Any, kind: str) -> dict[str, Any]:
    revised = shape.text_of(image, "revised_prompt")
    told = {"revised_prompt": revised} if revised else {}
    if url := shape.text_of(image, "url"):
        # What follows the question mark lets whoever has it fetch the image.
        return {**shape.link_or_blob(url.partition("?")[0], "image"), **told}
    return {**shape.blob("image", f"image/{kind}", get(image, "b64_json")), **told}
