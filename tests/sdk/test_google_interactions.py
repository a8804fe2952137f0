"""Interactions with Google's models and agents: what their spans say."""

import asyncio
import json
from typing import Any

import pytest
from google import genai
from support.vendor import Reply, Vendor, sse

USAGE = {
    "total_input_tokens": 40,
    "total_cached_tokens": 10,
    "total_output_tokens": 6,
    "total_thought_tokens": 9,
    "total_tool_use_tokens": 20,
    "total_tokens": 75,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 30}, {"modality": "image", "tokens": 10}],
}
CALL = {"type": "function_call", "id": "f-1", "name": "find", "arguments": {"ward": "北区"}}
TOLD: dict[str, Any] = {
    "id": "v1_1",
    "object": "interaction",
    "model": "gemini-3-flash-preview",
    "status": "requires_action",
    "steps": [
        {"type": "user_input", "content": [{"type": "text", "text": "いつ"}]},
        {"type": "thought", "summary": [{"type": "text", "text": "Hm."}]},
        {"type": "code_execution_call", "id": "c-1", "arguments": {"language": "python", "code": "1"}},
        {"type": "code_execution_result", "call_id": "c-1", "result": "1"},
        {"type": "model_output", "content": [{"type": "text", "text": "火曜"}]},
        CALL,
    ],
    "usage": USAGE,
}
PARTS = [
    {"type": "reasoning", "content": "Hm."},
    {"type": "server_tool_call", "id": "c-1", "name": "code_execution"},
    {"type": "server_tool_call_response", "id": "c-1", "response": "1"},
    {"type": "text", "content": "火曜"},
    {"type": "tool_call", "id": "f-1", "name": "find", "arguments": {"ward": "北区"}},
]
ASKED: dict[str, Any] = {
    "model": "gemini-3-flash-preview",
    "input": "いつ",
    "system_instruction": "Be brief.",
    "generation_config": {"temperature": 0.5, "max_output_tokens": 20, "thinking_level": "low"},
    "tools": [{"type": "code_execution"}, {"type": "function", "name": "find", "parameters": {}}],
}


def streamed() -> Reply:
    """Return the events of a stream that says the same."""
    begun = {"id": "v1_1", "object": "interaction", "status": "in_progress", "model": TOLD["model"]}
    thought, code, result, words, call = (dict(step) for step in TOLD["steps"][1:])
    deltas: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        ({"type": "thought"}, [{"type": "thought_summary", "content": item} for item in thought["summary"]]),
        (code, []),
        (result, []),
        ({"type": "model_output"}, [{"type": "text", "text": text} for text in ("火", "曜")]),
        (
            {**call, "arguments": {}},
            [{"type": "arguments_delta", "arguments": text} for text in ('{"ward":', '"北区"}')],
        ),
    ]
    assert words["type"] == "model_output"
    events: list[dict[str, Any]] = [{"event_type": "interaction.created", "interaction": begun}]
    for index, (step, pieces) in enumerate(deltas):
        events.append({"event_type": "step.start", "index": index, "step": step})
        events += [{"event_type": "step.delta", "index": index, "delta": piece} for piece in pieces]
        events.append({"event_type": "step.stop", "index": index})
    done = {**begun, "status": "requires_action", "usage": USAGE}
    events.append({"event_type": "interaction.completed", "interaction": done})
    return sse(*((event["event_type"], event) for event in events))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_an_interaction_is_a_call_with_everything_said(
    stream: bool, later: bool, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole or streamed: thoughts, the vendor's tools, words and calls, each token in one bucket."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "gcp.gemini")
    spans = start()
    vendor.answer(streamed() if stream else TOLD)
    client = genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url})

    async def ask() -> None:
        result = await client.aio.interactions.create(**ASKED, stream=stream)
        if stream:
            assert [event async for event in result]

    if later:
        asyncio.run(ask())
    elif stream:
        assert list(client.interactions.create(**ASKED, stream=True))
    else:
        client.interactions.create(**ASKED)
    found = spans.attributes()
    assert (found["gen_ai.operation.name"], found["gen_ai.provider.name"]) == ("chat", "gcp.gemini")
    assert found["gen_ai.request.model"] == found["gen_ai.response.model"] == "gemini-3-flash-preview"
    assert (found["gen_ai.request.temperature"], found["gen_ai.request.max_tokens"]) == (0.5, 20)
    assert found["gen_ai.request.reasoning.level"] == "low"
    assert found["gen_ai.response.id"] == "v1_1"
    assert found["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (60, 15)
    assert found["gen_ai.usage.cache_read.input_tokens"] == 10
    assert found["gen_ai.usage.reasoning.output_tokens"] == 9
    assert "いつ" in found["gen_ai.input.messages"]
    assert "Be brief." in found["gen_ai.system_instructions"]
    tools = json.loads(found["gen_ai.tool.definitions"])
    assert [tool.get("name", tool["type"]) for tool in tools] == ["code_execution", "find"]
    parts = spans.messages()[0]["parts"]
    assert parts[1].pop("arguments")["code"] == "1"
    assert parts == PARTS


@pytest.mark.filterwarnings("ignore")
def test_what_came_of_a_call_is_a_tools_message(vendor: Vendor, spans: Any) -> None:
    """The interaction before is named."""
    vendor.answer({**TOLD, "status": "completed", "steps": TOLD["steps"][4:5]})
    client = genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url})
    result = {"type": "function_result", "call_id": "f-1", "name": "find", "result": "火・金"}
    client.interactions.create(model="gemini-3-flash-preview", previous_interaction_id="v1_1", input=[result])
    found = spans.attributes()
    assert json.loads(found["gen_ai.input.messages"]) == [
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "f-1", "response": "火・金"}]}
    ]
    assert found["gen_ai.request.previous_response.id"] == "v1_1"
    assert found["gen_ai.response.finish_reasons"] == ("stop",)


@pytest.mark.filterwarnings("ignore")
def test_an_image_that_a_tool_gave_is_told_by_size(vendor: Vendor, spans: Any) -> None:
    """Of the question and of the answer; the picture itself is in no attribute."""
    drawn = {"type": "image", "mime_type": "image/png", "data": "QUJD"}
    result = {"type": "function_result", "call_id": "f-1", "result": [{"type": "text", "text": "火"}, drawn]}
    vendor.answer({**TOLD, "status": "completed", "steps": [result]})
    client = genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url})
    client.interactions.create(model="gemini-3-flash-preview", input=[result])
    image = {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3}
    for key in ("gen_ai.input.messages", "gen_ai.output.messages"):
        (part,) = spans.messages(key)[0]["parts"]
        assert [part["response"][0]["text"], part["response"][1]] == ["火", image]


@pytest.mark.filterwarnings("ignore")
def test_a_stream_left_early_is_told_as_far_as_it_came(vendor: Vendor, spans: Any) -> None:
    """What it began with is no finish reason."""
    vendor.answer(streamed())
    client = genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url})
    with client.interactions.create(**ASKED, stream=True) as stream:
        for _ in range(4):
            next(stream)
    found = spans.attributes()
    assert "gen_ai.response.finish_reasons" not in found
    assert found["gen_ai.response.id"] == "v1_1"
    assert spans.messages()[0]["parts"] == PARTS[:1]


@pytest.mark.filterwarnings("ignore")
def test_a_refused_interaction_has_its_status(vendor: Vendor, spans: Any) -> None:
    """The client's own exception reaches the caller."""
    vendor.answer(Reply(b'{"error": {"code": "invalid_request", "message": "no"}}', status=400))
    client = genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url})
    with pytest.raises(Exception, match="no"):
        client.interactions.create(**ASKED)
    assert spans.attributes()["http.response.status_code"] == 400


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", [False, True])
def test_raw_responses_are_the_callers_own(stream: bool, vendor: Vendor, spans: Any) -> None:
    """What is read from them later is as without Kansoku; the call has its span."""
    vendor.answer(streamed() if stream else TOLD)
    client = genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url})
    raw = client.interactions.with_raw_response.create(**ASKED, stream=stream)
    parsed = raw.parse()
    assert list(parsed) if stream else parsed.id == "v1_1"
    assert spans.attributes()["gen_ai.request.model"] == "gemini-3-flash-preview"


BEGUN = {"object": "interaction", "status": "in_progress", "agent": "deep-research", "steps": []}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("later", [False, True])
def test_what_ran_in_the_background_is_told_when_it_is_there_and_once(
    later: bool, vendor: Vendor, spans: Any
) -> None:
    """An agent works for minutes; what it used is in the answer that the program fetches."""
    begun = {**BEGUN, "id": f"v1_background_{later}"}
    done = {**TOLD, "id": begun["id"], "status": "completed"}
    vendor.answer(begun, begun, done, done)
    client = genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url})
    asked: Any = {"agent": "deep-research", "input": "いつ", "background": True}

    async def ask() -> None:
        await client.aio.interactions.create(**asked)
        for _ in range(3):
            await client.aio.interactions.get(begun["id"])

    if later:
        asyncio.run(ask())
    else:
        client.interactions.create(**asked)
        for _ in range(3):
            client.interactions.get(begun["id"])
    first, last = (dict(span.attributes) for span in spans.all())
    assert first["gen_ai.response.finish_reasons"] == ("in_progress",)
    assert "gen_ai.usage.output_tokens" not in first
    assert last["gen_ai.response.finish_reasons"] == ("stop",)
    assert last["gen_ai.usage.output_tokens"] == 15
    assert "火曜" in last["gen_ai.output.messages"]


@pytest.mark.filterwarnings("ignore")
def test_a_stream_that_goes_on_is_told(vendor: Vendor, spans: Any) -> None:
    """What broke off is read on by its identifier; an interaction of somebody else's is not."""
    begun = {**BEGUN, "id": "v1_1", "model": "gemini-3-flash-preview"}
    created = ("interaction.created", {"event_type": "interaction.created", "interaction": begun})
    vendor.answer(sse(created), streamed(), streamed(), TOLD)
    client = genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url})
    list(client.interactions.create(**ASKED, stream=True))
    for _ in range(2):
        list(client.interactions.get("v1_1", stream=True, last_event_id="e1"))
    client.interactions.get("v1_1")
    told = [span.attributes.get("gen_ai.usage.output_tokens") for span in spans.all()]
    assert told == [None, 15]


@pytest.mark.filterwarnings("ignore")
def test_a_request_of_the_clients_own_class_is_read(vendor: Vendor, spans: Any) -> None:
    """The model and the question may be inside of one argument."""
    vendor.answer(TOLD)
    client = genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url})
    client.interactions.create(request={"body": {"model": "gemini-3-flash-preview", "input": "いつ"}})
    found = spans.attributes()
    assert found["gen_ai.request.model"] == "gemini-3-flash-preview"
    assert "いつ" in found["gen_ai.input.messages"]
