"""The messages of a call, read from JSON and drawn as plain text: what people and models wrote is no code."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from kansoku_dashboard.screens.pictures import read_picture
from kansoku_dashboard.text import plain, visible
from kansoku_dashboard.words import say

WIDEST = 480  # pixels of an image on the page
SHOWN = 20_000  # characters of one text on the page; the rest is a download
ROLES = {
    "user": ":material/person:",
    "assistant": ":material/smart_toy:",
    "tool": ":material/build:",
    "system": ":material/tune:",
}
INSTRUCTIONS = ("system", "developer")
FOLDED = 300  # characters of instructions above which they are shown on demand

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?[\w=;.-]*;base64,([A-Za-z0-9+/=_-]{40,})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{1024,}={0,2}")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece: `kind` is text, reasoning, call, result, media, image or other; `title` names tool or type.

    The text of an image is its bytes in base64; that of other media its address.
    """

    kind: str
    text: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """Who spoke, what, and why the model stopped."""

    role: str
    parts: list[Part] = field(default_factory=list)
    finish_reason: str = ""


def read_messages(text: str) -> list[Message]:
    """Return the messages of a JSON column; what is not JSON or has no known shape is kept as one text."""
    if not text:
        return []
    try:
        value = json.loads(text)
    except ValueError:
        return [Message("", [Part("other", text)])]
    items = value if isinstance(value, list) else [value]
    return [_message(item) for item in items]


def read_parts(text: str) -> list[Part]:
    """Return the parts of a JSON column that holds parts without roles, as the system instructions do."""
    return [part for message in read_messages(text) for part in message.parts]


def _message(item: Any) -> Message:
    if not isinstance(item, dict):
        return Message("", [Part("text", item) if isinstance(item, str) else Part("other", _json(item))])
    if "role" not in item and "type" in item:
        return Message("", [_part(item)])
    body = item.get("parts", item.get("content"))
    if isinstance(body, str):
        parts = [Part("text", body)]
    elif isinstance(body, list):
        parts = [_part(piece) for piece in body]
    else:
        parts = [Part("other", _json(body))] if body is not None else []
    return Message(str(item.get("role", "")), parts, str(item.get("finish_reason") or ""))


def _part(piece: Any) -> Part:
    if isinstance(piece, str):
        return Part("text", piece)
    if not isinstance(piece, dict):
        return Part("other", _json(piece))
    kind = _KINDS.get(str(piece.get("type", "")), "other")
    if kind == "other":
        return Part(kind, _json(piece))
    if kind == "media":
        return _media(piece)
    title = {"call": ("name",), "result": ("name", "id")}.get(kind, ())
    return Part(kind, _first(piece, _BODIES[kind]), _first(piece, title))


_KINDS = {
    **dict.fromkeys(("text", "input_text", "output_text", "refusal"), "text"),
    **dict.fromkeys(("reasoning", "thinking"), "reasoning"),
    **dict.fromkeys(("tool_call", "tool_use", "function_call"), "call"),
    **dict.fromkeys(("tool_call_response", "tool_result", "function_call_output"), "result"),
    **dict.fromkeys(("blob", "uri", "file", "image_url", "image", "input_image", "input_audio"), "media"),
}
_BODIES = {
    "text": ("content", "text", "refusal"),
    "reasoning": ("content", "text", "thinking"),
    "call": ("arguments", "input"),
    "result": ("response", "result", "content", "output"),
}


def _first(piece: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((_text(piece[name]) for name in names if piece.get(name) is not None), "")


def _media(piece: dict[str, Any]) -> Part:
    mime = _text(piece.get("mime_type") or piece.get("modality") or piece.get("type"))
    content = piece.get("content") or piece.get("data")
    target = piece.get("uri") or piece.get("file_id") or piece.get("image_url") or ""
    if isinstance(target, dict):
        target = target.get("url", "")
    if isinstance(target, str) and target[:5] == "data:":
        mime, content = _media_type(target) or mime, target
    if isinstance(content, str) and content:
        kind = "image" if "image" in mime.lower() else "media"
        return Part(kind, content if kind == "image" else "", f"{mime} · {size(_decoded(content))}")
    if isinstance(piece.get("size"), int):
        mime += f" · {size(piece['size'])}"
    return Part("media", fold(_text(target)), mime)


def _media_type(url: str) -> str:
    return url[5:].partition(",")[0].partition(";")[0]


def _decoded(encoded: str) -> int:
    return len(encoded.rpartition(",")[2]) * 3 // 4


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def size(count: int) -> str:
    """Write a number of bytes: 812 B, 41 KB, 3.7 MB."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.0f} KB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def fold(text: str) -> str:
    """Replace encoded files by their type and size: nobody reads base64."""
    text = _DATA_URL.sub(lambda m: f"[{m[1] or 'data'} · {size(len(m[2]) * 3 // 4)}]", text)
    return _BASE64.sub(lambda m: f"[base64 · {size(len(m[0]) * 3 // 4)}]", text)


def label(text: str, most: int = 160) -> str:
    """Return foreign text for a heading or a chip: one line, escaped, with nothing that turns into a link."""
    line = visible(" ".join(text.split()))
    line = line if len(line) <= most else f"{line[: most - 1]}…"
    return plain(line)


def pretty(text: str) -> str:
    """Indent JSON, take a JSON string out of its quotes; leave anything else as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, str):
        return value
    return _json(value) if isinstance(value, dict | list) else text


def write(text: str, *, key: str, code: bool = False) -> None:
    """Draw foreign text as text: folded, made visible, and cut where it would stall the page."""
    shown = visible(fold(text))
    head = shown[:SHOWN]
    if code:
        st.code(head, language=None, wrap_lines=True)
    else:
        st.text(head)
    if len(shown) > SHOWN:
        st.caption(say("trace.cut", shown=f"{SHOWN:,}", all=f"{len(shown):,}"))
        st.download_button(say("trace.download_text"), data=text.encode, file_name="text.txt", key=key)


def draw_messages(messages: list[Message], *, key: str) -> None:
    """Draw a conversation from top to bottom."""
    for number, message in enumerate(messages):
        draw_message(message, key=f"{key}_{number}")


def draw_message(message: Message, *, key: str) -> None:
    """Draw one message: an icon and the role, then its parts; long instructions are folded."""
    role = message.role or "unknown"
    length = sum(len(part.text) for part in message.parts if part.kind != "image")
    if role in INSTRUCTIONS and length > FOLDED:
        title = say("trace.system_prompt_of", count=f"{length:,}")
        with st.expander(title, icon=ROLES["system"]):
            for number, part in enumerate(message.parts):
                draw_part(part, key=f"{key}_{number}")
        return
    with st.container(key=f"message_{role if role in ROLES else 'other'}_{key}", gap="xsmall"):
        reason = f" · {label(message.finish_reason)}" if message.finish_reason not in ("", "stop") else ""
        name = say(f"trace.role.{role}") if role in ROLES or role == "unknown" else label(role)
        st.caption(f"{ROLES.get(role, ':material/chat:')} {name}{reason}")
        for number, part in enumerate(message.parts):
            draw_part(part, key=f"{key}_{number}")


def draw_part(part: Part, *, key: str) -> None:
    """Draw one piece of a message."""
    if part.kind == "text":
        write(part.text, key=key)
    elif part.kind == "reasoning":
        with st.expander(say("trace.reasoning", count=f"{len(part.text):,}"), icon=":material/psychology:"):
            write(part.text, key=key)
    elif part.kind == "image":
        st.caption(f":material/image: {label(part.title)}")
        if picture := read_picture(part.text):
            st.image(picture.data, width=min(picture.width, WIDEST))
        else:
            st.caption(say("trace.not_drawn"))
    elif part.kind == "media":
        st.caption(f":material/image: {label(part.title)}")
        if part.text:
            write(part.text, key=key, code=True)
    else:
        if part.kind in ("call", "result"):
            icon = ":material/build:" if part.kind == "call" else ":material/output:"
            st.caption(f"{icon} {say(f'trace.tool_{part.kind}')} {label(part.title)}")
        write(pretty(part.text), key=key, code=True)
