"""The anthropic client, traced: calls, streams, helpers and clouds, against a vendor on loopback."""

import asyncio
import gc
import json
from decimal import Decimal
from functools import partial
from typing import Any

import anthropic
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import BaseModel
from support.pages import run_page
from support.vendor import Reply, Vendor, sse

import kansoku
from kansoku.spans import clock

MODEL = "claude-haiku-4-5"
ASK: Any = [{"role": "user", "content": "ごみの収集日は？"}]
USAGE = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 50,
    "cache_read_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
    "output_tokens": 40,
    "output_tokens_details": {"thinking_tokens": 15},
    "service_tier": "standard",
    "inference_geo": "global",
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
}


def message(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a message as the API sends it."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": list(content) or [{"type": "text", "text": "火曜日です。"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
        **fields,
    }


def events(*, upto: int | None = None) -> Reply:
    """Return a stream of a thought, a text and a tool call; its first `upto` events."""
    start = message()
    start["content"] = []
    start["stop_reason"] = None
    start["usage"] = {**USAGE, "output_tokens": 1, "output_tokens_details": None, "server_tool_use": None}
    tool = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm"}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "signature_delta", "signature": "c2ln"},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "火曜"}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "日"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": tool},
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": '{"wa'},
        },
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": 'rd":"北"}'},
        },
        {"type": "content_block_stop", "index": 2},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 40, "output_tokens_details": {"thinking_tokens": 15}},
        },
        {"type": "message_stop"},
    ]
    return sse(*((event["type"], event) for event in told[:upto]), done=False)


@pytest.fixture
def client(vendor: Vendor, spans: Any) -> Any:
    """Give a client of the vendor."""
    with anthropic.Anthropic(api_key="sk-test", base_url=vendor.url, max_retries=0) as client:
        yield client


def test_a_call_is_one_client_span_with_everything_said(client: Any, vendor: Vendor, spans: Any) -> None:
    """Request, answer, usage, tier and tools of the vendor are on the span of a message."""
    vendor.answer(message(stop_reason="stop_sequence", stop_sequence="。。", container={"id": "c-1"}))
    client.messages.create(
        model=MODEL, max_tokens=300, messages=ASK, system=[{"type": "text", "text": "Be brief."}],
        stop_sequences=["。。"], metadata={"user_id": "resident-1"},
        tool_choice={"type": "tool", "name": "find"},
        thinking={"type": "enabled", "budget_tokens": 1024}, output_config={"effort": "low"},
        extra_body={"temperature": 0.2, "top_p": 0.9, "top_k": 5},
        tools=[{"name": "find", "description": "d", "input_schema": {"type": "object"}},
               {"type": "web_search_20250305", "name": "web_search"}],
    )  # fmt: skip
    span = spans.one()
    assert (span.name, span.kind, span.status.status_code) == (
        f"chat {MODEL}",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    found = spans.attributes()
    assert json.loads(found.pop("gen_ai.input.messages")) == [
        {"role": "user", "parts": [{"type": "text", "content": "ごみの収集日は？"}]}
    ]
    assert json.loads(found.pop("gen_ai.system_instructions")) == [{"type": "text", "content": "Be brief."}]
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "火曜日です。"}],
            "finish_reason": "stop",
        }
    ]
    assert json.loads(found.pop("gen_ai.tool.definitions")) == [
        {"type": "function", "name": "find", "description": "d", "parameters": {"type": "object"}},
        {"type": "web_search_20250305", "name": "web_search"},
    ]
    assert found.pop("server.port") == int(vendor.url.rpartition(":")[2])
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.max_tokens": 300,
        "gen_ai.request.stop_sequences": ("。。",),
        "gen_ai.request.reasoning.level": "low",
        "kansoku.request.thinking.budget_tokens": 1024,
        "gen_ai.request.tool_choice": "find",
        "user.id": "resident-1",
        "server.address": "127.0.0.1",
        "gen_ai.response.model": "claude-haiku-4-5-20251001",
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ("stop",),
        "kansoku.response.stop_sequence": "。。",
        "kansoku.response.container.id": "c-1",
        "kansoku.response.service_tier": "standard",
        "kansoku.response.inference_geo": "global",
        "kansoku.usage.web_search.requests": 2,
        "kansoku.usage.web_fetch.requests": 1,
        "gen_ai.usage.input_tokens": 180,
        "gen_ai.usage.output_tokens": 40,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "gen_ai.usage.cache_write.input_tokens": 50,
        "kansoku.usage.cache_write_1h.input_tokens": 30,
        "gen_ai.usage.reasoning.output_tokens": 15,
    }


def test_what_a_cache_gave_and_took_has_its_own_price(
    vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write costs 1.25 (for an hour: 2) and a read 0.1 times the input; a web search costs a cent.

    Input is 1 dollar a million, output 5.
    """
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "anthropic")
    spans = start()
    clock.use(lambda: 1_764_000_000_000_000_000)
    vendor.answer(message(usage=USAGE))
    with anthropic.Anthropic(api_key="sk-test", base_url=vendor.url) as client:
        client.messages.create(model=MODEL, max_tokens=300, messages=ASK)
    tokens = 100 + 20 * Decimal("1.25") + 30 * 2 + 30 * Decimal("0.1") + 40 * 5
    dollars = tokens / 1_000_000 + 2 * Decimal("0.01")
    assert spans.attributes()["kansoku.cost.usd"] == pytest.approx(float(dollars), rel=1e-12)


STREAMED = [
    {"type": "reasoning", "content": "Hm"},
    {"type": "text", "content": "火曜日"},
    {"type": "tool_call", "id": "toolu_1", "name": "find", "arguments": {"ward": "北"}},
]


def check_stream(spans: Any) -> None:
    """Check the span of a whole stream."""
    found = spans.attributes()
    assert spans.messages() == [{"role": "assistant", "parts": STREAMED, "finish_reason": "tool_calls"}]
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.response.time_to_first_chunk"] > 0
    assert found["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (180, 40)
    assert found["gen_ai.usage.reasoning.output_tokens"] == 15
    assert "kansoku.usage.estimated" not in found
    assert "kansoku.stream.closed_early" not in found


def test_a_stream_is_told_when_it_has_been_read(client: Any, vendor: Vendor, spans: Any) -> None:
    """The caller gets the client's own stream; thoughts, texts, tool calls and usage are put together."""
    vendor.answer(events())
    stream = client.messages.create(model=MODEL, max_tokens=300, messages=ASK, stream=True)
    assert isinstance(stream, anthropic.Stream)
    assert [event.type for event in stream][-1] == "message_stop"
    check_stream(spans)


@pytest.mark.parametrize("beta", [False, True])
def test_the_stream_helper_is_traced_from_its_entry(
    beta: bool, client: Any, vendor: Vendor, spans: Any
) -> None:
    """`stream()` alone makes no request and no span; its text and its final message are as without us."""
    vendor.answer(events())
    messages = client.beta.messages if beta else client.messages
    manager = messages.stream(model=MODEL, max_tokens=300, messages=ASK)
    assert not vendor.asked
    with manager as stream:
        assert list(stream.text_stream) == ["火曜", "日"]
        assert stream.get_final_message().content[2].input == {"ward": "北"}
    check_stream(spans)


def test_a_model_that_takes_over_inside_a_stream_is_the_one_that_answers(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """The model that began and declined is in the first event, its successor in a block."""
    begun = message(model="claude-first", stop_reason=None, usage={"input_tokens": 9, "output_tokens": 1})
    takeover = {
        "type": "fallback",
        "from": {"model": "claude-first"},
        "to": {"model": "claude-second"},
        "trigger": {"type": "refusal"},
    }
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": takeover},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "火"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
    vendor.answer(sse(*((event["type"], event) for event in told), done=False))
    for _ in client.beta.messages.create(model=MODEL, max_tokens=300, messages=ASK, stream=True):
        pass
    found = spans.attributes()
    assert found["gen_ai.response.model"] == "claude-second"
    handed_over = {"type": "fallback", "from": "claude-first", "to": "claude-second"}
    assert spans.messages()[0]["parts"] == [handed_over, {"type": "text", "content": "火"}]
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (9, 4)


def test_asynchronous_streams_are_traced_alike(vendor: Vendor, spans: Any) -> None:
    """Both ways of streaming with the asynchronous client."""
    vendor.answer(events())

    async def ask() -> None:
        async with anthropic.AsyncAnthropic(api_key="sk-test", base_url=vendor.url) as client:
            async with client.messages.stream(model=MODEL, max_tokens=300, messages=ASK) as helper:
                assert [text async for text in helper.text_stream] == ["火曜", "日"]
            check_stream(spans)
            spans.clear()
            stream = await client.messages.create(model=MODEL, max_tokens=300, messages=ASK, stream=True)
            assert isinstance(stream, anthropic.AsyncStream)
            assert [event.type async for event in stream][-1] == "message_stop"
            check_stream(spans)

    asyncio.run(ask())


def test_a_manager_never_entered_leaves_nothing(client: Any, vendor: Vendor, spans: Any) -> None:
    """No request, no span."""
    client.messages.stream(model=MODEL, max_tokens=300, messages=ASK)
    gc.collect()
    assert not vendor.asked
    assert not spans.all()


def test_a_stream_left_early_ends_its_span_with_what_came(client: Any, vendor: Vendor, spans: Any) -> None:
    """Leaving the helper half-way ends the call; the output's count is a placeholder then, and marked."""
    vendor.answer(events())
    with client.messages.stream(model=MODEL, max_tokens=300, messages=ASK) as stream:
        for text in stream.text_stream:
            assert text == "火曜"
            break
    found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert found["kansoku.usage.estimated"] is True
    assert found["kansoku.usage.estimated_output_tokens"] > found["gen_ai.usage.output_tokens"] == 1
    assert found["gen_ai.usage.input_tokens"] == 180
    assert spans.messages()[0]["parts"] == [STREAMED[0], {"type": "text", "content": "火曜"}]


def test_an_error_inside_a_stream_is_the_callers_and_the_spans(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """The vendor may be overloaded half-way."""
    reply = events(upto=7)
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert reply.pieces is not None
    reply.pieces.append(f"event: error\ndata: {json.dumps(overloaded)}\n\n".encode())
    vendor.answer(reply)
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(client.messages.create(model=MODEL, max_tokens=300, messages=ASK, stream=True))
    assert spans.one().status.status_code is StatusCode.ERROR
    assert spans.messages()[0]["parts"][-1] == {"type": "text", "content": "火曜"}


@pytest.mark.parametrize("helper", [False, True])
def test_a_refused_call_has_its_status(helper: bool, client: Any, vendor: Vendor, spans: Any) -> None:
    """The exception is the client's; its class and its HTTP status are on the span."""
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    vendor.answer(Reply(json.dumps(body).encode(), status=429))
    given = {"model": MODEL, "max_tokens": 300, "messages": ASK}
    ask = client.messages.stream(**given).__enter__ if helper else partial(client.messages.create, **given)
    with pytest.raises(anthropic.RateLimitError):
        ask()
    found = spans.attributes()
    assert (found["error.type"], found["http.response.status_code"]) == ("RateLimitError", 429)


def test_every_block_of_a_conversation_is_read_and_no_data_copied(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """Images, documents, tool results, thoughts, the vendor's tools and citations become parts."""
    search = {
        "type": "web_search_tool_result",
        "tool_use_id": "srv_1",
        "content": [
            {"type": "web_search_result", "url": "https://e.org", "title": "E", "encrypted_content": "x"}
        ],
    }
    cited = {"type": "web_search_result_location", "url": "https://e.org", "title": "E", "cited_text": "c"}
    vendor.answer(
        message(
            {"type": "thinking", "thinking": "First", "signature": "s"},
            {"type": "redacted_thinking", "data": "QUJD"},
            {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "ごみ"}},
            search,
            {"type": "text", "text": "Tuesday.", "citations": [{**cited, "encrypted_index": "x"}]},
            stop_reason="pause_turn",
        )
    )
    data = {"type": "base64", "media_type": "image/png", "data": "QUJD" * 1000}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "QUJDRA=="}
    said: Any = [
        {"role": "user", "content": [
            {"type": "image", "source": data},
            {"type": "image", "source": {"type": "url", "url": "https://e.org/a.png"}},
            {"type": "document", "source": pdf, "title": "Calendar"},
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Rules"}},
            {"type": "text", "text": "When?"}]},
        {"role": "assistant", "content": [anthropic.types.ToolUseBlock(
            id="t1", input={"ward": "北"}, name="find", type="tool_use")]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "Tuesday"},
            {"type": "tool_result", "tool_use_id": "t2", "is_error": True, "content": [
                {"type": "text", "text": "none"}, {"type": "image", "source": data}]}]},
    ]  # fmt: skip
    client.messages.create(model=MODEL, max_tokens=300, messages=said)
    blob = {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3000}
    asked = spans.messages("gen_ai.input.messages")
    assert [each["role"] for each in asked] == ["user", "assistant", "tool"]
    assert asked[0]["parts"] == [
        blob,
        {"type": "uri", "modality": "image", "uri": "https://e.org/a.png"},
        {
            "type": "blob",
            "modality": "document",
            "mime_type": "application/pdf",
            "size": 4,
            "name": "Calendar",
        },
        {"type": "file", "modality": "document", "file_id": "file_1"},
        {"type": "text", "content": "Rules"},
        {"type": "text", "content": "When?"},
    ]
    assert asked[1]["parts"] == [
        {"type": "tool_call", "id": "t1", "name": "find", "arguments": {"ward": "北"}}
    ]
    assert asked[2]["parts"] == [
        {"type": "tool_call_response", "id": "t1", "response": "Tuesday"},
        {
            "type": "tool_call_response",
            "id": "t2",
            "response": [{"type": "text", "content": "none"}, blob],
            "is_error": True,
        },
    ]
    assert spans.messages() == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "First"},
                {"type": "redacted_reasoning", "size": 4},
                {
                    "type": "server_tool_call",
                    "id": "srv_1",
                    "name": "web_search",
                    "arguments": {"query": "ごみ"},
                },
                {
                    "type": "server_tool_call_response",
                    "id": "srv_1",
                    "response": [{"type": "web_search_result", "url": "https://e.org", "title": "E"}],
                },
                {"type": "text", "content": "Tuesday.", "citations": [cited]},
            ],
            "finish_reason": "pause_turn",
        }
    ]


def test_tokens_of_models_asked_on_the_way_are_told_apart(client: Any, vendor: Vendor, spans: Any) -> None:
    """Compactions and advisors are billed beside the counts of the answer."""
    rounds = [
        {"type": "compaction", "input_tokens": 9, "output_tokens": 2, "cache_read_input_tokens": 1},
        {"type": "message", "input_tokens": 100, "output_tokens": 40},
        {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 7, "output_tokens": 3},
    ]
    vendor.answer(message(usage={**USAGE, "iterations": rounds}))
    client.beta.messages.create(model=MODEL, max_tokens=300, messages=ASK)
    found = spans.attributes()
    assert found["anthropic.usage.compaction.input_tokens"] == 10
    assert found["anthropic.usage.compaction.output_tokens"] == 2
    assert found["kansoku.usage.advisor.input_tokens"] == 7
    assert found["kansoku.usage.advisor.output_tokens"] == 3
    assert found["gen_ai.usage.input_tokens"] == 180


@pytest.mark.parametrize(
    ("word", "canonical"),
    [
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", None),
    ],
)
def test_stop_reasons_have_canonical_words(
    word: str, canonical: str | None, client: Any, vendor: Vendor, spans: Any
) -> None:
    """What has no canonical word keeps the vendor's."""
    vendor.answer(message(stop_reason=word))
    client.messages.create(model=MODEL, max_tokens=300, messages=ASK)
    assert spans.attributes()["gen_ai.response.finish_reasons"] == (canonical or word,)


def test_a_tool_runner_is_a_span_for_each_call(client: Any, vendor: Vendor, spans: Any) -> None:
    """The runner asks, runs the tool and asks again: two calls, each with its own usage."""

    @anthropic.beta_tool
    def find(ward: str) -> str:
        """Find the day."""
        return f"{ward}: Tuesday"

    call = {"type": "tool_use", "id": "t1", "name": "find", "input": {"ward": "北"}}
    vendor.answer(message(call, stop_reason="tool_use"), message(id="msg_2"))
    runner = client.beta.messages.tool_runner(model=MODEL, max_tokens=300, messages=ASK, tools=[find])
    assert runner.until_done().content[0].text == "火曜日です。"
    first, second = spans.all()
    assert first.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert json.loads(first.attributes["gen_ai.tool.definitions"])[0]["name"] == "find"
    assert second.attributes["gen_ai.response.id"] == "msg_2"
    told = json.loads(second.attributes["gen_ai.input.messages"])[-1]
    assert told["role"] == "tool"
    assert told["parts"][0]["response"] == "北: Tuesday"


class Day(BaseModel):
    """A structured answer."""

    day: str


@pytest.mark.parametrize("beta", [False, True])
def test_structured_outputs_are_traced_once(beta: bool, client: Any, vendor: Vendor, spans: Any) -> None:
    """`parse` gives its model, and one span that says JSON was asked for."""
    vendor.answer(message({"type": "text", "text": '{"day":"火"}'}))
    messages = client.beta.messages if beta else client.messages
    answer = messages.parse(model=MODEL, max_tokens=300, messages=ASK, output_format=Day)
    assert answer.parsed_output == Day(day="火")
    assert spans.attributes()["gen_ai.output.type"] == "json"


def test_raw_responses_are_traced(client: Any, vendor: Vendor, spans: Any) -> None:
    """Raw and streaming responses give the caller the same, parsed or not."""
    given = {"model": MODEL, "max_tokens": 300, "messages": ASK}
    vendor.answer(message())
    assert client.messages.with_raw_response.create(**given).headers["content-type"] == "application/json"
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 40
    spans.clear()
    with client.messages.with_streaming_response.create(**given) as response:
        assert response.parse().id == "msg_1"
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 40
    spans.clear()
    vendor.answer(events())
    with client.messages.with_streaming_response.create(**given, stream=True) as response:
        assert len(list(response.parse())) == 15
    check_stream(spans)


def test_a_set_of_a_servers_tools_is_told_by_its_server(client: Any, vendor: Vendor, spans: Any) -> None:
    """It is one definition, with the name of none of its tools."""
    vendor.answer(message({"type": "text", "text": "火"}))
    client.beta.messages.create(
        model=MODEL,
        max_tokens=300,
        messages=ASK,
        mcp_servers=[{"type": "url", "url": "https://example.test/mcp", "name": "wards"}],
        tools=[{"type": "mcp_toolset", "mcp_server_name": "wards"}],
    )
    tools = json.loads(spans.attributes()["gen_ai.tool.definitions"])
    assert tools == [{"type": "mcp_toolset", "server": "wards"}]


def test_counting_tokens_is_no_call_of_a_model(client: Any, vendor: Vendor, spans: Any) -> None:
    """It is free, and leaves no span."""
    vendor.answer({"input_tokens": 9})
    assert client.messages.count_tokens(model=MODEL, messages=ASK).input_tokens == 9
    assert not spans.all()


def test_the_clients_own_span_gives_way_to_ours(vendor: Vendor, start: Any) -> None:
    """Where both would go to one place there is one span, and the server is told its context."""
    provider = TracerProvider(shutdown_on_exit=False)
    spans = start()
    kansoku.init(endpoint="http://127.0.0.1:42099", api_key="k", tracer_provider=provider)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    vendor.answer(message())
    options: Any = {"tracer_provider": provider}
    with anthropic.Anthropic(api_key="k", base_url=vendor.url, open_telemetry=options) as client:
        client.messages.create(model=MODEL, max_tokens=300, messages=ASK)
        span = spans.one()
        context = span.get_span_context()
        parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-"
        assert vendor.asked[0].headers["traceparent"].startswith(parent)
        spans.clear()
        vendor.answer({"input_tokens": 9})
        client.messages.count_tokens(model=MODEL, messages=ASK)
        assert spans.one().name == "anthropic.messages.count_tokens"  # what we do not trace stays theirs


def test_spans_for_a_provider_of_the_clients_own_stay(vendor: Vendor, spans: Any) -> None:
    """Who sends the client's spans elsewhere still gets them."""
    theirs = type(spans)()
    elsewhere = TracerProvider(shutdown_on_exit=False)
    elsewhere.add_span_processor(SimpleSpanProcessor(theirs))
    vendor.answer(message())
    options: Any = {"tracer_provider": elsewhere}
    with anthropic.Anthropic(api_key="k", base_url=vendor.url, open_telemetry=options) as client:
        client.messages.create(model=MODEL, max_tokens=300, messages=ASK)
    assert spans.one().name == f"chat {MODEL}"
    assert theirs.one().name == "anthropic.messages.create"


@pytest.mark.parametrize("beta", [False, True])
def test_clouds_are_providers_and_keep_the_model_as_asked(beta: bool, vendor: Vendor, spans: Any) -> None:
    """Bedrock and Vertex take the same calls; who is paid is another."""
    vendor.answer(message())
    bedrock = anthropic.AnthropicBedrock(
        aws_access_key="a", aws_secret_key="s", aws_region="us-east-1", base_url=vendor.url
    )
    vertex = anthropic.AnthropicVertex(
        region="us-east5", project_id="p", access_token="t", base_url=vendor.url
    )
    for client, model in (
        (bedrock, "anthropic.claude-haiku-4-5-20251001-v1:0"),
        (vertex, f"{MODEL}@20251001"),
    ):
        messages: Any = client.beta.messages if beta else client.messages
        messages.create(model=model, max_tokens=300, messages=ASK)
        client.close()
    found = [
        (s.attributes["gen_ai.provider.name"], s.attributes["gen_ai.request.model"]) for s in spans.all()
    ]
    assert found == [
        ("aws.bedrock", "anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("gcp.vertex_ai", f"{MODEL}@20251001"),
    ]


def test_without_content_the_numbers_stay(vendor: Vendor, start: Any) -> None:
    """No text of question, answer, system or tools; counts and reasons as ever."""
    spans = start(capture_content=False)
    vendor.answer(events())
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        list(client.messages.create(model=MODEL, max_tokens=9, messages=ASK, system="s", stream=True))
    found = spans.attributes()
    assert not [
        name for name in found if "messages" in name or "instructions" in name or "definitions" in name
    ]
    assert found["gen_ai.usage.output_tokens"] == 40
    assert found["gen_ai.response.finish_reasons"] == ("tool_calls",)


def test_uninstrumented_methods_are_the_clients_own(spans: Any) -> None:
    """Every class has its own functions back, also those of the clouds."""
    from anthropic.lib.vertex._beta_messages import Messages as Cloud
    from anthropic.resources.messages.messages import Messages

    assert hasattr(Messages.create, "__kansoku_original__")
    assert hasattr(Cloud.create, "__kansoku_original__")
    kansoku.uninstrument("anthropic")
    for owner in (Messages, Cloud):
        for name in ("create", "parse", "stream"):
            assert not hasattr(getattr(owner, name), "__kansoku_original__")


def test_the_page_runs(vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of the documentation trace a call and a stream."""
    vendor.answer(message(), events())
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", vendor.url)
    monkeypatch.setenv("KANSOKU_ENDPOINT", "http://127.0.0.1:42099")
    found = run_page("sdk/anthropic.md")
    assert [span.attributes.get("gen_ai.request.stream", False) for span in spans.all()] == [False, True]
    found["client"].close()
