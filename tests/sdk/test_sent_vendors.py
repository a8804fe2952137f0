"""Streams of messages and responses are read as their server sent them, and say what their chunks say."""

import json
from typing import Any

import pytest

from kansoku.calls.sent import Sent
from kansoku.instruments.anthropic_messages import MessagesReader
from kansoku.instruments.openai_responses import ResponsesReader

WORDS = ["a", " b", "", '"}', "\\", "ごみ", "\n", "} }", "🗾", '{"type":"ping"}'] * 20


def messages() -> list[dict[str, Any]]:
    """Return the events of a message that thinks, speaks and calls a tool."""
    usage = {"input_tokens": 9, "output_tokens": 1}
    start = {"id": "m-1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    found: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    blocks = (
        ({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking", WORDS),
        ({"type": "text", "text": ""}, "text_delta", "text", WORDS),
        ({"type": "tool_use", "id": "t", "name": "n", "input": {}}, "input_json_delta", "partial_json", None),
    )
    for index, (block, kind, field, words) in enumerate(blocks):
        found.append({"type": "content_block_start", "index": index, "content_block": block})
        found += [
            {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: word}}
            for word in words or list(json.dumps({"名": ["a", 1, "\\"]}))
        ]
        found.append({"type": "content_block_stop", "index": index})
    last = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}}
    return [*found, last, {"type": "message_stop"}]


def responses(*, ended: bool) -> list[dict[str, Any]]:
    """Return the events of a response, with or without the last one."""
    place = {"item_id": "i-1", "output_index": 0, "content_index": 0}
    call = {"item_id": "i-2", "output_index": 1}
    item = {"id": "i-1", "type": "message", "role": "assistant", "content": []}
    tool = {"id": "i-2", "type": "function_call", "call_id": "c", "name": "n", "arguments": ""}
    whole = {
        "id": "r-1",
        "model": "m",
        "status": "completed",
        "output": [{**item, "content": [{"type": "output_text", "text": "".join(WORDS), "annotations": []}]}],
        "usage": {"input_tokens": 9, "output_tokens": 7, "total_tokens": 16},
    }
    found: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "r-1", "model": "m", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        *({"type": "response.output_text.delta", **place, "delta": word, "logprobs": []} for word in WORDS),
        {"type": "response.output_item.added", "output_index": 1, "item": tool},
        *({"type": "response.function_call_arguments.delta", **call, "delta": word} for word in '{"a": 1}'),
    ]
    return [*found, {"type": "response.completed", "response": whole}] if ended else found


def send_messages(said: list[dict[str, Any]]) -> list[bytes]:
    """Return events as Anthropic sends them: named, and with spaces before the last brace."""
    texts = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in said]
    return [
        f"event: {one['type']}\ndata: {text[:-1]}{' ' * (place % 9)}}}\n\n".encode()
        for place, (one, text) in enumerate(zip(said, texts, strict=True), 1)
    ]


def send_responses(said: list[dict[str, Any]]) -> list[bytes]:
    """Return events as OpenAI sends them: numbered, and padded with letters."""
    found = []
    for place, one in enumerate(said):
        padded = {"obfuscation": "xYz"[: place % 4]} if "delta" in one else {}
        numbered = {"type": one["type"], "sequence_number": place, **one, **padded}
        text = json.dumps(numbered, ensure_ascii=False, separators=(",", ":"))
        found.append(f"event: {one['type']}\ndata: {text}\n\n".encode())
    return found


CASES = {
    "messages": (MessagesReader(None), messages(), send_messages, 13),
    "responses": (ResponsesReader(None), responses(ended=True), send_responses, 7),  # type: ignore[arg-type]
    "unended": (ResponsesReader(None), responses(ended=False), send_responses, 6),  # type: ignore[arg-type]
}


def keep(reader: Any, pieces: list[bytes], passed: int, *, whole: bool) -> list[Any]:
    """Return what is read of pieces of which so many chunks have passed."""
    sent = Sent(reader.growth)
    sent.pieces += pieces
    for portion in sent.portions(iter(range(passed))):
        list(portion)
    return sent.close(whole=whole)[0].read()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("in_one", [True, False])
def test_what_was_sent_says_what_the_events_say(name: str, in_one: bool) -> None:
    """The reader makes the same answer of all events and of what was sent, and is given few."""
    reader, said, send, few = CASES[name]
    pieces = send(said)
    kept = keep(reader, [b"".join(pieces)] if in_one else pieces, len(said), whole=True)
    assert reader.fold(kept, True) == reader.fold(said, True)
    assert len(kept) <= few


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("passed", [1, 5, 60, 230])
def test_of_a_stream_that_was_left_is_read_what_the_program_got(name: str, passed: int) -> None:
    """Not what came with it in the same piece; a ping is no chunk."""
    reader, said, send, _ = CASES[name]
    given = [one for one in said if one["type"] != "ping"][:passed]
    kept = keep(reader, [b"".join(send(said))], passed, whole=False)
    assert reader.fold(kept, True) == reader.fold(given, True)
