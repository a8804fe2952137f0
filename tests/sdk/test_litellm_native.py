"""LiteLLM's functions that speak Anthropic's and Google's own APIs."""

import asyncio
import gc
import json
import os
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from support.litellm_clients import drop_connections
from support.vendor import Vendor, sse

litellm: Any = None  # set by `_imported`

pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine 'Logging.async_success_handler' was never awaited"),
    pytest.mark.filterwarnings("ignore:There is no current event loop"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <coroutine object LoggingWorker"),
]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [{"type": "text", "text": "火曜日"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 30, "cache_read_input_tokens": 20, "output_tokens": 9},
}
ASK: Any = {
    "model": "anthropic/claude-haiku-4-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "いつ"}],
    "system": "短く。",
}
CONTENT = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "火曜日"}]}, "finishReason": "STOP", "index": 0}
    ],
    "modelVersion": "gemini-2.5-flash",
    "responseId": "r-1",
    "usageMetadata": {
        "promptTokenCount": 30,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 39,
    },
}


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import the library where its tests run."""
    global litellm  # noqa: PLW0603
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network for prices
    litellm = pytest.importorskip("litellm")
    pytest.importorskip("litellm.google_genai")
    gc.freeze()


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Drop, without a word, the connections that LiteLLM keeps and never closes."""
    yield
    drop_connections(litellm)


@pytest.fixture
def where(vendor: Vendor) -> dict[str, str]:
    """Give the arguments that lead LiteLLM to the vendor on loopback."""
    return {"api_base": vendor.url, "api_key": "k"}


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for what passes a stream's bytes on: it is in LiteLLM's proxy, not in the library."""

    class Handler:
        @staticmethod
        async def chunk_processor(response: Any, **_: Any) -> Any:
            async for piece in response.aiter_bytes(7):
                yield piece

        @staticmethod
        async def _route_streaming_logging_to_handler(**_: Any) -> None:
            pass

        route_streaming_logging_to_handler = _route_streaming_logging_to_handler  # from 1.106 on

    name = "litellm.proxy.pass_through_endpoints.streaming_handler"
    module: Any = types.ModuleType(name)
    module.PassThroughStreamingHandler = Handler
    monkeypatch.setitem(sys.modules, name, module)


def check_message(found: dict[str, Any]) -> None:
    """Check what is told of the message, whole or streamed."""
    assert found["gen_ai.provider.name"] == "anthropic"
    assert found["gen_ai.request.model"] == "claude-haiku-4-5"
    assert found["kansoku.router.model"] == "anthropic/claude-haiku-4-5"
    assert found["gen_ai.request.max_tokens"] == 100
    assert json.loads(found["gen_ai.system_instructions"]) == [{"type": "text", "content": "短く。"}]
    assert json.loads(found["gen_ai.input.messages"])[0]["parts"][0]["content"] == "いつ"
    assert (found["gen_ai.response.id"], found["gen_ai.response.model"]) == ("msg_1", MESSAGE["model"])
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    names = ("input_tokens", "cache_read.input_tokens", "output_tokens")
    assert [found[f"gen_ai.usage.{name}"] for name in names] == [50, 20, 9]
    assert json.loads(found["gen_ai.output.messages"])[0]["parts"] == [{"type": "text", "content": "火曜日"}]
    assert found["kansoku.cost.usd"] == pytest.approx((30 * 1 + 20 * 0.1 + 9 * 5) / 1e6)


@pytest.mark.parametrize("name", ["anthropic.messages.acreate", "anthropic_messages"])
def test_a_message_is_one_span(name: str, where: Any, vendor: Vendor, spans: Any) -> None:
    """One function calls the other; the call is told once."""
    vendor.answer(MESSAGE)
    function = litellm
    for part in name.split("."):
        function = getattr(function, part)
    answer = asyncio.run(function(**ASK, **where))
    assert answer["content"][0]["text"] == "火曜日"
    check_message(spans.attributes())


def test_a_stream_of_a_message_is_put_together(where: Any, vendor: Vendor, spans: Any, passing: None) -> None:
    """It comes as bytes, cut anywhere."""
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "火"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "曜日"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    vendor.answer(sse(*((each["type"], each) for each in events), done=False))

    async def read() -> bytes:
        stream = await litellm.anthropic.messages.acreate(**ASK, **where, stream=True)
        return b"".join([piece async for piece in stream])

    assert "曜日".encode() in asyncio.run(read())
    found = spans.attributes()
    assert found["gen_ai.request.stream"] is True
    check_message(found)


def check_content(found: dict[str, Any]) -> None:
    """Check what is told of Google's answer, whole or streamed."""
    assert found["gen_ai.provider.name"] == "gcp.gemini"
    assert found["gen_ai.request.model"] == found["gen_ai.response.model"] == "gemini-2.5-flash"
    assert found["gen_ai.request.temperature"] == 0.5
    assert json.loads(found["gen_ai.input.messages"])[0]["parts"][0]["content"] == "いつ"
    assert [tool["name"] for tool in json.loads(found["gen_ai.tool.definitions"])] == ["find"]
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    names = ("input_tokens", "output_tokens", "reasoning.output_tokens")
    assert [found[f"gen_ai.usage.{name}"] for name in names] == [30, 9, 5]
    assert json.loads(found["gen_ai.output.messages"])[0]["parts"] == [{"type": "text", "content": "火曜日"}]


@pytest.mark.parametrize("later", [False, True])
def test_content_of_googles_api_is_one_span(later: bool, where: Any, vendor: Vendor, spans: Any) -> None:
    """As Google's own client would have it told."""
    vendor.answer(CONTENT)
    asked = content_asked(where)
    if later:
        answer = asyncio.run(litellm.google_genai.agenerate_content(**asked))
    else:
        answer = litellm.google_genai.generate_content(**asked)
    assert answer.candidates[0]["content"]["parts"][0]["text"] == "火曜日"
    check_content(spans.attributes())


def test_a_stream_of_googles_api_is_put_together(
    where: Any, vendor: Vendor, spans: Any, passing: None
) -> None:
    """Two pieces, and the counts of the last."""
    pieces = [json.loads(json.dumps(CONTENT)) for _ in range(2)]
    for piece, text in zip(pieces, ("火曜", "日"), strict=True):
        piece["candidates"][0]["content"]["parts"][0]["text"] = text
    vendor.answer(sse(*pieces, done=False))

    async def read() -> list[bytes]:
        stream = await litellm.google_genai.agenerate_content_stream(**content_asked(where))
        return [piece async for piece in stream]

    assert asyncio.run(read())
    found = spans.attributes()
    assert found["gen_ai.request.stream"] is True
    check_content(found)


def content_asked(where: dict[str, str]) -> dict[str, Any]:
    """Return a request of Google's API."""
    return {
        "model": "gemini/gemini-2.5-flash",
        "contents": [{"role": "user", "parts": [{"text": "いつ"}]}],
        "config": {"temperature": 0.5},
        "tools": [{"functionDeclarations": [{"name": "find"}]}],
        **where,
    }
