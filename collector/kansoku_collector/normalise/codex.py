"""Codex: a turn with all of its tokens, and a span for each piece of an answer, some with the conventions'.

Each answer says its tokens but not its model; the turn around them says both, so the turn is what is billed.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise import gen_ai
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import first, rename, text

_TURN = "codex.turn."
_TOLD = "codex.turn.token_usage.total_tokens"
_MARKS = frozenset({_TOLD, "codex.turn.reasoning_effort", "codex.usage.total_tokens"})
_PIECE = "codex.request.reasoning_effort"
_NAMES = {
    "model": s.REQUEST_MODEL,
    "thread.id": s.CONVERSATION_ID,
    "codex.turn.reasoning_effort": s.REASONING_LEVEL,
    "codex.turn.token_usage.input_tokens": s.INPUT_TOKENS,
    "codex.turn.token_usage.output_tokens": s.OUTPUT_TOKENS,
    "codex.turn.token_usage.cached_input_tokens": s.CACHE_READ_TOKENS,
    "codex.turn.token_usage.cache_write_input_tokens": s.CACHE_WRITE_TOKENS,
    "codex.turn.token_usage.reasoning_output_tokens": s.REASONING_TOKENS,
    "codex.usage.reasoning_output_tokens": s.REASONING_TOKENS,
}


def is_codex(raw: RawSpan) -> bool:
    """Tell whether Codex wrote a span, by what it counts and the effort that it asked for."""
    return not _MARKS.isdisjoint(raw.attributes) or _PIECE in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span`: a turn that counts is one call, anything else a step."""
    left[s.OPERATION] = "chat" if _TOLD in left else "invoke_workflow"
    rename(left, _NAMES)
    session = text(left.pop(s.CONVERSATION_ID, None))
    first(left, _TOLD, f"{_TURN}token_usage.non_cached_input_tokens")
    gen_ai.read(raw, left, span)
    span.dialect = "codex"
    span.session_id = span.session_id or session
    if span.request_model:
        span.provider = span.provider or provider_of(span.request_model) or "openai"
