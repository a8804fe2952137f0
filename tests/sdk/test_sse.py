"""What a client makes of a stream is the truth: a span made of the bytes says what one of the chunks says."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from openai._streaming import SSEDecoder

from kansoku.calls import recording
from kansoku.calls.sent import Sent
from kansoku.instruments.anthropic_messages import MessagesReader
from kansoku.instruments.openai_chat import ChatReader
from kansoku.instruments.openai_responses import ResponsesReader

ASK: Any = [{"role": "user", "content": "収集日は？"}]
WORDS = ["Hel", "lo ", "ごみ", "🗾", ' "q"', "\\", "\n\n", "x"] * 3


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """Return a chunk."""
    return {"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


CHUNKS = [
    *(chunk({"content": word}) for word in WORDS),
    chunk({}, "stop"),
    {"id": "c-1", "model": "m", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}},
]
DATA = [*(json.dumps(one, ensure_ascii=False).encode() for one in CHUNKS), b"[DONE]"]
LATE = b"data: %b\n\n" % json.dumps(chunk({"content": "LATE"}, "length")).encode()
EVENTS = [b"data: %b\n\n" % one for one in DATA]
WIRES: dict[str, list[bytes]] = {
    "lines that end in two bytes": [event.replace(b"\n", b"\r\n") for event in EVENTS],
    "lines that end as of old": [event.replace(b"\n", b"\r") for event in EVENTS],
    "lines that end in any way": [event[:-2] + b"\r\r\n" for event in EVENTS],
    "no space": [b"data:%b\n\n" % one for one in DATA],
    "blank lines": [b"\n\n\ndata: %b\n\n\n" % one for one in DATA],
    "a name before": [b"event: message\ndata: %b\n\n" % one for one in DATA],
    "a name after": [b"data: %b\nevent: message\n\n" % one for one in DATA],
    "a number after": [b"data: %b\nid: %d\n\n" % (one, place) for place, one in enumerate(DATA)],
    "a pause": [b"retry: 5\ndata: %b\n\n" % one for one in DATA],
    "comments": [part for event in EVENTS for part in (b": PROCESSING\n\n", event)],
    "comments inside": [b"data: %b\n: data: {}\n\n" % one for one in DATA],
    "comments like data": [part for event in EVENTS for part in (b": data: {}\n\n", event)],
    "fields that nobody knows": [part for event in EVENTS for part in (b"x: data: 1\n\n", event)],
    "several lines": [b"data: %b\n\n" % one.replace(b', "', b',\ndata: "') for one in DATA],
    "a mark of its encoding": [b"\xef\xbb\xbf" + EVENTS[0], *EVENTS[1:]],
    "pings": [part for event in EVENTS for part in (b'event: ping\ndata: {"x": 1}\n\n', event)],
    "more after the last": [*EVENTS, LATE],
    "more after a last with a name": [*EVENTS[:-1], b"event: done\ndata: [DONE]\n\n", LATE],
    "no last": EVENTS[:-1],
    "no end of the last": [*EVENTS[:-2], EVENTS[-2][:-1]],
    "an error": [*EVENTS[:5], b'data: {"error": {"message": "busy"}}\n\n', *EVENTS[5:]],
    "an error with a name": [*EVENTS[:5], b'event: error\ndata: {"error": {"message": "busy"}}\n\n'],
    "no JSON": [*EVENTS[:5], b'data: {"x"\n\n', *EVENTS[5:]],
    "no text": [*EVENTS[:5], b'data: {"x": "\xff"}\n\n', *EVENTS[5:]],
}


class InPieces(httpx2.SyncByteStream):
    """A body in the pieces in which it comes."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        """Give the pieces."""
        yield from self._pieces


def in_bytes(events: list[bytes]) -> list[bytes]:
    """Return a body byte by byte."""
    return [bytes([byte]) for byte in b"".join(events)]


CUTS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "by event": list,
    "at once": lambda events: [b"".join(events)],
    "by byte": in_bytes,
}


def answer(fake: Any, pieces: list[bytes]) -> Any:
    """Let a model answer with a stream in pieces."""
    headers = {"content-type": "text/event-stream"}
    fake.reply = lambda _: httpx2.Response(200, headers=headers, stream=InPieces(pieces))
    return fake


def said(spans: Any) -> dict[str, Any]:
    """Return what does not depend on the clock, and forget the span."""
    found = {
        name: value
        for name, value in spans.attributes().items()
        if "time_to_first" not in name and "tokens_per_second" not in name
    }
    found["status"] = spans.one().status.status_code
    spans.clear()
    return found


def read(stream: Any, passed: int | None) -> str:
    """Read a stream, or so many of its chunks; return what went wrong."""
    try:
        for count, _ in enumerate(stream, 1):
            if count == passed:
                stream.close()
                break
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the same
        return type(error).__name__
    return ""


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("wire", WIRES)
def test_a_stream_is_told_as_its_client_reads_it(
    wire: str, cut: str, model: Any, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However a server writes its events, and wherever the program stops."""
    client = answer(model(""), CUTS[cut](WIRES[wire])).client()
    tap = recording.tap
    for passed in (None, 1, 4):
        found = []
        for taken in (tap, lambda *_: None):
            monkeypatch.setattr(recording, "tap", taken)
            failed = read(client.chat.completions.create(model="m", messages=ASK, stream=True), passed)
            found.append((failed, said(spans)))
        assert found[0] == found[1]


@pytest.mark.parametrize("ping", [b"event: ping\n", b"event:ping\n"])
def test_events_of_which_anthropic_makes_no_chunk_are_not_told(
    ping: bytes, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It passes over pings and over events without a name."""
    start = {"type": "message", "id": "m-1", "model": "m", "role": "assistant", "content": []}
    usage = {"input_tokens": 9, "output_tokens": 1}
    events: list[Any] = [
        {"type": "message_start", "message": {**start, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
            for word in WORDS
        ),
    ]
    data = [json.dumps(event).encode() for event in events]
    body = b"".join(
        b'%bdata: {"type": "ping"}\n\ndata: %b\n\nevent: x\ndata: %b\n\n' % (ping, one, one) for one in data
    )
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    )
    tap = recording.tap
    with anthropic.Anthropic(api_key="k", http_client=httpx2.Client(transport=transport)) as client:
        for passed in (None, 5):
            found = []
            for taken in (tap, lambda *_: None):
                monkeypatch.setattr(recording, "tap", taken)
                stream = client.messages.create(model="m", max_tokens=9, messages=ASK, stream=True)
                found.append((read(stream, passed), said(spans)))
            assert found[0] == found[1]


def test_a_number_that_comes_in_two_pieces_stays_one() -> None:
    """What says nothing is taken out of whole events alone: half of a number would be left otherwise."""
    event = b'event: %b\ndata: {"type":"%b","item_id":"i","output_index":0,%b"sequence_number":%d}\n\n'
    kind = b"response.output_text.delta"
    pieces = [event % (kind, kind, b'"delta":"a",', 1000 + place) for place in range(511)]
    last = event % (kind, kind, b'"delta":"b",', 4321)
    begun, rest = last[: last.index(b"21}")], last[last.index(b"21}") :]
    sent = Sent(ResponsesReader.growth)

    def come() -> Iterator[int]:
        sent.pieces.extend([*pieces, begun])
        yield from range(511)
        yield 511
        sent.pieces.append(rest)

    for portion in sent.portions(come()):
        list(portion)
    told = sent.close(whole=True)[0].read()
    assert "".join(one["delta"] for one in told) == "a" * 511 + "b"


def test_a_decoder_of_the_programs_own_is_believed(model: Any, spans: Any) -> None:
    """One that leaves events out, or mends them, is what the program reads; not what was sent."""

    class SSEShorter(SSEDecoder):
        def iter_bytes(self, iterator: Iterator[bytes]) -> Iterator[Any]:
            return (event for event in super().iter_bytes(iterator) if "lo " not in event.data)

    class Client(openai.OpenAI):
        def _make_sse_decoder(self) -> SSEDecoder:
            return SSEShorter()

    client = answer(model(""), EVENTS).client(Client)
    list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    text = "".join(word for word in WORDS if word != "lo ")
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": text}]


def test_what_is_read_after_the_end_is_not_told() -> None:
    """A stream that was closed has events left, which a program may read while its span is looked at."""
    sent = Sent(ChatReader.growth)
    sent.pieces += EVENTS
    sent.add(None)
    kept, count = sent.close(whole=False)
    for event in EVENTS * 40:
        sent.pieces.append(event)
        sent.add(None)
    assert len(sent.pieces) < 600
    assert [one["choices"][0]["delta"] for one in kept.read()] == [{"content": WORDS[0]}]
    assert count == 1


@pytest.mark.parametrize("reader", [ChatReader, MessagesReader])
def test_events_of_which_no_chunk_comes_are_not_read_as_chunks(reader: Any) -> None:
    """Whatever a client passes over, a stream that was left has no more events than chunks."""
    sent = Sent(reader.growth)
    for place in range(2000):
        sent.pieces += [b'event: a\ndata: {"n": %d}\n\n' % place, b'event: b\ndata: {"n": -1}\n\n']
        sent.add(None)
    assert len(sent.close(whole=False)[0].read()) == 2000


def test_a_stream_that_cannot_be_copied_says_so_and_no_more(
    model: Any, spans: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left of the attempt is dropped without a word, and the stream is read on."""
    stream = answer(model(""), EVENTS).client().chat.completions.create(model="m", messages=ASK, stream=True)
    assert copy.copy(stream._decoder) is not None
    with pytest.raises(TypeError, match="cannot pickle"):
        copy.deepcopy(stream)
    assert len(list(stream)) == len(CHUNKS)
    assert capsys.readouterr().err == ""
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "".join(WORDS)}]
