"""Clients generated from an API like OpenAI's: the same resources and shapes under another package name."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Reader
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

_NOTHING: Mapping[str, Any] = {}
_TIMES = {
    "queue_time": semconv.SERVER_QUEUE_TIME,
    "prompt_time": semconv.SERVER_PROMPT_TIME,
    "completion_time": semconv.SERVER_COMPLETION_TIME,
    "total_time": semconv.SERVER_TOTAL_TIME,
}


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
            **(both("ChatCompletions", **methods) if path == "chat.completions" else {}),  # of together 1
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
    """Reads chat completions and what these vendors add: where the time went on their servers."""

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a chat completion."""
        answer = super().response(response, capture)
        _add_times(answer, response)
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
        return answer

    def may_be_compound(self, first: Any, last: Any) -> bool:  # noqa: ARG002 - these clients know what it says
        """Tell whether to look for the models that a system asked: always here."""
        return True


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
