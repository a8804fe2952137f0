"""Gemini CLI: the conventions, and log records of answers, which alone have tokens unless content is traced.

Its span of a call says by default what was asked of which model and nothing of the answer: then the answer's
record is the call (`decode.agent_logs`), and the span a step around it.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import count, items, load, rename, text

ANSWERED = "gemini_cli.response"
_SCOPE = "gemini-cli"
_NAMES = {
    "model": s.RESPONSE_MODEL,
    "cached_content_token_count": s.CACHE_READ_TOKENS,
    "thoughts_token_count": s.REASONING_TOKENS,
    "finish_reasons": s.FINISH_REASONS,
}
_TEXT = "response_text"


def is_gemini_cli(raw: RawSpan) -> bool:
    """Tell whether Gemini CLI wrote a span, by its scope."""
    return raw.scope_name == _SCOPE


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; a call without an answer is a step around the record that has it."""
    if raw.name == ANSWERED:
        _restore(left)
    gen_ai.read(raw, left, span)
    span.dialect = "gemini_cli"
    if span.operation == "chat" and span.usage_source == "none" and span.status != "error":
        span.operation = "chain"


def _restore(left: Attributes) -> None:
    """Give an answer's record the conventions' names: Gemini counts thoughts and tools' input beside."""
    left[s.OPERATION] = "chat"
    left[s.PROVIDER] = "gcp.vertex_ai" if "vertex" in text(left.get("auth_type")) else "gcp.gemini"
    left[s.INPUT_TOKENS] = _sum(left, "input_token_count", "tool_token_count")
    left[s.OUTPUT_TOKENS] = _sum(left, "output_token_count", "thoughts_token_count")
    for name in ("input_token_count", "output_token_count", "tool_token_count", "total_token_count"):
        left.pop(name, None)
    rename(left, _NAMES)
    chunks = load(left.get(_TEXT))
    contents = [
        content
        for chunk in (chunks if isinstance(chunks, list) else [])
        if isinstance(chunk, dict)
        for candidate in items(chunk.get("candidates"))
        if isinstance(candidate, dict) and isinstance(content := candidate.get("content"), dict)
    ]
    if contents:
        left.pop(_TEXT)
        left[s.OUTPUT_MESSAGES] = contents


def _sum(left: Attributes, *names: str) -> int:
    return sum(count(left.get(name)) or 0 for name in names)
