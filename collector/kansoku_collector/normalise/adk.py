"""Google's Agent Development Kit: the conventions' names, and Gemini's own objects as JSON beside them."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise import gen_ai
from kansoku_collector.normalise.exchange import put_exchange, read_request, read_response
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_usage
from kansoku_collector.values import load, rename, text

_SCOPE = "gcp.vertex.agent"
_NAMES = {
    "gcp.vertex.agent.tool_call_args": s.TOOL_ARGUMENTS,
    "gcp.vertex.agent.tool_response": s.TOOL_RESULT,
    "gcp.vertex.agent.data": s.INPUT_VALUE,
}
# Spans of its first versions say what they are in their name alone: `agent_run [weather]`.
_OPERATIONS = {
    "invocation": "invoke_workflow",
    "call_llm": "chat",
    "agent_run": "invoke_agent",
    "invoke_agent": "invoke_agent",
    "execute_tool": "execute_tool",
}


def is_adk(raw: RawSpan) -> bool:
    """Tell whether the kit wrote a span, by its scope or the objects that it keeps."""
    return raw.scope_name == _SCOPE or "gcp.vertex.agent.llm_request" in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions, then with what only the kit's own objects say."""
    request, response = (load(left.pop(f"{_SCOPE}.{name}", None)) for name in ("llm_request", "llm_response"))
    session = text(left.pop("gcp.vertex.agent.session_id", None))
    verb, _, rest = raw.name.partition(" ")
    if s.OPERATION not in left and verb in _OPERATIONS:
        left[s.OPERATION] = _OPERATIONS[verb]
    rename(left, _NAMES)
    gen_ai.read(raw, left, span)
    span.dialect = "adk"
    span.session_id = span.session_id or session
    if span.operation == "execute_tool":
        span.tool_name = span.tool_name or rest
    if span.operation in MODEL_OPERATIONS and not span.input_messages and not span.output_messages:
        _read_call(span, request, response)


def _read_call(span: Span, request: Any, response: Any) -> None:
    if isinstance(response, dict) and "content" in response:  # one candidate, not a list of them
        response = {**response, "candidates": [response]}
    answer = read_response(response)
    put_exchange(span, read_request(request), answer, [])
    if span.usage_source == "none":
        put_usage(span, answer.counts)
