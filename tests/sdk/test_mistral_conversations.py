"""Conversations that Mistral keeps, and its transcriptions: what their spans say."""

import asyncio
import json
from typing import Any

import pytest
from mistralai.client import Mistral
from support.vendor import Reply, sse

AT = "2026-01-01T00:00:00Z"
SEARCH = {"name": "web_search", "arguments": '{"query": "北区"}', "info": {"pages": 1}}
CALL = {"tool_call_id": "t-1", "name": "find", "arguments": '{"ward": "北区"}'}
USAGE = {"prompt_tokens": 30, "completion_tokens": 8, "connector_tokens": 70, "total_tokens": 108}
TOLD = {
    "object": "conversation.response",
    "conversation_id": "conv_1",
    "outputs": [
        {"type": "tool.execution", "id": "x-1", "model": "mistral-medium-2505", **SEARCH},
        {"type": "message.output", "id": "m-1", "content": "火曜", "model": "mistral-medium-2505"},
        {"type": "function.call", "id": "f-1", "model": "mistral-medium-2505", **CALL},
    ],
    "usage": {**USAGE, "connectors": {"web_search": 1}},
}
EVENTS = (
    {"type": "conversation.response.started", "created_at": AT, "conversation_id": "conv_1"},
    {"type": "tool.execution.started", "id": "x-1", "name": "web_search", "arguments": SEARCH["arguments"]},
    {"type": "tool.execution.done", "id": "x-1", "name": "web_search", "info": SEARCH["info"]},
    {"type": "message.output.delta", "id": "m-1", "content": "火", "model": "mistral-medium-2505"},
    {"type": "message.output.delta", "id": "m-1", "content": {"type": "text", "text": "曜"}},
    {"type": "function.call.delta", "id": "f-1", **{**CALL, "arguments": '{"ward":'}},
    {"type": "function.call.delta", "id": "f-1", **{**CALL, "arguments": ' "北区"}'}},
    {"type": "conversation.response.done", "usage": TOLD["usage"]},
)
PARTS = [
    {"type": "server_tool_call", "id": "x-1", "name": "web_search", "arguments": {"query": "北区"}},
    {"type": "server_tool_call_response", "id": "x-1", "response": {"pages": 1}},
    {"type": "text", "content": "火曜"},
    {"type": "tool_call", "id": "t-1", "name": "find", "arguments": {"ward": "北区"}},
]
ASKED: dict[str, Any] = {
    "model": "mistral-medium-latest",
    "inputs": [{"role": "user", "content": "いつ"}],
    "instructions": "Be brief.",
    "tools": [{"type": "web_search"}, {"type": "function", "function": {"name": "find", "parameters": {}}}],
    "completion_args": {"temperature": 0.5, "max_tokens": 20},
}


def events(*told: dict[str, Any]) -> Reply:
    """Return a stream of a conversation."""
    return sse(*((event["type"], event) for event in told), done=False)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_a_conversation_is_a_call_with_everything_said(
    stream: bool, later: bool, vendor: Any, spans: Any
) -> None:
    """Whole or streamed: what the vendor's tools gave to read is a part of the input."""
    vendor.answer(events(*EVENTS) if stream else TOLD)

    async def ask(talk: Any) -> None:
        result = await (talk.start_stream_async if stream else talk.start_async)(**ASKED)
        if stream:
            assert len([event async for event in result]) == len(EVENTS)

    with Mistral(api_key="test", server_url=vendor.url) as client:
        talk = client.beta.conversations
        if later:
            asyncio.run(ask(talk))
        elif stream:
            assert len(list(talk.start_stream(**ASKED))) == len(EVENTS)
        else:
            talk.start(**ASKED)
    found = spans.attributes()
    assert (found["gen_ai.operation.name"], found["gen_ai.provider.name"]) == ("chat", "mistral_ai")
    assert found["gen_ai.request.model"] == "mistral-medium-latest"
    assert found["gen_ai.response.model"] == "mistral-medium-2505"
    assert found["gen_ai.conversation.id"] == "conv_1"
    assert (found["gen_ai.request.temperature"], found["gen_ai.request.max_tokens"]) == (0.5, 20)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (100, 8)
    assert found["kansoku.usage.web_search.requests"] == 1
    assert "いつ" in found["gen_ai.input.messages"]
    assert "Be brief." in found["gen_ai.system_instructions"]
    assert [tool["type"] for tool in json.loads(found["gen_ai.tool.definitions"])] == [
        "web_search",
        "function",
    ]
    assert spans.messages()[0]["parts"] == PARTS


def test_what_came_of_a_call_is_sent_to_the_conversation(vendor: Any, spans: Any) -> None:
    """It is a tool's message; conversation and agent are named."""
    vendor.answer(TOLD)
    result = {"type": "function.result", "tool_call_id": "t-1", "result": "火・金"}
    with Mistral(api_key="test", server_url=vendor.url) as client:
        client.beta.conversations.append(conversation_id="conv_1", inputs=[result])
        client.beta.conversations.start(agent_id="ag_1", inputs="いつ")
    appended, begun = (span.attributes for span in spans.all())
    (message,) = json.loads(appended["gen_ai.input.messages"])
    assert message == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "t-1", "response": "火・金"}],
    }
    assert appended["gen_ai.conversation.id"] == "conv_1"
    assert begun["gen_ai.agent.id"] == "ag_1"


def test_a_conversation_that_fails_in_its_stream_is_a_failure(vendor: Any, spans: Any) -> None:
    """Code and words are the vendor's; what came before is kept."""
    problem = {"type": "conversation.response.error", "message": "overloaded", "code": 529}
    vendor.answer(events(*EVENTS[:4], problem))
    with Mistral(api_key="test", server_url=vendor.url) as client:
        list(client.beta.conversations.start_stream(**ASKED))
    assert spans.attributes()["error.type"] == "529"
    assert spans.one().status.description == "overloaded"
    assert spans.messages()[0]["parts"][-1] == {"type": "text", "content": "火"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_transcription_is_told_with_its_seconds(stream: bool, vendor: Any, spans: Any) -> None:
    """The sound itself stays out; its seconds and tokens are the vendor's own."""
    usage = {"prompt_audio_seconds": 12, "prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10}
    told = {
        "model": "voxtral-mini-2507",
        "text": "火曜日。",
        "language": "ja",
        "usage": usage,
        "segments": [],
    }
    pieces = [{"type": "transcription.text.delta", "text": "火"}, {"type": "transcription.done", **told}]
    vendor.answer(events(*pieces) if stream else told)
    sound = {"file_name": "rubbish.wav", "content": b"abc", "content_type": "audio/wav"}
    with Mistral(api_key="test", server_url=vendor.url) as client:
        if stream:
            list(client.audio.transcriptions.stream(model="voxtral-mini-latest", file=sound))
        else:
            client.audio.transcriptions.complete(model="voxtral-mini-latest", file=sound)
    found = spans.attributes()
    assert found["gen_ai.response.model"] == "voxtral-mini-2507"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (4, 6)
    assert found["kansoku.usage.audio.input_seconds"] == 12
    assert json.loads(found["gen_ai.input.messages"])[0]["parts"] == [
        {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "size": 3, "name": "rubbish.wav"}
    ]
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日。"}]
