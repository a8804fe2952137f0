"""Agents that run at OpenAI: what is told of their turns, and that each is told once."""

import asyncio
import json
from typing import Any

import httpx2
import openai
import pytest
from support.vendor import sse

from kansoku.instruments import openai_sessions

pytest.importorskip("openai.resources.beta.agents.sessions", reason="newer clients alone have it")

USAGE = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 400},
    "output_tokens": 60,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 1060,
}
AGENT = {
    "id": "agent_1",
    "name": "guide",
    "model": "gpt-5",
    "instructions": "簡潔に。",
    "service_tier": "flex",
    "reasoning": {"effort": "low", "summary": None},
    "multi_agent": {"enabled": True},
    "text": {},
    "tools": [{"type": "function", "name": "find", "description": "d", "parameters": {"type": "object"}}],
}
SESSION = {
    "id": "sess_1",
    "object": "agent.session",
    "agent": AGENT,
    "status": "idle",
    "created_at": 1,
    "last_active_at": 1,
    "metadata": {},
    "required_actions": [],
    "vault_ids": [],
    "environment": {"type": "none"},
}
STARTED = {"type": "create_subagent_call", "id": "item_4", "agent_id": "agent_2", "model": "gpt-5-mini"}
CALL: dict[str, Any] = {
    "type": "function_call",
    "id": "item_2",
    "call_id": "call_1",
    "name": "find",
    "status": "completed",
}
CALL["arguments"] = {"ward": "北区"}  # no text here


def turn(name: str = "turn_1", status: str = "completed", **fields: Any) -> dict[str, Any]:
    """Return a turn."""
    head = {"object": "agent.session.turn", "session_id": "sess_1", "agent_id": "agent_1", "created_at": 1}
    return {"id": name, "status": status, **head, **fields}


def event(kind: str, name: str = "turn_1", **fields: Any) -> dict[str, Any]:
    """Return an event of a session."""
    return {
        "type": f"agent.session.{kind}",
        "event_id": "e",
        "session_id": "sess_1",
        "turn_id": name,
        **fields,
    }


def message(role: str, words: str) -> dict[str, Any]:
    """Return a message."""
    content = [{"type": "input_text" if role == "user" else "output_text", "text": words}]
    return {"type": "message", "id": f"item_{role}", "role": role, "status": "completed", "content": content}


EVENTS = [
    event("turn.created", turn=turn(status="in_progress")),
    event("turn.item.added", item=message("user", "いつ")),
    event(
        "turn.item.done", item={**CALL, "arguments": {"ward": "北区"}, "status": "completed"}, output_index=0
    ),
    event("turn.item.done", item=STARTED, output_index=1),
    event("turn.item.done", item=message("assistant", "火曜日。"), output_index=2),
    event("turn.completed", "turn_2", turn=turn("turn_2", agent_id="agent_2", subagent_id="s"), usage=USAGE),
    event("turn.completed", turn=turn(), usage=USAGE),
    event("idle"),
]
MADE = {"type": "agent.session.created", "event_id": "e", "session": SESSION}


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    """Forget what other tests were told."""
    openai_sessions._told._ids.clear()
    openai_sessions._agents.clear()


def answers(*bodies: Any) -> Any:
    """Return a transport that answers with these in order; a list is a stream of events."""
    left = list(bodies)

    def reply(_: httpx2.Request) -> httpx2.Response:
        body = left.pop(0)
        if isinstance(body, dict):
            return httpx2.Response(200, json=body)
        pieces = sse(*((each["type"], each) for each in body), done=False).pieces or []
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"".join(pieces))

    return httpx2.MockTransport(reply)


def read(*bodies: Any, later: bool, made: bool = False) -> list[Any]:
    """Return the events of a session that is made with its first words, or is looked up and then followed."""
    given: dict[str, Any] = {"api_key": "k", "base_url": "https://api.openai.com/v1", "max_retries": 0}
    first: dict[str, Any] = {"environment": {"type": "none"}, "agent": {"model": "gpt-5"}, "input": "いつ"}

    async def run() -> list[Any]:
        async with httpx2.AsyncClient(transport=answers(*bodies)) as http:
            sessions = openai.AsyncOpenAI(**given, http_client=http).beta.agents.sessions
            if made:
                return [each.to_dict() async for each in await sessions.create(**first, stream=True)]
            await sessions.retrieve("sess_1")
            return [each.to_dict() async for each in await sessions.events.stream("sess_1")]

    if later:
        return asyncio.run(run())
    with httpx2.Client(transport=answers(*bodies)) as http:
        sessions = openai.OpenAI(**given, http_client=http).beta.agents.sessions
        if made:
            return [each.to_dict() for each in sessions.create(**first, stream=True)]
        sessions.retrieve("sess_1")
        return [each.to_dict() for each in sessions.events.stream("sess_1")]


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_each_turn_of_an_agent_is_told(later: bool, made: bool, start: Any) -> None:
    """With its words, its tools, its tokens and their price; another agent's at the price of its model."""
    bodies = [[MADE, *EVENTS]] if made else [SESSION, EVENTS]
    untraced = read(*bodies, later=later, made=made)
    spans = start()
    assert read(*bodies, later=later, made=made) == untraced
    other, told = (dict(span.attributes) for span in spans.all())
    assert (told["gen_ai.request.model"], other["gen_ai.request.model"]) == ("gpt-5", "gpt-5-mini")
    assert (told["gen_ai.response.id"], told["gen_ai.conversation.id"]) == ("turn_1", "sess_1")
    assert told["gen_ai.agent.name"] == "guide"
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    names = ("input_tokens", "cache_read.input_tokens", "output_tokens", "reasoning.output_tokens")
    assert [told[f"gen_ai.usage.{name}"] for name in names] == [1000, 400, 60, 20]
    assert told["kansoku.cost.usd"] == pytest.approx((600 * 1.25 + 400 * 0.125 + 60 * 10) / 1e6 / 2)  # flex
    assert other["kansoku.cost.usd"] == pytest.approx((600 * 0.25 + 400 * 0.025 + 60 * 2) / 1e6)
    assert json.loads(told["gen_ai.system_instructions"]) == [{"type": "text", "content": "簡潔に。"}]
    (given,) = json.loads(told["gen_ai.input.messages"])
    assert given == {"role": "user", "parts": [{"type": "text", "content": "いつ"}]}
    (answer,) = json.loads(told["gen_ai.output.messages"])
    assert answer["parts"][0] == {
        "type": "tool_call",
        "id": "call_1",
        "name": "find",
        "arguments": {"ward": "北区"},
    }
    assert answer["parts"][-1] == {"type": "text", "content": "火曜日。"}


def test_a_turn_is_told_once_however_often_it_is_asked_for(spans: Any) -> None:
    """When it is over: before, it has used nothing, or not all."""
    under_way, over = turn(status="in_progress", usage=USAGE), turn(usage=USAGE)
    with httpx2.Client(transport=answers(SESSION, under_way, over, over)) as http:
        client = openai.OpenAI(api_key="k", base_url="https://api.openai.com/v1", http_client=http)
        sessions = client.beta.agents.sessions
        sessions.retrieve("sess_1")
        for _ in range(3):
            sessions.turns.retrieve("turn_1", session_id="sess_1")
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 60


def test_a_turn_that_failed_is_a_failed_call(spans: Any) -> None:
    """It is billed for what it used."""
    error = {"code": "server_overloaded", "message": "later"}
    read(SESSION, [event("turn.failed", turn=turn(status="failed", error=error, usage=USAGE))], later=False)
    told = spans.attributes()
    assert told["error.type"] == "server_overloaded"
    assert told["gen_ai.usage.input_tokens"] == 1000


def test_without_content_a_turn_has_its_numbers_alone(start: Any) -> None:
    """Neither what the agent was told nor what it said."""
    spans = start(capture_content="off")
    read(SESSION, EVENTS, later=False)
    text = json.dumps([dict(span.attributes) for span in spans.all()], ensure_ascii=False, default=list)
    assert not [word for word in ("いつ", "火曜日", "北区", "簡潔に") if word in text]
    assert [span.attributes["gen_ai.usage.output_tokens"] for span in spans.all()] == [60, 60]
