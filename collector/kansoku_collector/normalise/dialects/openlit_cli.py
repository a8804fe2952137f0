"""OpenLIT's command line, which hooks into coding agents: requests, tools, steps, a sum on the session.

Claude Code's and OpenCode's requests are told one by one, Codex's and Cursor's as a turn's sum; Cursor's is
on the end of the turn. Where it is to tell as little as possible, the session's sum is all that there is.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import count, first, number, rename, text

SCOPE = "openlit-cli"
_SESSION = "coding_agent.session"
_ID, _CLIENT = "coding_agent.session.id", "coding_agent.client"
_TOLD = ("coding_agent.llm.turn", "coding_agent.tool.call")  # have an operation
_ENDED = "coding_agent.session.loop.stop"
_AGENTS = frozenset({_SESSION, "coding_agent.subagent"})
_NAMES = {
    "gen_ai.usage.cache.read_input_tokens": s.CACHE_READ_TOKENS,
    "gen_ai.usage.cache.creation_input_tokens": s.CACHE_WRITE_TOKENS,
    "coding_agent.llm.reasoning.tokens": s.REASONING_TOKENS,
}
_TOTAL = "gen_ai.usage.total_tokens"
_SUMS = frozenset({"codex", "cursor"})


def is_openlit_cli(raw: RawSpan) -> bool:
    """Tell whether OpenLIT's command line wrote a span, by its scope."""
    return raw.scope_name == SCOPE


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; a session is a step that counts what is beneath it (`sums`)."""
    counted = s.INPUT_TOKENS in left
    if raw.name in _AGENTS:
        left[s.OPERATION] = "invoke_agent"
    elif raw.name not in _TOLD:
        left[s.OPERATION] = "chat" if raw.name == _ENDED and counted else "chain"
    if raw.name == _SESSION and (cost := number(left.get(s.VENDOR_COST))):
        left[s.COST_STATED_USD] = cost  # it knows the caches, which the session leaves out
    elif counted and text(left.get(_CLIENT)) in _SUMS:
        left.setdefault(s.BATCH_REQUESTS, s.SEVERAL)
    rename(left, _NAMES)
    _include_the_rest(left)
    gen_ai.read(raw, left, span)
    span.dialect = "openlit_cli"
    span.session_id = span.session_id or text(left.pop(_ID, None))
    span.user_id = span.user_id or text(first(left, "gen_ai.request.user", "user.email"))
    span.user_id = span.user_id or text(raw.resource.get("gen_ai.user.name"))


def _include_the_rest(left: Attributes) -> None:
    """Add caches and thoughts that are beside the input and output: only the total of all shows them."""
    given, answered = count(left.get(s.INPUT_TOKENS)), count(left.get(s.OUTPUT_TOKENS))
    cached = sum(count(left.get(name)) or 0 for name in (s.CACHE_READ_TOKENS, s.CACHE_WRITE_TOKENS))
    beside = (count(left.pop(_TOTAL, None)) or 0) - (given or 0) - (answered or 0)
    if given is not None and beside > 0 and beside >= cached:
        left[s.INPUT_TOKENS], left[s.OUTPUT_TOKENS] = given + cached, (answered or 0) + beside - cached
