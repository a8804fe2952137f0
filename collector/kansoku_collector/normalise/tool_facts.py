"""What a tool was given and answered, where its span tells it in messages: Strands, Azure's agents."""

from typing import Any

from kansoku_collector.model import Span
from kansoku_collector.values import dump, items, mapping, plain, searchable, text


def put_tool_facts(span: Span) -> None:
    """Fill a tool's arguments and result from the messages of its span, where nothing else says them."""
    if not span.tool_arguments and (part := _part(span.input_messages, "arguments", "response", "content")):
        span.tool_arguments = text(part)
    if not span.tool_result and (part := _part(span.output_messages, "response", "content")):
        span.tool_result = text(unwrapped(part))
    span.input_text, span.output_text = searchable(span.tool_arguments), searchable(plain(span.tool_result))


def _part(messages: str, *names: str) -> Any:
    """Return the first of `names` in the last message's parts."""
    for message in reversed(items(messages)):
        for part in map(mapping, items(mapping(message).get("parts"))):
            found = next((part[name] for name in names if part.get(name) is not None), None)
            if found is not None:
                return found
    return None


def unwrapped(value: Any) -> Any:
    """Return the words or the object of a result that is a list of Bedrock's blocks."""
    blocks = value if isinstance(value, list) else []
    if not blocks or not all(isinstance(block, dict) and len(block) == 1 for block in blocks):
        return value
    told = [next(iter(block.items())) for block in blocks]
    if not all(name in ("text", "json") for name, _ in told):
        return value
    return "\n".join(text(item) if name == "text" else dump(item) for name, item in told)
