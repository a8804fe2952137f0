"""Spans with a meaning: one helper a kind, as a decorator and as a context manager, with typed fields.

Each of them goes around a function or a block:

    @kansoku.tool
    def weather(city: str) -> str: ...

    with kansoku.retrieval("search", query=question, top_k=5) as found:
        found.set_documents([{"id": "doc-7", "score": 0.83, "content": "..."}])
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, overload

from opentelemetry import context as otel_context

from kansoku import runtime, semconv
from kansoku.calls.call_watch import note_call
from kansoku.calls.reader import usage_attributes
from kansoku.content import cut, plain, to_json
from kansoku.decorator import observe
from kansoku.guard import guard
from kansoku.spans import clock
from kansoku.trace import Span
from kansoku.usage import Usage

F = TypeVar("F", bound=Callable[..., Any])
_PART_BYTES = 65_536


class ModelSpan(Span):
    """A call of a model that no instrument of ours knows: one's own HTTP, a model in the process."""

    __slots__ = ("_model", "_provider")

    def __init__(self, name: str, kind: str, model: str, provider: str) -> None:
        named = {semconv.REQUEST_MODEL: model, semconv.PROVIDER: provider}
        super().__init__(name, kind, None, {key: value for key, value in named.items() if value})
        self._model, self._provider = model, provider

    @guard
    def start(self) -> None:
        """Start the span; a framework above it then knows that its call is described."""
        if self._running is None and runtime.current() is not None:
            note_call(otel_context.get_current(), semconv.KIND_OPERATIONS[self._kind])
        super().start()

    @guard
    def set_messages(
        self,
        messages: Sequence[Mapping[str, Any]] | str | None = None,
        *,
        answer: str | Mapping[str, Any] | None = None,
        finish_reason: str = "stop",
    ) -> None:
        """Record the question and the answer: text, or messages with `role` and `content` (or `parts`)."""
        running = self._recording()
        if running is None:
            return
        self._span.set_attribute(semconv.FINISH_REASONS, (finish_reason,))
        if not running.capture:
            return
        if messages is not None:
            asked = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
            found = [_message(message) for message in asked]
            self._span.set_attribute(semconv.INPUT_MESSAGES, to_json(found, running.max_bytes))
        if answer is not None:
            said = {"role": "assistant", "content": answer} if isinstance(answer, str) else answer
            found = [{**_message(said), "finish_reason": finish_reason}]
            self._span.set_attribute(semconv.OUTPUT_MESSAGES, to_json(found, running.max_bytes))

    @guard
    def set_usage(
        self,
        input_tokens: int,
        output_tokens: int = 0,
        *,
        cache_read: int = 0,
        cache_write: int = 0,
        reasoning: int = 0,
        model: str | None = None,
    ) -> None:
        """Record tokens; input includes cached ones, output includes reasoning. `model` is the answering one.

        The cost is added when the model has a price.
        """
        running = self._recording()
        if running is None:
            return
        usage = Usage.from_inclusive(
            input_tokens, output_tokens, cache_read=cache_read, cache_write=cache_write, reasoning=reasoning
        )
        answered = model or self._model
        self._span.set_attributes({semconv.RESPONSE_MODEL: answered, **usage_attributes(usage)})
        at = datetime.fromtimestamp(clock.now() / 1e9, UTC)
        for priced in dict.fromkeys((answered, self._model)):
            if cost := running.prices.cost(self._provider, priced, usage, at):
                self._span.set_attributes(
                    {semconv.COST_USD: float(cost.total), semconv.PRICE_ID: cost.price_id}
                )
                return


class EmbeddingSpan(ModelSpan):
    """A call of an embedding model."""

    __slots__ = ()

    @guard
    def set_vectors(self, count: int, dimensions: int | None = None) -> None:
        """Record how many texts were embedded, and the length of a vector."""
        self._span.set_attribute(semconv.EMBEDDING_INPUTS, int(count))
        if dimensions is not None:
            self._span.set_attribute(semconv.EMBEDDING_DIMENSIONS, int(dimensions))


class GuardrailSpan(Span):
    """A check of an input or an output."""

    __slots__ = ()

    @guard
    def set_verdict(self, passed: bool, *, reason: str = "", score: float | None = None) -> None:
        """Record whether the text may pass, why not, and how sure the check is."""
        self._span.set_attribute(semconv.GUARDRAIL_PASSED, bool(passed))
        if reason:
            self._span.set_attribute(semconv.GUARDRAIL_REASON, cut(str(reason), 1024))
        if score is not None:
            self._span.set_attribute(semconv.GUARDRAIL_SCORE, float(score))


class EvaluationSpan(Span):
    """An evaluation of an answer; its scores are stored beside the feedback of users."""

    __slots__ = ()

    @guard
    def set_score(
        self, name: str, value: float | None = None, *, label: str = "", explanation: str = ""
    ) -> None:
        """Record one score: a number, a label, or both, with the reason for it."""
        running = self._recording()
        if running is None:
            return
        said: dict[str, Any] = {semconv.EVALUATION_NAME: str(name)}
        if value is not None:
            said[semconv.EVALUATION_SCORE] = float(value)
        if label:
            said[semconv.EVALUATION_LABEL] = str(label)
        if explanation and running.capture:
            said[semconv.EVALUATION_EXPLANATION] = cut(str(explanation), running.max_bytes)
        self._span.add_event(semconv.EVALUATION_EVENT, said, timestamp=clock.now())


class ToolSpan(Span):
    """A run of a tool."""

    __slots__ = ("_arguments", "_call_id")

    def __init__(self, name: str, call_id: str | None, arguments: Any) -> None:
        super().__init__(name, "tool")
        self._call_id, self._arguments = call_id, arguments

    def start(self) -> None:
        """Start the span, with what the tool is called with."""
        super().start()
        self.set_tool(self._name, call_id=self._call_id, arguments=self._arguments)

    @guard
    def set_result(self, result: Any) -> None:
        """Record what the tool gave."""
        self._set_content(semconv.TOOL_RESULT, result)


class RetrievalSpan(Span):
    """A search: the question, and the documents that were found (`set_documents`)."""

    __slots__ = ("_query", "_source", "_top_k")

    def __init__(self, name: str, query: str | None, top_k: int | None, source: str | None) -> None:
        super().__init__(name, "retrieval")
        self._query, self._top_k, self._source = query, top_k, source

    @guard
    def start(self) -> None:
        """Start the span, with the question."""
        super().start()
        running = self._recording()
        if running is None:
            return
        if self._query is not None and running.capture:
            self._span.set_attribute(semconv.RETRIEVAL_QUERY, cut(str(self._query), running.max_bytes))
        if self._top_k is not None:
            self._span.set_attribute(semconv.RETRIEVAL_TOP_K, int(self._top_k))
        if self._source is not None:
            self._span.set_attribute(semconv.DATA_SOURCE, str(self._source))


@overload
def chain(target: str) -> Span: ...
@overload
def chain(target: F) -> F: ...
@overload
def chain(*, name: str | None = None) -> Callable[[F], F]: ...
def chain(target: Any = None, *, name: str | None = None) -> Any:
    """Trace a sequence of steps: decorate a function, or give a name and use it in `with`."""
    return Span(target, "chain") if isinstance(target, str) else _decorated(target, "chain", name)


@overload
def agent(target: str) -> Span: ...
@overload
def agent(target: F) -> F: ...
@overload
def agent(*, name: str | None = None) -> Callable[[F], F]: ...
def agent(target: Any = None, *, name: str | None = None) -> Any:
    """Trace a run of an agent: decorate a function, or give its name and use it in `with`."""
    return Span(target, "agent") if isinstance(target, str) else _decorated(target, "agent", name)


@overload
def tool(target: str, *, call_id: str | None = None, arguments: Any = None) -> ToolSpan: ...
@overload
def tool(target: F) -> F: ...
@overload
def tool(*, name: str | None = None) -> Callable[[F], F]: ...
def tool(
    target: Any = None, *, name: str | None = None, call_id: str | None = None, arguments: Any = None
) -> Any:
    """Trace a run of a tool: decorate a function, or give its name and use it in `with`."""
    if isinstance(target, str):
        return ToolSpan(target, call_id, arguments)
    return _decorated(target, "tool", name)


@overload
def retrieval(
    target: str, *, query: str | None = None, top_k: int | None = None, source: str | None = None
) -> RetrievalSpan: ...
@overload
def retrieval(target: F) -> F: ...
@overload
def retrieval(*, name: str | None = None) -> Callable[[F], F]: ...
def retrieval(
    target: Any = None,
    *,
    name: str | None = None,
    query: str | None = None,
    top_k: int | None = None,
    source: str | None = None,
) -> Any:
    """Trace a search: decorate a function, or give a name, use it in `with` and call `set_documents`."""
    if isinstance(target, str):
        return RetrievalSpan(target, query, top_k, source)
    return _decorated(target, "retrieval", name)


def generation(name: str, *, model: str, provider: str = "") -> ModelSpan:
    """Return the span of a model call that one's own code makes; it is billed like any other call."""
    return ModelSpan(name, "chat", model, provider)


def embedding(name: str, *, model: str, provider: str = "") -> EmbeddingSpan:
    """Return the span of an embedding that one's own code makes; it is billed like any other call."""
    return EmbeddingSpan(name, "embedding", model, provider)


@overload
def guardrail(target: str) -> GuardrailSpan: ...
@overload
def guardrail(target: F) -> F: ...
@overload
def guardrail(*, name: str | None = None) -> Callable[[F], F]: ...
def guardrail(target: Any = None, *, name: str | None = None) -> Any:
    """Trace a check: decorate a function, or give its name, use it in `with` and call `set_verdict`."""
    if isinstance(target, str):
        return GuardrailSpan(target, "guardrail")
    return _decorated(target, "guardrail", name)


@overload
def evaluation(target: str) -> EvaluationSpan: ...
@overload
def evaluation(target: F) -> F: ...
@overload
def evaluation(*, name: str | None = None) -> Callable[[F], F]: ...
def evaluation(target: Any = None, *, name: str | None = None) -> Any:
    """Trace an evaluation: decorate a function, or give a name, use it in `with` and call `set_score`."""
    if isinstance(target, str):
        return EvaluationSpan(target, "evaluation")
    return _decorated(target, "evaluation", name)


def _decorated(target: Any, kind: str, name: str | None) -> Any:
    decorate = observe(name=name, kind=kind)
    return decorate if target is None else decorate(target)


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message in the GenAI shape."""
    if "parts" in message:
        return dict(plain(message, 12))
    content = message.get("content")
    text = content if isinstance(content, str) else to_json(plain(content), _PART_BYTES)
    return {"role": str(message.get("role") or "user"), "parts": [{"type": "text", "content": text}]}
