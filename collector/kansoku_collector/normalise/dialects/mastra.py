"""Mastra: its own kinds, content and notes around the names of the conventions.

A step and a chunk of a generation repeat a part of it, and are no calls of their own. Newer versions tell
each call of a generation in an inference, beneath the step that has its messages; the generation is a step.
Its exporter for Arize writes OpenInference, in which each of them is a call; the generation has the counts.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai, openinference
from kansoku_collector.normalise.dialects.ai_sdk import cut_provider
from kansoku_collector.normalise.dialects.mastra_steps import read_response
from kansoku_collector.normalise.frame import texts
from kansoku_collector.normalise.started import put_started
from kansoku_collector.values import plain, rename, text

_TYPE = "mastra.span.type"
_STARTED = "mastra.completion_start_time"
_INFERENCE, _GENERATION, _STEP = "model_inference", "model_generation", "model_step"
_PARTS = frozenset((_STEP, "model_chunk", _INFERENCE))
_OPERATIONS = {
    **dict.fromkeys((_INFERENCE, _GENERATION, "llm_generation"), "chat"),
    "rag_embedding": "embeddings",
    **dict.fromkeys(("tool_call", "mcp_tool_call", "provider_tool_call"), "execute_tool"),
    "agent_run": "invoke_agent",
}


def is_mastra(raw: RawSpan) -> bool:
    """Tell whether Mastra wrote a span, by its type."""
    return _TYPE in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; the operation is Mastra's type, whose names are older than they."""
    kind = text(left[_TYPE]).lower()
    if openinference.KIND in left:
        if kind in _PARTS:
            left[openinference.KIND] = "CHAIN"
        openinference.read(raw, left, span)
        cut_provider(span)
        put_started(raw, span, plain(left.pop(_STARTED, None)))
        return
    operation = _OPERATIONS.get(kind, "invoke_workflow")
    told = text(left.get(s.OPERATION))
    if told == _GENERATION or (kind == _INFERENCE and told == _INFERENCE):  # the other of the two is the call
        operation = "invoke_workflow"
    if kind == _STEP:
        read_response(left)
    left[s.OPERATION] = operation
    content = {f"mastra.{kind}.input": s.INPUT_VALUE, f"mastra.{kind}.output": s.OUTPUT_VALUE}
    rename(left, content | {"input": s.INPUT_VALUE, "output": s.OUTPUT_VALUE})
    if operation in ("chat", "execute_tool"):  # what older versions say twice
        for name in (s.INPUT_VALUE, s.OUTPUT_VALUE):
            left.pop(name, None)
    gen_ai.read(raw, left, span)
    span.dialect = "mastra"
    cut_provider(span)
    if span.finish_reasons == ["error"]:  # a call that failed, which only the agent around it calls one
        span.status = "error"
    span.tags = list(dict.fromkeys([*span.tags, *texts(left.pop("mastra.tags", None))]))
    put_started(raw, span, plain(left.pop(_STARTED, None)))
