"""Responses of OpenAI over a websocket, through its client, against a server on loopback."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from opentelemetry.trace import StatusCode
from support.sockets import Socket, SocketVendor

USAGE = {"input_tokens": 50, "output_tokens": 7, "total_tokens": 57}
USAGE |= {"input_tokens_details": {"cached_tokens": 40}}


def response(name: str, words: str = "", **fields: Any) -> dict[str, Any]:
    """Return a response: complete with words, or under way."""
    text = {"type": "output_text", "text": words, "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text]}
    ended = {"status": "completed", "output": [message], "usage": USAGE}
    found = {"id": name, "object": "response", "created_at": 1, "model": "gpt-5-2025-08-07", "tools": []}
    return {**found, **(ended if words else {"status": "in_progress", "output": []}), **fields}


def event(kind: str, lane: str = "", **fields: Any) -> dict[str, Any]:
    """Return an event of the server."""
    return {"type": kind, "sequence_number": 1, **({"stream_id": lane} if lane else {}), **fields}


def answers(name: str, words: str, lane: str = "", **fields: Any) -> list[dict[str, Any]]:
    """Return the events of one response."""
    delta = {"output_index": 0, "content_index": 0, "item_id": "m", "delta": words}
    return [
        event("response.created", lane, response=response(name, **fields)),
        event("response.output_text.delta", lane, **delta),
        event("response.completed", lane, response=response(name, words, **fields)),
    ]


def plays(*turns: list[dict[str, Any]]) -> Callable[[Socket], None]:
    """Return a play: a list of events for each message."""

    def play(socket: Socket) -> None:
        for events in turns:
            socket.hear()
            socket.say(*events)
        socket.wait()

    return play


def client(sockets: SocketVendor) -> openai.OpenAI:
    """Return a client whose sockets are here."""
    return openai.OpenAI(api_key="sk-test", websocket_base_url=f"{sockets.url}/v1")


def words(attributes: Any, way: str = "output") -> list[str]:
    """Return the texts of a span's messages, one way."""
    told = json.loads(attributes[f"gen_ai.{way}.messages"])
    return [part["content"] for message in told for part in message["parts"]]


@pytest.mark.parametrize("later", [False, True])
def test_each_request_through_a_socket_is_a_call(later: bool, sockets: SocketVendor, spans: Any) -> None:
    """It is told as one over HTTP is: request, answer, tokens and times."""
    sockets.play(plays(answers("resp_1", "火曜"), answers("resp_2", "金曜")))
    asked: list[dict[str, Any]] = [
        {"model": "gpt-5", "input": "いつ？", "instructions": "簡潔に。", "max_output_tokens": 99},
        {"model": "gpt-5", "input": "紙は？", "previous_response_id": "resp_1"},
    ]

    async def talk() -> None:
        async with (
            openai.AsyncOpenAI(api_key="sk-test", websocket_base_url=f"{sockets.url}/v1") as made,
            made.responses.connect() as connection,
        ):
            for each in asked:
                await connection.response.create(**each)
                async for event in connection:
                    if event.type == "response.completed":
                        break

    if later:
        asyncio.run(talk())
    else:
        with client(sockets) as made, made.responses.connect() as connection:
            for each in asked:
                connection.response.create(**each)
                for event in connection:
                    if event.type == "response.completed":
                        break
    first, second = (dict(span.attributes) for span in spans.all())
    assert (words(first, "input"), words(first)) == (["いつ？"], ["火曜"])
    assert (words(second, "input"), words(second)) == (["紙は？"], ["金曜"])
    assert json.loads(first["gen_ai.system_instructions"])[0]["content"] == "簡潔に。"
    assert first["gen_ai.request.max_tokens"] == 99
    assert (first["gen_ai.request.model"], first["gen_ai.response.model"]) == ("gpt-5", "gpt-5-2025-08-07")
    assert second["gen_ai.request.previous_response.id"] == "resp_1"
    assert (first["gen_ai.usage.input_tokens"], first["gen_ai.usage.cache_read.input_tokens"]) == (50, 40)
    assert first["gen_ai.response.time_to_first_chunk"] > 0
    assert first["gen_ai.response.finish_reasons"] == ("stop",)


def test_requests_beside_each_other_are_told_apart(sockets: SocketVendor, spans: Any) -> None:
    """Each event belongs to the lane that it names."""
    one, two = answers("resp_1", "火曜", "a"), answers("resp_2", "金曜", "b")
    sockets.play(plays([], [one[0], two[0], two[1], one[1], two[2], one[2]]))
    with client(sockets) as made, made.responses.connect() as connection:
        connection.response.create(model="gpt-5", input="いつ？", stream_id="a")
        connection.response.create(model="gpt-5", input="紙は？", stream_id="b")
        for _ in range(6):
            connection.recv()
    told = [(words(span.attributes, "input"), words(span.attributes)) for span in spans.all()]
    assert told == [(["紙は？"], ["金曜"]), (["いつ？"], ["火曜"])]


def test_a_steered_response_has_a_successor(sockets: SocketVendor, spans: Any) -> None:
    """The vendor begins it by itself, with the settings of the one before."""
    steered = response("resp_1", "火", status="incomplete", incomplete_details={"reason": "steered"})
    successor = answers("resp_2", "金曜", previous_response_id="resp_1", max_output_tokens=99)
    sockets.play(plays([event("response.incomplete", response=steered), *successor]))
    with client(sockets) as made, made.responses.connect() as connection:
        connection.response.create(model="gpt-5", input="いつ？", max_output_tokens=99)
        for _ in range(4):
            connection.recv()
    first, second = (dict(span.attributes) for span in spans.all())
    assert first["gen_ai.response.finish_reasons"] == ("steered",)
    assert second["gen_ai.request.previous_response.id"] == "resp_1"
    assert (second["gen_ai.request.max_tokens"], second["gen_ai.usage.output_tokens"]) == (99, 7)
    assert "gen_ai.input.messages" not in second


def test_a_request_that_is_refused_has_failed(sockets: SocketVendor, spans: Any) -> None:
    """The error names no lane where there is one."""
    error = {"type": "invalid_request_error", "code": "previous_response_not_found", "message": "no"}
    sockets.play(plays([event("error", error=error, status=400)]))
    with client(sockets) as made, made.responses.connect() as connection:
        connection.response.create(model="gpt-5", input="いつ？", stream_id="a")
        connection.recv()
    assert spans.one().status.status_code is StatusCode.ERROR
    assert spans.attributes()["error.type"] == "previous_response_not_found"


def test_a_socket_closed_in_the_middle_ends_the_call(sockets: SocketVendor, spans: Any) -> None:
    """What came until then is the answer."""
    sockets.play(plays(answers("resp_1", "火曜")[:2]))
    with client(sockets) as made, made.responses.connect() as connection:
        connection.response.create(model="gpt-5", input="いつ？")
        for _ in range(2):
            connection.recv()
    found = spans.attributes()
    assert (found["kansoku.stream.closed_early"], words(found)) == (True, ["火曜"])
    assert "gen_ai.usage.input_tokens" not in found


def test_the_clients_lanes_work_and_are_told(sockets: SocketVendor, spans: Any) -> None:
    """The client's own helper reads the raw messages."""
    from openai.lib.responses_websocket import ResponsesWebSocketLimits, ResponsesWebSocketSession

    limits = ResponsesWebSocketLimits(
        max_lanes=2, max_events_per_lane=9, max_events=9, max_bytes_per_lane=9999, max_bytes=9999
    )
    sockets.play(plays(answers("resp_1", "火曜", "a")))
    with (
        client(sockets) as made,
        made.responses.connect() as connection,
        ResponsesWebSocketSession(connection, limits=limits) as session,
    ):
        lane = session.lane("a")
        lane.send({"type": "response.create", "model": "gpt-5", "input": "いつ？"})
        assert lane.get_final_response().id == "resp_1"
    found = spans.attributes()
    assert (words(found), found["gen_ai.request.model"]) == (["火曜"], "gpt-5-2025-08-07")
    assert found["gen_ai.usage.output_tokens"] == 7
