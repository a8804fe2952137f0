"""Spans as an indented tree, and the answers of a chat model that the frameworks' tests give them."""

from typing import Any

from kansoku_collector.normalise.frame import MODEL_OPERATIONS

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
CHOICE: dict[str, Any] = {
    "index": 0,
    "message": {"role": "assistant", "content": "火曜日"},
    "finish_reason": "stop",
}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [CHOICE],
    "usage": USAGE,
}


def chunk(text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a chunk of a streamed answer."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return {**ANSWER, "object": "chat.completion.chunk", "usage": None, "choices": [choice], **more}


STREAM = (chunk("火"), chunk("曜日"), chunk("", "stop"), chunk("", choices=[], usage=USAGE))


def calling(name: str, arguments: str) -> dict[str, Any]:
    """Return an answer that calls a tool."""
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}


def tree(spans: Any) -> list[str]:
    """Return the spans as an indented list; one that the collector bills has its input tokens behind it."""
    found = spans.all()
    ids = {span.context.span_id for span in found}
    lines: list[str] = []

    def parent_of(span: Any) -> int | None:
        return span.parent.span_id if span.parent and span.parent.span_id in ids else None

    def add(parent: int | None, depth: int) -> None:
        for span in sorted((s for s in found if parent_of(s) == parent), key=lambda s: s.start_time):
            billed = span.attributes.get("gen_ai.operation.name") in MODEL_OPERATIONS
            tokens = f" ${span.attributes.get('gen_ai.usage.input_tokens')}" if billed else ""
            lines.append("  " * depth + span.name + tokens)
            add(span.context.span_id, depth + 1)

    add(None, 0)
    return lines


def named(spans: Any, name: str) -> dict[str, Any]:
    """Return the attributes of the only span of a name."""
    (span,) = [span for span in spans.all() if span.name == name]
    return dict(span.attributes)
