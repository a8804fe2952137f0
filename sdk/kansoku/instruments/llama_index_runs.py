"""What LlamaIndex's steps and calls say of themselves: kind, name, what goes in and what comes out."""

from collections.abc import AsyncGenerator, Generator
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace

from kansoku import runtime, semconv
from kansoku.content import cut, plain, to_json
from kansoku.instruments import llama_index_shape as read
from kansoku.instruments.framework import ModelRun, Run, pass_on, pass_on_async

CALLS = {
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


def kind_of(role: str, method: str, loose: bool) -> str:
    """Return the kind of span, or the operation of a model's call, of a method; "" for one without a span."""
    if loose:
        return "chain" if not method.startswith("_") and method != "run_jobs" else ""
    name = method[1:] if method.startswith("a") and not method.startswith("__") else method
    if role in ("llm", "embedding"):
        return CALLS.get(name, "")
    names, kind = _STEPS.get(role, (frozenset(), ""))
    return kind if name in names else ""


def name_of(role: str, owner: str, method: str, instance: Any) -> str:
    """Return the name of a span: a tool's, an agent's or a class's own."""
    if role == "tool":
        return str(getattr(getattr(instance, "metadata", None), "name", None) or owner)
    if role in ("agent", "workflow"):
        named = getattr(instance, "name", None)
        return named if isinstance(named, str) and named not in ("", "Agent") else owner
    return method if instance is None else owner


def read_call(run: CallRun, instance: Any, arguments: dict[str, Any]) -> None:
    """Note what a model is asked; it is read at the end of the call."""
    run.class_name = type(instance).__name__
    given = arguments.get("messages", arguments.get("prompt"))
    positional = arguments.get("args")
    run.asked = positional[0] if given is None and positional else given
    if run.operation == "embeddings":
        texts = arguments.get("texts")
        run.texts = len(texts) if isinstance(texts, list | tuple) else 1


def read_input(run: Run, role: str, arguments: dict[str, Any], parent: Run | None) -> None:
    """Write what a step is given."""
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


def read_output(run: Run, instance: Any, result: Any) -> None:
    """Write what a step returns."""
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
