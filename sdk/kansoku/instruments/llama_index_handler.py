"""LlamaIndex's spans and events as our spans; imported only by a program that has LlamaIndex."""

import weakref
from collections.abc import AsyncGenerator, Generator
from typing import Any

from llama_index_instrumentation.event_handlers import BaseEventHandler
from llama_index_instrumentation.span import BaseSpan
from llama_index_instrumentation.span_handlers import BaseSpanHandler
from opentelemetry import context as otel_context

from kansoku import runtime, semconv
from kansoku.guard import guard
from kansoku.instruments import llama_index_shape as read
from kansoku.instruments.framework import Run, Runs, stamped
from kansoku.instruments.llama_index_runs import (
    CALLS,
    CallRun,
    kind_of,
    name_of,
    read_call,
    read_input,
    read_output,
)
from kansoku.spans import clock
from kansoku.spans.attached import attach

_UUID = 37  # a span's id ends in "-" and a UUID
_TWICE = frozenset({"tool", "postprocessor"})  # whose public method runs another that is decorated, too
_OWN_TAGS = ("llamaindex.", "llama_index.")


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
        kind = kind_of(role, method, instance is None)
        name = name_of(role, owner.rpartition(".")[2], method, instance)
        parent = self.runs.find(parent_id)
        again = role in _TWICE and parent is not None and parent.name == name
        if not kind or again:
            if parent is not None:
                self.runs.add(id_, parent)
            return
        outside = stamped(outside, tags or {}, _OWN_TAGS)
        run = (CallRun if kind in CALLS.values() else Run)(id_, name, kind, outside, running)
        self.runs.add(id_, run)
        self._before[id_] = otel_context.get_current()
        attach(run.context)
        if isinstance(run, CallRun):
            read_call(run, instance, arguments)
        else:
            read_input(run, role, arguments, parent)

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
            read_output(run, instance, result)
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
            attach(before)


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
