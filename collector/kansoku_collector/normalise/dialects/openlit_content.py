"""Content as OpenLIT wrote it before messages, and what it writes beside them: choices, roles, reasoning."""

import re
from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, add_calls
from kansoku_collector.normalise.messages import Message
from kansoku_collector.values import dump, first, items, load, text

_PROMPT, _CHOICE = "gen_ai.content.prompt", "gen_ai.content.completion."
_REASONING = "gen_ai.content.reasoning"
_SAID = re.compile(r"^(system|developer|user|assistant|tool|function): ", re.MULTILINE)


def take_events(raw: RawSpan, left: Attributes) -> None:
    """Take several choices, each an event, and a prompt that is one text of all messages, into `left`."""
    if not raw.events:
        return
    choices = [event for event in raw.events if event.name.startswith(_CHOICE)]
    if choices:
        raw.events[:] = [event for event in raw.events if not event.name.startswith(_CHOICE)]
        choices.sort(key=lambda event: event.name.removeprefix(_CHOICE).zfill(4))
        told = [text(event.attributes.get("gen_ai.completion")) for event in choices]
        left.setdefault(s.OUTPUT_MESSAGES, [{"role": "assistant", "content": words} for words in told])
    for event in raw.events:
        if event.name == _PROMPT and (messages := _apart(event.attributes.get("gen_ai.prompt"))):
            left.setdefault(s.INPUT_MESSAGES, messages)


def _apart(prompt: Any) -> list[Message]:
    """Return the messages of a text in which each begins with its role; none where the text does not."""
    if not isinstance(prompt, str) or not _SAID.match(prompt):
        return []
    _, *found = _SAID.split(prompt)
    return [
        {"role": role, "content": words.removesuffix("\n")}
        for role, words in zip(found[::2], found[1::2], strict=True)
    ]


def put_reasoning(left: Attributes, span: Span) -> None:
    """Put reasoning, which has an attribute of its own, in front of the answer that lacks it."""
    if _REASONING not in left:
        return
    words = text(left.pop(_REASONING))
    if not words or '"type":"reasoning"' in span.output_messages:
        return
    messages = items(span.output_messages) or [{"role": "assistant", "parts": []}]
    messages[0]["parts"].insert(0, {"type": "reasoning", "content": words})
    span.output_messages = dump(messages)


def put_calls(left: Attributes, span: Span) -> None:
    """Add calls of tools that Go's packages tell beside the words: names are joined, arguments a list."""
    given = left.get(s.TOOL_ARGUMENTS)
    if span.operation not in MODEL_OPERATIONS or not isinstance(given, list):
        return
    if '"tool_call"' in span.output_messages:
        return
    names, ids = (_split(left.get(name)) for name in (s.TOOL_NAME, s.TOOL_CALL_ID))
    if len({len(names), len(ids), len(given)}) > 1:  # nobody knows which is whose
        return
    first(left, s.TOOL_NAME, s.TOOL_CALL_ID, s.TOOL_ARGUMENTS)
    add_calls(span, list(zip(ids, names, map(load, given), strict=True)))


def _split(joined: Any) -> list[str]:
    return [name for name in text(joined).split(", ") if name]
