"""The traces and spans of the OpenAI Agents SDK as spans of ours; nothing of it is imported."""

from collections.abc import Mapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace

from kansoku import runtime, semconv
from kansoku.content import cut, plain
from kansoku.guard import guard
from kansoku.instruments import openai_agents_read as read
from kansoku.instruments.framework import ModelRun, Run, Runs, stamped

_MODELS = frozenset({"response", "generation"})
_HIDDEN = frozenset({"task", "turn"})  # the loop of the library: every step of it has a span of its own
_KINDS = {"agent": "agent", "function": "tool", "guardrail": "guardrail"}


class Processor:
    """Makes a span of every trace and of every span in it; the library calls it, in the program's tasks."""

    def __init__(self) -> None:
        self.runs = Runs()

    @guard
    def on_trace_start(self, workflow: Any) -> None:
        """Start the span of a workflow."""
        running = runtime.current()
        if running is None or workflow.trace_id in self.runs:
            return
        outside = self.runs.surroundings(None)
        if outside is None:
            return
        # A conversation of the library's stands below a session of the application's own.
        metadata = {**(workflow.metadata or {}), "thread_id": workflow.group_id}
        run = Step(workflow.trace_id, workflow.name, "chain", stamped(outside, metadata, ()), running)
        self.runs.add(workflow.trace_id, run)

    @guard
    def on_trace_end(self, workflow: Any) -> None:
        """End the span of a workflow."""
        if (run := self.runs.take(workflow.trace_id)) is not None:
            run.end()

    @guard
    def on_span_start(self, span: Any) -> None:
        """Start the span of a step, or pass a step on that shall not be seen."""
        running = runtime.current()
        if running is None or span.span_id in self.runs:
            return
        parent_id = span.parent_id or span.trace_id
        parent = self.runs.find(parent_id)
        kind = span.span_data.type
        if kind in _HIDDEN and parent is not None:
            self.runs.add(span.span_id, parent)
            return
        outside = self.runs.surroundings(parent_id)
        if outside is not None:
            self.runs.add(span.span_id, self._open(span, kind, outside, running))

    def _open(self, span: Any, kind: str, outside: otel_context.Context, running: runtime.Runtime) -> Run:
        if kind in _MODELS:
            call = ModelCall(span.span_id, kind, "chat", outside, running)
            call.around = self._around(span)
            return call
        name = read.step_name(span.span_data)
        return Step(span.span_id, name, _KINDS.get(kind, "function"), outside, running)

    def _around(self, span: Any) -> "tuple[Step, ...]":
        """Return the agent and the workflow that a call of a model is made for."""
        found = (self.runs.find(span.parent_id), self.runs.find(span.trace_id))
        return tuple(run for run in dict.fromkeys(found) if isinstance(run, Step))

    @guard
    def on_span_end(self, span: Any) -> None:
        """End the span of a step, with what the library came to know about it meanwhile."""
        found = self.runs.find(span.span_id)
        run = self.runs.take(span.span_id)
        if found is None:
            return
        if span.error:
            _fail(found, span.error)
        if isinstance(run, ModelCall):
            run.finish(span.span_data)
        elif run is not None:
            try:
                _describe(run, span.span_data)
            finally:
                run.end()

    def shutdown(self, timeout: float | None = None) -> None:
        """Do nothing: what ends the library's tracing does not end ours."""

    def force_flush(self) -> None:
        """Do nothing: our spans are sent by `kansoku.flush()`."""


class Step(Run):
    """A workflow, an agent, a tool or another step."""

    __slots__ = ()

    def __init__(
        self, run_id: Any, name: str, kind: str, outside: otel_context.Context, running: runtime.Runtime
    ) -> None:
        operation = semconv.KIND_OPERATIONS.get(kind)
        super().__init__(run_id, name, kind if operation else "", outside, running)
        if not operation:
            self.attributes[semconv.KIND] = kind
        if kind == "agent":
            self.attributes[semconv.AGENT_NAME] = name
        elif kind == "tool":
            self.attributes[semconv.TOOL_NAME] = name

    def tell(self, asked: Any, answered: Any) -> None:
        """Note a model's call inside: the first question and the last answer are the step's own."""
        if asked and semconv.INPUT_VALUE not in self.attributes:
            self.set_content(semconv.INPUT_VALUE, asked)
        if answered:
            self.set_content(semconv.OUTPUT_VALUE, answered)


class ModelCall(ModelRun):
    """A call of a model; read at its end, and in full only where no client below has described it."""

    __slots__ = ("around",)

    around: tuple[Step, ...]

    def finish(self, data: Any) -> None:
        """End the span with the data of the library's."""
        try:
            if not self.span.is_recording():
                return
            if self.captures:
                asked, answered = read.question(data), read.last_words(data)
                for step in self.around:
                    step.tell(asked, answered)
            if self.described:
                self.keep_plain()
                return
            provider, request, answer = read.read_call(data, self.running)
            self.describe(provider, request, answer)
        finally:
            self.end()


def _fail(run: Run, error: Mapping[str, Any]) -> None:
    """Say on a span that a step failed, in the library's words; the exception itself is not known here."""
    if semconv.ERROR_TYPE in run.attributes:
        return
    run.attributes[semconv.ERROR_TYPE] = read.error_type(error)
    words = cut(read.error_words(error), 2048) if run.captures else None
    run.span.set_status(trace.StatusCode.ERROR, words)


def _describe(run: Run, data: Any) -> None:
    run.attributes.update(read.step_facts(data))
    if data.type == "handoff" and data.to_agent:
        run.span.update_name(f"handoff to {data.to_agent}")
    if run.captures:
        for key, value in read.step_content(data).items():
            if value is not None:
                run.set_content(key, plain(value))
