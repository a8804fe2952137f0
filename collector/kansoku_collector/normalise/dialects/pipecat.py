"""Pipecat: the conventions, with content and times under names without a prefix."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counters import include_caches
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import load, number, rename, text

_SCOPE = "pipecat"
_OPERATIONS = {
    "llm_response": "chat",  # of a model that hears and speaks
    **dict.fromkeys(("llm_setup", "llm_request"), "invoke_workflow"),
    **dict.fromkeys(("llm_tool_call", "llm_tool_result"), "execute_tool"),
}
_NAMES = {
    "input": s.INPUT_MESSAGES,
    "tools": s.TOOL_DEFINITIONS,
    "tools.definitions": s.TOOL_DEFINITIONS,
    "system": s.SYSTEM_INSTRUCTIONS,
    "stream": s.STREAM,
    "tool.function_name": s.TOOL_NAME,
    "tool.call_id": s.TOOL_CALL_ID,
    "tool.arguments": s.TOOL_ARGUMENTS,
    "tool.result": s.TOOL_RESULT,
    "conversation.id": s.CONVERSATION_ID,
}
_DISJOINT = ("anthropic", "aws")  # whose input its services pass on as it is, without the caches
_SAID = ("output", "text_output", "transcript")


def is_pipecat(raw: RawSpan) -> bool:
    """Tell whether Pipecat wrote a span, by its scope."""
    return raw.scope_name.startswith(_SCOPE)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; a turn and a conversation are steps around the services."""
    operation = text(left.get(s.OPERATION))
    if operation in _OPERATIONS or not operation:
        left[s.OPERATION] = _OPERATIONS.get(operation, "invoke_workflow")
    rename(left, _NAMES)
    if left[s.OPERATION] == "chat":
        if text(left.get(s.PROVIDER) or left.get("gen_ai.system")).startswith(_DISJOINT):
            include_caches(left)
        said = next((left.pop(name) for name in _SAID if name in left), None)
        if said:
            found = load(said)
            left.setdefault(s.OUTPUT_MESSAGES, found if isinstance(found, list) else [_answer(said)])
        if (seconds := number(left.pop("metrics.ttfb", None))) is not None:
            left.setdefault(s.TIME_TO_FIRST_CHUNK, seconds)
    session = text(left.pop(s.CONVERSATION_ID, None))
    gen_ai.read(raw, left, span)
    span.dialect = "pipecat"
    span.session_id = span.session_id or session


def _answer(words: object) -> dict[str, object]:
    return {"role": "assistant", "content": text(words)}
