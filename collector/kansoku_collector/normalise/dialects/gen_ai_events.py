"""Events of the OpenTelemetry GenAI conventions that hold what a call was given and what it answered."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Event, RawSpan
from kansoku_collector.normalise.messages import Message, read_messages
from kansoku_collector.values import load

DETAILS = "gen_ai.client.inference.operation.details"
_ANY_DETAILS = ".operation.details"  # Splunk's and Alibaba's of other operations too
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.developer.message": "developer",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_BLOCKS = {"text", "toolUse", "toolResult", "reasoningContent", "image", "document", "video", "cachePoint"}
_CONTENT = {  # span events before 1.28: the event, and the attribute that holds every message
    "gen_ai.content.prompt": ("gen_ai.prompt", s.INPUT_MESSAGES),
    "gen_ai.content.completion": ("gen_ai.completion", s.OUTPUT_MESSAGES),
}
_BODY = "gen_ai.event.content"
_WHOLE = frozenset({s.INPUT_MESSAGES, s.OUTPUT_MESSAGES, s.SYSTEM_INSTRUCTIONS, "gen_ai.system.instructions"})
_SAYS = frozenset({"content", "message", "tool_calls"})
# One event a chunk, which says nothing but when it came.
_CHUNKS = frozenset({"gen_ai.content.completion.chunk", "llm.content.completion.chunk"})


def read_events(raw: RawSpan, left: Attributes) -> tuple[list[Message], list[Message], list[int]]:
    """Take content out of events: into `left` (1.37 and later), or as messages given and answered (before).

    The last list holds when each chunk of the answer came (ns). Events that are read leave the span.
    """
    given: list[Message] = []
    answered: list[Message] = []
    chunks: list[int] = []
    others: list[Event] = []
    for event in raw.events:
        if event.name.endswith(_ANY_DETAILS):
            for key, value in event.attributes.items():
                left.setdefault(key, value)
        elif event.name in _ROLES:
            given += read_messages(message_of(event), _ROLES[event.name])
        elif event.name in _CONTENT and _CONTENT[event.name][0] in event.attributes:
            source, target = _CONTENT[event.name]
            left.setdefault(target, event.attributes[source])
        elif event.name in _WHOLE and (content := load(event.attributes.get(_BODY))) is not None:
            _read_whole(event.name, content, left, given, answered)
        elif event.name == "gen_ai.choice":
            answered += read_messages(message_of(event), "assistant")
        elif event.name in _CHUNKS:
            chunks.append(event.time_ns)
        else:
            others.append(event)
    raw.events[:] = others
    if given and not answered and left.get(s.OPERATION) == "process_thread_run":
        cut = next((i for i in range(len(given), 0, -1) if given[i - 1]["role"] != "assistant"), 0)
        given, answered = given[:cut], given[cut:]  # the run of an agent of Azure's answers in messages
    return given, answered, chunks


def _read_whole(
    name: str, content: Any, left: Attributes, given: list[Message], answered: list[Message]
) -> None:
    """Take all messages of one side out of the event that Azure gives the name of their attribute.

    Under `messages` are the parts of one, as VoiceLive's answers have them.
    """
    if isinstance(content, dict) and isinstance(parts := content.get("messages"), list):
        content = {"parts": parts}
    if name == s.OUTPUT_MESSAGES:
        answered += read_messages(content, "assistant")
    elif name == s.INPUT_MESSAGES:
        given += read_messages(content, "user")
    else:
        left.setdefault(s.SYSTEM_INSTRUCTIONS, content)


def message_of(event: Event) -> Any:
    """Return the message of a legacy event: the record's body, or a span event's attributes."""
    role = _ROLES.get(event.name, "assistant")
    body = event.attributes.get("body") or load(event.attributes.get(_BODY))
    if isinstance(body, str):
        found = load(body) if body.startswith("{") else None  # Semantic Kernel's are JSON text
        if not isinstance(found, dict) or found.keys().isdisjoint(_SAYS):
            return {"role": role, "content": body}
        body = found
    if not isinstance(body, dict):  # a span event: attributes hold no nested values, so they are JSON text
        body = {k: v for k, v in event.attributes.items() if k != "gen_ai.system"}
        body |= {name: load(body[name]) for name in ("message", "tool_calls") if name in body}
        if _is_blocks(content := load(body.get("content"))):
            body["content"] = content
    if isinstance(body.get("message"), list | str):
        body = {**body, "message": {"role": role, "content": body["message"]}}
    return {"role": role, **body}


def _is_blocks(value: Any) -> bool:
    """Tell whether a text was a list of Bedrock's content blocks: Strands writes them so."""
    return isinstance(value, list) and all(
        isinstance(item, dict) and item.keys() <= _BLOCKS for item in value
    )
