"""OpenClaw: the conventions on calls of models, and what a run used in all told once more beside them.

Its calls tell their tokens since the middle of 2026, where it makes them itself; of the programs that it runs
(Claude Code, Codex) and before that the sum alone is told, at first under names of its own.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import count, rename, text

USAGE = "openclaw.model.usage"  # the span of a run's sum
_SCOPE = "openclaw"
_OPERATIONS = {
    USAGE: "chat",
    "openclaw.harness.run": "invoke_agent",
    "openclaw.run": "chain",
    "openclaw.message.processed": "chain",
}
_TOKENS = "openclaw.tokens."
_NAMES = {
    "openclaw.model_call.usage.reasoning_output_tokens": s.REASONING_TOKENS,
    "openclaw.model_call.time_to_first_byte_ms": "ttft_ms",
}
_UNKNOWN = "unknown"


def is_openclaw(raw: RawSpan) -> bool:
    """Tell whether OpenClaw wrote a span, by its scope."""
    return raw.scope_name == _SCOPE


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; what a run used is a call where its calls tell no tokens (`wholes`)."""
    if operation := _OPERATIONS.get(raw.name):
        left[s.OPERATION] = operation
    if raw.name == USAGE:
        _read_sum(left)
    rename(left, _NAMES)
    gen_ai.read(raw, left, span)
    span.dialect = "openclaw"


def _read_sum(left: Attributes) -> None:
    """Give a sum the conventions' names, where it has its own alone: its input leaves caches out."""
    told = {
        name: count(left.get(_TOKENS + name)) or 0
        for name in ("input", "output", "cache_read", "cache_write")
    }
    if s.INPUT_TOKENS not in left and s.OUTPUT_TOKENS not in left:
        left[s.INPUT_TOKENS] = told["input"] + told["cache_read"] + told["cache_write"]
        left[s.OUTPUT_TOKENS] = told["output"]
        left[s.CACHE_READ_TOKENS], left[s.CACHE_WRITE_TOKENS] = told["cache_read"], told["cache_write"]
    if s.REQUEST_MODEL not in left and (model := text(left.get("openclaw.model"))) != _UNKNOWN:
        left[s.REQUEST_MODEL] = model
    named = s.PROVIDER in left or "gen_ai.system" in left
    if not named and (provider := text(left.get("openclaw.provider"))) != _UNKNOWN:
        left[s.PROVIDER] = provider
