"""Google's Live API through its client, against a server of WebSockets on loopback."""

import asyncio
import base64
import json
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from google import genai
from google.genai import errors, live, types
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, StatusCode
from support.sockets import Socket, SocketVendor

import kansoku
from kansoku.spans import provider as providers

MODEL = "gemini-live-2.5-flash"
SOUND = bytes(3200)
SPOKEN = base64.b64encode(bytes(4800)).decode()
SETUP = {"setupComplete": {"sessionId": "live-1"}}
USAGE = {
    "promptTokenCount": 1000,
    "cachedContentTokenCount": 600,
    "responseTokenCount": 80,
    "thoughtsTokenCount": 30,
    "totalTokenCount": 1080,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 100},
        {"modality": "AUDIO", "tokenCount": 640},
        {"modality": "VIDEO", "tokenCount": 260},
    ],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 500}, {"modality": "TEXT", "tokenCount": 100}],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 80}],
}
CONFIG: dict[str, Any] = {
    "response_modalities": ["AUDIO"],
    "temperature": 0.4,
    "max_output_tokens": 300,
    "system_instruction": "簡潔に。",
    "speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
    "tools": [{"function_declarations": [{"name": "find", "description": "d"}]}],
    "output_audio_transcription": {},
}


@pytest.fixture(autouse=True)
def _in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out TLS, which the client insists on."""
    connect = live.ws_connect

    def plain(address: str, *, ssl: Any = None, **more: Any) -> Any:
        return connect(address.replace("wss://", "ws://"), **more)

    monkeypatch.setattr(live, "ws_connect", plain)


def said(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a message of the model."""
    content: dict[str, Any] = {"modelTurn": {"role": "model", "parts": list(parts)}} if parts else {}
    return {"serverContent": {**content, **fields}}


def over(usage: Any = USAGE, **fields: Any) -> dict[str, Any]:
    """Return the message that ends a turn."""
    counted = {} if usage is None else {"usageMetadata": usage}
    return {"serverContent": {"turnComplete": True, **fields}, **counted}


def counts(sent: int, answered: int) -> dict[str, Any]:
    """Return a plain count."""
    return {"promptTokenCount": sent, "responseTokenCount": answered, "totalTokenCount": sent + answered}


def sound(data: str = SPOKEN) -> dict[str, Any]:
    """Return a part that is a piece of a spoken answer."""
    return {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}


def replies(*turns: list[dict[str, Any]]) -> Callable[[Socket], None]:
    """Return a play: set up, then say one list after each message that asks for an answer."""

    def play(socket: Socket) -> None:
        socket.hear()
        socket.say(SETUP)
        for messages in turns:
            while not _asks(socket.hear()):
                pass
            socket.say(*messages)
        socket.wait()

    return play


def _asks(message: dict[str, Any]) -> bool:
    given = message.get("realtime_input") or {}
    return "tool_response" in message or "client_content" in message or "activityEnd" in given


def talk(sockets: SocketVendor, say: Callable[[Any], Any], **config: Any) -> None:
    """Open a session and do with it what is given."""

    async def run() -> None:
        made = genai.Client(
            api_key="k", vertexai=False, http_options={"base_url": f"http://127.0.0.1:{sockets.port}"}
        )
        async with made.aio.live.connect(model=MODEL, config={**CONFIG, **config}) as session:
            await say(session)

    asyncio.run(run())


async def listen(session: Any) -> list[Any]:
    """Return the messages of one turn."""
    return [message async for message in session.receive()]


def ask(words: str) -> dict[str, Any]:
    """Return the arguments for a text of the user's."""
    return {"turns": {"role": "user", "parts": [{"text": words}]}, "turn_complete": True}


def messages(attributes: Any, way: str = "output") -> Any:
    """Return the messages of a span, one way."""
    return json.loads(attributes[f"gen_ai.{way}.messages"])


def test_a_spoken_turn_is_a_call_with_everything_said(
    sockets: SocketVendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Request, answer and usage are on the span of the turn, each token in one bucket, sounds by size."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "gcp.gemini")
    spans = start()
    got: list[Any] = []
    sockets.play(
        replies(
            [
                said(inputTranscription={"text": "いつ"}),
                said({"text": "考える", "thought": True}),
                said(sound()),
                said(inputTranscription={"text": "？"}),
                said(outputTranscription={"text": "火曜"}),
                said(sound()),
                said(outputTranscription={"text": "です。"}),
                said(generationComplete=True),
                over(),
            ]
        )
    )

    async def say(session: Any) -> None:
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await session.send_realtime_input(audio=types.Blob(data=SOUND, mime_type="audio/pcm;rate=16000"))
        await session.send_realtime_input(audio=types.Blob(data=SOUND, mime_type="audio/pcm;rate=16000"))
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        got.extend(await listen(session))

    talk(sockets, say)
    assert all(type(message) is types.LiveServerMessage for message in got)
    assert len(got) == 9
    span = spans.one()
    assert (span.name, span.kind, span.status.status_code) == (
        f"chat {MODEL}",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    found = spans.attributes()
    heard = {"type": "blob", "modality": "audio", "mime_type": "audio/pcm;rate=16000", "size": 6400}
    assert messages(found, "input") == [
        {"role": "user", "parts": [{"type": "text", "content": "いつ？"}, heard]}
    ]
    spoken = {"type": "blob", "modality": "audio", "mime_type": "audio/pcm;rate=24000", "size": 9600}
    thought = {"type": "reasoning", "content": "考える"}
    assert messages(found) == [
        {
            "role": "assistant",
            "parts": [thought, {"type": "text", "content": "火曜です。"}, spoken],
            "finish_reason": "stop",
        }
    ]
    assert json.loads(found.pop("gen_ai.system_instructions"))[0]["content"] == "簡潔に。"
    assert json.loads(found.pop("gen_ai.tool.definitions"))[0]["name"] == "find"
    for name in ("gen_ai.input.messages", "gen_ai.output.messages", "kansoku.cost.price_id"):
        found.pop(name)
    # 0.50 fresh and cached text, 3 sound and pictures, 2 text and 12 sound answered
    assert found.pop("kansoku.cost.usd") == pytest.approx(
        (600 * 0.5 + 140 * 3 + 260 * 3 + 30 * 2 + 80 * 12) / 1e6
    )
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.4,
        "gen_ai.request.max_tokens": 300,
        "gen_ai.request.voice": "Kore",
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "speech",
        "session.id": "live-1",
        "server.address": "127.0.0.1",
        "server.port": sockets.port,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 110,
        "gen_ai.usage.cache_read.input_tokens": 600,
        "gen_ai.usage.audio.cache_read.input_tokens": 500,
        "gen_ai.usage.reasoning.output_tokens": 30,
        "gen_ai.usage.audio.input_tokens": 640,
        "gen_ai.usage.audio.output_tokens": 80,
        "gen_ai.usage.image.input_tokens": 260,
    }
    assert SPOKEN[:40] not in str(span.attributes)


def test_each_turn_is_a_call_of_its_own(sockets: SocketVendor, spans: Any) -> None:
    """A turn tells what is new in it, how long its first word took, and what it used."""
    sockets.play(
        replies(
            [said({"text": "火"}), said({"text": "曜"}), over(counts(9, 2))],
            [said({"text": "金曜"}), over(counts(20, 3))],
        )
    )

    async def say(session: Any) -> None:
        for words in ("いつ？", "紙は？"):
            await session.send_client_content(**ask(words))
            await listen(session)

    talk(sockets, say, response_modalities=["TEXT"])
    first, second = (dict(span.attributes) for span in spans.all())
    assert [part["content"] for part in messages(first)[0]["parts"]] == ["火曜"]
    assert messages(second, "input") == [{"role": "user", "parts": [{"type": "text", "content": "紙は？"}]}]
    assert (first["gen_ai.usage.input_tokens"], second["gen_ai.usage.input_tokens"]) == (9, 20)
    assert first["gen_ai.response.time_to_first_chunk"] > 0


@pytest.mark.parametrize("counted", [True, False])
def test_a_turn_with_a_tool_is_one_call_with_all_that_it_used(
    counted: bool, sockets: SocketVendor, spans: Any
) -> None:
    """The call, its result and the answer; what was counted before the call is added, where it was."""
    call = {"toolCall": {"functionCalls": [{"id": "c-1", "name": "find", "args": {"ward": "北"}}]}}
    calling = {**call, "usageMetadata": counts(50, 5)} if counted else call
    sockets.play(replies([calling], [said({"text": "火曜"}), over(counts(70, 3))]))

    async def say(session: Any) -> None:
        await session.send_client_content(**ask("いつ？"))
        async for message in session.receive():
            if message.tool_call:
                result = types.FunctionResponse(id="c-1", name="find", response={"day": "火曜"})
                await session.send_tool_response(function_responses=[result])

    talk(sockets, say, response_modalities=["TEXT"])
    found = spans.attributes()
    called = {"type": "tool_call", "id": "c-1", "name": "find", "arguments": {"ward": "北"}}
    assert messages(found)[0]["parts"] == [called, {"type": "text", "content": "火曜"}]
    result = {"type": "tool_call_response", "id": "c-1", "name": "find", "response": {"day": "火曜"}}
    assert messages(found, "input")[1] == {"role": "tool", "parts": [result]}
    assert found["gen_ai.usage.input_tokens"] == (120 if counted else 70)
    assert found["gen_ai.usage.output_tokens"] == (8 if counted else 3)
    assert found["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_turn_that_ends_with_a_call_is_followed_by_one_with_its_result(
    sockets: SocketVendor, spans: Any
) -> None:
    """Some models say that the turn is over before the tool has run."""
    call = {"toolCall": {"functionCalls": [{"id": "c-1", "name": "find", "args": {}}]}}
    sockets.play(replies([call, over(counts(50, 5))], [said({"text": "火曜"}), over(counts(70, 3))]))

    async def say(session: Any) -> None:
        await session.send_client_content(**ask("いつ？"))
        await listen(session)
        await session.send_tool_response(function_responses={"id": "c-1", "name": "find", "response": {}})
        await listen(session)

    talk(sockets, say)
    first, second = (dict(span.attributes) for span in spans.all())
    assert first["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert messages(second, "input")[0]["role"] == "tool"
    assert (first["gen_ai.usage.input_tokens"], second["gen_ai.usage.input_tokens"]) == (50, 70)


@pytest.mark.parametrize(
    ("message", "finish", "reason"),
    [
        (said(interrupted=True), "cancelled", "interrupted"),
        (None, "content_filter", None),
    ],
)
def test_how_a_turn_ended_is_told(
    message: Any, finish: str, reason: str | None, sockets: SocketVendor, spans: Any
) -> None:
    """The user spoke into it, or a filter ended it."""
    ending = over(turnCompleteReason="PROHIBITED_INPUT_CONTENT") if message is None else over()
    sockets.play(replies([said(sound()), *([message] if message else []), ending]))

    async def say(session: Any) -> None:
        await session.send_client_content(**ask("いつ？"))
        await listen(session)

    talk(sockets, say)
    found = spans.attributes()
    assert found["gen_ai.response.finish_reasons"] == (finish,)
    assert found.get("kansoku.response.cancel_reason") == reason
    assert found["gen_ai.usage.input_tokens"] == 1000


def test_what_is_searched_for_is_counted(sockets: SocketVendor, spans: Any) -> None:
    """Searches are paid beside tokens, and are repeated in several messages."""
    searched = {
        "webSearchQueries": ["ごみ"],
        "groundingChunks": [{"web": {"uri": "https://x", "title": "X"}}],
    }
    sockets.play(
        replies(
            [
                said({"text": "火"}, groundingMetadata=searched),
                said({"text": "曜"}, groundingMetadata=searched),
                over(),
            ]
        )
    )

    async def say(session: Any) -> None:
        await session.send_client_content(**ask("いつ？"))
        await listen(session)

    talk(sockets, say)
    assert spans.attributes()["kansoku.usage.web_search.requests"] == 1
    assert spans.attributes()["kansoku.grounding.queries"] == ("ごみ",)


def test_a_session_left_in_the_middle_ends_its_turn(sockets: SocketVendor, spans: Any) -> None:
    """What came until then is the answer; how it would have ended and what it used nobody knows."""
    sockets.play(replies([said(sound()), said(outputTranscription={"text": "火"})]))

    async def say(session: Any) -> None:
        await session.send_client_content(**ask("いつ？"))
        async for message in session.receive():
            if message.server_content.output_transcription:
                break

    talk(sockets, say)
    found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert messages(found)[0]["parts"][0] == {"type": "text", "content": "火"}
    assert "gen_ai.usage.input_tokens" not in found
    assert "gen_ai.response.finish_reasons" not in found


def test_a_lost_connection_is_an_error(sockets: SocketVendor, spans: Any) -> None:
    """The program sees the client's own exception, the turn has failed."""

    def breaks(socket: Socket) -> None:
        socket.hear()
        socket.say(SETUP)
        socket.hear()
        socket.say(said(sound()))
        socket.connection.close(1011, "gone")

    sockets.play(breaks)

    async def say(session: Any) -> None:
        await session.send_client_content(**ask("いつ？"))
        await listen(session)

    with pytest.raises(errors.APIError):
        talk(sockets, say)
    assert spans.one().status.status_code is StatusCode.ERROR
    assert spans.attributes()["error.type"] == "APIError"


def test_without_content_there_are_numbers_alone(sockets: SocketVendor, start: Any) -> None:
    """No words and no sounds, asked or answered, are on a span."""
    spans = start(capture_content="off")
    sockets.play(
        replies([said({"text": "秘密"}), said(sound(), inputTranscription={"text": "秘密"}), over()])
    )

    async def say(session: Any) -> None:
        await session.send_client_content(**ask("秘密"))
        await listen(session)

    talk(sockets, say, system_instruction="秘密")
    found = spans.attributes()
    assert not [name for name in found if "messages" in name or "instructions" in name or "tool.def" in name]
    assert found["gen_ai.usage.audio.output_tokens"] == 80
    assert "秘密" not in str(found)


def test_the_older_way_to_send_is_understood(sockets: SocketVendor, spans: Any) -> None:
    """One method took contents, sound and results."""
    call = {"toolCall": {"functionCalls": [{"id": "c-1", "name": "find", "args": {}}]}}
    sockets.play(replies([call], [said({"text": "火曜"}), over(counts(70, 3))]))

    async def say(session: Any) -> None:
        await session.send(input={"data": SOUND, "mime_type": "audio/pcm"})
        await session.send(input="いつ？", end_of_turn=True)
        async for message in session.receive():
            if message.tool_call:
                await session.send(input={"id": "c-1", "name": "find", "response": {"day": "火曜"}})

    with pytest.warns(DeprecationWarning, match="send"):
        talk(sockets, say)
    given = messages(spans.attributes(), "input")
    assert [message["role"] for message in given] == ["user", "user", "tool"]
    assert given[1]["parts"][0]["size"] == 3200


def test_a_turn_is_a_child_of_what_is_under_way(sockets: SocketVendor, spans: Any) -> None:
    """The program's own session goes before the vendor's."""
    sockets.play(replies([said({"text": "火曜"}), over()]))

    async def say(session: Any) -> None:
        with kansoku.span("turn"):
            await session.send_client_content(**ask("いつ？"))
            await listen(session)

    with kansoku.context(session_id="call-7"):
        talk(sockets, say)
    chat, around = spans.all()
    assert chat.parent.span_id == around.context.span_id
    assert chat.attributes["session.id"] == "call-7"


@pytest.mark.parametrize("traced", [False, True])
def test_a_session_of_pydantic_ai_is_billed_once(
    traced: bool, sockets: SocketVendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes spans of the answers itself where it is traced, and none where it is not."""
    from pydantic_ai import Agent
    from pydantic_ai.providers.google import GoogleProvider
    from pydantic_ai.realtime.google import GoogleRealtimeModel

    sockets.play(replies([said({"text": "火曜"}), said(sound()), over()]))

    async def run() -> None:
        made = genai.Client(
            api_key="k", vertexai=False, http_options={"base_url": f"http://127.0.0.1:{sockets.port}"}
        )
        model = GoogleRealtimeModel(MODEL, provider=GoogleProvider(client=made))
        async with Agent().realtime(model=model).session() as session:
            await session.send("いつ？")
            async for event in session:
                if type(event).__name__ == "RealtimeTurnCompleteEvent":
                    break

    with monkeypatch.context() as off:
        if not traced:
            off.setattr(Agent, "_instrument_default", False)
        asyncio.run(run())
    billed = [span for span in spans.all() if "gen_ai.usage.input_tokens" in span.attributes]
    assert [span.instrumentation_scope.name for span in billed] == (
        ["pydantic-ai"] if traced else ["kansoku"]
    )


OPEN = """
async def open_session(self, client, model, config, say):
    async with client.aio.live.connect(model=model, config=config) as session:
        await say(session)
"""


@pytest.mark.parametrize(
    ("module", "ours", "traced"),
    [
        ("livekit.plugins.google.realtime.realtime_api", True, False),
        ("livekit.plugins.google.realtime.realtime_api", False, True),  # its spans go elsewhere
        ("livekit.plugins.google.beta.gemini_stt", True, True),  # it tells no tokens of it
        ("pipecat.services.google.gemini_live.llm", True, False),
        ("pipecat.services.google.gemini_live.llm", False, True),  # its tracing is off
        ("guide.voice", True, True),
    ],
)
def test_a_framework_that_tells_its_answers_itself_is_left_to_it(
    module: str, ours: bool, traced: bool, sockets: SocketVendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its spans have the tokens; where they do not come to us, or have none, ours do."""
    sockets.play(replies([said({"text": "火曜"}), over()]))
    telemetry: Any = ModuleType("livekit.agents.telemetry.traces")
    telemetry.tracer = SimpleNamespace(_tracer_provider=providers.current() if ours else TracerProvider())
    monkeypatch.setitem(sys.modules, telemetry.__name__, telemetry)
    monkeypatch.setattr(trace, "get_tracer_provider", providers.current)
    opened: dict[str, Any] = {"__name__": module}
    exec(OPEN, opened)

    async def say(session: Any) -> None:
        await session.send_client_content(**ask("いつ？"))
        await listen(session)

    service = SimpleNamespace(_tracing_enabled=ours)
    options: Any = {"base_url": f"http://127.0.0.1:{sockets.port}"}
    made = genai.Client(api_key="k", vertexai=False, http_options=options)
    asyncio.run(opened["open_session"](service, made, MODEL, CONFIG, say))
    assert len(spans.all()) == traced


def test_the_clients_methods_are_its_own_again(spans: Any) -> None:
    """Stopped, nothing of ours is left."""
    from google.genai.live import AsyncLive, AsyncSession

    assert hasattr(AsyncSession._receive, "__kansoku_original__")
    kansoku.uninstrument()
    for method in (
        AsyncLive.connect,
        AsyncSession._receive,
        AsyncSession.close,
        AsyncSession.send_client_content,
    ):
        assert not hasattr(method, "__kansoku_original__")
    assert "google.genai.live" in sys.modules
