"""Bodies that a program reads itself, from `with_streaming_response`, are told as if they had been parsed."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from support.vendor import Reply, Vendor, sse

from kansoku.calls import raw_body

ASK: Any = [{"role": "user", "content": "いつ"}]
WAYS = ("iter_lines", "iter_bytes", "iter_text")
SAID = {"role": "assistant", "content": "火曜日です"}
ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": SAID, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}  # fmt: skip


def chunk(text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a chunk of a streamed chat."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o-mini", "created": 1,
            "choices": [choice], **more}  # fmt: skip


def stream() -> Reply:
    """Return a streamed chat."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return sse(chunk("火曜日"), chunk("です", "stop"), {**chunk(""), "choices": [], "usage": usage})


@pytest.fixture
def client(vendor: Vendor) -> Iterator[Any]:
    """Return a client of the server on loopback."""
    with openai.OpenAI(api_key="k", base_url=f"{vendor.url}/v1", max_retries=0) as made:
        yield made


def check_answer(spans: Any, streamed: bool = False) -> None:
    """Compare the only span with the answer that all of these are."""
    found = spans.attributes()
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日です"}]
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (10, 5)
    assert found.get("gen_ai.request.stream", False) is streamed
    assert "kansoku.stream.closed_early" not in found


@pytest.mark.parametrize("way", WAYS)
def test_a_body_that_is_read_piece_by_piece_is_told(
    way: str, client: Any, vendor: Vendor, spans: Any
) -> None:
    """The program gets all of it; the span has the answer."""
    vendor.answer(ANSWER)
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=ASK
    ) as response:
        pieces = list(getattr(response, way)())
    assert {type(piece) for piece in pieces} == {bytes if way == "iter_bytes" else str}
    check_answer(spans)


@pytest.mark.parametrize("way", [*WAYS, "read"])
def test_a_streamed_body_that_the_program_takes_apart_itself_is_told(
    way: str, client: Any, vendor: Vendor, spans: Any
) -> None:
    """Its events are read at its end."""
    vendor.answer(stream())
    create = client.chat.completions.with_streaming_response.create
    with create(model="gpt-4o-mini", messages=ASK, stream=True) as response:
        assert list(getattr(response, way)())
    check_answer(spans, streamed=True)


def test_characters_that_are_split_between_pieces_are_whole_again(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """Bytes are put together before they are text."""
    vendor.answer(stream())
    create = client.chat.completions.with_streaming_response.create
    with create(model="gpt-4o-mini", messages=ASK, stream=True) as response:
        assert list(response.iter_bytes(7))
    check_answer(spans, streamed=True)


def test_an_asynchronous_body_is_told(vendor: Vendor, spans: Any) -> None:
    """Alike."""
    vendor.answer(stream())

    async def ask() -> None:
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{vendor.url}/v1") as client:
            create = client.chat.completions.with_streaming_response.create
            async with create(model="gpt-4o-mini", messages=ASK, stream=True) as response:
                assert [line async for line in response.iter_lines()]

    asyncio.run(ask())
    check_answer(spans, streamed=True)


def test_the_events_of_anthropics_streams_are_told(vendor: Vendor, spans: Any) -> None:
    """A program that leaves them at the last one has left nothing out."""
    usage = {"input_tokens": 10, "output_tokens": 1}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5", "content": []}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**head, "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "火曜日です"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    vendor.answer(sse(*((event["type"], event) for event in events), done=False))
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        create = client.messages.with_streaming_response.create
        with create(model="claude-opus-5", max_tokens=9, messages=ASK, stream=True) as response:
            for line in response.iter_lines():
                if "message_stop" in line and line.startswith("data"):
                    break
    check_answer(spans, streamed=True)


def test_a_streamed_body_that_is_left_half_read_was_closed_early(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """What has passed by then is told."""
    vendor.answer(stream())
    create = client.chat.completions.with_streaming_response.create
    with create(model="gpt-4o-mini", messages=ASK, stream=True) as response:
        next(lines := response.iter_lines())
        del lines
    found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日"}]


def test_a_body_that_nobody_reads_was_no_stream(client: Any, vendor: Vendor, spans: Any) -> None:
    """Its call ends when it is closed; that it streamed, nobody had asked for."""
    vendor.answer(ANSWER)
    with client.chat.completions.with_streaming_response.create(model="gpt-4o-mini", messages=ASK):
        assert not spans.all()
    found = spans.attributes()
    assert "gen_ai.request.stream" not in found
    assert "kansoku.stream.closed_early" not in found


def test_a_body_that_breaks_off_fails_the_call(model: Any, spans: Any) -> None:
    """The program gets its error."""

    class Broken(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'{"id": "chatcmpl-1",'
            raise httpx2.ReadError("reset")

    fake = model("chat.json")
    fake.reply = lambda _: httpx2.Response(200, headers={"content-type": "application/json"}, stream=Broken())
    create = fake.client().chat.completions.with_streaming_response.create
    with pytest.raises(httpx2.ReadError), create(model="gpt-4o-mini", messages=ASK) as response:
        list(response.iter_bytes())
    assert spans.attributes()["error.type"] == "ReadError"


def test_a_body_of_any_kind_is_passed_on(client: Any, vendor: Vendor, spans: Any) -> None:
    """A server may send HTML where an answer should be."""
    vendor.answer(Reply(b"<html>busy</html>", 200, "text/html"))
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=ASK
    ) as response:
        assert list(response.iter_text()) == ["<html>busy</html>"]
    assert "gen_ai.usage.input_tokens" not in spans.attributes()


def test_a_large_body_is_not_kept(
    client: Any, vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory has a bound; the program gets its body."""
    monkeypatch.setattr(raw_body, "_LARGEST", 20)
    vendor.answer(ANSWER)
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=ASK
    ) as response:
        assert "chatcmpl-1" in "".join(response.iter_text())
    assert "gen_ai.response.id" not in spans.attributes()


def test_speech_as_events_says_its_tokens(client: Any, vendor: Vendor, spans: Any) -> None:
    """They are in the last event; the sound is told by its size."""
    vendor.answer(spoken())
    made = client.audio.speech.create(
        model="gpt-4o-mini-tts", voice="marin", input="火曜日です", stream_format="sse"
    )
    assert any("speech.audio.done" in line for line in made.iter_lines())
    check_speech(spans)


@pytest.mark.parametrize("way", WAYS)
def test_speech_as_events_says_its_tokens_while_it_streams(
    way: str, client: Any, vendor: Vendor, spans: Any
) -> None:
    """Alike, however it is read."""
    vendor.answer(spoken())
    create = client.audio.speech.with_streaming_response.create
    with create(model="gpt-4o-mini-tts", voice="marin", input="火曜日です", stream_format="sse") as response:
        assert list(getattr(response, way)())
    check_speech(spans)


def spoken() -> Reply:
    """Return speech as events."""
    usage = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
    delta = {"type": "speech.audio.delta", "audio": "AAAA"}
    return sse(delta, delta, {"type": "speech.audio.done", "usage": usage}, done=False)


def check_speech(spans: Any) -> None:
    """Compare the only span with what `spoken` says."""
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (14, 101)
    assert spans.messages()[0]["parts"] == [
        {"type": "blob", "modality": "audio", "mime_type": "audio/*", "size": 6}
    ]


def test_speech_that_goes_to_a_file_is_told_by_its_size(
    client: Any, vendor: Vendor, spans: Any, tmp_path: Path
) -> None:
    """None of it is kept."""
    vendor.answer(Reply(b"", 200, "audio/mpeg", pieces=[bytes(2500), bytes(1500)]))
    create = client.audio.speech.with_streaming_response.create
    with create(model="tts-1", voice="alloy", input="火曜日です") as response:
        response.stream_to_file(tmp_path / "day.mp3")
    assert (tmp_path / "day.mp3").stat().st_size == 4000
    assert spans.messages()[0]["parts"] == [
        {"type": "blob", "modality": "audio", "mime_type": "audio/mpeg", "size": 4000}
    ]
    assert "gen_ai.request.stream" not in spans.attributes()


def test_a_response_that_is_dropped_ends_its_call(client: Any, vendor: Vendor, spans: Any) -> None:
    """Without being closed, too."""
    vendor.answer(stream())
    create = client.chat.completions.with_streaming_response.create
    manager = create(model="gpt-4o-mini", messages=ASK, stream=True)
    manager.__enter__()
    del manager
    gc.collect()
    assert spans.attributes()["kansoku.stream.closed_early"] is True


def test_a_piece_of_an_unknown_kind_reaches_the_program() -> None:
    """Somebody may stand in for the client: what cannot be measured is passed on, and the rest is told."""
    told: list[Any] = []
    call: Any = SimpleNamespace(answer=told.append)
    http = SimpleNamespace(headers={"content-type": "application/json"})
    read = raw_body.Body(http, call).follow("iter_bytes", lambda: iter([b'{"id":', None, b' "a"}']))
    assert list(read()) == [b'{"id":', None, b' "a"}']
    assert told == [{"id": "a"}]
