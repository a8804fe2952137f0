"""Answers that a stream left in pieces: Gemini's contents, one a chunk."""

from collections.abc import Iterable

from kansoku_collector.normalise.messages import Message, Part

_JOINED = ("text", "reasoning")  # no set: what a type is nobody vouches for


def join_pieces(answered: list[Message]) -> list[Message]:
    """Return the pieces of one answer as one message; several answers stay what they are.

    Gemini calls itself `model`. Of several candidates each says why it ended, of pieces none does.
    """
    if len(answered) < 2 or any(m["role"] != "model" or "finish_reason" in m for m in answered):
        return answered
    return [{"role": "model", "parts": join_parts(part for message in answered for part in message["parts"])}]


def join_parts(pieces: Iterable[Part]) -> list[Part]:
    """Return words that follow one another as one part, and thoughts as one; what else is there stays."""
    parts: list[Part] = []
    for part in pieces:
        before = parts[-1] if parts else {}
        if part.get("type") in _JOINED and before.get("type") == part["type"]:
            parts[-1] = {**before, "content": f"{before['content']}{part['content']}"}
        else:
            parts.append(part)
    return parts
