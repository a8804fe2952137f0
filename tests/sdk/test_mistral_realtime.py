"""Mistral's connections on which words are heard or spoken: each end that is counted is a call."""

import asyncio
import base64
import json
from typing import Any

import pytest
from mistralai.client import Mistral
from support.sockets import Socket, SocketVendor

pytest.importorskip("mistralai.extra.realtime", reason="newer clients alone have it")

SOUND = base64.b64encode(bytes(480)).decode()
FORMAT = {"encoding": "pcm_s16le", "sample_rate": 16000}
HEARD: dict[str, Any] = {
    "request_id": "r-1",
    "model": "voxtral-mini-transcribe-realtime-2602",
    "audio_format": FORMAT,
}
SPOKEN: dict[str, Any] = {
    **{"request_id": "r-2", "model": "voxtral-tts-2603", "is_ref_audio": False, "expressiveness": 1.0},
    **{"streaming_mode": "responsive", "response_format": "pcm"},
}
USAGE = {"prompt_tokens": 4, "completion_tokens": 30, "total_tokens": 34, "prompt_audio_seconds": 12}


def piece(text: str) -> dict[str, Any]:
    """Return a piece of what is heard."""
    return {"type": "transcription.text.delta", "text": text}


def done(text: str) -> dict[str, Any]:
    """Return the end of a transcription."""
    told = {"type": "transcription.done", "model": "voxtral-mini-transcribe-realtime-2602", "language": "ja"}
    return {**told, "text": text, "segments": [], "usage": USAGE}


def listen(sockets: SocketVendor, *said: dict[str, Any], most: int = 99, way: str = "realtime") -> list[str]:
    """Read a connection's events, as many as wanted; return what each is."""

    def play(socket: Socket) -> None:
        session = HEARD if way == "realtime" else SPOKEN
        socket.say({"type": "session.created", "session": session}, *said)

    sockets.play(play)

    async def run() -> list[str]:
        client = Mistral(api_key="k", server_url=sockets.url.replace("ws", "http"))
        kinds: list[str] = []
        async with await getattr(client.audio, way).connect(model="voxtral") as connection:
            events = connection.events()
            async for event in events:
                kinds.append(event.type)
                if len(kinds) == most:
                    break
            await events.aclose()
            assert connection.is_closed
        return kinds

    return asyncio.run(run())


def test_each_transcription_of_a_connection_is_a_call(sockets: SocketVendor, spans: Any) -> None:
    """With its words, its seconds and its tokens; the program gets the same events."""
    events = [piece("火曜"), piece("日"), done("火曜日"), piece("はい"), done("はい")]
    assert listen(sockets, *events) == ["session.created", *(event["type"] for event in events)]
    first, second = (dict(span.attributes) for span in spans.all())
    assert first["gen_ai.provider.name"] == "mistral_ai"
    assert first["gen_ai.request.model"] == first["gen_ai.response.model"] == HEARD["model"]
    assert (first["gen_ai.usage.input_tokens"], first["gen_ai.usage.output_tokens"]) == (4, 30)
    assert first["kansoku.usage.audio.input_seconds"] == 12
    assert first["server.address"] == "127.0.0.1"
    assert "kansoku.stream.closed_early" not in first
    said = [json.loads(each["gen_ai.output.messages"])[0]["parts"] for each in (first, second)]
    assert said == [[{"type": "text", "content": "火曜日"}], [{"type": "text", "content": "はい"}]]


def test_a_connection_left_in_the_middle_ends_its_call(sockets: SocketVendor, spans: Any) -> None:
    """With what was heard so far."""
    listen(sockets, piece("火曜"), piece("日"), done("火曜日"), most=2)
    told = spans.attributes()
    assert told["kansoku.stream.closed_early"] is True
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜"}]
    assert "gen_ai.usage.input_tokens" not in told


def test_a_transcription_that_fails_is_a_failed_call(sockets: SocketVendor, spans: Any) -> None:
    """The program reads the event as ever."""
    failed = {"type": "error", "error": {"message": {"detail": "later"}, "code": 3001}}
    assert listen(sockets, piece("火曜"), failed) == ["session.created", "transcription.text.delta", "error"]
    assert spans.attributes()["error.type"] == "3001"


def test_what_is_spoken_is_told_by_size(sockets: SocketVendor, spans: Any) -> None:
    """No sound is kept, and its usage is billed."""
    delta = {"type": "speech.audio.delta", "audio_data": SOUND}
    listen(sockets, delta, delta, {"type": "speech.audio.done", "usage": USAGE}, way="realtime_speech")
    told = spans.attributes()
    assert told["gen_ai.request.model"] == SPOKEN["model"]
    assert told["gen_ai.usage.output_tokens"] == 30
    (part,) = spans.messages()[0]["parts"]
    assert (part["type"], part["size"]) == ("blob", 960)


def test_without_content_a_transcription_has_its_numbers_alone(sockets: SocketVendor, start: Any) -> None:
    """Neither a word nor a sound."""
    spans = start(capture_content="off")
    listen(sockets, piece("火曜日"), done("火曜日"))
    assert "火曜日" not in json.dumps(spans.attributes(), ensure_ascii=False, default=list)
    assert spans.attributes()["kansoku.usage.audio.input_seconds"] == 12
