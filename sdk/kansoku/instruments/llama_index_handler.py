"""LlamaIndex's spans and events as our spans; imported only by a program that has LlamaIndex."""

import weakref
from collections.abc import AsyncGenerator, Generator
from typing import Any

from llama_index_instrumentation.event_handlers import BaseEventHandler
from llama_index_instrumentation.span import BaseSpan
from llama_index_instrumentation.span_handlers import BaseSpanHandler
from opentelemetry import context as otel_context
from opentelemetry import trace

from kansoku import clock, runtime, semconv
from kansoku.content import cut, plain, to_json
from kansoku.guard import guard
from kansoku.instruments import llama_index_shape as read
from kansoku.instruments.framework import ModelRun, Run, Runs, pass_on, pass_on_async, stamped

_UUID = 37  # a span's id ends in "-" and a UUID
_CALLS = {
    "chat": "chat",
    "stream_chat": "chat",
    "complete": "text_completion",
    "stream_complete": "text_completion",
    "get_text_embedding_batch": "embeddings",
    "get_text_embedding": "embeddings",
    "get_query_embedding": "embeddings",
}
# Role -> methods that are worth a span, and its kind; the asynchronous twin begins with "a".
_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "retriever": (frozenset({"retrieve"}), "retrieval"),
    "postprocessor": (frozenset({"postprocess_nodes", "_postprocess_nodes", "_apostprocess_nodes"}), "chain"),
    "synthesizer": (frozenset({"synthesize"}), "chain"),
    "query_engine": (frozenset({"query"}), "chain"),
    "chat_engine": (frozenset({"chat", "stream_chat"}), "chain"),
    "tool": (frozenset({"call", "__call__"}), "tool"),
    "agent": (frozenset({"run"}), "agent"),
    "workflow": (frozenset({"run"}), "chain"),
    "pipeline": (frozenset({"run"}), "chain"),
}
_TWICE = frozenset({"tool", "postprocessor"})  # whose public method runs another that is decorated, too
_OWN_TAGS = ("llamaindex.", "llama_index.")


class CallRun(ModelRun):
    """A call of a model or of an embedding model, until its answer or the end of its stream."""

    __slots__ = ("arguments", "asked", "class_name", "model", "response", "texts")

    def __init__(
        self, run_id: Any, name: str, operation: str, outside: otel_context.Context, running: runtime.Runtime
    ) -> None:
        super().__init__(run_id, name, operation, outside, running)
        self.class_name = name
        self.asked: Any = None
        self.arguments: dict[str, Any] = {}
        self.model: dict[str, Any] = {}
        self.response: Any = None
        self.texts = 0

    def finish(self) -> None:
        """End the span; whether it is the call that is billed shows now."""
        if self.ended:
            return
        try:
            if not self.span.is_recording():
                return
            if self.described:
                self.keep_plain()
                return
            capture = self.running.capture
            request = read.read_request(self.model, self.arguments, self.asked, capture)
            answer = None
            if self.operation == "embeddings":
                request.attributes[semconv.EMBEDDING_INPUTS] = self.texts
                if size := _dimensions(self.response):
                    request.attributes[semconv.EMBEDDING_DIMENSIONS] = size
                request.messages = None
            elif self.response is not None:
                answer = read.read_answer(self.response, capture)
            self.describe(read.provider(self.class_name), request, answer)
        finally:
            self.end()


def _dimensions(vectors: Any) -> int:
    """Return the length of a vector, given one or several."""
    if not isinstance(vectors, list | tuple) or not vectors:
        return 0
    return len(vectors[0]) if isinstance(vectors[0], list | tuple) else len(vectors)


class Trace:
    """The open runs of LlamaIndex and what each of them does to the current context."""

    def __init__(self) -> None:
        self.runs = Runs()
        self._before: dict[str, otel_context.Context] = {}
        # Streams that have been returned, and whose calls end with them.
        self.streams: weakref.WeakKeyDictionary[Any, CallRun] = weakref.WeakKeyDictionary()

    def enter(self, id_: str, instance: Any, arguments: dict[str, Any], parent_id: Any, tags: Any) -> None:
        """Start a span, or let what runs inside belong to the span around it."""
        running = runtime.current()
        outside = None if running is None else self.runs.surroundings(parent_id)
        if running is None or outside is None:
            return
        role = read.role(instance)
        owner, _, method = id_[:-_UUID].rpartition(".")
        kind = _kind(role, method, instance is None)
        name = _name(role, owner.rpartition(".")[2], method, instance)
        parent = self.runs.find(parent_id)
        again = role in _TWICE and parent is not None and parent.name == name
        if not kind or again:
            if parent is not None:
                self.runs.add(id_, parent)
            return
        outside = stamped(outside, tags or {}, _OWN_TAGS)
        run = (CallRun if kind in _CALLS.values() else Run)(id_, name, kind, outside, running)
        self.runs.add(id_, run)
        self._before[id_] = otel_context.get_current()
        otel_context.attach(run.context)
        if isinstance(run, CallRun):
            _read_call(run, instance, arguments)
        else:
            _read_input(run, role, arguments, parent)

    def leave(self, id_: str, instance: Any, result: Any, error: BaseException | None) -> None:
        """End a span; a call that has returned a stream goes on until the stream's end."""
        run = self.runs.find(id_)
        if run is None or run.id != id_:
            self.runs.take(id_)
            return
        self._restore(id_, run)
        if error is not None and not isinstance(error, GeneratorExit):
            run.fail(error)
        if isinstance(run, CallRun):
            if isinstance(result, Generator | AsyncGenerator):
                run.streams = True
                self.streams[result] = run
                weakref.finalize(result, self.drop, id_)
                return
            run.response = run.response if result is None else result
        elif result is not None:
            _read_output(run, instance, result)
        self.runs.take(id_)
        run.finish() if isinstance(run, CallRun) else run.end()

    def end_stream(self, id_: str, response: Any, error: BaseException | None = None) -> None:
        """End the call of a stream that has ended."""
        run = self.runs.find(id_)
        if not isinstance(run, CallRun) or run.id != id_:
            return
        run.response = run.response if response is None else response
        if not run.streams:
            return  # the span's end is near
        self.runs.take(id_)
        if isinstance(error, GeneratorExit):
            run.attributes[semconv.STREAM_CLOSED_EARLY] = True
        elif error is not None:
            run.fail(error)
        run.finish()

    @guard
    def drop(self, id_: str) -> None:
        """End the call of a stream that nobody read to its end."""
        self.end_stream(id_, None, GeneratorExit())

    def _restore(self, id_: str, run: Run) -> None:
        before = self._before.pop(id_, None)
        # Not where the end is told in another task's context than the start: that one is not ours.
        if before is not None and otel_context.get_current() is run.context:
            otel_context.attach(before)


class SpanHandler(BaseSpanHandler[BaseSpan]):
    """Hears of the functions that LlamaIndex decorates."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex knows it by."""
        return "KansokuSpanHandler"

    @guard
    def span_enter(
        self,
        id_: str,
        bound_args: Any,
        instance: Any = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Start a span."""
        TRACE.enter(id_, instance, bound_args.arguments, parent_id, tags)

    @guard
    def span_exit(
        self,
        id_: str,
        bound_args: Any,  # noqa: ARG002
        instance: Any = None,
        result: Any = None,
        **_: Any,
    ) -> None:
        """End a span."""
        TRACE.leave(id_, instance, result, None)

    @guard
    def span_drop(
        self,
        id_: str,
        bound_args: Any,  # noqa: ARG002
        instance: Any = None,
        err: BaseException | None = None,
        **_: Any,
    ) -> None:
        """End a span with an error."""
        TRACE.leave(id_, instance, None, err)

    def new_span(self, *_: Any, **__: Any) -> None:
        """Do nothing: LlamaIndex's own book-keeping is not needed."""

    prepare_to_exit_span = prepare_to_drop_span = new_span


class EventHandler(BaseEventHandler):
    """Hears what models were asked and what they said."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex knows it by."""
        return "KansokuEventHandler"

    @guard
    def handle(self, event: Any, **_: Any) -> None:
        """Read an event."""
        run = TRACE.runs.find(event.span_id)
        if not isinstance(run, CallRun):
            return
        name = event.class_name()
        if name.endswith("InProgressEvent"):
            if not run.first:
                run.first = clock.now()
            run.response = event.response
        elif name in ("LLMChatStartEvent", "LLMCompletionStartEvent"):
            run.model = event.model_dict
            run.arguments = event.additional_kwargs
            run.asked = event.messages if name == "LLMChatStartEvent" else event.prompt
        elif name == "EmbeddingStartEvent":
            run.model = event.model_dict
        elif name in ("LLMChatEndEvent", "LLMCompletionEndEvent"):
            TRACE.end_stream(event.span_id, event.response)
        elif name == "ExceptionEvent":
            TRACE.end_stream(event.span_id, None, event.exception)


TRACE = Trace()


def _kind(role: str, method: str, loose: bool) -> str:
    """Return the kind of span, or the operation of a model's call, of a method; "" for one without a span."""
    if loose:
        return "chain" if not method.startswith("_") and method != "run_jobs" else ""
    name = method[1:] if method.startswith("a") and not method.startswith("__") else method
    if role in ("llm", "embedding"):
        return _CALLS.get(name, "")
    names, kind = _STEPS.get(role, (frozenset(), ""))
    return kind if name in names else ""


def _name(role: str, owner: str, method: str, instance: Any) -> str:
    if role == "tool":
        return str(getattr(getattr(instance, "metadata", None), "name", None) or owner)
    if role in ("agent", "workflow"):
        named = getattr(instance, "name", None)
        return named if isinstance(named, str) and named not in ("", "Agent") else owner
    return method if instance is None else owner


def _read_call(run: CallRun, instance: Any, arguments: dict[str, Any]) -> None:
    run.class_name = type(instance).__name__
    given = arguments.get("messages", arguments.get("prompt"))
    positional = arguments.get("args")
    run.asked = positional[0] if given is None and positional else given
    if run.operation == "embeddings":
        texts = arguments.get("texts")
        run.texts = len(texts) if isinstance(texts, list | tuple) else 1


def _read_input(run: Run, role: str, arguments: dict[str, Any], parent: Run | None) -> None:
    if role == "retriever":
        if run.captures:
            query = read.query_text(arguments.get("str_or_query_bundle"))
            run.attributes[semconv.RETRIEVAL_QUERY] = cut(query, run.running.max_bytes)
        return
    if role == "agent":
        run.attributes[semconv.AGENT_NAME] = run.name
    if role == "tool":
        _read_tool(run, arguments, parent)
        return
    event = arguments.get("ev")
    if type(event).__name__ == "ToolCall":
        run.attributes[semconv.TOOL_CALL_ID] = str(getattr(event, "tool_id", "") or "")
    if run.captures:
        first = arguments.get("start_event", event)
        if first is None:
            shown = {k: v for k, v in arguments.items() if k not in ("ctx", "self", "init_state", "tags")}
            first = next(iter(shown.values())) if len(shown) == 1 else shown
        run.set_content(semconv.INPUT_VALUE, read.readable(first))


def _read_tool(run: Run, arguments: dict[str, Any], parent: Run | None) -> None:
    run.attributes[semconv.TOOL_NAME] = run.name
    if parent is not None and (call_id := parent.attributes.get(semconv.TOOL_CALL_ID)):
        run.attributes[semconv.TOOL_CALL_ID] = call_id
    if run.captures:
        given = {**arguments, **(arguments.get("kwargs") or {})}
        shown = {k: v for k, v in given.items() if k not in ("args", "kwargs", "ctx")}
        if arguments.get("args"):
            shown["args"] = list(arguments["args"])
        run.set_content(semconv.TOOL_ARGUMENTS, plain(shown))


def _read_output(run: Run, instance: Any, result: Any) -> None:
    role = read.role(instance)
    if role in ("retriever", "postprocessor") and isinstance(result, list | tuple):
        if run.span.is_recording():
            found = read.read_nodes(result, run.running.capture)
            run.attributes[semconv.RETRIEVAL_DOCUMENTS] = to_json(found, run.running.max_bytes)
        return
    if role == "synthesizer":
        _keep_open(run, result)
    if role == "tool":
        if getattr(result, "is_error", False):
            run.attributes[semconv.ERROR_TYPE] = (
                type(result.exception).__name__ if getattr(result, "exception", None) else "ToolError"
            )
            run.span.set_status(trace.StatusCode.ERROR, cut(str(result), 2048))
        run.set_content(semconv.TOOL_RESULT, read.readable(result))
        return
    if run.captures:
        run.set_content(semconv.OUTPUT_VALUE, read.readable(result))


def _keep_open(run: Run, result: Any) -> None:
    """Let what a streaming answer is made of, once it is read, belong to the synthesizer that returned it."""
    stream = getattr(result, "response_gen", None)
    if isinstance(stream, Generator):
        result.response_gen = pass_on(stream, lambda: run.context)
    elif isinstance(stream, AsyncGenerator):
        result.response_gen = pass_on_async(stream, lambda: run.context)
