"""Codex: a turn with all of its tokens, and a span for each piece of an answer, some with the conventions'.

Each answer says its tokens but not its model; the turn around them says both, so the turn is what is billed.
Where it writes no spans its log records become spans (`decode.agent_logs`), of which each answer is billed.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import first, rename, text, truth

_TURN = "codex.turn."
_TOLD = "codex.turn.token_usage.total_tokens"
_MARKS = frozenset({_TOLD, "codex.turn.reasoning_effort", "codex.usage.total_tokens"})
_THREAD = "thread.id"
_PIECE = "codex.request.reasoning_effort"
_NAMES = {
    "model": s.REQUEST_MODEL,
    _THREAD: s.CONVERSATION_ID,
    "codex.turn.reasoning_effort": s.REASONING_LEVEL,
    "codex.turn.token_usage.input_tokens": s.INPUT_TOKENS,
    "codex.turn.token_usage.output_tokens": s.OUTPUT_TOKENS,
    "codex.turn.token_usage.cached_input_tokens": s.CACHE_READ_TOKENS,
    "codex.turn.token_usage.cache_write_input_tokens": s.CACHE_WRITE_TOKENS,
    "codex.turn.token_usage.reasoning_output_tokens": s.REASONING_TOKENS,
    "codex.usage.reasoning_output_tokens": s.REASONING_TOKENS,
}


_RECORDS = "codex_otel"  # begins the scope of its log records
ANSWERED = "codex.response"
_STEPS = {
    ANSWERED: "chat",
    "codex.tool": "execute_tool",
    "codex.prompt": "invoke_agent",
}
_RECORDED = {
    "model": s.REQUEST_MODEL,
    "conversation.id": s.CONVERSATION_ID,
    "input_token_count": s.INPUT_TOKENS,
    "output_token_count": s.OUTPUT_TOKENS,
    "cached_token_count": s.CACHE_READ_TOKENS,
    "cache_write_token_count": s.CACHE_WRITE_TOKENS,
    "reasoning_token_count": s.REASONING_TOKENS,
    "tool_name": s.TOOL_NAME,
    "call_id": s.TOOL_CALL_ID,
    "arguments": s.TOOL_ARGUMENTS,
    "output": s.TOOL_RESULT,
    "prompt": s.INPUT_VALUE,
}


def is_codex(raw: RawSpan) -> bool:
    """Tell whether Codex wrote a span, by what it counts and the effort that it asked for."""
    marked = not _MARKS.isdisjoint(raw.attributes) or _PIECE in raw.attributes
    return marked or raw.scope_name.startswith(_RECORDS)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span`: a turn that counts is one call, anything else a step."""
    recorded = _STEPS.get(raw.name) if raw.scope_name.startswith(_RECORDS) else None
    left[s.OPERATION] = recorded or ("chat" if _TOLD in left else "invoke_workflow")
    if type(left.get(_THREAD)) is int:
        left["os." + _THREAD] = left.pop(_THREAD)  # of the system, under the name of the conversation's
    rename(left, _RECORDED if recorded else _NAMES)
    session = text(left.pop(s.CONVERSATION_ID, None))
    first(left, _TOLD, f"{_TURN}token_usage.non_cached_input_tokens")
    gen_ai.read(raw, left, span)
    span.dialect = "codex"
    span.session_id = span.session_id or session
    if span.request_model:
        span.provider = span.provider or provider_of(span.request_model) or "openai"
    if recorded == "execute_tool" and "success" in left and not truth(left["success"]):
        span.status, span.error_message = "error", span.tool_result
