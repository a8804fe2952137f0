"""LiteLLM over other vendors: what it leaves out of OpenAI's shapes, and what it puts in their place."""

import gc
import json
import os
from typing import Any

import pytest
from support.litellm_clients import drop_connections
from support.vendor import Vendor, sse

litellm: Any = None  # set by `_imported`

pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine 'Logging.async_success_handler' was never awaited"),
    pytest.mark.filterwarnings("ignore:There is no current event loop"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_(computed_)?fields' attribute"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <coroutine object LoggingWorker"),
]
ASK: Any = [{"role": "user", "content": "大雨の日も集めますか？"}]


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import the library where its tests run: it takes seconds."""
    global litellm  # noqa: PLW0603
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network for prices
    litellm = pytest.importorskip("litellm")
    gc.freeze()


@pytest.fixture(autouse=True)
def _tidy(_imported: None) -> Any:
    """Close what LiteLLM keeps open."""
    yield
    drop_connections(litellm)


def ask(model: str, stream: bool, base: str) -> Any:
    """Ask a model; read a stream to its end."""
    options = {"stream_options": {"include_usage": True}} if stream else {}
    found = litellm.completion(
        model=model, messages=ASK, api_base=base, api_key="test", stream=stream, num_retries=0, **options
    )
    return list(found) if stream else found


GOOGLES_USAGE = {
    "promptTokenCount": 20,
    "toolUsePromptTokenCount": 700,
    "candidatesTokenCount": 30,
    "thoughtsTokenCount": 50,
    "totalTokenCount": 800,
}


@pytest.mark.parametrize("stream", [False, True])
def test_what_geminis_tools_read_is_counted(stream: bool, vendor: Vendor, spans: Any) -> None:
    """LiteLLM has it in the sum of a usage alone, and of a stream not even there."""
    parts = [{"text": "警報が出た日は", "thought": False}, {"text": "休みます。"}]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    answer = {"candidates": [candidate], "usageMetadata": GOOGLES_USAGE, "modelVersion": "gemini-2.5-pro"}
    vendor.answer(sse(answer, done=False) if stream else answer)
    ask("gemini/gemini-2.5-pro", stream, vendor.url)
    told = spans.attributes()
    assert told["gen_ai.usage.input_tokens"] == 720
    assert told["gen_ai.usage.output_tokens"] == 80
    assert told["gen_ai.usage.reasoning.output_tokens"] == 50


def test_the_id_of_a_call_is_told_without_what_is_hung_on_it(vendor: Vendor, spans: Any) -> None:
    """LiteLLM puts the signature of Gemini's thoughts there; a program sends both back."""
    call = {"functionCall": {"name": "closed_on", "args": {"day": "火"}}, "thoughtSignature": "c2ln" * 200}
    candidate = {"content": {"role": "model", "parts": [call]}, "finishReason": "STOP", "index": 0}
    vendor.answer({"candidates": [candidate], "usageMetadata": GOOGLES_USAGE})
    message = ask("gemini/gemini-3-pro-preview", False, vendor.url).choices[0].message
    (given,) = message.tool_calls
    assert "__thought__" in given.id
    (told,) = spans.messages()[0]["parts"]
    assert (told["type"], told["name"]) == ("tool_call", "closed_on")
    assert told["id"] == given.id.partition("__thought__")[0]
    result = {"role": "tool", "tool_call_id": given.id, "content": "休み"}
    litellm.completion(
        model="gemini/gemini-3-pro-preview",
        messages=[*ASK, message.model_dump(), result],
        api_base=vendor.url,
        api_key="test",
    )
    sent = [part for span in spans.all()[1:] for part in _parts(span, "gen_ai.input.messages")]
    assert [part["id"] for part in sent if "id" in part] == [told["id"], told["id"]]


def _parts(span: Any, key: str) -> list[dict[str, Any]]:
    """Return the parts of the messages of a span."""
    return [part for message in json.loads(span.attributes[key]) for part in message["parts"]]


RAN = {"type": "server_tool_use", "id": "srvtoolu_7", "name": "web_search", "input": {"query": "大雨 ごみ"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_7", "content": []}
WORDS = "集めます。"


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_that_anthropic_ran_is_no_call_for_the_program(
    stream: bool, vendor: Vendor, spans: Any
) -> None:
    """LiteLLM has it among the calls that the program is to make."""
    usage = {"input_tokens": 900, "output_tokens": 40, "server_tool_use": {"web_search_requests": 1}}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
    whole = {**head, "content": [RAN, FOUND, {"type": "text", "text": WORDS}], "stop_reason": "end_turn"}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**head, "content": [], "usage": {**usage, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {**RAN, "input": {}}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": '{"query": "大雨 ごみ"}'},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": FOUND},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": WORDS}},
        {"type": "content_block_stop", "index": 2},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]
    named = [(event["type"], event) for event in events]
    vendor.answer(sse(*named, done=False) if stream else {**whole, "usage": usage})
    ask("anthropic/claude-sonnet-4-5", stream, vendor.url)
    (message,) = spans.messages()
    assert message["finish_reason"] == "stop"
    kinds = {part["type"]: part for part in message["parts"]}
    assert kinds.keys() == {"text", "server_tool_call"}
    assert kinds["text"]["content"] == WORDS
    told = {name: kinds["server_tool_call"][name] for name in ("id", "name", "arguments")}
    assert told == {"id": "srvtoolu_7", "name": "web_search", "arguments": {"query": "大雨 ごみ"}}
