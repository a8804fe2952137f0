"""OpenAI's realtime API through its client, against a server of WebSockets on loopback."""

import asyncio
import base64
import gc
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from opentelemetry.trace import SpanKind, StatusCode
from support.sockets import Socket, SocketVendor

import kansoku
from kansoku import guard

MODEL = "gpt-realtime"
SOUND = base64.b64encode(bytes(4800)).decode()
SESSION = {
    "type": "realtime",
    "id": "sess_1",
    "model": "gpt-realtime-2025-08-28",
    "instructions": "簡潔に。",
    "output_modalities": ["audio"],
    "max_output_tokens": 400,
    "tool_choice": "auto",
    "tools": [{"type": "function", "name": "find", "description": "d", "parameters": {"type": "object"}}],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "gpt-4o-mini-transcribe", "language": "ja"},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
    },
}
USAGE = {
    "total_tokens": 1100,
    "input_tokens": 1000,
    "output_tokens": 100,
    "input_token_details": {
        "text_tokens": 200,
        "audio_tokens": 800,
        "image_tokens": 0,
        "cached_tokens": 600,
        "cached_tokens_details": {"text_tokens": 100, "audio_tokens": 500, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 20, "audio_tokens": 80},
}
WHISPERED = {"type": "tokens", "input_tokens": 40, "output_tokens": 7, "total_tokens": 47}
WHISPERED |= {"input_token_details": {"text_tokens": 0, "audio_tokens": 40}}


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an event of the server."""
    return {"type": kind, "event_id": "event_1", **fields}


def opened(**fields: Any) -> dict[str, Any]:
    """Return the event that begins a session."""
    return event("session.created", session={**SESSION, **fields})


def begun(name: str = "resp_1", **fields: Any) -> dict[str, Any]:
    """Return the event that begins a response."""
    response = {"id": name, "object": "realtime.response", "status": "in_progress", "output": []}
    return event("response.created", response={**response, "conversation_id": "conv_1", **fields})


def ended(
    *items: dict[str, Any], name: str = "resp_1", status: str = "completed", **fields: Any
) -> dict[str, Any]:
    """Return the event that ends a response."""
    response = {"id": name, "object": "realtime.response", "status": status, "output": list(items)}
    response |= {"conversation_id": "conv_1", "usage": USAGE, **fields}
    return event("response.done", response=response)


def spoken(words: str, name: str = "item_a") -> dict[str, Any]:
    """Return a spoken answer, as the end of a response repeats it."""
    content = [{"type": "output_audio", "transcript": words}]
    return {"id": name, "type": "message", "status": "completed", "role": "assistant", "content": content}


def written(words: str) -> dict[str, Any]:
    """Return a written answer."""
    content = [{"type": "output_text", "text": words}]
    return {"id": "item_w", "type": "message", "status": "completed", "role": "assistant", "content": content}


def asked(words: str, name: str = "item_u") -> dict[str, Any]:
    """Return the event for a text of the user's."""
    content = [{"type": "input_text", "text": words}]
    item = {"id": name, "type": "message", "status": "completed", "role": "user", "content": content}
    return event("conversation.item.added", item=item)


def piece(kind: str, delta: str, name: str = "resp_1", item: str = "item_a") -> dict[str, Any]:
    """Return a piece of an answer."""
    place = {"response_id": name, "item_id": item, "output_index": 0, "content_index": 0}
    return event(f"response.{kind}.delta", delta=delta, **place)


def growing(name: str = "resp_1", item: str = "item_a") -> dict[str, Any]:
    """Return the event for an answer that begins."""
    begun = {"id": item, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    return event("response.output_item.added", response_id=name, output_index=0, item=begun)


def heard(item: str = "item_v", **fields: Any) -> dict[str, Any]:
    """Return the event for the words of what the user spoke."""
    told = {"item_id": item, "content_index": 0, "transcript": "いつ？", "usage": WHISPERED, **fields}
    return event("conversation.item.input_audio_transcription.completed", **told)


def turn(*messages: dict[str, Any]) -> Callable[[Socket], None]:
    """Return a play: say all, and wait until the client goes away."""

    def play(socket: Socket) -> None:
        socket.say(*messages)
        socket.wait()

    return play


def client(sockets: SocketVendor, **arguments: Any) -> openai.OpenAI:
    """Return a client whose sockets are here."""
    return openai.OpenAI(api_key="sk-test", websocket_base_url=f"{sockets.url}/v1", **arguments)


def converse(
    sockets: SocketVendor, later: bool, until: int = 1, *, say: Any = None, **connect: Any
) -> list[Any]:
    """Connect, send what is to be said, and return the events up to the end of as many responses."""
    got: list[Any] = []

    def is_over() -> bool:
        return sum(event.type == "response.done" for event in got) >= until

    async def talk() -> None:
        made = openai.AsyncOpenAI(api_key="sk-test", websocket_base_url=f"{sockets.url}/v1")
        async with made, made.realtime.connect(model=MODEL, **connect) as connection:
            for each in say or ():
                await connection.send(each)
            async for event in connection:
                got.append(event)
                if is_over():
                    break

    if later:
        asyncio.run(talk())
        return got
    with client(sockets) as made, made.realtime.connect(model=MODEL, **connect) as connection:
        for each in say or ():
            connection.send(each)
        for event in connection:
            got.append(event)
            if is_over():
                break
    return got


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch, start: Any) -> Any:
    """Start the SDK where a server on loopback has OpenAI's prices."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "openai")
    return start()


def named(spans: Any, operation: str) -> dict[str, Any]:
    """Return the attributes of the only span of an operation."""
    found = [s for s in spans.all() if s.attributes["gen_ai.operation.name"] == operation]
    assert len(found) == 1, [span.name for span in spans.all()]
    return dict(found[0].attributes)


def messages(attributes: dict[str, Any], way: str = "output") -> Any:
    """Return the messages of a span, one way."""
    return json.loads(attributes[f"gen_ai.{way}.messages"])


@pytest.mark.parametrize("later", [False, True])
def test_a_spoken_turn_is_a_call_and_its_transcription_another(
    later: bool, sockets: SocketVendor, priced: Any
) -> None:
    """Request, answer and usage are on the span of the response, each token in one bucket, sounds by size."""
    voice = {"id": "item_v", "type": "message", "status": "completed", "role": "user"}
    voice["content"] = [{"type": "input_audio", "transcript": None}]  # type: ignore[assignment]

    def play(socket: Socket) -> None:
        socket.say(opened())
        socket.hear()
        socket.say(
            event("input_audio_buffer.committed", item_id="item_v", previous_item_id=None),
            event("conversation.item.added", item=voice),
            event("conversation.item.done", item=voice),
            begun(),
            growing(),
            heard(),
            piece("output_audio_transcript", "火曜"),
            piece("output_audio", SOUND),
            piece("output_audio", SOUND),
            ended(spoken("火曜です。")),
        )
        socket.wait()

    sockets.play(play)
    got = converse(sockets, later, say=[{"type": "input_audio_buffer.append", "audio": SOUND}])
    assert [type(each).__name__ for each in got][-2:] == ["ResponseAudioDeltaEvent", "ResponseDoneEvent"]

    span = next(span for span in priced.all() if span.name == f"chat {MODEL}")
    assert (span.kind, span.status.status_code) == (SpanKind.CLIENT, StatusCode.UNSET)
    found = named(priced, "chat")
    sound = {"type": "blob", "modality": "audio", "mime_type": "audio/pcm"}
    said = [{"type": "text", "content": "いつ？"}, {**sound, "size": 4800}]
    assert messages(found, "input") == [{"role": "user", "parts": said}]
    answered = [{"type": "text", "content": "火曜です。"}, {**sound, "size": 9600}]
    assert messages(found) == [{"role": "assistant", "parts": answered, "finish_reason": "stop"}]
    assert json.loads(found.pop("gen_ai.system_instructions")) == [{"type": "text", "content": "簡潔に。"}]
    assert [tool["name"] for tool in json.loads(found.pop("gen_ai.tool.definitions"))] == ["find"]
    assert found.pop("gen_ai.response.time_to_first_chunk") > 0
    assert found.pop("kansoku.cost.usd") == pytest.approx(
        (100 * 4 + 600 * 0.4 + 300 * 32 + 20 * 16 + 80 * 64) / 1e6, rel=1e-12
    )
    assert found.pop("kansoku.cost.price_id").startswith("openai/gpt-realtime@")
    for name in ("input", "output"):
        found.pop(f"gen_ai.{name}.messages")
    found.pop("kansoku.response.tokens_per_second", None)
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 400,
        "gen_ai.request.modalities": '["audio"]',
        "gen_ai.request.tool_choice": "auto",
        "gen_ai.request.voice": "marin",
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "speech",
        "gen_ai.conversation.id": "conv_1",
        "session.id": "sess_1",
        "server.address": "127.0.0.1",
        "server.port": sockets.port,
        "gen_ai.response.model": "gpt-realtime-2025-08-28",
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
        "gen_ai.usage.cache_read.input_tokens": 600,
        "gen_ai.usage.audio.cache_read.input_tokens": 500,
        "gen_ai.usage.audio.input_tokens": 800,
        "gen_ai.usage.audio.output_tokens": 80,
    }
    words = named(priced, "generate_content")
    assert words["gen_ai.request.model"] == "gpt-4o-mini-transcribe"
    assert (words["gen_ai.usage.audio.input_tokens"], words["gen_ai.usage.output_tokens"]) == (40, 7)
    assert words["kansoku.cost.usd"] == pytest.approx((40 * 3 + 7 * 5) / 1e6)
    assert (words["session.id"], words["gen_ai.request.language"]) == ("sess_1", "ja")
    assert messages(words, "input") == [{"role": "user", "parts": [{**sound, "size": 4800}]}]
    assert messages(words)[0]["parts"] == [{"type": "text", "content": "いつ？"}]
    assert len(priced.all()) == 2
    assert not any(SOUND[:40] in str(span.attributes) for span in priced.all())


@pytest.mark.parametrize("later", [False, True])
def test_each_turn_tells_what_is_new_in_it_and_the_calls_of_tools(
    later: bool, sockets: SocketVendor, spans: Any
) -> None:
    """The answer calls a tool; its result is what the next response is asked with."""
    call = {"id": "item_f", "type": "function_call", "status": "completed", "call_id": "call_1"}
    call |= {"name": "find", "arguments": '{"ward": "北"}'}
    output = {"id": "item_o", "type": "function_call_output", "call_id": "call_1", "output": "火曜"}
    sockets.play(
        turn(
            opened(output_modalities=["text"]),
            asked("いつ？"),
            begun(),
            event("conversation.item.added", item={**call, "status": "in_progress", "arguments": ""}),
            ended(call),
            event("conversation.item.added", item=output),
            begun("resp_2"),
            piece("output_text", "火曜", "resp_2", "item_w"),
            ended(written("火曜です。"), name="resp_2"),
        )
    )
    converse(sockets, later, until=2)
    first, second = (dict(span.attributes) for span in spans.all())
    assert messages(first, "input") == [{"role": "user", "parts": [{"type": "text", "content": "いつ？"}]}]
    called = {"type": "tool_call", "id": "call_1", "name": "find", "arguments": {"ward": "北"}}
    assert messages(first)[0]["parts"] == [called]
    assert first["gen_ai.response.finish_reasons"] == ("tool_calls",)
    result = {"type": "tool_call_response", "id": "call_1", "response": "火曜"}
    assert messages(second, "input") == [{"role": "tool", "parts": [result]}]
    assert messages(second)[0]["parts"] == [{"type": "text", "content": "火曜です。"}]
    assert second["gen_ai.output.type"] == "text"


@pytest.mark.parametrize(
    ("status", "details", "finish", "failure"),
    [
        ("cancelled", {"type": "cancelled", "reason": "turn_detected"}, "cancelled", None),
        ("incomplete", {"type": "incomplete", "reason": "max_output_tokens"}, "length", None),
        ("incomplete", {"type": "incomplete", "reason": "content_filter"}, "content_filter", None),
        ("failed", {"type": "failed", "error": {"type": "server_error", "code": "overloaded", "message": ""}},
         "failed", "overloaded"),
        ("failed", None, "failed", "failed"),
    ],
)  # fmt: skip
def test_how_a_response_ended_is_told(
    status: str, details: Any, finish: str, failure: str | None, sockets: SocketVendor, spans: Any
) -> None:
    """Interrupted, too long, refused or failed: the words are its own, and what it used is counted."""
    sockets.play(turn(opened(), begun(), ended(spoken("火"), status=status, status_details=details)))
    converse(sockets, False)
    found = spans.attributes()
    assert found["gen_ai.response.finish_reasons"] == (finish,)
    assert found["gen_ai.usage.output_tokens"] == 100
    assert found.get("error.type") == failure
    assert (spans.one().status.status_code is StatusCode.ERROR) is (failure is not None)
    reason = "turn_detected" if finish == "cancelled" else None
    assert found.get("kansoku.response.cancel_reason") == reason


@pytest.mark.parametrize("later", [False, True])
def test_a_socket_closed_in_the_middle_ends_the_response(
    later: bool, sockets: SocketVendor, spans: Any
) -> None:
    """What came until then is the answer; nothing is known of its tokens."""
    sockets.play(
        turn(
            opened(), asked("いつ？"), begun(), growing(), piece("output_audio_transcript", "火曜"),
            piece("output_audio_transcript", "です"), piece("output_audio", SOUND),
            event("response.done", response={"id": "resp_other", "status": "completed", "output": []}),
        )
    )  # fmt: skip
    converse(sockets, later)
    _, found = (dict(span.attributes) for span in spans.all())
    assert found["kansoku.stream.closed_early"] is True
    assert "gen_ai.usage.input_tokens" not in found
    sound = {"type": "blob", "modality": "audio", "mime_type": "audio/pcm", "size": 4800}
    assert messages(found)[0]["parts"] == [{"type": "text", "content": "火曜です"}, sound]


def test_a_connection_that_is_dropped_ends_its_response(sockets: SocketVendor, spans: Any) -> None:
    """Nobody closed it: the span ends when the connection is gone."""
    sockets.play(turn(opened(), begun(), piece("output_audio", SOUND)))
    with client(sockets) as made:
        connection = made.realtime.connect(model=MODEL).enter()
        for _ in range(3):
            connection.recv()
        socket = connection._connection
        del connection
        gc.collect()
        socket.close()
    assert spans.attributes()["kansoku.stream.closed_early"] is True


@pytest.mark.parametrize("later", [False, True])
def test_a_lost_connection_is_an_error_and_a_new_one_goes_on(
    later: bool, sockets: SocketVendor, spans: Any
) -> None:
    """The client connects again by itself: the former response failed, the next one is whole."""

    def breaks(socket: Socket) -> None:
        socket.say(opened(), asked("いつ？"), begun(), piece("output_audio", SOUND))
        socket.connection.close(1011, "gone")

    sockets.play(breaks, turn(opened(id="sess_2"), begun("resp_2"), ended(spoken("火曜"), name="resp_2")))
    converse(sockets, later, on_reconnecting=lambda _: None, initial_delay=0.01)
    lost, whole = spans.all()
    assert lost.attributes["error.type"] == "ConnectionClosedError"
    assert lost.status.status_code is StatusCode.ERROR
    assert (whole.attributes["session.id"], whole.attributes["gen_ai.response.id"]) == ("sess_2", "resp_2")
    assert whole.attributes["gen_ai.usage.output_tokens"] == 100
    assert "gen_ai.input.messages" not in whole.attributes


def test_a_lost_connection_is_raised_as_ever(sockets: SocketVendor, spans: Any) -> None:
    """The program sees the library's own exception."""
    from websockets.exceptions import ConnectionClosedError

    def breaks(socket: Socket) -> None:
        socket.say(opened(), begun())
        socket.connection.close(1011, "gone")

    sockets.play(breaks)
    with pytest.raises(ConnectionClosedError):
        converse(sockets, False)
    assert spans.attributes()["error.type"] == "ConnectionClosedError"


def test_what_fails_on_our_side_of_a_connection_costs_the_program_nothing(
    sockets: SocketVendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every event arrives, and every message is sent, though neither can be followed."""

    def fail(_self: Any, _event: Any) -> None:
        raise ValueError

    whole = "kansoku.instruments.openai_realtime_session.Conversation"
    monkeypatch.setattr(f"{whole}.hear", fail)
    monkeypatch.setattr(f"{whole}.say", fail)

    def answers(socket: Socket) -> None:
        socket.hear()
        turn(opened(), begun(), ended())(socket)

    sockets.play(answers)
    with client(sockets).realtime.connect(model=MODEL) as connection:
        connection.response.create()
        assert [connection.recv().type for _ in range(3)][-1] == "response.done"
    assert sockets.heard[0]["type"] == "response.create"
    assert guard.failures.total() == 4
    guard.failures.clear()


def test_a_response_of_its_own_tells_its_own_request(sockets: SocketVendor, spans: Any) -> None:
    """What a program asks beside the conversation is told with it, and leaves the conversation alone."""
    params = {
        "conversation": "none",
        "metadata": {"topic": "class"},
        "output_modalities": ["text"],
        "instructions": "一語で。",
        "tools": [],
        "input": [
            {"type": "item_reference", "id": "item_u"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "分類"}]},
        ],
    }

    def play(socket: Socket) -> None:
        socket.say(opened(), asked("いつ？"))
        for _ in range(2):
            socket.hear()
        socket.say(
            begun(conversation_id=None, metadata={"topic": "class"}),
            ended(written("質問"), conversation_id=None),
            begun("resp_2"),
            ended(spoken("火曜"), name="resp_2"),
        )
        socket.wait()

    sockets.play(play)
    with client(sockets) as made, made.realtime.connect(model=MODEL) as connection:
        for _ in range(2):
            connection.recv()
        connection.response.create(response=params)  # type: ignore[arg-type]
        connection.response.create()
        for _ in range(4):
            connection.recv()
    own, next_one = (dict(span.attributes) for span in spans.all())
    assert json.loads(own["gen_ai.system_instructions"])[0]["content"] == "一語で。"
    told = [part["content"] for message in messages(own, "input") for part in message["parts"]]
    assert told == ["いつ？", "分類"]
    assert own["gen_ai.output.type"] == "text"
    assert json.loads(own["gen_ai.request.metadata"]) == {"topic": "class"}
    assert "gen_ai.conversation.id" not in own
    assert "gen_ai.tool.definitions" not in own
    assert json.loads(next_one["gen_ai.system_instructions"])[0]["content"] == "簡潔に。"
    assert messages(next_one, "input")[0]["parts"][0]["content"] == "いつ？"


def test_responses_that_run_at_once_are_told_apart(sockets: SocketVendor, spans: Any) -> None:
    """Each piece belongs to the response that it names."""
    sockets.play(
        turn(
            opened(),
            begun("resp_1"),
            begun("resp_2"),
            piece("output_audio", SOUND, "resp_2", "item_b"),
            ended(spoken("一"), name="resp_1"),
            ended(spoken("二", "item_b"), name="resp_2"),
        )
    )
    converse(sockets, False, until=2)
    first, second = (dict(span.attributes) for span in spans.all())
    assert "gen_ai.response.time_to_first_chunk" not in first
    assert second["gen_ai.response.time_to_first_chunk"] > 0
    assert [part.get("size") for part in messages(second)[0]["parts"]] == [None, 4800]


def test_a_session_of_transcriptions_is_billed_by_what_its_model_counts(
    sockets: SocketVendor, priced: Any
) -> None:
    """Seconds where the model counts those; one that failed says why; one left over ends with the socket."""
    session = {
        "type": "transcription",
        "id": "sess_t",
        "audio": {"input": {"transcription": {"model": "whisper-1"}}},
    }
    failed = {"type": "server_error", "code": "audio_unintelligible", "message": "?"}
    sockets.play(
        turn(
            event("session.created", session=session),
            event("input_audio_buffer.committed", item_id="a"),
            event(
                "conversation.item.input_audio_transcription.delta", item_id="a", content_index=0, delta="い"
            ),
            heard("a", usage={"type": "duration", "seconds": 90}),
            event("input_audio_buffer.committed", item_id="b"),
            event(
                "conversation.item.input_audio_transcription.failed",
                item_id="b",
                content_index=0,
                error=failed,
            ),
            event("input_audio_buffer.committed", item_id="c"),
            ended(),
        )
    )
    converse(sockets, False, extra_query={"intent": "transcription"})
    first, second, _, third = (dict(span.attributes) for span in priced.all())
    assert (first["gen_ai.request.model"], first["kansoku.usage.audio.input_seconds"]) == ("whisper-1", 90.0)
    assert first["gen_ai.response.time_to_first_chunk"] > 0
    assert "kansoku.cost.usd" not in first  # seconds are priced by the collector
    assert second["error.type"] == "audio_unintelligible"
    assert third["kansoku.stream.closed_early"] is True


def test_the_older_api_is_told_alike(sockets: SocketVendor, spans: Any) -> None:
    """Events and settings had other names in the beta."""
    session = {
        "id": "sess_b", "model": "gpt-4o-realtime-preview", "modalities": ["text", "audio"], "voice": "alloy",
        "instructions": "簡潔に。", "input_audio_format": "g711_ulaw", "output_audio_format": "pcm16",
        "input_audio_transcription": {"model": "whisper-1"}, "temperature": 0.8,
        "max_response_output_tokens": "inf", "tools": [],
    }  # fmt: skip
    voice = {"id": "item_v", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    answer = {"id": "item_a", "type": "message", "role": "assistant"}
    answer["content"] = [{"type": "audio", "transcript": "火曜です。"}]  # type: ignore[assignment]
    sockets.play(
        turn(
            event("session.created", session=session),
            event("conversation.item.created", item=voice),
            begun(),
            piece("audio", SOUND),
            ended(answer),
        )
    )
    made = client(sockets)
    with made, made.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection:
        for _ in range(5):
            connection.recv()
    found = spans.attributes()
    assert messages(found, "input")[0]["parts"] == [
        {"type": "blob", "modality": "audio", "mime_type": "audio/pcmu"}
    ]
    assert messages(found)[0]["parts"][0]["content"] == "火曜です。"
    assert (found["gen_ai.request.temperature"], found["gen_ai.request.voice"]) == (0.8, "alloy")
    assert found["gen_ai.output.type"] == "speech"


def test_azure_is_told_with_its_deployment(sockets: SocketVendor, spans: Any) -> None:
    """The deployment is what was asked, the session says which model answers."""
    sockets.play(turn(opened(), begun(), ended(spoken("火曜"))))
    made = openai.AzureOpenAI(
        api_key="k", api_version="2025-04-01-preview", azure_endpoint="https://guide.openai.azure.com",
        websocket_base_url=f"{sockets.url}/openai",
    )  # fmt: skip
    with made, made.realtime.connect(model="voice-prod") as connection:
        for _ in range(3):
            connection.recv()
    found = spans.attributes()
    assert found["gen_ai.provider.name"] == "azure.ai.openai"
    assert (found["gen_ai.request.model"], found["gen_ai.response.model"]) == ("voice-prod", SESSION["model"])
    assert found["kansoku.azure.deployment"] == "voice-prod"
    assert found["kansoku.azure.api_version"] == "2025-04-01-preview"


def test_without_content_there_are_numbers_alone(sockets: SocketVendor, start: Any) -> None:
    """No words and no sounds, asked or answered, are on a span."""
    spans = start(capture_content="off")
    sockets.play(turn(opened(), asked("秘密"), begun(), piece("output_audio", SOUND), ended(spoken("秘密"))))
    converse(sockets, False)
    found = spans.attributes()
    assert not [name for name in found if "messages" in name or "instructions" in name or "tool.def" in name]
    assert found["gen_ai.usage.audio.output_tokens"] == 80
    assert "秘密" not in str(found)


def test_the_parent_is_what_is_under_way_where_the_program_reads(sockets: SocketVendor, spans: Any) -> None:
    """A turn inside of a span of the program's is its child, and its session goes before the vendor's."""
    sockets.play(turn(opened(), begun(), ended(spoken("火曜"))))
    with kansoku.context(session_id="call-7"), kansoku.span("phone") as outer:
        converse(sockets, False)
    chat, phone = spans.all()
    assert chat.parent.span_id == phone.context.span_id
    assert chat.attributes["session.id"] == "call-7"
    assert outer is not None


def test_the_programs_own_objects_stay_as_they_are(sockets: SocketVendor, spans: Any) -> None:
    """Events are the client's, raw ones too; strange ones pass; stopped, the methods are its own again."""
    from openai.resources.realtime.realtime import AsyncRealtimeConnection, RealtimeConnection

    strange = [
        {"type": ["?"]},
        {"type": None},
        {"type": "response.done"},
        {"type": "response.created", "response": 7},
    ]
    sockets.play(turn(opened(), *strange, begun(), ended(spoken("火曜"))))
    with client(sockets) as made, made.realtime.connect(model=MODEL) as connection:
        assert type(connection) is RealtimeConnection
        raw = connection.recv_bytes()
        assert json.loads(raw)["type"] == "session.created"
        assert connection.parse_event(raw).session.model == SESSION["model"]
        for _ in strange:
            connection.recv()
        connection.recv()
        done = connection.recv()
        assert done.type == "response.done"
        assert set(vars(done)) == {"event_id", "response", "type"}
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 100
    kansoku.uninstrument()
    for owner in (RealtimeConnection, AsyncRealtimeConnection):
        assert not any(
            hasattr(getattr(owner, name), "__kansoku_original__") for name in ("send", "parse_event", "close")
        )


def test_a_request_that_was_refused_is_not_told_with_the_next_response(
    sockets: SocketVendor, spans: Any
) -> None:
    """An error answers a request: what it asked for is not what the next response was made of."""

    def play(socket: Socket) -> None:
        socket.say(opened())
        socket.hear()
        wrong = {"type": "invalid_request_error", "message": "busy", "event_id": "e-1", "code": None}
        socket.say(event("error", error=wrong), begun(), ended(spoken("火曜")))
        socket.wait()

    sockets.play(play)
    say = {"type": "response.create", "event_id": "e-1", "response": {"instructions": "大声で"}}
    converse(sockets, False, say=[say])
    assert json.loads(spans.attributes()["gen_ai.system_instructions"])[0]["content"] == "簡潔に。"
