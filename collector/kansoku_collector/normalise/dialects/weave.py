"""Weave (Weights & Biases): its own kind, thread and attributes around the names of other conventions."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai, openinference
from kansoku_collector.normalise.frame import put_metadata
from kansoku_collector.values import first, mapping, plain, rename, searchable, text

_KIND = "weave.span.kind"
_KEYS = frozenset(
    (_KIND, "weave.input", "weave.output", "wandb.thread_id", "wandb.attributes", "wandb.display_name")
)
_SCOPE = "weave."
_AGENTS = "weave.openai_agents"  # whose turns, tasks and handoffs have no operation
_GUARDRAIL = "weave.openai_agents.guardrail.name"
_OPERATIONS = {
    "llm": "chat",
    "chat": "chat",
    "embedding": "embeddings",
    "retriever": "retrieval",
    "tool": "execute_tool",
    "agent": "invoke_agent",
    "chain": "invoke_workflow",
    "workflow": "invoke_workflow",
    "task": "invoke_workflow",
}


def is_weave(raw: RawSpan) -> bool:
    """Tell whether a span carries Weave's own names, or Weave's client wrote it."""
    return raw.scope_name.startswith(_SCOPE) or not _KEYS.isdisjoint(raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions whose names it uses, then by Weave's own."""
    kind = text(left.pop(_KIND, None)).lower()
    if kind in _OPERATIONS:
        left.setdefault(s.OPERATION, _OPERATIONS[kind])
    if s.OPERATION not in left and raw.scope_name == _AGENTS:
        left |= {s.KIND: "guardrail"} if _GUARDRAIL in left else {s.OPERATION: "invoke_workflow"}
    rename(left, {"weave.input": s.INPUT_VALUE, "weave.output": s.OUTPUT_VALUE})
    speaks = openinference.is_openinference(raw)
    (openinference if speaks else gen_ai).read(raw, left, span)
    span.dialect = "weave"
    thread = first(left, "wandb.thread_id", "gcp.vertex.agent.session_id")
    span.session_id = text(thread) or span.session_id
    put_metadata(span, mapping(left.pop("wandb.attributes", None)))
    if span.operation == "retrieval" and not span.retrieval_query:
        span.retrieval_query = plain(left.get(s.INPUT_VALUE))
        span.input_text = searchable(span.retrieval_query)
