"""Sessions of Anthropic's managed agents: each request to a model is told when its end is streamed, once."""

import asyncio
import itertools
from typing import Any

import anthropic
import pytest
from support.vendor import Asked, Reply, Vendor, sse

_ends = (f"sevt_{number}" for number in itertools.count())
_sessions = (f"sesn_{number}" for number in itertools.count())
WHEN = "2026-11-20T09:00:00Z"


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an event of a session."""
    return {"id": next(_ends), "type": kind, "processed_at": WHEN, **fields}


def ended(**own: Any) -> dict[str, Any]:
    """Return the end of a request to the model."""
    usage = {"input_tokens": 20, "output_tokens": 90}
    usage |= {"cache_read_input_tokens": 500, "cache_creation_input_tokens": 60}
    return event("span.model_request_end", model_request_start_id="s", model_usage=usage, **own)


def text(words: str) -> list[dict[str, Any]]:
    """Return the content of a message."""
    return [{"type": "text", "text": words}]


def turn(*ends: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return the events of a turn: a search of the vendor's, then a call for the program."""
    return (
        event("user.message", content=text("大雨の日も集めますか？")),
        event("session.status_running"),
        event("span.model_request_start"),
        event("agent.tool_use", name="web_search", input={"query": "大雨 ごみ"}),
        ends[0],
        event("agent.tool_result", tool_use_id="t", content=[]),
        event("agent.message", content=text("調べました。")),
        event("agent.custom_tool_use", name="closed_on", input={"day": "火"}),
        ends[1],
        event("session.status_idle", stop_reason={"type": "requires_action", "event_ids": []}),
    )


def session(name: str) -> dict[str, Any]:
    """Return a session."""
    model = {"id": "claude-sonnet-4-5", "speed": "standard"}
    agent = {"id": "agent_1", "type": "agent", "name": "guide", "version": 1, "model": model}
    lists = dict.fromkeys(("mcp_servers", "skills", "tools"), [])
    return {"id": name, "type": "session", "status": "idle", "agent": {**agent, **lists}, "usage": {}}


@pytest.fixture
def serve(vendor: Vendor) -> Any:
    """Give a function that lets the server have a session with these events."""

    def put(*events: dict[str, Any]) -> str:
        name = next(_sessions)

        def respond(asked: Asked) -> Reply:
            if "events" not in asked.path:
                return vendor.answer(session(name)).replies[0]
            return sse(*((each["type"], each) for each in events), done=False)

        vendor.respond = respond
        return name

    return put


@pytest.fixture
def client(vendor: Vendor) -> Any:
    """Return a client of the server on loopback."""
    with anthropic.Anthropic(api_key="k", base_url=vendor.url, max_retries=0) as made:
        yield made


def test_each_request_of_a_session_is_told_once(
    client: Any, serve: Any, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a program reads the events again; what its agent ran is no call for the program."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "anthropic")
    spans = start()
    events = turn(ended(), ended())
    name = serve(*events)
    client.beta.sessions.retrieve(name)
    for _ in range(2):
        with client.beta.sessions.events.stream(name) as stream:
            assert [each.type for each in stream] == [each["type"] for each in events]
    first, second = (dict(span.attributes) for span in spans.all())
    assert first["gen_ai.operation.name"] == "chat"
    assert first["gen_ai.provider.name"] == "anthropic"
    assert first["gen_ai.request.model"] == "claude-sonnet-4-5"
    assert first["gen_ai.agent.name"] == "guide"
    assert first["gen_ai.conversation.id"] == name
    assert first["kansoku.response.fetched"] is True
    assert first["gen_ai.usage.input_tokens"] == 580
    assert first["gen_ai.usage.cache_read.input_tokens"] == 500
    assert first["gen_ai.usage.cache_write.input_tokens"] == 60
    assert first["gen_ai.usage.output_tokens"] == 90
    assert first["kansoku.cost.usd"] > 0
    assert "大雨の日も" in first["gen_ai.input.messages"]
    assert '"server_tool_call"' in first["gen_ai.output.messages"]
    assert "gen_ai.response.finish_reasons" not in first
    assert "gen_ai.input.messages" not in second
    assert "調べました。" in second["gen_ai.output.messages"]
    assert '"tool_call"' in second["gen_ai.output.messages"]
    assert second["gen_ai.response.finish_reasons"] == ("tool_calls",)


@pytest.mark.parametrize("how", ["retrieve", "list", "later"])
def test_an_agent_that_works_for_another_is_told_by_its_own_model(
    how: str, client: Any, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it used is in the events of its thread alone."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "anthropic")
    spans = start()
    name = next(_sessions)
    thread = f"thread_of_{name}"
    agent = {"id": "agent_2", "type": "agent", "name": "clerk", "version": 1}
    agent["model"] = {"id": "claude-haiku-4-5", "speed": "standard"}
    told = {"id": thread, "type": "session_thread", "session_id": name, "status": "idle", "agent": agent}
    task = event("agent.thread_message_received", from_session_thread_id="t", content=text("調べて"))
    events = (task, event("agent.message", content=text("火曜日。")), ended())

    def respond(asked: Asked) -> Reply:
        path = asked.path.partition("?")[0]
        if path.endswith("/stream"):
            return sse(*((each["type"], each) for each in events), done=False)
        page = {"data": [told], "next_page": None}
        return vendor.answer(page if path.endswith("/threads") else told).replies[0]

    vendor.respond = respond

    async def read() -> None:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=vendor.url) as made:
            threads = made.beta.sessions.threads
            found = [each.id async for each in threads.list(name)]
            await threads.retrieve(found[0], session_id=name)
            async for _ in await threads.events.stream(thread_id=found[0], session_id=name):
                pass

    threads = client.beta.sessions.threads
    if how == "later":
        asyncio.run(read())
    else:
        found = (
            threads.retrieve(thread, session_id=name) if how == "retrieve" else next(iter(threads.list(name)))
        )
        with threads.events.stream(found.id, session_id=name) as stream:
            assert [each.type for each in stream] == [each["type"] for each in events]
    said = spans.attributes()
    assert said["gen_ai.request.model"] == "claude-haiku-4-5"
    assert (said["gen_ai.agent.name"], said["gen_ai.conversation.id"]) == ("clerk", name)
    assert said["gen_ai.usage.output_tokens"] == 90
    assert said["kansoku.cost.usd"] == pytest.approx((20 * 1 + 500 * 0.1 + 60 * 1.25 + 90 * 5) / 1e6)
    assert "調べて" in said["gen_ai.input.messages"]
    assert "火曜日。" in said["gen_ai.output.messages"]


def test_a_session_that_was_not_asked_for_has_no_model(vendor: Vendor, serve: Any, spans: Any) -> None:
    """Its tokens are told all the same; by the asynchronous client, too."""
    name = serve(*turn(ended(is_error=True), ended()))

    async def read() -> None:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=vendor.url) as client:
            async for _ in await client.beta.sessions.events.stream(name):
                pass

    asyncio.run(read())
    failed, fine = (dict(span.attributes) for span in spans.all())
    assert failed["error.type"] == "model_request_error"
    assert "error.type" not in fine
    assert fine["gen_ai.request.model"] == ""
    assert fine["gen_ai.usage.output_tokens"] == 90
    assert "kansoku.cost.usd" not in fine


def test_a_session_is_remembered_from_its_start(vendor: Vendor, serve: Any, spans: Any) -> None:
    """By the asynchronous client; nothing is told of events without a request."""
    name = serve(event("session.status_idle", stop_reason={"type": "end_turn"}), ended())

    async def read() -> None:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=vendor.url) as client:
            made = await client.beta.sessions.create(agent="agent_1", environment_id="env_1")
            async for _ in await client.beta.sessions.events.stream(made.id):
                pass

    asyncio.run(read())
    told = spans.attributes()
    assert told["gen_ai.request.model"] == "claude-sonnet-4-5"
    assert told["gen_ai.conversation.id"] == name


def test_a_raw_response_is_left_as_it_is(client: Any, serve: Any, spans: Any) -> None:
    """Who reads the headers of a stream gets them."""
    name = serve(ended())
    response = client.beta.sessions.events.with_raw_response.stream(name)
    assert [each.type for each in response.parse()] == ["span.model_request_end"]
    assert spans.all() == []
