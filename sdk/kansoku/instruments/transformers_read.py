"""Read the calls of a pipeline of `transformers`: a model that runs in this very process."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_chat import read_message, read_tool
from kansoku.instruments.openai_shape import get

PROVIDER = "transformers"  # nobody is billed for it
_RENAMED = {"max_new_tokens": "max_tokens", "num_return_sequences": "n", "stop_sequence": "stop"}
_PARAMETERS = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "repetition_penalty",
        "do_sample",
        "num_beams",
        "max_length",
        *_RENAMED,
    }
)


class Ran(NamedTuple):
    """What a pipeline was given, and what it returned: a text repeats its prompt unless told not to."""

    inputs: Any
    result: Any


class PipelineReader:
    """What the readers of all tasks have in common; the pipeline itself is an argument, named `self`."""

    operation = "text_completion"

    def origin(self, resource: Any, local_provider: str) -> tuple[str, str, int]:  # noqa: ARG002 - the same for all
        """Return the provider; there is no server."""
        return PROVIDER, "", 0

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the inputs, and the parameters of the call over those of the pipeline."""
        pipeline = arguments["self"]
        given = {
            **getattr(pipeline, "_generate_kwargs", {}),
            **getattr(pipeline, "_forward_params", {}),
            **arguments,
        }
        wanted = {
            _RENAMED.get(name, name): given[name] for name in _PARAMETERS if given.get(name) is not None
        }
        request = Request(
            str(getattr(pipeline.model, "name_or_path", "") or ""), shape.read_parameters(wanted)
        )
        if capture:
            request.messages = [
                message for one in inputs_of(arguments["inputs"]) for message in _messages(one)
            ]
            tools = arguments.get("tools")
            request.tools = [_tool(tool) for tool in tools] if isinstance(tools, list | tuple) else None
        return request

    def response(self, response: Ran, capture: bool) -> Answer:
        """Read what a pipeline returns: a list of candidates, or a list of such lists, one an input."""
        if not capture:
            return Answer()
        inputs = inputs_of(response.inputs)
        several = len(inputs) > 1 or (
            isinstance(response.inputs, list | tuple) and inputs != [response.inputs]
        )
        results = _listed(response.result) if several else [response.result]
        found = [
            _output(candidate, given)
            for given, result in zip(inputs, results, strict=False)
            for candidate in _listed(result)
            if isinstance(candidate, Mapping)
        ]
        return Answer(messages=[message for message in found if message["parts"]])

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last response: pipelines do not stream."""
        return self.response(chunks[-1], capture)


class ChatPipelineReader(PipelineReader):
    """Reads pipelines that are given a conversation."""

    operation = "chat"


class FeaturePipelineReader(PipelineReader):
    """Reads feature extraction; the vectors are never recorded."""

    operation = "embeddings"

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the inputs."""
        request = super().request(arguments, capture)
        request.attributes[semconv.EMBEDDING_INPUTS] = len(inputs_of(arguments["inputs"]))
        return request

    def response(self, response: Ran, capture: bool) -> Answer:  # noqa: ARG002 - there is no content in it
        """Read the size of a vector from nested lists, or from a tensor."""
        found = response.result
        size = getattr(found, "shape", None)
        while size is None and isinstance(found, list) and found:
            last, found = found, found[0]
            size = (len(last),) if not isinstance(found, list) else getattr(found, "shape", None)
        return Answer(attributes={semconv.EMBEDDING_DIMENSIONS: int(size[-1])} if size else {})


def inputs_of(inputs: Any) -> list[Any]:
    """Return the inputs one by one: a list of dictionaries is one conversation."""
    if isinstance(inputs, list | tuple) and not (inputs and _is_message(inputs[0])):
        return list(inputs)
    return [inputs]


def is_chat(inputs: Any) -> bool:
    """Tell whether a pipeline is given a conversation, or several."""
    first = next(iter(inputs_of(inputs)), None)
    return hasattr(first, "messages") or (
        isinstance(first, list | tuple) and bool(first) and _is_message(first[0])
    )


def _is_message(thing: Any) -> bool:
    return isinstance(thing, Mapping) and "role" in thing


def _messages(one: Any) -> list[dict[str, Any]]:
    chat = getattr(one, "messages", one)
    if isinstance(chat, list | tuple):
        return [_message(message) for message in chat]
    texts, images = (one.get("text"), one.get("images")) if isinstance(one, Mapping) else (one, None)
    parts = [{"type": "text", "content": text} for text in _listed(texts) if isinstance(text, str)]
    return [{"role": "user", "parts": parts + [_image(image) for image in _listed(images)]}]


def _message(message: Any) -> dict[str, Any]:
    content = get(message, "content")
    if not isinstance(content, list | tuple):
        return read_message(message)
    parts = []
    for item in content:
        named = next((get(item, key) for key in ("url", "image", "path") if get(item, key) is not None), None)
        parts += [_image(named)] if get(item, "type") == "image" else shape.read_parts([item])
    return {"role": get(message, "role") or "user", "parts": parts}


def _image(image: Any) -> dict[str, Any]:
    """Return the part of an image: a URL or path by name, a picture of Pillow by its measures."""
    if isinstance(image, str):
        return shape.link_or_blob(image, "image")
    part: dict[str, Any] = {"type": "blob", "modality": "image", "mime_type": "image/*"}
    width, height = getattr(image, "width", None), getattr(image, "height", None)
    return {**part, "width": width, "height": height} if isinstance(width, int) else part


def _listed(thing: Any) -> list[Any]:
    return list(thing) if isinstance(thing, list | tuple) else [] if thing is None else [thing]


def _tool(tool: Any) -> dict[str, Any]:
    if callable(tool):
        return {"type": "function", "name": getattr(tool, "__name__", type(tool).__name__)}
    return read_tool(tool)


def _output(candidate: Mapping[str, Any], given: Any) -> dict[str, Any]:
    """Return the answer of one candidate: a conversation's last message, a text without its prompt."""
    text = next((candidate[key] for key in candidate if key.endswith("_text") and key != "input_text"), None)
    if isinstance(text, list) and text:
        return {**_message(text[-1]), "finish_reason": ""}
    prompt = given if isinstance(given, str) else candidate.get("input_text")
    said = text.removeprefix(prompt) if isinstance(text, str) and isinstance(prompt, str) else text
    parts = [{"type": "text", "content": said}] if isinstance(said, str) else []
    return {"role": "assistant", "parts": parts, "finish_reason": ""}
