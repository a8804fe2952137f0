"""One search of a store: the question in, ids and scores out, and the span between them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry import trace

from kansoku import runtime, semconv
from kansoku.calls import wrapper
from kansoku.calls.facts import error_facts
from kansoku.content import cut, plain, to_json
from kansoku.guard import guard, swallow
from kansoku.spans import clock
from kansoku.spans.failure import record_error

_SUPPRESSED = "suppress_instrumentation"
_SEARCHING = otel_context.create_key("kansoku-searching")
_MAX_DOCUMENTS = 200
_TEXTS = ("text", "content", "page_content", "document", "chunk_text", "chunk", "passage", "body")
_MANY = 16  # as many whole numbers in a row are a vector, too

Document = dict[str, Any]


@dataclass(slots=True)
class Search:
    """What a reader finds in the arguments of a search."""

    operation: str
    collection: str = ""
    namespace: str = ""
    query: str = ""
    top_k: Any = None
    dimensions: int = 0
    filter: Any = None
    address: str = ""
    port: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    note: Any = None  # what the reader wants to know when it reads the response


class Reader(Protocol):
    """Understands the searches of one store."""

    system: str

    def request(self, client: Any, arguments: Mapping[str, Any], capture: bool) -> Search | None:
        """Read the arguments; None for a call that is no search. Content only with `capture`."""

    def response(self, response: Any, capture: bool, search: Search) -> Iterable[Document] | None:
        """Read what was found, without consuming it; None when that cannot be known."""


class Retrieval:
    """A search under way."""

    __slots__ = ("_reader", "_running", "_search", "_span", "context")

    def __init__(
        self, reader: Reader, running: runtime.Runtime, search: Search, outside: otel_context.Context
    ) -> None:
        self._reader, self._running, self._search = reader, running, search
        # The search of a framework's retriever is its step: counted once, told twice.
        kind = "function" if _is_retrieval(trace.get_current_span(outside)) else "retrieval"
        attributes: dict[str, Any] = {semconv.KIND: kind, semconv.DB_SYSTEM: reader.system}
        if operation := semconv.KIND_OPERATIONS.get(kind):
            attributes[semconv.OPERATION] = operation
        self._span = running.tracer.start_span(
            f"{operation or search.operation} {search.collection}".rstrip(),
            context=outside,
            kind=trace.SpanKind.CLIENT,
            attributes=attributes,
            start_time=clock.now(),
            record_exception=False,
        )
        here = trace.set_span_in_context(self._span, outside)
        self.context = otel_context.set_value(_SEARCHING, True, here)
        if self._span.is_recording():
            self._span.set_attributes(_describe(search, running))

    def take(self, result: Any, _arguments: Mapping[str, Any], _streams: bool = False) -> Any:
        """Return what the caller gets, and end the span with what was found."""
        self.succeed(result)
        return result

    @guard
    def succeed(self, response: Any) -> None:
        """End the span with what was found."""
        ended = clock.now()
        try:
            if self._span.is_recording():
                search = self._search
                told: dict[str, Any] = {}
                search.attributes = told  # what was there has been written
                found = self._reader.response(response, self._running.capture, search)
                if found is not None:
                    told = {**_documents(list(found), self._running.max_bytes), **told}
                self._span.set_attributes(told)
        finally:
            self._span.end(ended)

    @guard
    def fail(self, error: BaseException, streams: bool = False) -> None:  # noqa: ARG002 - a search is no stream
        """End the span with an exception."""
        try:
            record_error(self._span, error, self._running.capture)
            self._span.set_attributes(error_facts(error))
        finally:
            self._span.end(clock.now())


def begin(reader: Reader, client: Any, arguments: Mapping[str, Any]) -> Retrieval | None:
    """Return the search that starts now, or None when it is not to be traced."""
    running = runtime.current()
    if running is None:
        return None
    try:
        here = otel_context.get_current()
        if here.get(_SUPPRESSED) or _SEARCHING in here:
            return None
        search = reader.request(client, arguments, running.capture)
        return None if search is None else Retrieval(reader, running, search, here)
    except Exception as error:  # noqa: BLE001 - the border: the search is made, untraced
        swallow("search.begin", error)
        return None


def wrap_sync(original: Callable[..., Any], reader: Reader) -> Callable[..., Any]:
    """Return a method that makes the same search and traces it."""
    return wrapper.wrap_sync(original, reader, begin=begin)


def wrap_async(original: Callable[..., Any], reader: Reader) -> Callable[..., Any]:
    """Return a coroutine method that makes the same search and traces it."""
    return wrapper.wrap_async(original, reader, begin=begin)


def document(
    identity: Any, score: Any, fields: Any = None, *, content: Any = None, capture: bool = True
) -> Document:
    """Return a found document: id and score as given; with `capture` its text and its other fields."""
    found: Document = {"id": None if identity is None else str(identity)}
    if score is not None:
        found["score"] = float(score)
    if not capture:
        return found
    told = dict(fields) if isinstance(fields, Mapping) else {}
    if content is None:
        name = next((name for name in _TEXTS if isinstance(told.get(name), str)), None)
        content = told.pop(name) if name else None
    if content is not None:
        found["content"] = str(content)
    if told:
        found["metadata"] = plain(without_vectors(told), 4)
    return found


def without_vectors(value: Any, depth: int = 8) -> Any:
    """Return a value with every vector in it replaced by the number of its dimensions."""
    if isinstance(value, Mapping):
        return {key: without_vectors(item, depth - 1) for key, item in value.items()} if depth else "…"
    if isinstance(value, list | tuple):
        if is_vector(value):
            return f"<{len(value)} numbers>"
        return [without_vectors(item, depth - 1) for item in value] if depth else "…"
    return value


def is_vector(value: Any) -> bool:
    """Tell a vector from a list of a few numbers, by its first two."""
    if len(value) < 3:
        return False
    kinds = {type(item) for item in value[:2]}
    return kinds == {float} or (kinds <= {float, int} and (float in kinds or len(value) >= _MANY))


def dimensions(vector: Any) -> int:
    """Return the length of a vector, or of the first of several; 0 for what is none."""
    shape = getattr(vector, "shape", None)
    if isinstance(shape, tuple) and shape:
        return int(shape[-1])
    if not isinstance(vector, list | tuple) or not vector:
        return 0
    if isinstance(vector[0], int | float):
        return len(vector)
    return dimensions(vector[0])


def split_address(url: Any) -> tuple[str, int]:
    """Return host and port of a URL; "" and 0 when it has none."""
    if not isinstance(url, str) or not url:
        return "", 0
    parts = urlsplit(url if "//" in url else f"//{url}")
    standard = {"https": 443, "http": 80}.get(parts.scheme, 0)
    return parts.hostname or "", parts.port or standard


def _describe(search: Search, running: runtime.Runtime) -> dict[str, Any]:
    told = dict(search.attributes)
    told[semconv.DB_OPERATION] = search.operation
    said = {
        semconv.DB_COLLECTION: search.collection,
        semconv.DATA_SOURCE: search.collection,
        semconv.DB_NAMESPACE: search.namespace,
        semconv.EMBEDDING_DIMENSIONS: search.dimensions,
        semconv.SERVER_ADDRESS: search.address,
        semconv.SERVER_PORT: search.port,
    }
    told.update((key, word) for key, word in said.items() if word)
    if isinstance(search.top_k, int):
        told[semconv.RETRIEVAL_TOP_K] = search.top_k
    if running.capture:
        if search.query:
            told[semconv.RETRIEVAL_QUERY] = cut(search.query, running.max_bytes)
        if search.filter:
            told[semconv.RETRIEVAL_FILTER] = to_json(_filter(search.filter), running.max_bytes)
    return told


def _filter(value: Any) -> Any:
    for dump in ("model_dump", "to_dict"):
        if callable(getattr(value, dump, None)):
            value = value.model_dump(exclude_none=True) if dump == "model_dump" else value.to_dict()
            break
    return plain(without_vectors(value), 10)


def _documents(found: list[Document], limit: int) -> dict[str, Any]:
    told: dict[str, Any] = {semconv.RETRIEVAL_COUNT: len(found)}
    told[semconv.RETRIEVAL_DOCUMENTS] = to_json(found[:_MAX_DOCUMENTS], limit)
    return told


def _is_retrieval(span: trace.Span) -> bool:
    attributes = getattr(span, "attributes", None)
    return attributes is not None and attributes.get(semconv.OPERATION) == "retrieval"
