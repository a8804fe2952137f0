"""Mastra's steps: what a call was asked, which tools it called and its answer's id, which its own span lacks.

Version 1 of its exporter tells a generation with the steps of an agent beneath it, and in each step the call
of the model; a step has the conversation and the vendor's response, and the agent the tools that it may use.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.frame import add_calls, put_content
from kansoku_collector.normalise.messages import read_messages
from kansoku_collector.values import items, load, mapping, text

_NOTE = "mastra.metadata."


def read_response(left: Attributes) -> None:
    """Take id and fingerprint out of the vendor's response, which a step has as an application's note."""
    body = mapping(left.pop(f"{_NOTE}body", None))
    left.pop(f"{_NOTE}headers", None)
    left.pop(f"{_NOTE}modelMetadata", None)
    for told, name in (("id", s.RESPONSE_ID), ("system_fingerprint", s.SYSTEM_FINGERPRINT)):
        if body.get(told):
            left.setdefault(name, text(body[told]))


def lacks_step(span: Span) -> bool:
    """Tell whether a call's own span leaves out what it was asked."""
    return span.dialect == "mastra" and span.operation == "chat" and not span.input_messages


def take_step(span: Span, trace: list[Span]) -> None:
    """Fill a call from the step around it, and its tools from the agent around that."""
    around = {other.span_id: other for other in trace}
    if not (step := around.get(span.parent_span_id)) or step.dialect != "mastra":
        return
    put_content(span, [], read_messages(load(step.attributes.get(s.INPUT_VALUE)), "user"), [])
    if '"tool_call"' not in span.output_messages:
        calls = map(mapping, items(mapping(step.attributes.get(s.OUTPUT_VALUE)).get("toolCalls")))
        add_calls(span, [(call.get("toolCallId"), call.get("toolName"), call.get("args")) for call in calls])
    span.response_id = span.response_id or step.response_id
    span.system_fingerprint = span.system_fingerprint or step.system_fingerprint
    agent = around.get(step.parent_span_id)
    while agent and not agent.tool_definitions:
        agent = around.get(agent.parent_span_id)
    span.tool_definitions = span.tool_definitions or (agent.tool_definitions if agent else "")
