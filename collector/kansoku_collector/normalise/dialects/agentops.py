"""AgentOps: its own kinds, content and tags around the names of the conventions."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.frame import texts
from kansoku_collector.values import rename, searchable, text

_KIND = "agentops.span.kind"
_OPERATIONS = {
    "llm": "chat",
    "agent": "invoke_agent",
    "tool": "execute_tool",
    "guardrail": "guardrail",
    **dict.fromkeys(
        ("workflow", "workflow.step", "session", "task", "operation", "chain"), "invoke_workflow"
    ),
}
_CONTENT = {"agentops.entity.input": s.INPUT_VALUE, "agentops.entity.output": s.OUTPUT_VALUE}
_TOOL = {
    "tool.name": s.TOOL_NAME,
    "tool.id": s.TOOL_CALL_ID,
    "tool.parameters": s.TOOL_ARGUMENTS,
    "tool.result": s.TOOL_RESULT,
}


def is_agentops(raw: RawSpan) -> bool:
    """Tell whether AgentOps wrote a span of its own kinds; its calls of models are the conventions'."""
    return _KIND in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; `left` loses what was read."""
    kind = text(left.pop(_KIND)).lower()
    if operation := _OPERATIONS.get(kind):
        left.setdefault(s.OPERATION, operation)
    rename(left, _CONTENT)
    rename(left, {f"agentops.{kind}.input": s.INPUT_VALUE, f"agentops.{kind}.output": s.OUTPUT_VALUE})
    if kind == "tool":
        rename(left, _TOOL)
    rename(left, {"agent.name": s.AGENT_NAME, "agent.id": s.AGENT_ID})
    tags = texts(left.pop("agentops.tags", None))
    gen_ai.read(raw, left, span)
    span.dialect = "agentops"
    if kind == "tool":
        span.tool_name = span.tool_name or text(left.pop("agentops.entity.name", None)) or raw.name
        span.input_text = span.input_text or searchable(span.tool_arguments)
    span.tags = list(dict.fromkeys([*span.tags, *tags]))
