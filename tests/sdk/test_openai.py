"""The openai client: what a call's span says, and that the call itself is not changed."""

import asyncio
import inspect
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx2
import openai
import pytest
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import BaseModel

import kansoku
from kansoku.spans import clock

ASK: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "ごみの収集日は？"}]


class Day(BaseModel):
    """A structured answer."""

    day: str


def test_a_chat_call_is_one_client_span_with_everything_said(model: Any, spans: Any) -> None:
    """Request, answer, usage, model, ids and cost of a chat completion are on its span."""
    answer = model("chat.json").client().chat.completions.create(
        model="gpt-4o-mini", messages=ASK, temperature=0.2, top_p=0.9, max_completion_tokens=300, seed=7, n=1,
        stop=["。。"], frequency_penalty=0.1, presence_penalty=0.2, reasoning_effort="low", user="resident-1",
        response_format={"type": "json_object"},
        tools=[
            {"type": "function", "function": {"name": "find", "description": "d", "parameters": {"a": 1}}}
        ],
    )  # fmt: skip
    assert answer.choices[0].message.content == "燃えるごみは火曜日と金曜日です。"
    span = spans.one()
    assert (span.name, span.kind, span.status.status_code) == (
        "chat gpt-4o-mini",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    found = spans.attributes()
    assert json.loads(found.pop("gen_ai.input.messages")) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "ごみの収集日は？"}]},
    ]
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "燃えるごみは火曜日と金曜日です。"}],
            "finish_reason": "stop",
        }
    ]
    assert json.loads(found.pop("gen_ai.tool.definitions")) == [
        {"type": "function", "name": "find", "description": "d", "parameters": {"a": 1}}
    ]
    assert found.pop("kansoku.cost.price_id").startswith("openai/gpt-4o-mini@genai-prices-")
    assert found.pop("kansoku.cost.usd") > 0
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 300,
        "gen_ai.request.seed": 7,
        "gen_ai.request.choice.count": 1,
        "gen_ai.request.stop_sequences": ("。。",),
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "gen_ai.request.response_format": '{"type":"json_object"}',
        "user.id": "resident-1",
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": "chatcmpl-garbage1",
        "gen_ai.response.finish_reasons": ("stop",),
        "openai.response.system_fingerprint": "fp_test01",
        "openai.response.service_tier": "default",
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 45,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 16,
        "gen_ai.usage.audio.input_tokens": 8,
        "gen_ai.usage.audio.output_tokens": 4,
    }


def test_the_cost_is_the_list_price_at_the_time_of_the_call(model: Any, spans: Any) -> None:
    """90 fresh and 30 cached input tokens and 50 output tokens of gpt-5-mini cost 0.00012325 dollars."""
    clock.use(lambda: 1_764_000_000_000_000_000)
    model("responses.json").client().responses.create(model="gpt-5-mini", input="When?")
    expected = (60 * Decimal("0.25") + 30 * Decimal("0.025") + 50 * Decimal("2")) / 1_000_000
    assert spans.attributes()["kansoku.cost.usd"] == pytest.approx(float(expected), rel=1e-12)


def test_tool_calls_have_their_arguments_as_objects(model: Any, spans: Any) -> None:
    """JSON arguments are an object; what is no JSON stays as the model wrote it."""
    model("chat_tools.json").client().chat.completions.create(model="gpt-4o-mini", messages=ASK)
    assert spans.messages()[0]["parts"] == [
        {"type": "tool_call", "id": "call_a", "name": "find_calendar", "arguments": {"ward": "北区"}},
        {"type": "tool_call", "id": "call_b", "name": "find_rule", "arguments": "{not json"},
    ]
    assert spans.attributes()["gen_ai.response.finish_reasons"] == ("tool_calls",)


def test_a_conversation_with_tools_images_and_the_clients_own_messages_is_read(
    model: Any, spans: Any
) -> None:
    """Tool results, images, audio and message objects of the client become parts; data is not copied."""
    client = model("chat_tools.json").client()
    said = client.chat.completions.create(model="gpt-4o-mini", messages=ASK).choices[0].message
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "QUJD" * 1000}}
    link = {"type": "image_url", "image_url": {"url": "https://example.org/bin.png"}}
    audio = {"type": "input_audio", "input_audio": {"data": "QUJDRA==", "format": "mp3"}}
    client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "これは？"}, image, link, audio]},
            said,
            {"role": "tool", "tool_call_id": "call_a", "content": "火・金"},
        ],
    )
    messages = json.loads(spans.all()[1].attributes["gen_ai.input.messages"])
    assert messages[0]["parts"] == [
        {"type": "text", "content": "これは？"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3000},
        {"type": "uri", "modality": "image", "uri": "https://example.org/bin.png"},
        {"type": "blob", "modality": "audio", "mime_type": "audio/mp3", "size": 4},
    ]
    assert [part["name"] for part in messages[1]["parts"]] == ["find_calendar", "find_rule"]
    assert messages[2] == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "call_a", "response": "火・金"}],
    }


def test_what_the_caller_changes_afterwards_is_not_on_the_span(spans: Any, model: Any) -> None:
    """The messages are recorded as they were when the call was made."""
    messages = [{"role": "user", "content": "first"}]
    fake = model("chat.json")

    def reply(request: httpx2.Request) -> httpx2.Response:
        messages[0]["content"] = "changed during the call"
        return httpx2.Response(
            200, json={"id": "x", "choices": [], "model": "m", "object": "chat.completion"}
        )

    fake.reply = reply
    fake.client().chat.completions.create(model="m", messages=messages)
    assert spans.messages("gen_ai.input.messages")[0]["parts"][0]["content"] == "first"


def test_messages_given_as_an_iterator_reach_the_client_untouched(spans: Any, model: Any) -> None:
    """A generator of messages is the client's to read: Kansoku leaves it alone."""
    fake = model("chat.json")
    fake.client().chat.completions.create(model="gpt-4o-mini", messages=(m for m in ASK))
    assert fake.sent[0]["messages"] == ASK
    assert "gen_ai.input.messages" not in spans.attributes()


def test_a_response_is_told_with_instructions_reasoning_and_usage(model: Any, spans: Any) -> None:
    """The responses endpoint: instructions apart, reasoning and text in the output, limits and effort."""
    model("responses.json").client().responses.create(
        model="gpt-5-mini",
        instructions="Answer briefly.",
        max_output_tokens=300,
        reasoning={"effort": "low"},
        input=[
            {"role": "user", "content": [{"type": "input_text", "text": "When?"}]},
            {"type": "function_call", "call_id": "c1", "name": "find", "arguments": '{"a": 1}'},
            {"type": "function_call_output", "call_id": "c1", "output": "火・金"},
        ],
    )
    found = spans.attributes()
    assert json.loads(found["gen_ai.system_instructions"]) == [{"type": "text", "content": "Answer briefly."}]
    assert json.loads(found["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "When?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "find", "arguments": {"a": 1}}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "火・金"}]},
    ]
    assert spans.messages()[0] == {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "Look at the calendar."},
            {"type": "text", "content": "Tuesday and Friday."},
        ],
        "finish_reason": "stop",
    }
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.reasoning.output_tokens"]) == (90, 20)
    assert (found["gen_ai.request.max_tokens"], found["gen_ai.request.reasoning.level"]) == (300, "low")


def test_a_response_that_failed_is_an_error_though_the_request_succeeded(model: Any, spans: Any) -> None:
    """A body with status failed marks the span with the vendor's code and message."""
    failed = {"id": "r", "object": "response", "model": "gpt-5", "status": "failed", "output": [],
              "error": {"code": "server_error", "message": "try later"}}  # fmt: skip
    model(failed).client().responses.create(model="gpt-5", input="x")
    span = spans.one()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes["error.type"], span.status.description) == ("server_error", "try later")


def test_embeddings_are_counted_and_their_vectors_are_not_kept(model: Any, spans: Any) -> None:
    """Number of texts, dimensions and usage are recorded; no vector is."""
    model("embeddings.json").client().embeddings.create(
        model="text-embedding-3-small", input=["a", "b"], encoding_format="float"
    )
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "embeddings"
    assert (found["kansoku.embeddings.input.count"], found["gen_ai.embeddings.dimension.count"]) == (2, 3)
    assert found["gen_ai.usage.input_tokens"] == 12
    assert "0.125" not in json.dumps(found)


@pytest.mark.parametrize(
    ("status", "kind"), [(429, openai.RateLimitError), (500, openai.InternalServerError)]
)
def test_an_error_reaches_the_caller_and_the_span(model: Any, spans: Any, status: int, kind: Any) -> None:
    """The client's exception passes untouched; the span has its type, status and message."""
    client = model("rate_limit.json", status).client()
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    ours = [entry for entry in caught.traceback if "sdk/kansoku" in str(entry.path)]
    assert len(ours) == 1, "one frame of ours, and no exception of ours in the chain"
    span = spans.one()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes["error.type"], span.attributes["http.response.status_code"]) == (
        kind.__name__,
        status,
    )
    assert span.attributes["gen_ai.request.model"] == "gpt-4o-mini"
    assert [event.name for event in span.events] == ["exception"]


def test_asynchronous_calls_are_told_alike(model: Any, spans: Any) -> None:
    """The asynchronous client goes through the same reader."""

    async def ask() -> None:
        async with model("chat.json").async_client() as client:
            await client.chat.completions.create(model="gpt-4o-mini", messages=ASK)

    asyncio.run(ask())
    assert spans.attributes()["gen_ai.response.id"] == "chatcmpl-garbage1"


def test_parse_helpers_work_and_are_traced_once(model: Any, spans: Any) -> None:
    """`parse` gives the parsed object, and one span says that JSON was asked for."""
    body = json.dumps({"day": "Tuesday"})
    reply = {"id": "p", "object": "chat.completion", "model": "gpt-4o-mini",
             "choices": [{"index": 0, "finish_reason": "stop",
                          "message": {"role": "assistant", "content": body}}]}  # fmt: skip
    answer = (
        model(reply).client().chat.completions.parse(model="gpt-4o-mini", messages=ASK, response_format=Day)
    )
    assert answer.choices[0].message.parsed == Day(day="Tuesday")
    assert spans.attributes()["gen_ai.output.type"] == "json"


def test_raw_responses_keep_their_type_and_are_traced(model: Any, spans: Any) -> None:
    """`with_raw_response` gives headers and the parsed body as ever, and the span has the answer."""
    raw = (
        model("chat.json")
        .client()
        .chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=ASK)
    )
    assert raw.headers["content-type"] == "application/json"
    assert raw.parse().id == "chatcmpl-garbage1"
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 120


def test_streaming_responses_read_late_are_traced_when_parsed(model: Any, spans: Any) -> None:
    """`with_streaming_response` reads the body in its own time; the span ends with it."""
    client = model("chat.json").client()
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=ASK
    ) as response:
        assert spans.all() == []
        assert response.parse().id == "chatcmpl-garbage1"
    assert spans.attributes()["gen_ai.response.id"] == "chatcmpl-garbage1"


@pytest.mark.parametrize("way", ["read", "text", "json"])
def test_streaming_responses_read_without_being_parsed_are_told(way: str, model: Any, spans: Any) -> None:
    """Their body is here when they are closed; it is the program's as ever."""
    create = model("chat.json").client().chat.completions.with_streaming_response.create
    with create(model="gpt-4o-mini", messages=ASK) as response:
        assert "chatcmpl-garbage1" in str(getattr(response, way)())
        assert spans.all() == []
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 120
    assert "kansoku.stream.closed_early" not in found


def test_asynchronous_streaming_responses_read_without_being_parsed_are_told(model: Any, spans: Any) -> None:
    """Alike."""

    async def ask() -> None:
        create = model("chat.json").async_client().chat.completions.with_streaming_response.create
        async with create(model="gpt-4o-mini", messages=ASK) as response:
            assert (await response.json())["id"] == "chatcmpl-garbage1"

    asyncio.run(ask())
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 120


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.deepseek.com/v1", "deepseek"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://my-name.openai.azure.com/openai/v1", "azure.ai.openai"),
        ("http://127.0.0.1:8000/v1", "local"),
        ("http://[::1]:8000/v1", "local"),
        ("http://vllm:8000/v1", "local"),
        ("http://10.1.2.3/v1", "local"),
        ("https://llm.example.org/v1", "openai"),
    ],
)
def test_the_provider_follows_from_the_address(model: Any, spans: Any, url: str, provider: str) -> None:
    """Known hosts are named, hosts of one's own are local, unknown ones speak as openai."""
    model("chat.json").client(base_url=url).chat.completions.create(model="gpt-4o-mini", messages=ASK)
    found = spans.attributes()
    assert found["gen_ai.provider.name"] == provider
    assert ("kansoku.cost.usd" in found) == (provider not in ("local", "deepseek", "groq"))


def test_the_azure_client_is_named_wherever_it_calls(model: Any, spans: Any) -> None:
    """The Azure client's provider does not depend on a custom domain."""
    fake = model("chat.json")
    client = openai.AzureOpenAI(
        api_key="k", api_version="2024-06-01", azure_endpoint="https://llm.example.org",
        http_client=httpx2.Client(transport=httpx2.MockTransport(fake)),
    )  # fmt: skip
    with client:
        client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    assert spans.attributes()["gen_ai.provider.name"] == "azure.ai.openai"


def test_loopback_can_stand_for_a_vendor(
    model: Any, start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """KANSOKU_LOCAL_PROVIDER gives calls to this machine a vendor's name, and with it list prices."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "openai")
    spans = start()
    client = model("chat.json").client(base_url="http://127.0.0.1:8000/v1")
    client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    assert spans.attributes()["gen_ai.provider.name"] == "openai"
    assert spans.attributes()["kansoku.cost.usd"] > 0


def test_without_content_only_the_figures_remain(model: Any, start: Callable[..., Any]) -> None:
    """capture_content=False keeps tokens, cost and timing; no prompt, answer, tool or argument is left."""
    spans = start(capture_content=False)
    tools = [{"type": "function", "function": {"name": "secret_tool", "parameters": {}}}]
    model("chat_tools.json").client().chat.completions.create(model="gpt-4o-mini", messages=ASK, tools=tools)
    model("responses.json").client().responses.create(model="gpt-5-mini", input="hidden", instructions="hid")
    assert len(spans.all()) == 2
    for span in spans.all():
        text = json.dumps(dict(span.attributes), ensure_ascii=False)
        assert not [
            word for word in ("brief", "収集日", "北区", "secret_tool", "hidden", "Tuesday") if word in text
        ]
        assert span.attributes["gen_ai.usage.input_tokens"] > 0
        assert span.attributes["kansoku.cost.usd"] > 0


def test_oversize_content_is_cut_and_says_its_true_size(
    model: Any, start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long prompt stays valid JSON, is shorter than the limit, and tells how long it was."""
    monkeypatch.setenv("KANSOKU_MAX_FIELD_BYTES", "2000")
    spans = start()
    model("chat.json").client().chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "ご" * 5000}, {"role": "user", "content": "end"}],
    )
    messages = spans.messages("gen_ai.input.messages")
    assert messages[0]["parts"][0]["content"].endswith("… [cut: 15000 bytes]")
    assert messages[1]["parts"][0]["content"] == "end"
    assert len(spans.attributes()["gen_ai.input.messages"].encode()) <= 2000


def test_instrumenting_twice_gives_one_span_and_undoing_it_gives_none(model: Any, spans: Any) -> None:
    """instrument() is idempotent, uninstrument() puts the client's own methods back."""
    original = openai.resources.chat.completions.Completions.create
    kansoku.instrument()
    kansoku.instrument("openai")
    client = model("chat.json").client()
    client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    assert len(spans.all()) == 1
    kansoku.uninstrument()
    assert openai.resources.chat.completions.Completions.create is not original
    client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    assert len(spans.all()) == 1


def test_a_subclass_that_calls_its_base_is_traced_once(model: Any, spans: Any) -> None:
    """A class of the user's own on top of the client's gives one span a call."""

    class Mine(openai.resources.chat.completions.Completions):
        def create(self, **arguments: Any) -> Any:
            return super().create(**arguments)

    Mine(model("chat.json").client()).create(model="gpt-4o-mini", messages=ASK)
    assert len(spans.all()) == 1


def test_the_traced_method_still_shows_its_signature(spans: Any) -> None:
    """Tools that inspect the client see its arguments."""
    parameters = inspect.signature(openai.resources.chat.completions.Completions.create).parameters
    assert {"messages", "model", "stream"} <= set(parameters)


def test_a_fault_of_our_own_does_not_reach_the_caller(
    model: Any, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When reading the request or the response fails, the call goes on and the failure is counted."""
    from kansoku import guard
    from kansoku.instruments.openai_chat import ChatReader

    def broken(*_: Any) -> Any:
        raise RuntimeError("a fault of ours")

    client = model("chat.json").client()
    with monkeypatch.context() as patched:
        patched.setattr(ChatReader, "request", broken)
        assert client.chat.completions.create(model="gpt-4o-mini", messages=ASK).id == "chatcmpl-garbage1"
    with monkeypatch.context() as patched:
        patched.setattr(ChatReader, "response", broken)
        assert client.chat.completions.create(model="gpt-4o-mini", messages=ASK).id == "chatcmpl-garbage1"
    answered, asked = (span.attributes for span in spans.all())
    assert "gen_ai.input.messages" in asked
    assert "gen_ai.output.messages" not in asked
    assert "gen_ai.input.messages" not in answered
    assert "gen_ai.output.messages" in answered
    assert asked["gen_ai.request.model"] == answered["gen_ai.request.model"] == "gpt-4o-mini"
    assert guard.failures == {"call.describe": 2}
    guard.failures.clear()
