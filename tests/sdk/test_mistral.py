"""The mistralai client: what its spans say, and that its answers and streams stay its own."""

import asyncio
import json
from typing import Any

import pytest
from mistralai.azure.client import MistralAzure
from mistralai.client import Mistral, sdkconfiguration
from mistralai.client.errors import SDKError
from mistralai.client.models import AssistantMessage, UserMessage
from mistralai.client.utils.eventstreaming import EventStream, EventStreamAsync
from pydantic import BaseModel
from support import pages
from support.vendor import Reply, sse

ASK: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "いつ"}]
TOOL: Any = {"type": "function", "function": {"name": "find", "description": "d", "parameters": {"a": 1}}}
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True}
USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 8,
    "total_tokens": 38,
    "prompt_tokens_details": {"cached_tokens": 20},
}


def _whole(content: Any, **message: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "finish_reason": "tool_calls" if message else "stop",
        "message": {"role": "assistant", "content": content, **message},
    }
    named = {"id": "m-1", "object": "chat.completion", "created": 1, "model": "mistral-small-2506"}
    return {**named, "choices": [choice], "usage": USAGE}


def _chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "id": "m-2",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "mistral-small-2506",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


CALL = {"id": "t1", "index": 0, "function": {"name": "find", "arguments": '{"ward": "北区"}'}}
CHUNKS = (
    _chunk(role="assistant", content=""),
    _chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "H"}]}]),
    _chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "m."}]}]),
    _chunk(content="火"),
    _chunk(content="曜"),
    _chunk(tool_calls=[CALL]),
    {**_chunk("tool_calls", content="", tool_calls=[{**CALL, "id": "t2"}]), "usage": USAGE},
)
PARTS = [
    {"type": "reasoning", "content": "Hm."},
    {"type": "text", "content": "火曜"},
    {"type": "tool_call", "id": "t1", "name": "find", "arguments": {"ward": "北区"}},
    {"type": "tool_call", "id": "t2", "name": "find", "arguments": {"ward": "北区"}},
]


class Day(BaseModel):
    """A structured answer."""

    day: str


def test_a_chat_call_is_one_span_with_everything_said(vendor: Any, spans: Any) -> None:
    """Parameters, reasoning, answer, cached tokens and cost are on the span."""
    vendor.answer(_whole([THOUGHT, {"type": "text", "text": "火曜日"}]))
    with Mistral(api_key="test", server_url=vendor.url) as client:
        answer = client.chat.complete(
            model="mistral-small-latest",
            messages=ASK,
            tools=[TOOL],
            tool_choice="auto",
            temperature=0.2,
            top_p=0.9,
            max_tokens=50,
            random_seed=7,
            stop=["。。"],
            n=1,
            presence_penalty=0.1,
            frequency_penalty=0.2,
            reasoning_effort="high",
            response_format={"type": "json_object"},
        )
    assert answer.choices[0].finish_reason == "stop"
    found = spans.attributes()
    assert json.loads(found.pop("gen_ai.input.messages")) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "いつ"}]},
    ]
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {
            "role": "assistant",
            "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "火曜日"}],
            "finish_reason": "stop",
        }
    ]
    assert json.loads(found.pop("gen_ai.tool.definitions")) == [
        {"type": "function", "name": "find", "description": "d", "parameters": {"a": 1}}
    ]
    assert found.pop("kansoku.cost.price_id").startswith("mistral/")
    assert found.pop("kansoku.cost.usd") > 0
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "mistral_ai",
        "gen_ai.request.model": "mistral-small-latest",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("。。",),
        "gen_ai.request.choice.count": 1,
        "gen_ai.request.presence_penalty": 0.1,
        "gen_ai.request.frequency_penalty": 0.2,
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.request.random_seed": 7,
        "gen_ai.request.tool_choice": "auto",
        "gen_ai.request.response_format": '{"type":"json_object"}',
        "gen_ai.output.type": "json",
        "server.address": "127.0.0.1",
        "server.port": int(vendor.url.rpartition(":")[2]),
        "gen_ai.response.model": "mistral-small-2506",
        "gen_ai.response.id": "m-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 8,
        "gen_ai.usage.cache_read.input_tokens": 20,
    }


def test_a_conversation_with_tools_images_and_the_clients_own_messages_is_read(
    vendor: Any, spans: Any
) -> None:
    """Message objects, images, documents, tool results and a prefix become parts; data is told by size."""
    vendor.answer(_whole("火"))
    with Mistral(api_key="test", server_url=vendor.url) as client:
        client.chat.complete(
            model="mistral-small-latest",
            messages=[
                UserMessage(
                    content=[
                        {"type": "text", "text": "これは？"},
                        {"type": "image_url", "image_url": "data:image/png;base64,QUJDRA=="},
                        {"type": "document_url", "document_url": "https://example.org/rules.pdf"},
                    ]
                ),
                {"role": "assistant", "content": "", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "t1", "name": "find", "content": "火・金"},
                AssistantMessage(content="The day is ", prefix=True),
            ],
        )
    messages = spans.messages("gen_ai.input.messages")
    assert messages[0]["parts"] == [
        {"type": "text", "content": "これは？"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 4},
        {"type": "uri", "modality": "document", "uri": "https://example.org/rules.pdf"},
    ]
    assert messages[1]["parts"] == PARTS[2:3]
    assert messages[2] == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "t1", "response": "火・金"}],
    }
    assert messages[3]["prefix"] is True


@pytest.mark.parametrize("method", ["stream", "parse_stream"])
def test_a_stream_stays_the_clients_own_and_is_put_together(method: str, vendor: Any, spans: Any) -> None:
    """Reasoning, text, calls of tools and usage of a stream are on the one span; the stream is closed."""
    vendor.answer(sse(*CHUNKS))
    with Mistral(api_key="test", server_url=vendor.url) as client:
        more: Any = {"response_format": Day} if method == "parse_stream" else {}
        with getattr(client.chat, method)(model="mistral-small-latest", messages=ASK, **more) as stream:
            assert isinstance(stream, EventStream)
            assert len(list(stream)) == len(CHUNKS)
    found = spans.attributes()
    assert spans.messages() == [{"role": "assistant", "parts": PARTS, "finish_reason": "tool_calls"}]
    assert found["gen_ai.usage.cache_read.input_tokens"] == 20
    assert found["gen_ai.response.time_to_first_chunk"] > 0
    assert "kansoku.stream.closed_early" not in found


def test_a_stream_left_early_ends_with_its_context(vendor: Any, spans: Any) -> None:
    """Leaving the with block ends the span with what came until then."""
    vendor.answer(sse(*CHUNKS))
    with Mistral(api_key="test", server_url=vendor.url) as client:
        with client.chat.stream(model="mistral-small-latest", messages=ASK) as stream:
            for _ in range(4):
                next(stream)
        assert spans.attributes()["kansoku.stream.closed_early"] is True
    assert spans.messages()[0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "火"},
    ]


def test_the_async_methods_are_traced_like_the_others(vendor: Any, spans: Any) -> None:
    """A call, a parsed call and a stream give one span each."""
    vendor.answer(
        Reply(json.dumps(_whole("火")).encode()),
        Reply(json.dumps(_whole('{"day": "火"}')).encode()),
        sse(*CHUNKS),
    )

    async def ask() -> None:
        async with Mistral(api_key="test", server_url=vendor.url) as client:
            await client.chat.complete_async(model="mistral-small-latest", messages=ASK)
            parsed = await client.chat.parse_async(Day, model="mistral-small-latest", messages=ASK)
            assert parsed.choices[0].message.parsed == Day(day="火")
            stream = await client.chat.stream_async(model="mistral-small-latest", messages=ASK)
            assert isinstance(stream, EventStreamAsync)
            async with stream:
                assert len([event async for event in stream]) == len(CHUNKS)

    asyncio.run(ask())
    assert [span.attributes["gen_ai.usage.input_tokens"] for span in spans.all()] == [30, 30, 30]
    assert spans.all()[1].attributes["gen_ai.output.type"] == "json"
    assert json.loads(spans.all()[2].attributes["gen_ai.output.messages"])[0]["parts"] == PARTS


def test_agents_and_filling_in_are_read(vendor: Any, spans: Any) -> None:
    """An agent is named by its id; code before and after is the question."""
    vendor.answer(_whole("火"))
    with Mistral(api_key="test", server_url=vendor.url) as client:
        client.agents.complete(agent_id="ag-1", messages=[{"role": "user", "content": "いつ"}])
        client.fim.complete(model="codestral-latest", prompt="def f():", suffix="return 1")
    agent, fill = (dict(span.attributes) for span in spans.all())
    assert (agent["gen_ai.agent.id"], agent["gen_ai.response.model"]) == ("ag-1", "mistral-small-2506")
    assert fill["gen_ai.operation.name"] == "text_completion"
    assert json.loads(fill["gen_ai.input.messages"])[0]["parts"] == [
        {"type": "text", "content": "def f():"},
        {"type": "text", "content": "return 1"},
    ]


def test_embeddings_and_pages_are_counted(vendor: Any, spans: Any) -> None:
    """Vectors are told by number and size, OCR by its pages and their text."""
    vector = {"object": "embedding", "embedding": [0.1] * 4, "index": 0}
    named = {"id": "e-1", "object": "list", "model": "mistral-embed"}
    page = {"index": 0, "markdown": "# 火曜日", "images": [], "dimensions": None}
    usage = {"prompt_tokens": 6, "completion_tokens": 0, "total_tokens": 6}
    vendor.answer(
        {**named, "data": [vector, vector], "usage": usage},
        {"pages": [page], "model": "mistral-ocr-2505", "usage_info": {"pages_processed": 1}},
    )
    with Mistral(api_key="test", server_url=vendor.url) as client:
        client.embeddings.create(model="mistral-embed", inputs=["a", "b"], output_dimension=4)
        client.ocr.process(
            model="mistral-ocr-latest",
            document={"type": "document_url", "document_url": "https://e.org/a.pdf"},
        )
    vectors, pages_read = (dict(span.attributes) for span in spans.all())
    assert vectors["kansoku.embeddings.input.count"] == 2
    assert vectors["gen_ai.embeddings.dimension.count"] == 4
    assert vectors["gen_ai.usage.input_tokens"] == 6
    assert pages_read["kansoku.usage.pages"] == 1
    assert "gen_ai.usage.input_tokens" not in pages_read
    assert json.loads(pages_read["gen_ai.output.messages"])[0]["parts"] == [
        {"type": "text", "content": "# 火曜日"}
    ]


def test_the_client_for_azure_has_azures_name(vendor: Any, spans: Any) -> None:
    """The same call through Azure is traced as Azure's."""
    vendor.answer(_whole("火"))
    with MistralAzure(api_key="test", server_url=vendor.url) as client:
        client.chat.complete(model="azureai", messages=[{"role": "user", "content": "いつ"}])
    found = spans.attributes()
    assert found["gen_ai.provider.name"] == "azure.ai.inference"
    assert found["gen_ai.usage.input_tokens"] == 30


def test_counts_that_are_not_billed_apart_stay_out_of_the_usage(vendor: Any, spans: Any) -> None:
    """The older `num_cached_tokens` came without a cache price: it is told, and not subtracted."""
    usage = {"prompt_tokens": 30, "completion_tokens": 8, "total_tokens": 38, "num_cached_tokens": 29}
    vendor.answer({**_whole("火"), "usage": usage})
    with Mistral(api_key="test", server_url=vendor.url) as client:
        client.chat.complete(model="mistral-small-latest", messages=ASK)
    found = spans.attributes()
    assert found["kansoku.usage.model.cached_tokens"] == 29
    assert "gen_ai.usage.cache_read.input_tokens" not in found


def test_without_content_only_the_numbers_are_recorded(start: Any, vendor: Any) -> None:
    """With capture_content=False neither words nor code leave the process."""
    spans = start(capture_content=False)
    vendor.answer(sse(*CHUNKS))
    with Mistral(api_key="test", server_url=vendor.url) as client:
        list(client.chat.stream(model="mistral-small-latest", messages=ASK))
        list(client.fim.stream(model="codestral-latest", prompt="いつ", suffix="いつ"))
    assert len(spans.all()) == 2
    for span in spans.all():
        assert span.attributes["gen_ai.usage.input_tokens"] == 30
        told = map(str, span.attributes.values())
        assert not [value for value in told if any(word in value for word in ("いつ", "brief", "火"))]


@pytest.mark.parametrize("method", ["complete", "stream"])
def test_an_error_is_the_clients_own_and_on_the_span(method: str, vendor: Any, spans: Any) -> None:
    """The client's exception reaches the program; its type and status are on the span."""
    vendor.answer(Reply(b'{"message": "slow down"}', 429))
    with Mistral(api_key="test", server_url=vendor.url) as client:
        call = getattr(client.chat, method)
        with pytest.raises(SDKError):
            call(model="mistral-small-latest", messages=ASK)
    found = spans.attributes()
    assert (found["error.type"], found["http.response.status_code"]) == ("SDKError", 429)


def test_the_page_about_mistral_runs(vendor: Any, start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of docs/sdk/mistral.md runs, and its calls are traced."""
    monkeypatch.setenv("MISTRAL_API_KEY", "test")
    monkeypatch.setitem(sdkconfiguration.SERVERS, "global", vendor.url)
    vendor.answer(Reply(json.dumps(_whole("火")).encode()), sse(*CHUNKS[3:5], CHUNKS[-1]))
    spans = start()
    pages.run_page("sdk/mistral.md", print=lambda *_, **__: None)
    assert [span.attributes["gen_ai.usage.output_tokens"] for span in spans.all()] == [8, 8]


@pytest.mark.parametrize("method", ["complete", "stream"])
def test_the_certainty_of_an_answer_is_told(method: str, vendor: Any, spans: Any) -> None:
    """The log probabilities of its tokens, where they were asked for, give their mean."""
    tokens = [
        {"token": "火", "token_id": 1, "logprob": -0.25, "bytes": [], "top_logprobs": []},
        {"token": "曜", "token_id": 2, "logprob": -0.75, "bytes": [], "top_logprobs": []},
    ]
    whole, piece = _whole("火曜"), _chunk("stop", content="火曜")
    for body in (whole, piece):
        body["choices"][0]["logprobs"] = {"content": tokens}
    vendor.answer(sse(piece) if method == "stream" else whole)
    with Mistral(api_key="test", server_url=vendor.url) as client:
        answer: Any = getattr(client.chat, method)(model="mistral-small-latest", messages=ASK)
        if method == "stream":
            assert list(answer)
    assert spans.attributes()["kansoku.response.logprob.mean"] == -0.5
