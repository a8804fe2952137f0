"""Read responses and transcriptions of OpenAI's realtime API, and its items in the GenAI shape."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_extras as extras
from kansoku.instruments import openai_items as read
from kansoku.instruments import openai_shape as shape
from kansoku.instruments import openai_tokens
from kansoku.instruments.openai_audio import TranscriptionReader
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_events import fold_events
from kansoku.instruments.openai_hosts import find_provider, read_origin
from kansoku.instruments.openai_message import read_tool
from kansoku.instruments.openai_shape import get
from kansoku.usage import Usage

_SOUNDS = frozenset({"input_audio", "audio", "output_audio"})
_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_INCOMPLETE = {"max_output_tokens": "length"}
# Parameter -> what it is called in a session, in the request of a response and in the response, then and now.
_PARAMETERS = {
    "temperature": ("temperature",),
    "max_output_tokens": ("max_output_tokens", "max_response_output_tokens"),
    "modalities": ("output_modalities", "modalities"),
    **{
        name: (name,)
        for name in ("metadata", "parallel_tool_calls", "reasoning", "tool_choice", "truncation")
    },
}


def realtime_origin(resource: Any, local_provider: str) -> tuple[str, str, int]:
    """Return provider, host and port of the socket, which may be elsewhere than the client's other calls."""
    provider, host, port = read_origin(resource, local_provider)
    address = getattr(resource._client, "websocket_base_url", None)
    if not address:
        return provider, host, port
    url = urlsplit(str(address))
    host = url.hostname or host
    known = provider if provider.startswith("azure") else find_provider(host, local_provider)
    return known, host, url.port or (80 if url.scheme in ("ws", "http") else 443)


class RealtimeReader:
    """Reads a response: what it was asked with, and the event that ends it or what came before."""

    operation = "chat"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the session, the request of the program, if there was one, and the response that was begun."""
        places = [arguments.get(name) for name in ("response", "asked", "session")]
        parameters = _parameters(places)
        request = Request(shape.model_name(arguments), shape.read_parameters(parameters, capture))
        found = request.attributes
        found.update(_names(arguments))
        if isinstance(effort := get(parameters.get("reasoning"), "effort"), str):
            found[semconv.REASONING_LEVEL] = effort
        spoken = "audio" in (parameters.get("modalities") or ())
        found[semconv.OUTPUT_TYPE] = "speech" if spoken else "text"
        if conversation := shape.text_of(places[0], "conversation_id"):
            found[semconv.CONVERSATION_ID] = conversation
        prompt = _first(places[1:], "prompt")
        if name := shape.text_of(prompt, "id"):
            found[semconv.PROMPT_NAME] = name
            if version := shape.text_of(prompt, "version"):
                found[semconv.PROMPT_VERSION] = version
        if capture:
            request.messages = arguments.get("messages")
            request.instructions = _first(places[1:], "instructions") or ""
            tools = _first(places[1:], "tools")
            request.tools = [read_tool(tool) for tool in tools] if isinstance(tools, list | tuple) else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a response that has ended, in `told` with what was counted on the way."""
        return self.fold([{"response": response}], capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read what is told of a response: the response, or the events that there were of it."""
        told = chunks[0]
        response, sounds = shape.flat(told["response"]), told.get("sounds") or {}
        items = shape.listed(response, "output")
        if not items and told.get("events"):  # it never ended
            items = fold_events(told["events"])[1]
        usage, facts = read_usage(get(response, "usage"))
        finish = _finish(response, items)
        answer = Answer(
            model=told.get("model") or "",
            id=shape.text_of(response, "id"),
            finish_reasons=[finish] if finish else [],
            usage=usage,
            attributes=facts,
        )
        details = get(response, "status_details")
        if finish == "cancelled" and (reason := shape.text_of(details, "reason")):
            answer.attributes[semconv.CANCEL_REASON] = reason
        extras.add_failure(answer, get(details, "error") or (finish == "failed" and {"code": finish}))
        for name, count in read.server_tools(items).items():
            answer.attributes[semconv.SERVER_TOOL_CALLS.format(name)] = count
        if capture and items:
            kind = told.get("format") or "audio/*"
            parts = [part for item in items for part in _output(item, kind, sounds)]
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer


class HeardReader(TranscriptionReader):
    """Reads what another model made of the user's sound: its call, at its own price."""

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the session's settings of transcriptions."""
        parameters = {name: get(arguments.get("settings"), name) for name in ("language", "delay")}
        request = Request(shape.model_name(arguments), shape.read_parameters(parameters, capture))
        request.attributes.update(_names(arguments))
        request.attributes[semconv.OUTPUT_TYPE] = "text"
        if capture:
            request.messages = arguments.get("messages")
            if words := shape.text_of(arguments.get("settings"), "prompt"):
                request.instructions = words
        return request

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the event that ends a transcription."""
        event = chunks[-1]
        said = {name: get(event, name) for name in ("usage", "logprobs")}
        answer = self.response({**said, "text": get(event, "transcript")}, capture)
        extras.add_failure(answer, get(event, "error"))
        return answer


def read_usage(told: Any) -> tuple[Usage | None, dict[str, Any]]:
    """Return the token counts of a response, and how many of the cached tokens were sounds and images.

    Sounds and images are counted with those that came from the cache, which are cached here.
    """
    sent, answered = (openai_tokens.count(told, name) for name in ("input_tokens", "output_tokens"))
    if sent is None and answered is None:
        return None, {}
    into, out = (openai_tokens.details(told, f"{way}_token_details") for way in ("input", "output"))
    cached = openai_tokens.details(into, "cached_tokens_details")
    sounds, images = (openai_tokens.count(cached, f"{kind}_tokens") or 0 for kind in ("audio", "image"))
    usage = Usage.from_inclusive(
        sent or 0,
        answered or 0,
        cache_read=openai_tokens.count(into, "cached_tokens") or 0,
        reasoning=openai_tokens.count(out, "reasoning_tokens") or 0,
        audio_in=max(0, (openai_tokens.count(into, "audio_tokens") or 0) - sounds),
        audio_out=openai_tokens.count(out, "audio_tokens") or 0,
        image=max(0, (openai_tokens.count(into, "image_tokens") or 0) - images),
    )
    kinds = {semconv.CACHE_READ_AUDIO_TOKENS: sounds, semconv.CACHE_READ_IMAGE_TOKENS: images}
    return usage, {name: number for name, number in kinds.items() if number}


def read_item(item: Any, kind: str, size: int) -> dict[str, Any]:
    """Return an item of the conversation as a message; its sound is of a kind and, where known, a size."""
    if get(item, "type") not in (None, "message"):
        return read.input_item(item)
    return {"role": get(item, "role") or "user", "parts": _content(item, kind, size)}


def _output(item: Any, kind: str, sounds: Mapping[str, int]) -> list[dict[str, Any]]:
    if get(item, "type") != "message":
        return read.output_item(item)
    size = sounds.get(shape.text_of(item, "id"), 0)
    parts = _content(item, kind, size)
    if size and not any(part["type"] == "blob" for part in parts):
        parts.append(sound(kind, size))  # it broke off, or its words alone are repeated at the end
    return parts


def _content(item: Any, kind: str, size: int) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for part in shape.listed(item, "content"):
        if get(part, "type") in _SOUNDS:
            if words := shape.text_of(part, "transcript"):
                parts.append({"type": "text", "content": words})
            parts.append(sound(kind, shape.decoded_size(get(part, "audio")) or size))
        else:
            parts += shape.read_parts([part])
    return parts


def sound(kind: str, size: int) -> dict[str, Any]:
    """Return the part that stands for a sound."""
    part = {"type": "blob", "modality": "audio", "mime_type": kind}
    return {**part, "size": size} if size else part


def format_of(session: Any, way: str) -> str:
    """Return the media type of what is sent (`input`) or answered (`output`) in a session."""
    told = get(get(get(session, "audio"), way), "format") or get(session, f"{way}_audio_format")
    name = told if isinstance(told, str) else shape.text_of(told, "type")
    return _FORMATS.get(name, name or "audio/*")


def _names(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes for the session and, at Azure, the deployment."""
    names = {
        semconv.SESSION_ID: arguments.get("session_id"),
        semconv.AZURE_DEPLOYMENT: arguments.get("deployment"),
        semconv.AZURE_API_VERSION: arguments.get("api_version"),
    }
    return {name: value for name, value in names.items() if isinstance(value, str) and value}


def _first(places: list[Any], *names: str) -> Any:
    return next((v for place in places for name in names if (v := get(place, name)) is not None), None)


def _parameters(places: list[Any]) -> dict[str, Any]:
    found = {name: _first(places, *known) for name, known in _PARAMETERS.items()}
    for name in ("voice", "speed"):
        spoken = [get(get(place, "audio"), "output") for place in places]
        found[name] = _first([*spoken, *places], name)
    return found


def _finish(response: Any, items: list[Any]) -> str:
    status = shape.text_of(response, "status")
    if status == "completed":
        return "tool_calls" if any(read.runs_at_caller(item) for item in items) else "stop"
    if status == "incomplete":
        reason = shape.text_of(get(response, "status_details"), "reason")
        return _INCOMPLETE.get(reason, reason or status)
    return "" if status == "in_progress" else status
