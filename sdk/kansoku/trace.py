"""Spans for one's own code."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from opentelemetry import trace

from kansoku import runtime, semconv
from kansoku.content import cut, plain, to_json
from kansoku.guard import guard, warn_once
from kansoku.spans import clock
from kansoku.spans.attached import attach, detach
from kansoku.spans.failure import record_error


def span(
    name: str,
    *,
    kind: str = "function",
    input: Any = None,  # noqa: A002 - the word that set_input has
    attributes: Mapping[str, Any] | None = None,
) -> "Span":
    """Return a span to be used with `with` or `async with`; kinds are those of `semconv.KINDS`.

    with kansoku.span("search", kind="retrieval") as span:
        span.set_documents([{"id": "7", "score": 0.8, "content": "..."}], query=question)
    """
    return Span(name, kind, input, attributes)


class Span:
    """A span of one's own code; every method may be called before `init()` and never raises."""

    __slots__ = ("_attributes", "_input", "_kind", "_name", "_running", "_span", "_token")

    def __init__(
        self, name: str, kind: str, value: Any = None, attributes: Mapping[str, Any] | None = None
    ) -> None:
        self._name = name
        self._kind = kind
        self._input = value
        self._attributes = attributes
        self._span: trace.Span = trace.INVALID_SPAN
        self._token: Any = None
        self._running: runtime.Runtime | None = None

    def __enter__(self) -> Self:
        self.start()
        self.activate()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self.deactivate()
        self.end(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self.__exit__(kind, error, traceback)

    @property
    def trace_id(self) -> str:
        """The trace's id in 32 hexadecimal digits, for `feedback()`; empty when nothing is traced."""
        return _hex(self._span.get_span_context(), "trace")

    @property
    def span_id(self) -> str:
        """The span's id in 16 hexadecimal digits; empty when nothing is traced."""
        return _hex(self._span.get_span_context(), "span")

    @guard
    def start(self) -> None:
        """Start the span without making it the current one."""
        running = runtime.current()
        if running is None:
            return
        self._running = running
        attributes = _kind_attributes(self._kind, self._name)
        if self._attributes:
            attributes.update((str(k), _attribute(v, running.max_bytes)) for k, v in self._attributes.items())
        self._span = running.tracer.start_span(
            self._name, attributes=attributes, start_time=clock.now(), record_exception=False
        )
        if self._input is not None:
            self.set_input(self._input)

    @guard
    def activate(self) -> None:
        """Make the span the parent of what starts from here on."""
        if self._running is not None:
            self._token = attach(trace.set_span_in_context(self._span))

    @guard
    def deactivate(self) -> None:
        """Make the former span the current one again."""
        if self._token is not None:
            detach(self._token)
            self._token = None

    @guard
    def end(self, error: BaseException | None = None) -> None:
        """End the span; with an error, say so on it."""
        if self._running is None:
            return
        if error is not None and not isinstance(error, GeneratorExit):
            record_error(self._span, error, self._running.capture)
        self._span.end(clock.now())

    @guard
    def set_input(self, value: Any) -> None:
        """Record what goes in: any value, JSON on the span."""
        self._set_content(semconv.INPUT_VALUE, value)

    @guard
    def set_output(self, value: Any) -> None:
        """Record what comes out: any value, JSON on the span."""
        self._set_content(semconv.OUTPUT_VALUE, value)

    @guard
    def set_documents(
        self,
        documents: Sequence[Mapping[str, Any]],
        *,
        query: str | None = None,
        top_k: int | None = None,
        source: str | None = None,
    ) -> None:
        """Record what a retrieval found: mappings with `id`, `score` and `content`, best first."""
        running = self._recording()
        if running is None:
            return
        found = [_document(document, running.capture) for document in documents]
        self._span.set_attribute(semconv.RETRIEVAL_DOCUMENTS, to_json(found, running.max_bytes))
        if query is not None and running.capture:
            self._span.set_attribute(semconv.RETRIEVAL_QUERY, cut(str(query), running.max_bytes))
        if top_k is not None:
            self._span.set_attribute(semconv.RETRIEVAL_TOP_K, int(top_k))
        if source is not None:
            self._span.set_attribute(semconv.DATA_SOURCE, str(source))

    @guard
    def set_tool(
        self,
        name: str,
        *,
        call_id: str | None = None,
        arguments: Any = None,
        result: Any = None,
        description: str | None = None,
    ) -> None:
        """Record the tool that this span runs, what it was called with and what it gave."""
        running = self._recording()
        if running is None:
            return
        for key, text in (
            (semconv.TOOL_NAME, name),
            (semconv.TOOL_CALL_ID, call_id),
            (semconv.TOOL_DESCRIPTION, description),
        ):
            if text is not None:
                self._span.set_attribute(key, str(text))
        for key, value in ((semconv.TOOL_ARGUMENTS, arguments), (semconv.TOOL_RESULT, result)):
            if value is not None:
                self._set_content(key, value)

    @guard
    def set_agent(self, name: str) -> None:
        """Record the name of the agent that this span runs."""
        self._span.set_attribute(semconv.AGENT_NAME, str(name))

    @guard
    def set_model(self, request: str, *, response: str | None = None, provider: str | None = None) -> None:
        """Record the model asked for, the one that answered, and who serves it."""
        named = {semconv.REQUEST_MODEL: request, semconv.RESPONSE_MODEL: response, semconv.PROVIDER: provider}
        self._span.set_attributes({key: str(value) for key, value in named.items() if value is not None})

    @guard
    def rename(self, name: str) -> None:
        """Give the span a better name, known only after it started."""
        self._span.update_name(str(name))

    @guard
    def set(self, key: str, value: Any) -> None:
        """Set an attribute under its full name; what OpenTelemetry cannot hold becomes JSON."""
        running = self._recording()
        if running is not None:
            self._span.set_attribute(key, _attribute(value, running.max_bytes))

    def _recording(self) -> runtime.Runtime | None:
        return self._running if self._span.is_recording() else None

    def _set_content(self, key: str, value: Any) -> None:
        running = self._recording()
        if running is not None and running.capture:
            self.set_plain(key, plain(value))

    @guard
    def set_plain(self, key: str, value: Any) -> None:
        """Record content that `content.plain` made, without going over it once more."""
        running = self._recording()
        if running is not None and running.capture:
            self._span.set_attribute(key, to_json(value, running.max_bytes))


def current_trace_id() -> str:
    """Return the id of the current trace in 32 hexadecimal digits, or "" outside of any span."""
    return _hex(trace.get_current_span().get_span_context(), "trace")


def _kind_attributes(kind: str, name: str) -> dict[str, Any]:
    if kind not in semconv.KINDS:
        warn_once(f"kind:{kind}", "%r is no kind of span; one of %s", kind, ", ".join(sorted(semconv.KINDS)))
        kind = "function"
    attributes: dict[str, Any] = {semconv.KIND: kind}
    if operation := semconv.KIND_OPERATIONS.get(kind):
        attributes[semconv.OPERATION] = operation
    if kind == "tool":
        attributes[semconv.TOOL_NAME] = name
    elif kind == "agent":
        attributes[semconv.AGENT_NAME] = name
    return attributes


def _document(document: Mapping[str, Any], capture: bool) -> dict[str, Any]:
    found = {key: plain(value) for key, value in document.items() if capture or key in ("id", "score")}
    if "id" in found and found["id"] is not None:
        found["id"] = str(found["id"])
    return found


def _attribute(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return cut(value, limit)
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return to_json(plain(value), limit)


def _hex(ids: trace.SpanContext, which: str) -> str:
    if not ids.is_valid:
        return ""
    return f"{ids.trace_id:032x}" if which == "trace" else f"{ids.span_id:016x}"
