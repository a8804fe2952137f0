"""A call that two libraries describe is billed once: the outer span of another library becomes a plain step.

A framework's own span around the call of a client that we trace says the same once more, often with tokens
and a cost. Which call has such a span below is known when the inner one starts; the outer one is left as it
is for everybody else's exporters, and is reduced where we encode it.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace

from kansoku import semconv

OWN_SCOPE = "kansoku"
# Under which name a context has its span: asking the API for it takes longer than all that is done here.
SPAN = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, otel_context.Context())))
CHAT = frozenset({"chat", "text_completion", "generate_content"})
_SPAN_KINDS = {"LLM": "chat", "EMBEDDING": "embeddings", "RERANKER": "rerank"}  # OpenInference
_REQUEST_TYPES = {"chat": "chat", "completion": "chat", "embedding": "embeddings", "rerank": "rerank"}
# What a call says of itself, in all dialects; a step says none of it.
_OF_A_CALL = frozenset(
    {
        semconv.DESCRIBED,
        semconv.PROVIDER,
        semconv.INPUT_MESSAGES,
        semconv.OUTPUT_MESSAGES,
        semconv.SYSTEM_INSTRUCTIONS,
        semconv.TOOL_DEFINITIONS,
        *("gen_ai.system", "operation.cost", "model_request_parameters", "logfire.json_schema"),
        *("openinference.span.kind", "input.value", "input.mime_type", "output.value", "output.mime_type"),
    }
)
_OF_CALLS = (
    *("gen_ai.usage.", "gen_ai.request.", "gen_ai.response.", "gen_ai.client.", "gen_ai.prompt."),
    *("gen_ai.completion.", "llm.", "embedding.", "reranker."),
)


def mark(where: otel_context.Context, operation: str) -> None:
    """Note on the span that is current in a context, if it is another library's and of the same call."""
    around: Any = where.get(SPAN)
    if around is None:
        return
    scope = getattr(around, "instrumentation_scope", None)
    if scope is None or scope.name == OWN_SCOPE or not around.is_recording():
        return
    said = _operation(around.attributes or {})
    if said and (said == operation or (said in CHAT and operation in CHAT)):
        around.set_attribute(semconv.DESCRIBED, True)


def _operation(attributes: Mapping[str, Any]) -> Any:
    return (
        attributes.get(semconv.OPERATION)
        or _SPAN_KINDS.get(str(attributes.get("openinference.span.kind")))
        or _REQUEST_TYPES.get(str(attributes.get("llm.request.type")))
    )


def as_step(span: Any) -> Any:
    """Return a finished span, or the step that is left of one whose call has a span of ours below."""
    attributes = span.attributes
    if not attributes or semconv.DESCRIBED not in attributes:
        return span
    kept = {
        key: value
        for key, value in attributes.items()
        if key not in _OF_A_CALL and not key.startswith(_OF_CALLS)
    }
    kept[semconv.KIND] = "chain"
    kept[semconv.OPERATION] = semconv.KIND_OPERATIONS["chain"]
    events = [event for event in span.events if not event.name.startswith("gen_ai.")]
    return _Step(span, kept, events)


class _Step(SimpleNamespace):
    """A finished span with fewer attributes and events."""

    def __init__(self, span: Any, attributes: Mapping[str, Any], events: list[Any]) -> None:
        super().__init__(_span=span, attributes=attributes, events=events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)
