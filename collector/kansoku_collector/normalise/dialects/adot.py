"""Content that AWS's distribution of OpenTelemetry takes out of spans and sends as a log record beside each.

Amazon Bedrock AgentCore runs agents with it. The record has the name of the span's scope, and for its body
the messages of both sides: each attribute that held content is one, whichever instrumentation wrote it. So a
message may be words, all messages as JSON, a vendor's whole request, or the attributes of an event.
"""

from typing import Any, NamedTuple

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Event, RawSpan, Span
from kansoku_collector.normalise.dialects.gen_ai_events import message_of
from kansoku_collector.normalise.exchange import read_request, read_response
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_content, put_finish
from kansoku_collector.normalise.messages import Message, read_message, read_messages
from kansoku_collector.values import dump, items, load, mapping, plain, searchable, text

_BODY = "body"
_WITH_MESSAGES = (*MODEL_OPERATIONS, "invoke_agent")
_EVENTS = {
    "system": "gen_ai.system.message",
    "user": "gen_ai.user.message",
    "assistant": "gen_ai.choice",
    "tool": "gen_ai.tool.message",
}


class Content(NamedTuple):
    """What a span was given and what it answered, as messages of the distribution's own."""

    given: list[Any]
    answered: list[Any]


def take(raw: RawSpan) -> Content | None:
    """Take the record out of the events of its span."""
    event = next((e for e in raw.events if e.name == raw.scope_name and _BODY in e.attributes), None)
    if event is None:
        return None
    raw.events.remove(event)
    body = mapping(event.attributes[_BODY])
    return Content(*(items(mapping(body.get(side)).get("messages")) for side in ("input", "output")))


def put(content: Content, left: Attributes, span: Span) -> None:
    """Give a span back what was taken from it; what it still has stays."""
    if span.operation == "execute_tool":
        span.tool_arguments = span.tool_arguments or _words(content.given[:1])
        span.tool_result = span.tool_result or _words(content.answered[-1:])
        span.input_text = searchable(plain(span.tool_arguments))
        span.output_text = searchable(plain(span.tool_result))
    elif span.operation in _WITH_MESSAGES:
        _put_messages(content, span)
    else:
        for name, side in ((s.INPUT_VALUE, content.given), (s.OUTPUT_VALUE, content.answered)):
            if side:
                left.setdefault(name, _words(side))
        span.input_text = span.input_text or searchable(plain(left.get(s.INPUT_VALUE)))
        span.output_text = span.output_text or searchable(plain(left.get(s.OUTPUT_VALUE)))


def _put_messages(content: Content, span: Span) -> None:
    if not span.input_text:
        given = _messages(content.given, "user")
        put_content(span, [], sorted(given, key=lambda message: message["role"] != "system"), [])
    if span.output_text:
        return
    answered, known = _messages(content.answered, "assistant"), items(span.output_messages)
    if len(known) == len(answered) == 1:  # tool calls stay with the span
        calls = [p for p in items(mapping(known[0]).get("parts")) if mapping(p).get("type") != "text"]
        answered = [{**mapping(known[0]), "parts": answered[0]["parts"] + calls}]
    put_content(span, [], [], answered)
    if not span.finish_reasons:
        put_finish(span, [], answered)


def _messages(told: list[Any], role: str) -> list[Message]:
    """Return the messages of a side; a request or response as a whole only where nothing else is there."""
    found: list[Message] = []
    whole: list[Message] = []
    for one in map(mapping, told):
        speaker, content = text(one.get("role")), one.get("content")
        speaker = role if speaker in ("", "unknown") else speaker
        parsed = load(content)
        if isinstance(content, dict):
            found += read_messages(message_of(Event(_EVENTS.get(speaker, ""), 0, content)), speaker)
        elif isinstance(parsed, dict):
            whole = whole or (
                read_request(parsed).messages if role == "user" else read_response(parsed).messages
            )
        elif isinstance(parsed, list) and any("role" in mapping(item) for item in parsed):
            found += read_messages(parsed, speaker)
        else:
            found.append(read_message({"role": speaker, "content": parsed}, speaker))
    return [message for message in found if message["parts"]] or whole


def _words(told: list[Any]) -> str:
    """Return the only content of a side as it was, several as messages."""
    contents = [mapping(one).get("content") for one in told]
    return text(contents[0]) if len(contents) == 1 else dump(contents) if contents else ""
