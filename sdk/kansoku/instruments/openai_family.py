"""Clients generated from an API like OpenAI's: the same resources and shapes under another package name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kansoku import semconv
from kansoku.content import plain, to_json
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.cohere_other import RerankReader
from kansoku.instruments.openai_audio import SpeechReader, TranscriptionReader
from kansoku.instruments.openai_chat import ChatReader
from kansoku.instruments.openai_hosts import read_origin
from kansoku.instruments.openai_images import ImageReader
from kansoku.instruments.openai_other import CompletionReader, EmbeddingReader
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_tokens import read_usage
from kansoku.instruments.targets import Targets, both
from kansoku.reader import Answer, Reader

_LONGEST = 4096
_NOTHING: Mapping[str, Any] = {}
_TIMES = {
    "queue_time": semconv.SERVER_QUEUE_TIME,
    "prompt_time": semconv.SERVER_PROMPT_TIME,
    "completion_time": semconv.SERVER_COMPLETION_TIME,
    "total_time": semconv.SERVER_TOTAL_TIME,
}
# What a tool that the server runs is called -> how it is counted, and may be priced.
_COUNTED = {
    "search": "web_search",
    "browser_search": "web_search",
    "python": "code_execution",
    "code_interpreter": "code_execution",
}
_RESULTS = ("output", "search_results", "code_results", "browser_results")  # of a tool that the server ran


def trace_package(package: str, provider: str) -> Targets:
    """Return the methods of a client whose modules are laid out as OpenAI's are."""
    origin = _Origin(provider)
    hear, draw = TranscriptionReader(origin), ImageReader(origin)
    # What a package lacks is skipped.
    readers: dict[str, dict[str, Reader]] = {
        "chat.completions": {"create": FamilyChatReader(origin)},
        "completions": {"create": CompletionReader(origin)},
        "embeddings": {"create": EmbeddingReader(origin)},
        "rerank": {"create": FamilyRerankReader(origin)},
        "images": {"generate": draw},
        "audio.transcriptions": {"create": hear},
        "audio.translations": {"create": hear},
        "audio.speech": {"create": SpeechReader(origin)},
    }
    table: dict[str, dict[str, Mapping[str, Reader]]] = {}
    for path, methods in readers.items():
        name = path.rpartition(".")[2].capitalize()  # of the class; newer generators add Resource to it
        table[f"{package}.resources.{path}"] = {
            **both(name, **methods),
            **both(f"{name}Resource", **methods),
        }
    return Targets(table)


class _Origin:
    """Where a client of one vendor talks to; the vendor's name for every host that is nobody else's."""

    def __init__(self, vendor: str) -> None:
        self._vendor = vendor

    def __call__(self, resource: Any, local_provider: str) -> tuple[str, str, int]:
        provider, address, port = read_origin(resource, local_provider)
        return (self._vendor if provider == "openai" else provider), address, port


class FamilyChatReader(ChatReader):
    """Reads chat completions and what these vendors add: server times and tools that the server runs."""

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a chat completion."""
        answer = super().response(response, capture)
        _add_times(answer, response)
        _add_shares(answer, (response,))
        choices = get(response, "choices") or ()
        ran = [get(get(choice, "message"), "executed_tools") or () for choice in choices]
        _count_tools(answer, [tool for tools in ran for tool in tools])
        if capture:
            for message, tools in zip(answer.messages, ran, strict=False):
                message["parts"][:0] = _executed(tools)
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks of a stream together; usage may be in the vendor's own corner of the last ones."""
        known = [fields_of(chunk) if _is_odd(chunk) else chunk for chunk in chunks]
        answer = super().fold(known, capture)
        for chunk in reversed(chunks[-3:]):
            own = get(chunk, "x_groq")
            if answer.usage is None:
                answer.usage = read_usage(get(own, "usage"))
            _add_times(answer, chunk)
        _add_shares(answer, chunks[-3:])
        ran = _last_executed(chunks)
        _count_tools(answer, ran)
        if capture and answer.messages:
            answer.messages[0]["parts"][:0] = _executed(ran)
        return answer


class FamilyRerankReader(RerankReader):
    """Reads reranking in Cohere's shape, with the usage and the model as everywhere else here."""

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a rerank response."""
        answer = super().response(response, capture)
        answer.model = shape.text_of(response, "model")
        answer.usage = read_usage(get(response, "usage"))
        return answer


def _is_odd(chunk: Any) -> bool:
    """Tell a chunk that a lenient client took for another kind: what the stream says is an extra field there.

    One may be while its neighbours are not: Cerebras's client takes a piece of a call without type and name
    for a whole completion.
    """
    choices = shape.listed(chunk, "choices")
    return any("delta" not in getattr(choice, "__dict__", choice) for choice in choices)


def fields_of(chunk: Any) -> dict[str, Any]:
    """Return the fields of a chunk whose models keep some of them, or most, as extra ones."""
    found = _all(chunk)
    choices = [_all(choice) for choice in found.get("choices") or ()]
    found["choices"] = [{**choice, "delta": _all(choice.get("delta"))} for choice in choices]
    return found


def _all(thing: Any) -> dict[str, Any]:
    if isinstance(thing, Mapping):
        return dict(thing)
    return {**getattr(thing, "__dict__", {}), **(getattr(thing, "__pydantic_extra__", None) or {})}


def _add_times(answer: Answer, response: Any) -> None:
    """Add where the server says the time went: Groq beside the usage, Cerebras in a place of its own."""
    places = (get(response, "usage"), get(get(response, "x_groq"), "usage"), get(response, "time_info"))
    for place in places:
        for name, key in _TIMES.items():
            seconds = get(place, name) if place is not None else None
            if isinstance(seconds, int | float):
                answer.attributes.setdefault(key, float(seconds))


def _add_shares(answer: Answer, responses: Sequence[Any]) -> None:
    """Add which models a compound system asked, and what each used: it has no price itself, they have."""
    for response in reversed(responses):
        models = shape.listed(get(response, "usage_breakdown"), "models")
        told = [(shape.text_of(each, "model"), read_usage(get(each, "usage"))) for each in models]
        answer.shares = [(model, usage) for model, usage in told if model and usage is not None]
        if answer.shares:
            break
    counts: dict[str, dict[str, int]] = {}
    for model, usage in answer.shares:
        known = counts.setdefault(model, {"input_tokens": 0, "output_tokens": 0})
        known["input_tokens"] += usage.input_tokens
        known["output_tokens"] += usage.output_tokens
    if counts:
        answer.attributes[semconv.USAGE_BY_MODEL] = to_json(counts, _LONGEST)


def _count_tools(answer: Answer, tools: Sequence[Any]) -> None:
    """Add how often the server ran each of its tools, which may be paid by the piece."""
    kinds = [shape.text_of(tool, "type") for tool in tools]
    for name, number in Counter(_COUNTED.get(kind, kind) for kind in kinds if kind).items():
        answer.attributes[semconv.SERVER_TOOL_CALLS.format(name)] = number


def _last_executed(chunks: list[Any]) -> list[Any]:
    """Return the tools that the server ran, each as the last chunk that speaks of it has it."""
    found: dict[Any, Any] = {}
    for chunk in chunks:
        for choice in shape.listed(chunk, "choices"):
            for tool in shape.listed(get(choice, "delta"), "executed_tools"):
                found[get(tool, "index")] = tool
    return list(found.values())


def _executed(tools: Any) -> list[dict[str, Any]]:
    """Return the parts for tools that ran on the server: nobody else has to run them."""
    parts: list[dict[str, Any]] = []
    for tool in tools or ():
        called = str(get(tool, "index"))
        arguments = shape.as_object(get(tool, "arguments"))
        name = get(tool, "type") or ""
        parts.append({"type": "server_tool_call", "id": called, "name": name, "arguments": arguments})
        found = next((value for place in _RESULTS if (value := get(tool, place)) is not None), None)
        if found is not None:
            response = _without_images(plain(found, 6))
            parts.append({"type": "server_tool_call_response", "id": called, "response": response})
    return parts


def _without_images(value: Any) -> Any:
    """Return what code on the server gave; an image that it drew by type and size."""
    if isinstance(value, list):
        return [_without_images(item) for item in value]
    if isinstance(value, dict) and isinstance(drawn := value.get("png"), str):
        return {**value, "png": shape.blob("image", "image/png", drawn)}
    return value
