"""What the endpoints of the OpenAI API have in common: parameters and parts of messages."""

import json
from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.parameters import add_parameter

_NUMBERS = {
    "temperature": semconv.TEMPERATURE,
    "top_p": semconv.TOP_P,
    "top_k": semconv.TOP_K,
    "frequency_penalty": semconv.FREQUENCY_PENALTY,
    "presence_penalty": semconv.PRESENCE_PENALTY,
    "seed": semconv.SEED,
    "n": semconv.CHOICE_COUNT,
    "max_tokens": semconv.MAX_TOKENS,
    "max_completion_tokens": semconv.MAX_TOKENS,
    "max_output_tokens": semconv.MAX_TOKENS,
}
# The commonest arguments, and those that have a name of their own: no second look at them.
_READ_BELOW = frozenset(
    {"messages", "model", "stream", "input", "tools", "stop", "user", "service_tier", "reasoning_effort"}
)
_PLAIN = frozenset({int, float})
# Words of older models, and of others that a server passes on as they are.
_FINISH = {
    **dict.fromkeys(("eos", "eos_token", "stop_sequence", "end_turn", "complete"), "stop"),
    **dict.fromkeys(("max_tokens", "model_length", "model_context_window_exceeded"), "length"),
    **dict.fromkeys(("function_call", "tool_use", "tool_call"), "tool_calls"),
    **dict.fromkeys(("sensitive", "refusal", "content_filtered", "safety"), "content_filter"),
}
_LINKED = {"image_url": "image", "input_image": "image", "video_url": "video", "audio_url": "audio"}
_CITED = ("title", "url", "file_id", "filename", "name", "container_id")


def get(thing: Any, name: str) -> Any:
    """Return a field of a mapping or of a model of the client, None when it is not there.

    A missing attribute of a pydantic model costs 20 times a found one, and streams ask for thousands: look
    into the model's own dictionaries first.
    """
    if type(thing) is dict:
        return thing.get(name)
    fields = getattr(thing, "__dict__", None)
    if fields is None:
        return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
    if name in fields:
        return fields[name]
    try:
        extra = thing.__pydantic_extra__
    except (
        AttributeError
    ):  # of huggingface_hub's, which are dictionaries as well, those hold more than the fields
        return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)
    return extra.get(name) if extra else None


def flat(thing: Any) -> Any:
    """Return the fields of a model of the client as a dictionary, others as they are: for many a `get`."""
    if type(thing) is dict:
        return thing
    try:
        fields, extra = thing.__dict__, thing.__pydantic_extra__
    except AttributeError:
        return thing
    return {**fields, **extra} if extra else fields


def listed(thing: Any, name: str) -> list[Any]:
    """Return a field that is a list; what a server sends instead of one is none."""
    found = get(thing, name)
    return found if isinstance(found, list) else list(found) if isinstance(found, tuple) else []


def text_of(thing: Any, name: str) -> str:
    """Return a field that is a text."""
    found = thing.get(name) if type(thing) is dict else get(thing, name)
    return found if isinstance(found, str) else ""


def logprobs(found: Any) -> list[Any]:
    """Return the log probabilities of a choice, of the chat or of the older endpoint."""
    older = get(found, "token_logprobs")
    if isinstance(older, list):
        return older
    return [get(token, "logprob") for token in listed(found, "content")]


def finish_reason(word: Any) -> str:
    """Return the canonical word for a finish reason."""
    lowered = word.lower() if isinstance(word, str) else ""
    return _FINISH.get(lowered, lowered)


def read_parameters(arguments: Mapping[str, Any], capture: bool = True) -> dict[str, Any]:
    """Return the attributes of a request's parameters; what was not given is left out."""
    found: dict[str, Any] = {}
    extra = arguments.get("extra_body")
    for given in (arguments,) if extra is None or not isinstance(extra, Mapping) else (arguments, extra):
        for name, value in given.items():
            key = _NUMBERS.get(name)
            if key is None:
                if name not in _READ_BELOW:
                    add_parameter(found, name, value, capture)
            elif type(value) in _PLAIN or (isinstance(value, int | float) and not isinstance(value, bool)):
                found[key] = value
    stop = arguments.get("stop")
    if isinstance(stop, str):
        found[semconv.STOP_SEQUENCES] = (stop,)
    elif isinstance(stop, list | tuple):
        found[semconv.STOP_SEQUENCES] = tuple(str(word) for word in stop)
    user = arguments.get("user") or arguments.get("safety_identifier")
    if isinstance(user, str) and user:
        found[semconv.USER_ID] = user
    tier = arguments.get("service_tier")
    if isinstance(tier, str):
        found[semconv.REQUEST_SERVICE_TIER] = tier
    return found


def model_name(arguments: Mapping[str, Any]) -> str:
    """Return the model asked for."""
    model = arguments.get("model")
    return model if isinstance(model, str) else ""


def as_object(text: Any) -> Any:
    """Return the arguments of a tool call as an object; what is no JSON stays text."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def read_parts(content: Any) -> list[dict[str, Any]]:
    """Return the parts of a message's content."""
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    if not isinstance(content, list | tuple):
        return []
    return [_part(item) for item in content]


def _part(item: Any) -> dict[str, Any]:  # noqa: PLR0911 - one return a kind of part
    if isinstance(item, str):
        return {"type": "text", "content": item}
    kind = get(item, "type")
    if kind in ("thinking", "reasoning"):
        return {"type": "reasoning", "content": _thought(item)}
    if kind in ("text", "input_text", "summary_text"):
        return {"type": "text", "content": get(item, "text") or ""}
    if kind == "output_text":
        said = {"type": "text", "content": get(item, "text") or ""}
        return {**said, "citations": found} if (found := citations(item)) else said
    if kind == "refusal":
        return {"type": "text", "content": get(item, "refusal") or "", "refusal": True}
    if kind in _LINKED:
        medium = get(item, "image_url" if kind == "input_image" else kind)
        url = medium if isinstance(medium, str) else get(medium, "url")
        return link_or_blob(url, _LINKED[kind]) if url else {"type": "file", "file_id": get(item, "file_id")}
    if kind == "input_audio":
        audio = get(item, "input_audio")
        return blob("audio", f"audio/{get(audio, 'format') or 'wav'}", get(audio, "data"))
    if kind in ("file", "input_file"):
        return _file(get(item, "file") or item)
    return {"type": str(kind or "unknown")}


def citations(item: Any) -> list[dict[str, Any]]:
    """Return what a text cites, or a message of the chat: pages, and files that tools read or made."""
    found = []
    for each in listed(item, "annotations"):
        place = get(each, str(get(each, "type"))) or each  # the older endpoint has it one level below
        told = {name: value for name in _CITED if isinstance(value := get(place, name), str)}
        found.append({**told, "type": str(get(each, "type") or "unknown")})
    return found


def _thought(item: Any) -> str:
    found = get(item, "thinking") or get(item, "text") or get(item, "summary")
    if isinstance(found, list):  # of texts: Mistral and Databricks
        return "".join(text_of(part, "text") for part in found)
    return found if isinstance(found, str) else ""


def _file(file: Any) -> dict[str, Any]:
    name = get(file, "filename")
    named = {"name": name} if name else {}
    if file_id := get(file, "file_id"):
        return {"type": "file", "file_id": file_id, **named}
    if url := get(file, "file_url"):
        return {"type": "uri", "uri": url, **named}
    return {**link_or_blob(get(file, "file_data"), "document"), **named}


def link_or_blob(url: Any, modality: str) -> dict[str, Any]:
    """Return a part for a URL; data inside the URL is named by type and size, never copied."""
    text = url if isinstance(url, str) else ""
    if not text.startswith("data:"):
        return {"type": "uri", "modality": modality, "uri": text[:4096]}
    head, _, data = text.partition(",")
    return blob(modality, head[5:].partition(";")[0], data)


def blob(modality: str, mime_type: str, data: Any) -> dict[str, Any]:
    """Return a part that stands for base64 data of a size."""
    return {"type": "blob", "modality": modality, "mime_type": mime_type, "size": decoded_size(data)}


def upload(given: Any, modality: str) -> dict[str, Any]:
    """Return a part for a file that is sent: its name and, where it is in memory, its size."""
    name, data, mime = "", given, ""
    if isinstance(given, tuple):  # (name, data, type, headers), as HTTP clients take it
        name, data = str(given[0] or ""), given[1] if len(given) > 1 else None
        mime = str(given[2] or "") if len(given) > 2 else ""
    found = getattr(data, "name", None)  # of an open file or a path
    name = name or (found.rpartition("/")[2] if isinstance(found, str) else "")
    part: dict[str, Any] = {"type": "blob", "modality": modality, "mime_type": mime or f"{modality}/*"}
    if isinstance(data, bytes | bytearray):
        part["size"] = len(data)
    return {**part, "name": name} if name else part


def decoded_size(data: Any) -> int:
    """Return how many bytes a base64 text stands for."""
    return len(data) * 3 // 4 - data[-2:].count("=") if isinstance(data, str) else 0
