"""Strands Agents: the conventions, with times in milliseconds, and tools told in events."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Event, RawSpan, Span
from kansoku_collector.normalise.counters import include_caches
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.documents import put_retrieval
from kansoku_collector.normalise.tool_facts import unwrapped
from kansoku_collector.values import load, number, text

_MARK = "gen_ai.event.start_time"  # on every span of its, and on no other's
LIVE = "bidi_session"  # spoken: it alone has the tokens of its answers, and none of sound apart
_OPERATIONS = {
    "execute_event_loop_cycle": "invoke_workflow",
    "execute_agent_loop_cycle": "invoke_workflow",
    "execute_structured_output": "invoke_workflow",
    "invoke_swarm": "invoke_workflow",
    "invoke_graph": "invoke_workflow",
    "memory.search": "retrieval",
    "memory.add": "invoke_workflow",
    LIVE: "chat",
    **dict.fromkeys(("bidi_response", "bidi_connect", "bidi_restart"), "invoke_workflow"),
}
_JAVASCRIPT = "strands-agents"
_STARTED = "gen_ai.server.time_to_first_token"


def is_strands(raw: RawSpan) -> bool:
    """Tell whether Strands wrote a span, by the time that it notes on each, or by its scope."""
    return _MARK in raw.attributes or raw.scope_name.startswith("strands")


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; `left` loses what was read."""
    operation = text(left.get(s.OPERATION))
    left[s.OPERATION] = _OPERATIONS.get(operation, operation)
    if (milliseconds := number(left.pop(_STARTED, None))) is not None:
        left.setdefault(s.TIME_TO_FIRST_CHUNK, milliseconds / 1000)
    if prompt := left.pop("system_prompt", None):
        left.setdefault(s.SYSTEM_INSTRUCTIONS, load(prompt))
    if s.TOOL_RESULT in left:
        left[s.TOOL_RESULT] = unwrapped(load(left[s.TOOL_RESULT]))
    if operation == LIVE:
        left[s.USAGE_ESTIMATED] = True
    if operation == "memory.search":
        _read_search(raw, left, span)
    if raw.scope_name == _JAVASCRIPT and text(left.get(s.REQUEST_MODEL)).startswith("claude"):
        include_caches(left)  # it adds Anthropic's counts up without them; Bedrock's names have a vendor
    gen_ai.read(raw, left, span)
    span.dialect = "strands"


def _read_search(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Take what was asked of a memory, and what it held, out of attributes or events."""
    asked, found = (_take(raw, left, name) for name in ("memory.query", "memory.results"))
    put_retrieval(span, asked, found)


def _take(raw: RawSpan, left: Attributes, name: str) -> Any:
    event: Event | None = next((event for event in raw.events if event.name == name), None)
    if event is None:
        return left.pop(name, None)
    raw.events.remove(event)
    return event.attributes.get("content")
