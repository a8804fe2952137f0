"""The runs of a framework (chains, agents, tools, models) as spans that what runs inside is a child of."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace

from kansoku import runtime, semconv
from kansoku.calls.call_watch import note_call, watch_calls
from kansoku.calls.reader import Answer, Request, answer_attributes
from kansoku.content import cut, is_secret, plain, to_json
from kansoku.guard import guard
from kansoku.instruments import openai_shape as shape
from kansoku.spans import clock
from kansoku.spans.attached import attach, detach
from kansoku.spans.failure import record_error
from kansoku.stamps import context as stamping
from kansoku.stamps import stamps

_SUPPRESSED = "suppress_instrumentation"
_LINEAGE = otel_context.create_key("kansoku-lineage")  # ids of the runs around, the innermost last
_CHAT = frozenset({"chat", "text_completion", "generate_content"})
_MAX_OPEN = 10_000
_PARAMETERS = (
    *("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "n"),
    *("max_tokens", "max_completion_tokens", "max_output_tokens", "stop", "user"),
)
_SESSIONS = ("session_id", "thread_id", "conversation_id")
_NAMED = frozenset({*_SESSIONS, "user_id", "run_id"})


class Run:
    """A run under way; `context` is what belongs inside it, `attributes` are written at its end."""

    __slots__ = ("attributes", "context", "ended", "id", "name", "running", "span", "started")

    def __init__(
        self,
        run_id: Any,
        name: str,
        kind: str,
        outside: otel_context.Context,
        running: runtime.Runtime,
    ) -> None:
        self.id = run_id
        self.name = name
        self.running = running
        self.started = clock.now()
        self.ended = False
        self.attributes: dict[str, Any] = {}
        self.span = running.tracer.start_span(
            name,
            context=outside,
            attributes=kind_attributes(kind) if kind else None,
            start_time=self.started,
            record_exception=False,
        )
        lineage = (*(outside.get(_LINEAGE) or ()), run_id)  # type: ignore[misc]
        here = trace.set_span_in_context(self.span, outside)
        self.context = otel_context.set_value(_LINEAGE, lineage, here)

    @property
    def captures(self) -> bool:
        """Tell whether content is wanted."""
        return self.running.capture and self.span.is_recording()

    def set_content(self, key: str, value: Any) -> None:
        """Record content, as JSON, when it is wanted; `value` is plain already."""
        if self.captures:
            self.attributes[key] = to_json(value, self.running.max_bytes)

    def fail(self, error: BaseException) -> None:
        """Record an exception."""
        record_error(self.span, error)

    @guard
    def end(self) -> None:
        """End the span, once."""
        if self.ended:
            return
        self.ended = True
        ended = clock.now()
        try:
            self.span.set_attributes(self.attributes)
        finally:
            self.span.end(ended)


class ModelRun(Run):
    """A framework's call of a model: billed, unless a client below it has described the same call.

    Which of the two it is shows at the end: `seen` are the calls that began inside.
    """

    __slots__ = ("first", "operation", "seen", "streams")

    def __init__(
        self,
        run_id: Any,
        name: str,
        operation: str,
        outside: otel_context.Context,
        running: runtime.Runtime,
    ) -> None:
        super().__init__(run_id, name, "", outside, running)
        self.operation = operation
        self.seen: list[str] = []
        self.first = 0
        self.streams = False
        note_call(outside, operation)  # a model made of other models is billed for none of their calls
        self.context = watch_calls(self.context, self.seen)

    @property
    def described(self) -> bool:
        """Tell whether this call has a span below that says everything about it."""
        alike = _CHAT if self.operation in _CHAT else {self.operation}
        return any(operation in alike for operation in self.seen)

    def keep_plain(self) -> None:
        """Be a step of the framework, not a call: no usage, no model."""
        self.attributes.update(kind_attributes("chain"))

    def describe(self, provider: str, request: Request, answer: Answer | None) -> None:
        """Be the call that is billed, with everything that the framework knows of it."""
        found = self.attributes
        found[semconv.OPERATION] = self.operation
        for key, word in ((semconv.PROVIDER, provider), (semconv.REQUEST_MODEL, request.model)):
            if word:
                found[key] = word
        found.update(request.attributes)
        if semconv.USER_ID in stamps(self.context):
            found.pop(semconv.USER_ID, None)  # the application knows better than what the vendor is told
        model = request.model or (answer.model if answer is not None else "")
        if model:
            self.span.update_name(f"{self.operation} {model}")
        if request.messages:
            self.set_content(semconv.INPUT_MESSAGES, request.messages)
        if request.tools:
            self.set_content(semconv.TOOL_DEFINITIONS, request.tools)
        if self.streams:
            found[semconv.STREAM] = True
            if self.first:
                found[semconv.TIME_TO_FIRST_CHUNK] = max(0, self.first - self.started) / 1e9
        if answer is not None:
            origin = (provider, found.get(semconv.SERVER_ADDRESS, ""), 0)
            found.update(answer_attributes(answer, self.running, origin, request.model, self.started))


class Runs:
    """The open runs of a framework by id; a bounded number, so that runs that never end cost little."""

    def __init__(self) -> None:
        self._open: dict[Any, Run] = {}

    def __contains__(self, run_id: Any) -> bool:
        return run_id in self._open

    def find(self, run_id: Any) -> Run | None:
        """Return an open run."""
        return self._open.get(run_id)

    def add(self, run_id: Any, run: Run) -> None:
        """Remember a run, under its own id or under that of a run that shall not be seen."""
        while len(self._open) >= _MAX_OPEN:
            oldest = next(iter(self._open))
            if (forgotten := self.take(oldest)) is not None:
                forgotten.end()
        self._open[run_id] = run

    def take(self, run_id: Any) -> Run | None:
        """Return a run that ends and forget it; None for one that is not known or not to be seen."""
        run = self._open.pop(run_id, None)
        return run if run is not None and run.id == run_id else None

    def surroundings(self, parent_id: Any) -> otel_context.Context | None:
        """Return the context in which a run starts, given its parent in the framework; None: do not trace.

        The current one if it is that parent's or something inside of it; else the parent's: executors of the
        framework start children in contexts of their own.
        """
        here = otel_context.get_current()
        if here.get(_SUPPRESSED):
            return None
        parent = self._open.get(parent_id) if parent_id is not None else None
        lineage: Any = here.get(_LINEAGE) or ()
        return here if parent is None or parent.id in lineage else parent.context


def read_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of the parameters of a call; what else a framework says of it is left out."""
    return shape.read_parameters({name: given[name] for name in _PARAMETERS if given.get(name) is not None})


def kind_attributes(kind: str) -> dict[str, Any]:
    """Return the attributes that say of which kind a span is."""
    return {semconv.KIND: kind, semconv.OPERATION: semconv.KIND_OPERATIONS[kind]}


def stamped(
    where: otel_context.Context, metadata: Mapping[str, Any], own: tuple[str, ...], tags: Sequence[str] = ()
) -> otel_context.Context:
    """Return a context whose spans carry what a run's metadata and tags say of who and which.

    Names that begin with one of `own` are the framework's. Frameworks hand metadata down to every run, so
    most often the context says it all already.
    """
    found = stamps(where)
    wanted = _who(metadata, found)
    known = found.get(semconv.TAGS, ())
    if new := [tag for tag in tags if tag not in known]:
        wanted["tags"] = new
    if rest := _rest(metadata, found, own):
        wanted["metadata"] = rest
    if not wanted:
        return where
    token = attach(where)
    try:
        with stamping(**wanted):
            return otel_context.get_current()
    finally:
        detach(token)


def _who(metadata: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for name in _SESSIONS:
        value = metadata.get(name)
        # A session of the application's own stands above a thread of the framework.
        if value is not None and (name == "session_id" or semconv.SESSION_ID not in found):
            if found.get(semconv.SESSION_ID) != str(value):
                wanted["session_id"] = str(value)
            break
    user = metadata.get("user_id")
    if user is not None and found.get(semconv.USER_ID) != str(user):
        wanted["user_id"] = str(user)
    return wanted


def _rest(metadata: Mapping[str, Any], found: Mapping[str, Any], own: tuple[str, ...]) -> dict[str, str]:
    rest: dict[str, str] = {}
    for key, value in metadata.items():
        if key in _NAMED or key.startswith(own) or value is None or is_secret(key):
            continue
        scalar = isinstance(value, str | int | float)
        text = cut(str(value), 1024) if scalar else to_json(plain(value, 3), 1024)
        if found.get(semconv.METADATA + key) != text:
            rest[key] = text
    return rest


@contextmanager
def inside(context: otel_context.Context | None) -> Iterator[None]:
    """Make a context current, and leave the current one as it was, whatever is attached meanwhile."""
    token = None if context is None else attach(context)
    try:
        yield
    finally:
        if token is not None:
            detach(token)


def pass_on(inner: Any, context: Callable[[], otel_context.Context | None]) -> Iterator[Any]:
    """Yield what a generator yields; its first step, in which the model is asked, runs in a context."""
    try:
        with inside(context()):
            first = next(inner)
    except StopIteration:
        return
    try:
        yield first
        yield from inner
    finally:
        inner.close()


async def pass_on_async(
    inner: Any, context: Callable[[], otel_context.Context | None]
) -> AsyncGenerator[Any, None]:
    """Yield what an asynchronous generator yields, as `pass_on` does."""
    try:
        with inside(context()):
            first = await anext(inner)
    except StopAsyncIteration:
        return
    try:
        yield first
        async for item in inner:
            yield item
    finally:
        await inner.aclose()
