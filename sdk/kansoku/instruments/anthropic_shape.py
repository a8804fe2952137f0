"""The content blocks, tools and token counts of Anthropic's API, as Kansoku has them."""

from collections.abc import Mapping
from typing import Any

from kansoku.content import plain
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_tokens import count
from kansoku.usage import Usage

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_CITATION = (
    "type",
    "cited_text",
    "title",
    "document_title",
    "document_index",
    "file_id",
    "source",
    "url",
    "start_char_index",
    "end_char_index",
    "start_page_number",
    "end_page_number",
    "start_block_index",
    "end_block_index",
    "search_result_index",
)
_DEPTH = 8


def finish_reason(word: Any) -> str:
    """Return the canonical word for a stop reason, else the vendor's own."""
    return _FINISH.get(word, word.lower()) if isinstance(word, str) else ""


def read_message(message: Any) -> dict[str, Any]:
    """Return a message of a request in the GenAI shape; one of tool results alone has the role `tool`."""
    role = get(message, "role") or "user"
    parts = read_blocks(get(message, "content"))
    if parts and all(part["type"] == "tool_call_response" for part in parts):
        role = "tool"
    return {"role": role, "parts": parts}


def read_blocks(content: Any) -> list[dict[str, Any]]:
    """Return the parts of a message's content: text, or a list of blocks."""
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    if not isinstance(content, list | tuple):
        return []
    return [part for block in content if (part := read_block(block)) is not None]


def read_texts(content: Any) -> list[str]:
    """Return the texts of a system prompt, or of another list of text blocks."""
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list | tuple):
        return []
    return [text for block in content if isinstance(text := get(block, "text"), str)]


def read_text(content: Any) -> str:
    """Return the texts of a list of text blocks as one."""
    return "\n".join(read_texts(content))


def read_block(block: Any) -> dict[str, Any] | None:  # noqa: PLR0911 - one return a kind of block
    """Return the part for a content block, of a request or of an answer; None for one that says nothing."""
    if isinstance(block, str):
        return {"type": "text", "content": block}
    kind = str(get(block, "type") or "unknown")
    if kind == "text":
        return _text(block)
    if kind == "thinking":
        words = get(block, "thinking")
        return {"type": "reasoning", "content": words} if words else None
    if kind == "redacted_thinking":
        return {"type": "redacted_reasoning", "size": len(get(block, "data") or "")}
    if kind == "tool_use":
        return _call("tool_call", block)
    if kind in ("server_tool_use", "mcp_tool_use"):
        return _call("server_tool_call", block)
    if kind == "tool_result":
        return _result(block)
    if kind.endswith("_tool_result"):
        return _failed(
            block,
            {
                "type": "server_tool_call_response",
                "id": get(block, "tool_use_id") or "",
                "response": _shown(get(block, "content")),
            },
        )
    if kind in ("image", "document"):
        return _source(block, kind)
    if kind == "container_upload":
        return {"type": "file", "file_id": get(block, "file_id") or ""}
    if kind == "search_result":
        words = read_text(get(block, "content"))
        return {
            "type": kind,
            "title": get(block, "title") or "",
            "source": get(block, "source"),
            "text": words,
        }
    return {"type": kind, **{name: value for name, value in _rest(block).items() if isinstance(value, str)}}


def _rest(block: Any) -> dict[str, Any]:
    """Return what blocks say that few conversations have: a summary, which model took over from which."""
    declined = get(block, "from_") or get(block, "from")  # the client's name for it, and the API's
    return {
        "content": get(block, "content"),
        "from": get(declined, "model"),
        "to": get(get(block, "to"), "model"),
        "server": get(block, "mcp_server_name"),
    }


def _text(block: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "text", "content": get(block, "text") or ""}
    citations = get(block, "citations")
    if isinstance(citations, list | tuple) and citations:
        part["citations"] = [
            {name: value for name in _CITATION if (value := get(citation, name)) is not None}
            for citation in citations
        ]
    return part


def _call(kind: str, block: Any) -> dict[str, Any]:
    part = {
        "type": kind,
        "id": get(block, "id") or "",
        "name": get(block, "name") or "",
        "arguments": shape.as_object(plain(get(block, "input"), 12)),
    }
    server = get(block, "server_name")
    return {**part, "server": server} if isinstance(server, str) else part


def _result(block: Any) -> dict[str, Any]:
    content = get(block, "content")
    parts = read_blocks(content)
    only_text = all(part["type"] == "text" for part in parts)
    part = {
        "type": "tool_call_response",
        "id": get(block, "tool_use_id") or "",
        "response": "\n".join(part["content"] for part in parts) if only_text else parts,
    }
    return _failed(block, part)


def _failed(block: Any, part: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a result; that of a tool which failed says so."""
    return {**part, "is_error": True} if get(block, "is_error") is True else part


def _source(block: Any, modality: str) -> dict[str, Any]:
    source = get(block, "source")
    kind = get(source, "type")
    told = {"name": get(block, "title"), "context": get(block, "context")}  # what the model is told beside it
    named = {name: value for name, value in told.items() if isinstance(value, str)}
    if kind == "url":
        return {**shape.link_or_blob(get(source, "url"), modality), **named}
    if kind == "file":
        return {"type": "file", "modality": modality, "file_id": get(source, "file_id") or "", **named}
    if kind in ("text", "content"):
        words = get(source, "data") if kind == "text" else get(source, "content")
        return {"type": "text", "content": read_text(words), **named}
    return {**shape.blob(modality, str(get(source, "media_type") or ""), get(source, "data")), **named}


def _shown(value: Any) -> Any:
    """Return what a tool of the vendor gave, without what is encrypted or binary."""
    return _readable(plain(value, _DEPTH))


def _readable(value: Any) -> Any:
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") in ("image", "document"):
        return _source(value, value["type"])
    return {
        name: _readable(item)
        for name, item in value.items()
        if item is not None and not name.startswith("encrypted_")
    }


def read_tool(tool: Any) -> dict[str, Any]:
    """Return a tool's definition, flat."""
    if hasattr(tool, "to_dict"):  # a function that the client runs itself
        tool = tool.to_dict()
    found: dict[str, Any] = {"type": get(tool, "type") or "function"}
    if found["type"] == "custom":
        found["type"] = "function"
    for key, value in (
        ("name", get(tool, "name")),
        ("server", get(tool, "mcp_server_name")),  # a set of tools has the name of none of them
        ("description", get(tool, "description")),
        ("parameters", get(tool, "input_schema")),
    ):
        if value is not None:
            found[key] = plain(value, 12)
    return found


def read_usage(usage: Any) -> Usage | None:
    """Return the token counts of a `usage` object: its input excludes what caches read and wrote."""
    sent, answered = count(usage, "input_tokens"), count(usage, "output_tokens")
    if sent is None and answered is None:
        return None
    split = get(usage, "cache_creation")
    long = count(split, "ephemeral_1h_input_tokens") or 0
    short = count(split, "ephemeral_5m_input_tokens") or 0
    written = count(usage, "cache_creation_input_tokens")
    thought = count(get(usage, "output_tokens_details"), "thinking_tokens") or 0
    return Usage(
        input_fresh=sent or 0,
        cache_read=count(usage, "cache_read_input_tokens") or 0,
        cache_write_5m=short if written is None else max(0, written - long),
        cache_write_1h=long if written is None else min(written, long),
        output_visible=max(0, (answered or 0) - thought),
        reasoning=thought,
    )


def fields(thing: Any) -> Mapping[str, Any]:
    """Return the fields of a mapping or of a model of the client, also what its version does not know."""
    if isinstance(thing, Mapping):
        return thing
    own: dict[str, Any] = getattr(thing, "__dict__", {})
    extra = getattr(thing, "__pydantic_extra__", None)
    return {**own, **extra} if extra else own
