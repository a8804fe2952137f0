"""OpenAI's live API through its client, against a server of WebSockets on loopback."""

import asyncio
import base64
import itertools
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from opentelemetry.trace import StatusCode
from support.sockets import Socket, SocketVendor

SOUND = base64.b64encode(bytes(4800)).decode()
_numbers = itertools.count()


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an event of the server."""
    return {"type": kind, "event_id": "event_1", **fields}


def session(name: str) -> dict[str, Any]:
    """Return the snapshot of a session."""
    responses = {"model": "gpt-5", "instructions": "調べて。"}
    return {
        "id": name,
        "model": "gpt-live-1",
        "status": "active",
        "expires_at": 1,
        "instructions": "簡潔に。",
        "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}},
        "delegation": {"type": "responses", "responses": responses},
    }


def said(who: str, words: str) -> dict[str, Any]:
    """Return a piece of a transcript."""
    return event(f"session.{who}_transcript.delta", delta=words, start_ms=0, end_ms=1)


def counted(seconds: float) -> dict[str, Any]:
    """Return what was used so far."""
    return event("session.usage.updated", usage={"seconds": seconds})


def closed(name: str, seconds: float, reason: str = "close_requested") -> dict[str, Any]:
    """Return the event that ends a session."""
    return event("session.closed", session=session(name), usage={"seconds": seconds}, reason=reason)


def inner(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an event of a response that the session delegated."""
    return event("response.event", delegation_id="del_1", event={"type": f"response.{kind}", **fields})


@pytest.fixture
def name() -> str:
    """Give a session that no other test has."""
    return f"live_{next(_numbers)}"


def meet(sockets: SocketVendor, later: bool, *events: dict[str, Any], beside: str = "") -> None:
    """Connect to a server that says these events, and read all of them."""

    def play(socket: Socket) -> None:
        socket.say(*events)
        socket.wait()

    sockets.play(play)
    arguments = {"api_key": "sk-test", "websocket_base_url": f"{sockets.url}/v1"}

    async def talk() -> None:
        async with openai.AsyncOpenAI(**arguments) as made:
            manager = made.live.sideband.connect(session_id=beside) if beside else made.live.connect()
            async with manager as connection:
                await connection.send({"type": "session.input_audio.append", "audio": SOUND})
                for _ in events:
                    await connection.recv()

    if later:
        asyncio.run(talk())
        return
    with openai.OpenAI(**arguments) as made:
        manager: Any = made.live.sideband.connect(session_id=beside) if beside else made.live.connect()
        with manager as connection:
            connection.send({"type": "session.input_audio.append", "audio": SOUND})
            for _ in events:
                connection.recv()


def messages(attributes: Any, way: str = "output") -> Any:
    """Return the messages of a span, one way."""
    return json.loads(attributes[f"gen_ai.{way}.messages"])


@pytest.mark.parametrize("later", [False, True])
def test_a_session_is_a_call_that_is_paid_by_the_second(
    later: bool, name: str, sockets: SocketVendor, spans: Any
) -> None:
    """What was said in turns, how long it took, and how it ended; seconds are totals, not to be added up."""
    meet(
        sockets,
        later,
        event("session.started", session=session(name)),
        said("input", "いつ"),
        said("input", "？"),
        counted(3.5),
        said("output", "火曜"),
        event("session.output_audio.delta", delta=SOUND),
        said("output", "です。"),
        said("input", "紙は？"),
        said("output", "金曜です。"),
        closed(name, 9.25),
    )
    found = spans.attributes()
    turns = [(m["role"], m["parts"][0].get("content")) for m in messages(found, "input")]
    assert turns == [("user", "いつ？"), ("assistant", "火曜です。"), ("user", "紙は？"), ("user", None)]
    assert messages(found, "input")[-1]["parts"][0]["size"] == 4800
    sound = {"type": "blob", "modality": "audio", "mime_type": "audio/pcm", "size": 4800}
    assert messages(found)[0]["parts"] == [{"type": "text", "content": "金曜です。"}, sound]
    assert found["kansoku.usage.audio.input_seconds"] == 9.25
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert (found["gen_ai.request.model"], found["gen_ai.request.voice"]) == ("gpt-live-1", "marin")
    assert found["session.id"] == name
    assert json.loads(found["gen_ai.system_instructions"])[0]["content"] == "簡潔に。"
    assert "kansoku.usage.estimated" not in found


def test_what_a_session_delegates_is_a_call_of_another_model(
    name: str, sockets: SocketVendor, spans: Any
) -> None:
    """A response with its tokens, put together from its pieces, and a decision."""
    response = {"id": "resp_1", "model": "gpt-5-2025-08-07", "status": "in_progress", "output": []}
    usage = {"input_tokens": 50, "output_tokens": 7, "total_tokens": 57}
    answer = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "火曜"}]}
    decided = {"id": "dec_1", "object": "decision", "model": "gpt-decide", "created_at": 1, "usage": usage}
    decided["answers"] = [{"type": "predicate", "probability": 0.9, "name": "urgent"}]
    meet(
        sockets,
        False,
        event("session.started", session=session(name)),
        inner("created", response=response),
        inner("output_text.delta", delta="火曜", output_index=0, content_index=0),
        inner("output_item.done", output_index=0, item=answer),
        inner("completed", response={**response, "status": "completed", "usage": usage}),
        event(
            "decision.event", delegation_id="del_2", event={"type": "decision.completed", "decision": decided}
        ),
        closed(name, 4),
    )
    delegated, decision, whole = (dict(span.attributes) for span in spans.all())
    assert (delegated["gen_ai.request.model"], delegated["gen_ai.response.model"]) == (
        "gpt-5",
        "gpt-5-2025-08-07",
    )
    assert (delegated["gen_ai.usage.input_tokens"], delegated["gen_ai.usage.output_tokens"]) == (50, 7)
    assert messages(delegated)[0]["parts"] == [{"type": "text", "content": "火曜"}]
    assert decision["gen_ai.usage.input_tokens"] == 50
    assert "urgent" in decision["gen_ai.output.messages"]
    assert {delegated["session.id"], decision["session.id"], whole["session.id"]} == {name}
    assert "gen_ai.usage.input_tokens" not in whole


def test_a_session_that_is_left_tells_what_was_counted(name: str, sockets: SocketVendor, spans: Any) -> None:
    """Nobody said that it is over: the last count is what is known."""
    meet(sockets, False, event("session.started", session=session(name)), said("output", "火"), counted(7))
    found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert found["kansoku.usage.audio.input_seconds"] == 7.0
    assert "gen_ai.response.finish_reasons" not in found


def test_a_session_with_two_connections_is_billed_once(name: str, sockets: SocketVendor, spans: Any) -> None:
    """The second sees the same counts."""
    meet(sockets, False, event("session.started", session=session(name)), counted(3), closed(name, 4))
    meet(sockets, False, counted(3), closed(name, 4), beside=name)
    assert spans.attributes()["kansoku.usage.audio.input_seconds"] == 4.0


def test_a_connection_beside_a_browsers_tells_the_session(
    name: str, sockets: SocketVendor, spans: Any
) -> None:
    """The sound goes elsewhere; the model is known at the end."""
    meet(sockets, True, counted(3), said("output", "火曜"), closed(name, 4, "remote_hangup"), beside=name)
    found = spans.attributes()
    assert (found["session.id"], found["gen_ai.response.model"]) == (name, "gpt-live-1")
    assert found["gen_ai.response.finish_reasons"] == ("remote_hangup",)


def test_a_lost_connection_is_an_error(name: str, sockets: SocketVendor, spans: Any) -> None:
    """The session failed, and so did what it had delegated."""

    def breaks(socket: Socket) -> None:
        socket.say(
            event("session.started", session=session(name)), inner("created", response={"id": "resp_1"})
        )
        socket.connection.close(1011, "gone")

    sockets.play(breaks)
    read: Callable[[Any], Any] = list
    with (
        openai.OpenAI(api_key="sk-test", websocket_base_url=f"{sockets.url}/v1") as made,
        pytest.raises(Exception, match="1011"),
        made.live.connect() as connection,
    ):
        read(connection)
    assert [span.status.status_code for span in spans.all()] == [StatusCode.ERROR] * 2
    assert {span.attributes["error.type"] for span in spans.all()} == {"ConnectionClosedError"}


def test_without_content_there_are_numbers_alone(name: str, sockets: SocketVendor, start: Any) -> None:
    """No words are on a span."""
    spans = start(capture_content="off")
    events = event("session.started", session=session(name)), said("input", "秘密"), said("output", "秘密")
    meet(sockets, False, *events, closed(name, 4))
    found = spans.attributes()
    assert not [key for key in found if "messages" in key or "instructions" in key]
    assert found["kansoku.usage.audio.input_seconds"] == 4.0
