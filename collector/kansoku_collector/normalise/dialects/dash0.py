"""Dash0's plugin for coding agents: a turn is a call with the sum of its requests, so is an agent beneath it.

It reads what Claude Code, Codex, OpenCode and others keep of a turn. An agent that a turn starts has tokens
of its own, which are not in the turn's.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import first, text

_SCOPE = "dash0-agent-plugin"


def is_dash0(raw: RawSpan) -> bool:
    """Tell whether Dash0's plugin wrote a span, by its scope."""
    return raw.scope_name == _SCOPE


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions: what tells tokens is billed, as several requests."""
    if s.INPUT_TOKENS in left:
        left.setdefault(s.BATCH_REQUESTS, s.SEVERAL)
        if left.get(s.OPERATION) == "invoke_agent":
            left[s.OPERATION] = "chat"
    gen_ai.read(raw, left, span)
    span.dialect = "dash0"
    span.user_id = span.user_id or text(first(left, "user.email", "user.name"))
