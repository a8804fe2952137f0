"""Mastra: its own kinds, content and notes around the names of the conventions.

A step and a chunk of a generation repeat a part of it, and are no calls of their own. Newer versions tell
each call of a generation in an inference, beneath the step that has its messages; the generation is a step.
Its exporter for Arize writes OpenInference, which calls each of them a call.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise import gen_ai, openinference
from kansoku_collector.normalise.ai_sdk import cut_provider
from kansoku_collector.normalise.frame import put_content, texts
from kansoku_collector.normalise.messages import read_messages
from kansoku_collector.normalise.started import put_started
from kansoku_collector.normalise.whole import typed
from kansoku_collector.values import load, mapping, plain, rename, text

_TYPE = "mastra.span.type"
_STARTED = "mastra.completion_start_time"
_PARTS = frozenset(("model_step", "model_chunk"))
_INFERENCE, _GENERATION = "model_inference", "model_generation"
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
    left[s.OPERATION] = operation
    content = {f"mastra.{kind}.input": s.INPUT_VALUE, f"mastra.{kind}.output": s.OUTPUT_VALUE}
    rename(left, content | {"input": s.INPUT_VALUE, "output": s.OUTPUT_VALUE})
    if operation in ("chat", "execute_tool"):  # what older versions say twice
        for name in (s.INPUT_VALUE, s.OUTPUT_VALUE):
            left.pop(name, None)
    gen_ai.read(raw, left, span)
    span.dialect = "mastra"
    cut_provider(span)
    span.tags = list(dict.fromkeys([*span.tags, *texts(left.pop("mastra.tags", None))]))
    put_started(raw, span, plain(left.pop(_STARTED, None)))


def lacks_messages(span: Span) -> bool:
    """Tell whether a call is an inference, which has no messages that it was given."""
    return span.dialect == "mastra" and span.operation == "chat" and not span.input_messages


def take_messages(span: Span, trace: list[Span]) -> None:
    """Give an inference the messages of the step above it, and the tools that this says were called."""
    step = next((other for other in trace if other.span_id == span.parent_span_id), None)
    if step is None or step.dialect != "mastra":
        return
    put_content(span, [], read_messages(step.attributes.get(s.INPUT_VALUE), "user"), [])
    answer = mapping(step.attributes.get(s.OUTPUT_VALUE))
    if (calls := load(answer.get("toolCalls"))) and '"tool_call"' not in span.output_messages:
        told = {"role": "assistant", "content": answer.get("text"), "tool_calls": typed(calls)}
        put_content(span, [], [], read_messages([told], "assistant"))
