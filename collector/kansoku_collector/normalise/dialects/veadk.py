"""Volcengine's veADK: spans of Google's kit, with its own answers to what is unknown and nested events.

Its first versions tell the tokens that came from a cache a second time, as those that were written to one.
"""

import re
from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan
from kansoku_collector.normalise import flattened
from kansoku_collector.normalise.flattened import listed
from kansoku_collector.values import mapping, text

MARK = "openinference.instrumentation.veadk"
_UNKNOWN = re.compile(r"<(?:unknown|unkown|no)_\w+>")
_READ, _WRITE = "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_creation_input_tokens"
_GIVEN, _ANSWERED = "gen_ai.tool.input", "gen_ai.tool.output"
_FLAT = ("gen_ai.prompt.", "gen_ai.completion.")
_NESTED = ("parts.", "tool_calls.", "message.")
_SAYS = frozenset({"content", "tool_calls", "message"})


def restore(raw: RawSpan, left: Attributes) -> None:
    """Leave out what veADK says of things that it does not know, and unfold what it folded."""
    for name in [n for n, value in left.items() if isinstance(value, str) and _UNKNOWN.fullmatch(value)]:
        del left[name]
    if left.get(_WRITE) == left.get(_READ):
        left.pop(_WRITE, None)
    given, answered = mapping(left.get(_GIVEN)), mapping(left.get(_ANSWERED))
    if "parameters" in given:
        left[_GIVEN] = given["parameters"]
    if "response" in answered:
        left[_ANSWERED] = answered["response"]
        left.setdefault(s.TOOL_CALL_ID, text(answered.get("id")))
    if raw.events:
        _read_events(raw, left)


def _read_events(raw: RawSpan, left: Attributes) -> None:
    """Unfold the messages; they say more than the attributes do, the instructions for one."""
    told = [event for event in raw.events if event.name.startswith("gen_ai.")]
    for event in told:
        event.attributes.update(_unfolded(flattened.take(event.attributes, _NESTED)))
        if event.attributes.get("role") == "model":
            event.attributes["role"] = "assistant"
    # What an agent was given begins with an event that only says who asked.
    raw.events[:] = [e for e in raw.events if e not in told or not _SAYS.isdisjoint(e.attributes)]
    if any(event.name == "gen_ai.choice" for event in told):
        for name in [name for name in left if name.startswith(_FLAT)]:
            del left[name]


def _unfolded(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a message with its parts and calls in lists."""
    found = {name: value for name, value in tree.items() if name not in ("parts", "message")}
    if parts := listed(tree.get("parts")):
        found["content"] = parts
    if "tool_calls" in tree:
        found["tool_calls"] = listed(tree["tool_calls"])
    if "message" in tree:
        found["message"] = {**_unfolded(mapping(tree["message"])), "role": "assistant"}
    return found
