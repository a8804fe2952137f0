"""Read requests and responses of Ollama's own API: chat, generate and embeddings."""

import os
from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_chat import read_tool
from kansoku.instruments.openai_extras import add_logprob
from kansoku.instruments.openai_hosts import read_origin
from kansoku.instruments.openai_shape import get
from kansoku.usage import Usage

PROVIDER = "ollama"
_OPTIONS = {
    "temperature": semconv.TEMPERATURE,
    "top_p": semconv.TOP_P,
    "top_k": semconv.TOP_K,
    "seed": semconv.SEED,
    "num_predict": semconv.MAX_TOKENS,
    "frequency_penalty": semconv.FREQUENCY_PENALTY,
    "presence_penalty": semconv.PRESENCE_PENALTY,
}
_DURATIONS = {
    "total_duration": semconv.SERVER_TOTAL_TIME,
    "load_duration": semconv.SERVER_LOAD_TIME,
    "prompt_eval_duration": semconv.SERVER_PROMPT_TIME,
    "eval_duration": semconv.SERVER_COMPLETION_TIME,
}
# How the first bytes of an image look, and how they look in base64.
_IMAGES = (
    (b"\x89PNG", "iVBOR", "image/png"),
    (b"\xff\xd8\xff", "/9j/", "image/jpeg"),
    (b"RIFF", "UklGR", "image/webp"),
    (b"GIF8", "R0lGOD", "image/gif"),
)
_LONGEST_PATH = 1024


class OllamaReader:
    """What the readers of Ollama's endpoints have in common."""

    operation = "chat"

    def origin(self, resource: Any, local_provider: str) -> tuple[str, str, int]:
        """Return where the client talks to; whoever speaks this API is an Ollama."""
        _, address, port = read_origin(resource, local_provider)
        return PROVIDER, address, port

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:  # noqa: ARG002 - for the subclasses
        """Read what every request has: model, options, format and thinking."""
        request = Request(shape.model_name(arguments))
        found = request.attributes
        options = arguments.get("options")
        if options is not None:
            for name, key in _OPTIONS.items():
                value = get(options, name)
                if isinstance(value, int | float) and not isinstance(value, bool):
                    found[key] = value
            stop = get(options, "stop")
            if isinstance(stop, list | tuple):
                found[semconv.STOP_SEQUENCES] = tuple(str(word) for word in stop)
        if arguments.get("format"):
            found[semconv.OUTPUT_TYPE] = "json"
        if isinstance(arguments.get("think"), str):
            found[semconv.REASONING_LEVEL] = arguments["think"]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a whole response, which is a stream of one chunk."""
        return self.fold([response], capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks of a stream together; counts, and durations in nanoseconds, are in the last."""
        last = chunks[-1]
        finish = shape.finish_reason(get(last, "done_reason"))
        answer = Answer(
            model=get(last, "model") or "",
            finish_reasons=[finish] if finish else [],
            usage=_usage(last),
            attributes={
                key: duration / 1e9
                for name, key in _DURATIONS.items()
                if isinstance(duration := get(last, name), int)
            },
        )
        add_logprob(
            answer, [get(each, "logprob") for chunk in chunks for each in get(chunk, "logprobs") or ()]
        )
        if capture and (parts := self.parts(chunks)):
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer

    def parts(self, chunks: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG002 - embeddings have none
        """Return the parts of the answer."""
        return []


class ChatReader(OllamaReader):
    """Reads chats."""

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `chat`."""
        request = super().request(arguments, capture)
        messages, tools = arguments.get("messages"), arguments.get("tools")
        if capture and isinstance(messages, list | tuple):
            request.messages = [_message(message) for message in messages]
        if capture and isinstance(tools, list | tuple):
            request.tools = [_tool(tool) for tool in tools]
        return request

    def parts(self, chunks: list[Any]) -> list[dict[str, Any]]:
        """Return thinking, text and tool calls, each in one piece."""
        messages = [get(chunk, "message") for chunk in chunks]
        calls = [call for message in messages for call in get(message, "tool_calls") or ()]
        return _texts(messages, "content") + [_tool_call(call) for call in calls]


class GenerateReader(OllamaReader):
    """Reads completions of a prompt."""

    operation = "text_completion"

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `generate`."""
        request = super().request(arguments, capture)
        if capture:
            prompt = arguments.get("prompt")
            parts = [{"type": "text", "content": prompt}] if isinstance(prompt, str) else []
            parts += [_image(image) for image in arguments.get("images") or ()]
            request.messages = [{"role": "user", "parts": parts}] if parts else None
            system = arguments.get("system")
            request.instructions = system if isinstance(system, str) else ""
        return request

    def parts(self, chunks: list[Any]) -> list[dict[str, Any]]:
        """Return thinking and text, each in one piece, and the image of an image model."""
        images = [shape.blob("image", "image/png", data) for chunk in chunks if (data := get(chunk, "image"))]
        return _texts(chunks, "response") + images[-1:]


class EmbedReader(OllamaReader):
    """Reads embeddings, of `embed` and of the older `embeddings`; the vectors are never recorded."""

    operation = "embeddings"

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        request = super().request(arguments, capture)
        texts = arguments.get("input", arguments.get("prompt"))
        listed = list(texts) if isinstance(texts, list | tuple) else [texts]
        request.attributes[semconv.EMBEDDING_INPUTS] = len(listed)
        if isinstance(arguments.get("dimensions"), int):
            request.attributes[semconv.EMBEDDING_DIMENSIONS] = arguments["dimensions"]
        if capture:
            parts = [{"type": "text", "content": text} for text in listed if isinstance(text, str)]
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the only response there is."""
        answer = super().fold(chunks, capture)
        vectors = get(chunks[-1], "embeddings") or [get(chunks[-1], "embedding") or ()]
        if len(vectors[0]):
            answer.attributes[semconv.EMBEDDING_DIMENSIONS] = len(vectors[0])
        return answer


def _usage(last: Any) -> Usage | None:
    """Return the counts; the server leaves out one that is 0, as of a prompt still in its cache."""
    sent, answered = get(last, "prompt_eval_count"), get(last, "eval_count")
    if sent is None and answered is None:
        return None
    return Usage.from_inclusive(sent or 0, answered or 0)


def _texts(pieces: list[Any], name: str) -> list[dict[str, Any]]:
    thinking = "".join(get(piece, "thinking") or "" for piece in pieces)
    text = "".join(get(piece, name) or "" for piece in pieces)
    parts = [{"type": "reasoning", "content": thinking}] if thinking else []
    return [*parts, {"type": "text", "content": text}] if text else parts


def _message(message: Any) -> dict[str, Any]:
    role, content = get(message, "role") or "user", get(message, "content")
    if role == "tool":
        part = {"type": "tool_call_response", "id": get(message, "tool_call_id"), "response": content or ""}
        if name := get(message, "tool_name") or get(message, "name"):
            part["name"] = name
        return {"role": role, "parts": [part]}
    parts = _texts([message], "content")
    parts += [_image(image) for image in get(message, "images") or ()]
    parts += [_tool_call(call) for call in get(message, "tool_calls") or ()]
    return {"role": role, "parts": parts}


def _tool_call(call: Any) -> dict[str, Any]:
    """Return a call; Ollama gives it no id, or one that the client does not keep."""
    function = get(call, "function")
    arguments = get(function, "arguments")
    return {
        "type": "tool_call",
        "id": get(call, "id"),
        "name": get(function, "name") or "",
        "arguments": dict(arguments) if isinstance(arguments, Mapping) else shape.as_object(arguments),
    }


def _tool(tool: Any) -> dict[str, Any]:
    """Return a definition; of a function only what it says itself: the client makes the schema, not we."""
    if callable(tool) and not isinstance(tool, Mapping):
        found = {"type": "function", "name": getattr(tool, "__name__", type(tool).__name__)}
        return {**found, "description": tool.__doc__} if getattr(tool, "__doc__", None) else found
    return read_tool(tool)


def _image(image: Any) -> dict[str, Any]:
    """Return the part of an image: bytes and base64 by type and size, a file by its name."""
    data = get(image, "value") if hasattr(image, "value") else image
    if isinstance(data, bytes | bytearray | memoryview):
        head = bytes(data[:4])
        kind = next((kind for start, _, kind in _IMAGES if head.startswith(start)), "image/*")
        return {"type": "blob", "modality": "image", "mime_type": kind, "size": len(data)}
    if isinstance(data, str):
        kind = next((kind for _, start, kind in _IMAGES if data.startswith(start)), "")
        if kind or len(data) > _LONGEST_PATH:
            return shape.blob("image", kind or "image/*", data)
    name = os.fspath(data) if isinstance(data, str | os.PathLike) else type(data).__name__
    return {"type": "uri", "modality": "image", "uri": str(name)}
