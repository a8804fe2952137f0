"""Read requests and responses of Google's interactions: steps of a model or an agent, kept by the vendor."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import plain
from kansoku.instruments import google_shape as google
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.fetched import Known
from kansoku.instruments.google_content import model_name, read_settings
from kansoku.instruments.google_shape import get
from kansoku.instruments.google_usage import interaction_facts, read_interaction
from kansoku.instruments.openai_hosts import Origin, find_provider
from kansoku.instruments.openai_message import read_tool

_FINISH = {"completed": "stop", "requires_action": "tool_calls"}
_UNDER_WAY = frozenset({"", "in_progress", "queued"})  # "": a stream that was left, or broke off
_begun = Known()  # those of which it is not told yet what they used
_CITED = ("title", "url", "name", "file_name", "document_uri")
_MEDIA = ("image", "audio", "video", "document")


def read_origin(resource: Any, local_provider: str) -> Origin:
    """Return provider, host and port that the resource talks to."""
    url, _ = resource.sdk_configuration.get_server_details()
    parts = urlsplit(str(url))
    provider = find_provider(parts.hostname or "", local_provider)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return ("gcp.gemini" if provider == "openai" else provider), parts.hostname or "", port


class InteractionReader:
    """Reads `interactions.create`, whole or streamed."""

    operation = "chat"

    def __init__(self, origin: Any = read_origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments, by name or in a request of the client's class."""
        if (given := arguments.get("request")) is not None:
            arguments = {**_fields(get(given, "body")), **arguments}
        request = Request(model_name(arguments))
        found = request.attributes
        if (config := arguments.get("generation_config")) is not None:
            read_settings(config, found)
            if level := google.word(get(config, "thinking_level")):
                found[semconv.REASONING_LEVEL] = level.lower()
        if tier := google.word(arguments.get("service_tier")):
            found[semconv.REQUEST_SERVICE_TIER] = tier.lower()
        if isinstance(agent := arguments.get("agent"), str):
            found[semconv.AGENT_ID] = agent
        if isinstance(previous := arguments.get("previous_interaction_id"), str):
            found[semconv.PREVIOUS_RESPONSE_ID] = previous
        if isinstance(arguments.get("response_format"), Mapping | list):
            found[semconv.OUTPUT_TYPE] = "json"
        if capture:
            request.messages = read_input(arguments.get("input"))
            request.instructions = shape.text_of(arguments, "system_instruction")
            tools = arguments.get("tools")
            request.tools = [read_tool(tool) for tool in tools] if isinstance(tools, list | tuple) else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read an Interaction."""
        steps = shape.listed(response, "steps")
        status = google.word(get(response, "status"))
        finish = _FINISH.get(status, status)
        answer = Answer(
            model=google.word(get(response, "model")),
            id=shape.text_of(response, "id"),
            finish_reasons=[finish] if finish else [],
            usage=read_interaction(get(response, "usage")),
            attributes=interaction_facts(get(response, "usage")),
        )
        _note(answer, status)
        if tier := google.word(get(response, "service_tier")):
            answer.attributes[semconv.RESPONSE_TIER] = tier.lower()
        problem = next(iter(shape.listed(response, "errors")), None)
        if problem is not None or status == "failed":
            answer.failure = shape.text_of(problem, "code") or "failed"
            answer.failure_message = shape.text_of(problem, "message")
        if capture and (parts := [part for step in steps for part in _parts(step)]):
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the events of a stream together and read them as a whole response."""
        whole: dict[str, Any] = {}
        steps: dict[int, dict[str, Any]] = {}
        so_far: Any = None
        for event in chunks:
            kind, index = shape.text_of(event, "event_type"), get(event, "index")
            so_far = get(get(event, "metadata"), "total_usage") or so_far
            if kind.startswith("interaction.") and (told := get(event, "interaction")) is not None:
                names = ("id", "model", "status", "usage", "errors", "steps", "service_tier")
                whole.update({name: value for name in names if (value := get(told, name)) is not None})
            elif kind == "step.start":
                steps[index] = {**_fields(get(event, "step"))}
            elif kind == "step.delta" and index in steps:
                _grow(steps[index], get(event, "delta"))
            elif kind == "error":
                whole["errors"] = [get(event, "error") or event]
        for step in steps.values():
            if isinstance(words := step.get("words"), list):  # the arguments of a call came in pieces
                step["arguments"] = shape.as_object("".join(words))
        if whole.get("status") == "in_progress":
            del whole["status"]  # what the stream began with: it was left, or broke off
        whole.setdefault("usage", so_far)
        whole["steps"] = whole.get("steps") or [steps[index] for index in sorted(steps)]
        return self.response(whole, capture)


class Fetches:
    """Interactions that this process has begun, and of which it has not told the tokens; see `fetched`."""

    def follows(self, arguments: Mapping[str, Any]) -> bool:
        """Tell whether a stream goes on with one that broke off."""
        return bool(arguments.get("stream")) and arguments.get("id") in _begun

    def told(self, response: Any) -> Mapping[str, Any] | None:
        """Return what an interaction was asked with, as far as it says that itself."""
        name, status = shape.text_of(response, "id"), google.word(get(response, "status"))
        if name not in _begun or status in _UNDER_WAY:
            return None
        return {key: get(response, key) for key in ("model", "agent")}


def _note(answer: Answer, status: str) -> None:
    """Remember an interaction that has begun until it has ended, unless some of its tokens are told."""
    counted = answer.usage is not None and any(answer.usage)
    if status not in _UNDER_WAY:
        _begun.discard(answer.id)
    elif answer.id and not counted:
        _begun.add(answer.id)


def _fields(step: Any) -> Mapping[str, Any]:
    return step if isinstance(step, Mapping) else getattr(step, "__dict__", {})


def _grow(step: dict[str, Any], delta: Any) -> None:
    """Add what one event says to its step."""
    kind = shape.text_of(delta, "type")
    if kind == "arguments_delta":
        step.setdefault("words", []).append(shape.text_of(delta, "arguments"))
    elif kind == "thought_summary":
        step["summary"] = [*(step.get("summary") or ()), get(delta, "content")]
    elif kind.endswith("_call"):
        step["arguments"] = get(delta, "arguments")
    elif kind.endswith("_result"):
        step["result"] = get(delta, "result")
    elif kind == "text_annotation_delta":
        step["cited"] = [*(step.get("cited") or ()), *shape.listed(delta, "annotations")]
    elif kind == "text" or kind in _MEDIA:
        step["content"] = [*(step.get("content") or ()), delta]


def read_input(given: Any) -> list[dict[str, Any]]:
    """Return the messages of an input: a text, contents of one message, or steps of the past."""
    listed = given if isinstance(given, list | tuple) else [given]
    messages: list[dict[str, Any]] = []
    loose: list[dict[str, Any]] = []
    for item in listed:
        kind = shape.text_of(item, "type")
        if isinstance(item, str) or kind == "text" or kind in _MEDIA:
            loose.append(_content(item))
        elif kind == "function_result":
            messages.append({"role": "tool", "parts": [_result("tool_call_response", item)]})
        elif kind:
            role = "user" if kind == "user_input" else "assistant"
            messages.append({"role": role, "parts": _parts(item, asked=True)})
    return [*messages, {"role": "user", "parts": loose}] if loose else messages


def _parts(step: Any, asked: bool = False) -> list[dict[str, Any]]:
    """Return the parts of a step; what the user said is no part of an answer."""
    kind = shape.text_of(step, "type")
    if kind == "model_output" or (kind == "user_input" and asked):
        items = shape.listed(step, "content")
        parts = google.join_parts([_content(item) for item in items])
        cited = [each for item in items for each in shape.listed(item, "annotations")]
        if parts and (found := _citations([*cited, *shape.listed(step, "cited")])):
            parts[0]["citations"] = found
        return parts
    if kind == "thought":
        words = "".join(shape.text_of(item, "text") for item in shape.listed(step, "summary"))
        return [{"type": "reasoning", "content": words}] if words else []
    if kind == "function_call":
        return [_call("tool_call", step, shape.text_of(step, "name"))]
    if kind.endswith("_call"):
        name = shape.text_of(step, "name") or kind.removesuffix("_call")
        return [_call("server_tool_call", step, name)]
    return [_result("server_tool_call_response", step)] if kind.endswith("_result") else []


def _call(kind: str, step: Any, name: str) -> dict[str, Any]:
    return {"type": kind, "id": get(step, "id"), "name": name, "arguments": _plain(get(step, "arguments"))}


def _result(kind: str, step: Any) -> dict[str, Any]:
    result = get(step, "result")
    told = [_told(item) for item in result] if isinstance(result, list | tuple) else _plain(result)
    part = {"type": kind, "id": get(step, "call_id"), "response": told}
    return {**part, "is_error": True} if get(step, "is_error") is True else part


def _told(item: Any) -> Any:
    """Return one of the things that a tool gave; an image among them by type and size."""
    return _content(item) if shape.text_of(item, "type") in _MEDIA else _plain(item)


def _citations(annotations: list[Any]) -> list[dict[str, Any]]:
    """Return what a text cites: pages, files and places."""
    found = []
    for each in annotations:
        told = {name: value for name in _CITED if isinstance(value := get(each, name), str) and value}
        found.append({**told, "type": shape.text_of(each, "type")})
    return found


def _plain(value: Any) -> Any:
    dumped = getattr(value, "model_dump", None)
    return plain(dumped(exclude_none=True) if dumped is not None else value, 8)


def _content(item: Any) -> dict[str, Any]:
    """Return a part for a text, or for an image, a sound, a video or a document by type and size."""
    if isinstance(item, str):
        return {"type": "text", "content": item}
    kind = shape.text_of(item, "type")
    if kind == "text":
        return {"type": "text", "content": shape.text_of(item, "text")}
    if isinstance(uri := get(item, "uri"), str) and uri:
        return shape.link_or_blob(uri, kind)
    return shape.blob(kind or "unknown", google.word(get(item, "mime_type")), get(item, "data"))
