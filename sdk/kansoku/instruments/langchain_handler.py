"""LangChain's callbacks as spans; imported only by a program that has LangChain."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.callbacks.base import BaseCallbackHandler
from opentelemetry import context as otel_context
from opentelemetry import trace

from kansoku import runtime, semconv
from kansoku.content import cut, plain, to_json
from kansoku.guard import guard
from kansoku.instruments import langchain_messages as read
from kansoku.instruments.framework import ModelRun, Run, Runs, stamped
from kansoku.instruments.langchain_cache import is_cached
from kansoku.spans import clock
from kansoku.spans.attached import attach

# In a context: whoever put it there restores the context, so that a run that starts may make itself current.
OPENING = otel_context.create_key("kansoku-langchain-opening")

_HIDDEN = "langsmith:hidden"
_OWN_TAGS = ("seq:step:", "map:key:", "graph:step:", "langsmith:", "condition:", "branch:")
_OWN_METADATA = ("ls_", "lc_", "langgraph_", "checkpoint_", "__")
_GRAPHS = frozenset({"langgraph", "langchain_create_agent"})
_AGENTS = frozenset({"AgentExecutor", "RunnableAgent", "RunnableMultiActionAgent"})
_DEFERRED = {"input": ""}  # what LangChain says of an input that is a stream and not known yet


class Handler(BaseCallbackHandler):
    """Makes a span of every run; parents are LangChain's own, or whatever is current around the root."""

    run_inline = True  # in the caller's task: a pool's thread would start spans late and out of order
    ignore_retry = True
    ignore_custom_event = True

    def __init__(self) -> None:
        self.runs = Runs()

    def __copy__(self) -> "Handler":
        return self

    def __deepcopy__(self, memory: Any) -> "Handler":
        return self

    # Chains, graphs and their nodes

    @guard
    def on_chain_start(
        self, serialized: Mapping[str, Any] | None, inputs: Any, *, run_id: Any, **said: Any
    ) -> None:
        """Start the span of a chain, a graph, a node or an agent."""
        name = said.get("name") or _class_name(serialized) or "chain"
        metadata = said.get("metadata") or {}
        kind = _chain_kind(name, metadata, self.runs.find(said.get("parent_run_id")))
        run = self._open(run_id, name, kind, said)
        if run is None:
            return
        if kind == "agent":
            run.attributes[semconv.AGENT_NAME] = name
        if any(tag.startswith("graph:step:") for tag in said.get("tags") or ()):
            run.attributes[semconv.GRAPH_NODE] = name
            if isinstance(step := metadata.get("langgraph_step"), int):
                run.attributes[semconv.GRAPH_STEP] = step
        if run.captures and inputs != _DEFERRED:
            run.set_content(semconv.INPUT_VALUE, read.readable(inputs))

    @guard
    def on_chain_end(self, outputs: Any, *, run_id: Any, **said: Any) -> None:
        """End the span of a chain."""
        if (run := self.runs.take(run_id)) is None:
            return
        if run.captures:
            if said.get("inputs") is not None:
                run.set_content(semconv.INPUT_VALUE, read.readable(said["inputs"]))
            if outputs is not None:
                run.set_content(semconv.OUTPUT_VALUE, read.readable(outputs))
        run.end()

    @guard
    def on_chain_error(self, error: BaseException, *, run_id: Any, **said: Any) -> None:
        """End the span of a chain that raised."""
        if (run := self.runs.take(run_id)) is not None:
            if run.captures and said.get("inputs") is not None:
                run.set_content(semconv.INPUT_VALUE, read.readable(said["inputs"]))
            _fail(run, error)

    # Tools

    @guard
    def on_tool_start(
        self, serialized: Mapping[str, Any] | None, input_str: str, *, run_id: Any, **said: Any
    ) -> None:
        """Start the span of a tool."""
        tool = serialized or {}
        name = said.get("name") or tool.get("name") or "tool"
        run = self._open(run_id, name, "tool", said)
        if run is None:
            return
        run.attributes[semconv.TOOL_NAME] = name
        if call_id := said.get("tool_call_id"):
            run.attributes[semconv.TOOL_CALL_ID] = str(call_id)
        if description := tool.get("description"):
            run.attributes[semconv.TOOL_DESCRIPTION] = cut(str(description), 1024)
        if run.captures:
            given = said.get("inputs")
            run.set_content(semconv.TOOL_ARGUMENTS, plain(input_str if given is None else given))

    @guard
    def on_tool_end(self, output: Any, *, run_id: Any, **_: Any) -> None:
        """End the span of a tool; an error that the tool turned into a message is an error all the same."""
        if (run := self.runs.take(run_id)) is None:
            return
        message = getattr(output, "type", None) == "tool"
        result = output.content if message else output
        if run.captures and result is not None:
            run.set_content(semconv.TOOL_RESULT, read.readable(result))
        if message and getattr(output, "status", None) == "error":
            run.attributes[semconv.ERROR_TYPE] = "ToolException"
            run.span.set_status(trace.StatusCode.ERROR, cut(str(result), 2048))
        run.end()

    @guard
    def on_tool_error(self, error: BaseException, *, run_id: Any, **_: Any) -> None:
        """End the span of a tool that raised."""
        if (run := self.runs.take(run_id)) is not None:
            _fail(run, error)

    # Retrievers

    @guard
    def on_retriever_start(
        self, serialized: Mapping[str, Any] | None, query: str, *, run_id: Any, **said: Any
    ) -> None:
        """Start the span of a retriever."""
        name = said.get("name") or _class_name(serialized) or "retriever"
        run = self._open(run_id, name, "retrieval", said)
        if run is not None and run.captures:
            run.attributes[semconv.RETRIEVAL_QUERY] = cut(str(query), run.running.max_bytes)

    @guard
    def on_retriever_end(self, documents: Sequence[Any], *, run_id: Any, **_: Any) -> None:
        """End the span of a retriever, with what it found."""
        if (run := self.runs.take(run_id)) is None:
            return
        if run.span.is_recording():
            found = [read.read_document(document, run.running.capture) for document in documents]
            run.attributes[semconv.RETRIEVAL_DOCUMENTS] = to_json(found, run.running.max_bytes)
        run.end()

    @guard
    def on_retriever_error(self, error: BaseException, *, run_id: Any, **_: Any) -> None:
        """End the span of a retriever that raised."""
        if (run := self.runs.take(run_id)) is not None:
            _fail(run, error)

    # Models

    @guard
    def on_chat_model_start(
        self, serialized: Mapping[str, Any] | None, messages: list[list[Any]], *, run_id: Any, **said: Any
    ) -> None:
        """Start the span of a chat model's call."""
        self._open_model(run_id, "chat", serialized, [m for listed in messages for m in listed], said)

    @guard
    def on_llm_start(
        self, serialized: Mapping[str, Any] | None, prompts: list[str], *, run_id: Any, **said: Any
    ) -> None:
        """Start the span of a completion model's call."""
        self._open_model(run_id, "text_completion", serialized, prompts, said)

    @guard
    def on_llm_new_token(self, token: Any, *, run_id: Any, **_: Any) -> None:  # noqa: ARG002
        """Note when the first piece of a streamed answer came."""
        run = self.runs.find(run_id)
        if isinstance(run, LlmRun) and not run.first:
            run.first = clock.now()
            run.streams = True

    @guard
    def on_stream_event(self, event: Any, *, run_id: Any, **_: Any) -> None:
        """Note when the first piece of an answer came that is streamed as events."""
        if str(event.get("event", "")).startswith("content-block"):
            self.on_llm_new_token("", run_id=run_id)

    @guard
    def on_llm_end(self, response: Any, *, run_id: Any, **_: Any) -> None:
        """End the span of a model's call."""
        run = self.runs.take(run_id)
        if isinstance(run, LlmRun):
            run.finish(response)

    @guard
    def on_llm_error(self, error: BaseException, *, run_id: Any, **said: Any) -> None:
        """End the span of a model's call that raised, or whose stream was dropped half-read."""
        run = self.runs.take(run_id)
        if not isinstance(run, LlmRun):
            return
        if isinstance(error, GeneratorExit):
            run.attributes[semconv.STREAM_CLOSED_EARLY] = True
        else:
            run.fail(error)
        run.finish(said.get("response"))

    def _open_model(
        self, run_id: Any, operation: str, serialized: Any, messages: Sequence[Any], said: Mapping[str, Any]
    ) -> None:
        name = said.get("name") or _class_name(serialized) or "model"
        run = self._open(run_id, name, operation, said)
        if isinstance(run, LlmRun):
            run.messages = messages
            run.parameters = said.get("invocation_params") or {}
            run.metadata = said.get("metadata") or {}

    def _open(self, run_id: Any, name: str, kind: str, said: Mapping[str, Any]) -> Run | None:
        """Start a run's span; None when it is not to be seen."""
        running = runtime.current()
        parent_id, tags = said.get("parent_run_id"), said.get("tags") or ()
        if running is None or run_id in self.runs:
            return None
        if _HIDDEN in tags and (parent := self.runs.find(parent_id)) is not None:
            self.runs.add(run_id, parent)
            return None
        outside = self.runs.surroundings(parent_id)
        if outside is None:
            return None
        outside = stamped(outside, said.get("metadata") or {}, _OWN_METADATA, _own_tags_out(tags))
        restored = otel_context.get_value(OPENING) is not None
        if restored:
            outside = otel_context.set_value(OPENING, None, outside)
        make = Run if kind in semconv.KIND_OPERATIONS and kind != "chat" else LlmRun
        run = make(run_id, str(name), kind, outside, running)
        self.runs.add(run_id, run)
        if restored:
            attach(run.context)
        return run


class LlmRun(ModelRun):
    """A model's call; what was asked is read at the end, and only when no client below has described it."""

    __slots__ = ("messages", "metadata", "parameters")

    messages: Sequence[Any]
    parameters: Mapping[str, Any]
    metadata: Mapping[str, Any]

    def finish(self, result: Any) -> None:
        """End the span, with an LLMResult or without."""
        try:
            if not self.span.is_recording():
                return
            cached = result is not None and is_cached(result, self.id)
            if cached:
                self.attributes[semconv.CACHE_HIT] = True
            if cached or self.described:
                self.keep_plain()
                return
            capture = self.running.capture
            request = read.read_request(self.parameters, self.metadata, self.messages, capture)
            answer = read.read_answer(result, capture) if result is not None else None
            self.describe(read.read_provider(self.metadata), request, answer)
        finally:
            self.end()


def _fail(run: Run, error: BaseException) -> None:
    """End a run that raised; what LangGraph raises to stop, or a consumer to leave, is no error."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "GraphInterrupt" in names:
        run.attributes[semconv.INTERRUPTED] = True
    elif isinstance(error, GeneratorExit):
        run.attributes[semconv.STREAM_CLOSED_EARLY] = True
    elif "GraphBubbleUp" not in names:
        run.fail(error)
    run.end()


def _own_tags_out(tags: Sequence[str]) -> list[str]:
    return [tag for tag in tags if not str(tag).startswith(_OWN_TAGS)]


def _class_name(serialized: Mapping[str, Any] | None) -> str:
    if not serialized:
        return ""
    path = serialized.get("id") or [serialized.get("name") or ""]
    return str(path[-1])


def _chain_kind(name: str, metadata: Mapping[str, Any], parent: Run | None) -> str:
    """Tell an agent, or a graph, from a chain: metadata is inherited, so nodes have that of their graph."""
    if name in _AGENTS:
        return "agent"
    node = metadata.get("langgraph_node")
    if metadata.get("ls_integration") in _GRAPHS and node is None and parent is None:
        return "agent"
    inner = metadata.get("lc_agent_name") == name or name == "LangGraph"
    return "agent" if inner and node != name else "chain"
