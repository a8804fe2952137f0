"""Content blocks of Converse as parts of a GenAI message, whole and put together from a stream."""

from collections.abc import Iterable, Mapping
from typing import Any

from kansoku.content import plain
from kansoku.instruments.openai_shape import as_object, blob

_MEDIA = {"image": "image", "document": "document", "video": "video", "audio": "audio"}
_DOCUMENTS = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
}


def read_blocks(blocks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of a message; a cache point says nothing."""
    return [_part(block) for block in blocks if "cachePoint" not in block]


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    if "text" in block:
        return {"type": "text", "content": block["text"] or ""}
    kind = next(iter(block), "unknown")
    value = block.get(kind)
    if kind in _MEDIA and isinstance(value, Mapping):
        return read_medium(kind, value)
    read = _READERS.get(kind)
    return {"type": kind} if read is None or not isinstance(value, Mapping) else read(value)


def _tool_use(use: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "type": "tool_call",
        "id": use.get("toolUseId") or "",
        "name": use.get("name") or "",
        "arguments": plain(use.get("input"), 12),
    }
    return {**found, "server": True} if use.get("type") == "server_tool_use" else found


def _tool_result(result: Mapping[str, Any]) -> dict[str, Any]:
    content = result.get("content") or ()
    found = [plain(item["json"], 12) if "json" in item else _part(item) for item in content]
    response: Any = found
    if found and all("text" in item for item in content):
        response = "\n".join(part["content"] for part in found)
    elif len(found) == 1:
        response = found[0]
    part = {"type": "tool_call_response", "id": result.get("toolUseId") or "", "response": response}
    return {**part, "is_error": True} if result.get("status") == "error" else part


def _reasoning(reasoning: Mapping[str, Any]) -> dict[str, Any]:
    if "reasoningText" in reasoning:
        return {"type": "reasoning", "content": (reasoning["reasoningText"] or {}).get("text") or ""}
    return {"type": "redacted_reasoning", "size": _size(reasoning.get("redactedContent"))}


def _guarded(content: Mapping[str, Any]) -> dict[str, Any]:
    if "image" in content:
        return read_medium("image", content["image"])
    text = content.get("text") or {}
    found = {"type": "text", "content": text.get("text") or ""}
    return {**found, "qualifiers": list(text["qualifiers"])} if text.get("qualifiers") else found


def _cited(content: Mapping[str, Any]) -> dict[str, Any]:
    text = "".join(item.get("text") or "" for item in content.get("content") or ())
    return {"type": "text", "content": text, "citations": plain(content.get("citations") or [], 5)}


def _search_result(result: Mapping[str, Any]) -> dict[str, Any]:
    text = "\n".join(item.get("text") or "" for item in result.get("content") or ())
    return {
        "type": "search_result",
        "source": result.get("source") or "",
        "title": result.get("title") or "",
        "content": text,
    }


_READERS = {
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
    "guardContent": _guarded,
    "citationsContent": _cited,
    "searchResult": _search_result,
}


def read_medium(kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an image, document, video or sound by type and size, or by its address."""
    # What a document is called, and what the model is told about it.
    named = {name: value[name] for name in ("name", "context") if value.get(name)}
    source = value.get("source") or {}
    form = str(value.get("format") or "")
    mime = _DOCUMENTS.get(form, "application/octet-stream") if kind == "document" else f"{kind}/{form or '*'}"
    if location := source.get("s3Location"):
        return {"type": "uri", "modality": kind, "mime_type": mime, "uri": location.get("uri") or "", **named}
    if isinstance(source.get("text"), str):
        return {"type": "text", "content": source["text"], **named}
    if isinstance(source.get("content"), list):
        return {"type": "text", "content": "\n".join(c.get("text") or "" for c in source["content"]), **named}
    data = source.get("bytes")
    if isinstance(data, str):  # the models' own requests have base64
        return {**blob(kind, mime, data), **named}
    return {"type": "blob", "modality": kind, "mime_type": mime, "size": _size(data), **named}


def _size(data: Any) -> int:
    """Return the size of binary data; what is no bytes in memory has none."""
    return len(data) if isinstance(data, bytes | bytearray | memoryview) else 0


class Folded:
    """The content blocks of a stream, growing."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Any]] = {}
        self._texts: dict[tuple[int, str], list[str]] = {}

    def start(self, event: Mapping[str, Any]) -> None:
        """Open a block that begins with more than its deltas say: a tool's call, a result, an image."""
        started = event.get("start") or {}
        kind = next(iter(started), "")
        if kind:
            self._blocks[event.get("contentBlockIndex") or 0] = {kind: dict(started[kind] or {})}

    def add(self, event: Mapping[str, Any]) -> None:
        """Add a delta to its block."""
        index = event.get("contentBlockIndex") or 0
        delta = event.get("delta") or {}
        block = self._blocks.setdefault(index, {})
        for kind, value in delta.items():
            if kind == "text":
                block.setdefault("text", None)
                self._text(index, "text", value)
            elif kind == "toolUse":
                block.setdefault("toolUse", {})
                self._text(index, "toolUse", value.get("input"))
            elif kind == "toolResult":
                block.setdefault("toolResult", {}).setdefault("content", []).extend(value)
            elif kind == "reasoningContent":
                self._reason(index, block, value)
            elif kind == "citation":
                block.setdefault("citations", []).append(value)
            elif kind == "image":
                block.setdefault("image", {}).update(value)

    def _reason(self, index: int, block: dict[str, Any], value: Mapping[str, Any]) -> None:
        if "redactedContent" in value:
            block.setdefault("reasoningContent", {"redactedContent": value["redactedContent"]})
        elif "text" in value:
            block["reasoningContent"] = {"reasoningText": {}}
            self._text(index, "reasoning", value["text"])

    def _text(self, index: int, kind: str, text: Any) -> None:
        if text:
            self._texts.setdefault((index, kind), []).append(text)

    def parts(self) -> list[dict[str, Any]]:
        """Return the blocks as parts, in order."""
        return [_part(block) for block in self._whole()]

    def _whole(self) -> Iterable[dict[str, Any]]:
        for index, block in sorted(self._blocks.items()):

            def text(kind: str, index: int = index) -> str:
                return "".join(self._texts.get((index, kind), ()))

            if "reasoningContent" in block and "reasoningText" in block["reasoningContent"]:
                yield {"reasoningContent": {"reasoningText": {"text": text("reasoning")}}}
            elif "toolUse" in block:
                yield {"toolUse": {**block["toolUse"], "input": as_object(text("toolUse"))}}
            elif "citations" in block:
                yield {
                    "citationsContent": {"content": [{"text": text("text")}], "citations": block["citations"]}
                }
            elif "text" in block:
                yield {"text": text("text")}
            elif block:
                yield block
