"""The groq client: what it shares with openai's, and what Groq adds."""

import asyncio
import json
from typing import Any

import groq
import pytest
from support import corpus
from support.pages import run_page
from support.vendor import Reply, Vendor, recorded_reply, sse

ASK: Any = [{"role": "user", "content": "ごみの収集日は？"}]
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1771434740,
    "model": "openai/gpt-oss-120b",
    "system_fingerprint": "fp_1",
    "service_tier": "on_demand",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "火曜日です。", "reasoning": "調べる。"},
        }
    ],
    "usage": {
        "prompt_tokens": 30,
        "completion_tokens": 12,
        "total_tokens": 42,
        "prompt_tokens_details": {"cached_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 5},
        "queue_time": 0.25,
        "prompt_time": 0.5,
        "completion_time": 1.0,
        "total_time": 1.5,
    },
    "x_groq": {"id": "req_1"},
}


@pytest.fixture
def client(vendor: Vendor) -> Any:
    """Give a client of the real library that talks to the vendor on loopback."""
    with groq.Groq(api_key="gsk_test", base_url=vendor.url, max_retries=0) as made:
        yield made


@pytest.fixture
def spans_of_groq(start: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start the SDK so that the server on loopback stands for Groq."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "groq")
    return start()


@pytest.mark.parametrize("name", corpus.names("groq"))
def test_a_recorded_call_is_told_as_it_was(
    name: str, client: Any, vendor: Vendor, spans_of_groq: Any
) -> None:
    """Models, id, finish reasons, texts, reasoning, tool calls, parameters and usage match."""
    exchange = corpus.load("groq", name)
    vendor.answer(recorded_reply(exchange.response))
    try:
        for _ in client.chat.completions.create(**exchange.request["body"]):
            pass
    except groq.APIError:
        assert exchange.expected["error"]
    corpus.check(exchange.expected, spans_of_groq.attributes())


def test_a_chat_call_is_one_span_with_everything_said(
    client: Any, vendor: Vendor, spans_of_groq: Any
) -> None:
    """Request, answer, reasoning, usage, cost and the times of Groq's server are on the span."""
    vendor.answer(ANSWER)
    answer = client.chat.completions.create(
        model="openai/gpt-oss-120b", messages=ASK, temperature=0.5, reasoning_effort="low", seed=3,
        max_completion_tokens=100, stop="。。", user="resident-1",
    )  # fmt: skip
    assert type(answer) is groq.types.chat.ChatCompletion
    found = spans_of_groq.attributes()
    port = found.pop("server.port")
    assert vendor.url.endswith(f":{port}")
    assert json.loads(found.pop("gen_ai.input.messages"))[0]["parts"][0]["content"] == "ごみの収集日は？"
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "調べる。"},
                {"type": "text", "content": "火曜日です。"},
            ],
            "finish_reason": "stop",
        }
    ]
    assert found.pop("kansoku.cost.usd") > 0
    assert found.pop("kansoku.cost.price_id").startswith("groq/openai/gpt-oss-120b@")
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "groq",
        "gen_ai.request.model": "openai/gpt-oss-120b",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.seed": 3,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.stop_sequences": ("。。",),
        "user.id": "resident-1",
        "server.address": "127.0.0.1",
        "gen_ai.response.model": "openai/gpt-oss-120b",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "openai.response.system_fingerprint": "fp_1",
        "openai.response.service_tier": "on_demand",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "kansoku.server.queue_time": 0.25,
        "kansoku.server.prompt_time": 0.5,
        "kansoku.server.completion_time": 1.0,
        "kansoku.server.total_time": 1.5,
    }


def chunk(delta: dict[str, Any], finish: str | None = None, **extra: Any) -> dict[str, Any]:
    """Return one chunk of a stream."""
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
    } | extra


CHUNKS = (
    chunk({"role": "assistant", "content": ""}, x_groq={"id": "req_1"}),
    chunk({"reasoning": "調べ"}),
    chunk({"reasoning": "る。"}),
    chunk({"content": "火曜"}),
    chunk({"content": "日。"}),
    chunk({}, "stop", x_groq={"id": "req_1", "usage": ANSWER["usage"]}),
)


def test_a_stream_has_its_usage_from_groqs_corner_of_the_last_chunk(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """`x_groq.usage` counts where `usage` is missing; reasoning and text stay apart."""
    vendor.answer(sse(*CHUNKS))
    stream = client.chat.completions.create(model="m", messages=ASK, stream=True)
    assert isinstance(stream, groq.Stream)
    assert "".join(part.choices[0].delta.content or "" for part in stream) == "火曜日。"
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 12)
    assert found["kansoku.server.queue_time"] == 0.25
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.response.time_to_first_chunk"] > 0
    assert [part["content"] for part in spans.messages()[0]["parts"]] == ["調べる。", "火曜日。"]


def test_a_stream_that_is_left_early_says_so_and_has_no_usage(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """Usage comes with the last chunk only; nothing is made up for a stream without it."""
    vendor.answer(sse(*CHUNKS))
    with client.chat.completions.create(model="m", messages=ASK, stream=True) as stream:
        next(stream)
        next(stream)
    found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert "gen_ai.usage.input_tokens" not in found


def test_an_asynchronous_stream_is_the_same(vendor: Vendor, spans: Any) -> None:
    """The asynchronous client goes through the same reader."""
    vendor.answer(sse(*CHUNKS))

    async def ask() -> str:
        async with groq.AsyncGroq(api_key="gsk_test", base_url=vendor.url) as client:
            stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)
            return "".join([part.choices[0].delta.content or "" async for part in stream])

    assert asyncio.run(ask()) == "火曜日。"
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 12


def test_tools_that_groq_runs_itself_are_parts_of_their_own(client: Any, vendor: Vendor, spans: Any) -> None:
    """A compound model's searches are told apart from calls that the program has to run."""
    tool = {
        "index": 0,
        "type": "search",
        "arguments": '{"query": "ごみ 北区"}',
        "output": "火・金",
    }
    message = {"role": "assistant", "content": "火曜日。", "executed_tools": [tool]}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    vendor.answer({**ANSWER, "choices": choices})
    client.chat.completions.create(model="groq/compound", messages=ASK)
    assert spans.messages()[0]["parts"] == [
        {"type": "server_tool_call", "id": "0", "name": "search", "arguments": {"query": "ごみ 北区"}},
        {"type": "server_tool_call_response", "id": "0", "response": "火・金"},
        {"type": "text", "content": "火曜日。"},
    ]


def test_what_a_search_of_groqs_found_is_its_answer(client: Any, vendor: Vendor, spans: Any) -> None:
    """It may come as a list of pages, without an output of its own."""
    pages = {"results": [{"title": "ごみ", "url": "https://example.test", "content": "火・金", "score": 0.9}]}
    tool = {"index": 0, "type": "search", "arguments": "{}", "search_results": pages}
    vendor.answer(sse(chunk({"executed_tools": [tool]}), chunk({"content": "火。"}, "stop")))
    list(client.chat.completions.create(model="groq/compound", messages=ASK, stream=True))
    call, answer, _ = spans.messages()[0]["parts"]
    assert (call["type"], answer["type"]) == ("server_tool_call", "server_tool_call_response")
    assert answer["response"]["results"][0]["content"] == "火・金"


def test_what_groqs_code_drew_is_told_by_size(client: Any, vendor: Vendor, spans: Any) -> None:
    """The picture itself is in no attribute."""
    tool = {"index": 0, "type": "python", "arguments": "{}", "code_results": [{"text": "4", "png": "QUJD"}]}
    message = {"role": "assistant", "content": "四。", "executed_tools": [tool]}
    vendor.answer({**ANSWER, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]})
    client.chat.completions.create(model="groq/compound", messages=ASK)
    (result,) = spans.messages()[0]["parts"][1]["response"]
    assert result["text"] == "4"
    assert result["png"] == {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3}


def test_tools_that_groq_runs_during_a_stream_count_once(client: Any, vendor: Vendor, spans: Any) -> None:
    """A tool is announced when it starts and again with its output."""
    begun = {"index": 0, "type": "python", "arguments": "{}"}
    vendor.answer(
        sse(
            chunk({"executed_tools": [begun]}),
            chunk({"executed_tools": [{**begun, "output": "4"}]}),
            chunk({"content": "四。"}, "stop"),
        )
    )
    list(client.chat.completions.create(model="groq/compound", messages=ASK, stream=True))
    assert [part["type"] for part in spans.messages()[0]["parts"]] == [
        "server_tool_call",
        "server_tool_call_response",
        "text",
    ]


def test_a_stream_that_groq_gives_up_is_a_failure(client: Any, vendor: Vendor, spans: Any) -> None:
    """The reason is on the span; the caller sees the chunks as they came."""
    vendor.answer(sse(chunk({"content": "火"}), chunk({}, "stop", x_groq={"error": "out of memory"})))
    assert len(list(client.chat.completions.create(model="m", messages=ASK, stream=True))) == 2
    assert spans.attributes()["error.type"] == "stream_error"
    assert spans.one().status.description == "out of memory"


def test_a_refused_call_raises_as_ever_and_is_told(client: Any, vendor: Vendor, spans: Any) -> None:
    """The client's own exception reaches the caller; status and type are on the span."""
    vendor.answer(recorded_reply({"status": 429, "body": {"error": {"message": "slow down"}}}))
    with pytest.raises(groq.RateLimitError):
        client.chat.completions.create(model="m", messages=ASK)
    found = spans.attributes()
    assert found["http.response.status_code"] == 429
    assert "gen_ai.usage.input_tokens" not in found


def test_embeddings_are_counted_and_not_recorded(client: Any, vendor: Vendor, spans: Any) -> None:
    """Number, dimensions and tokens of embeddings are told, no vectors."""
    data = [{"object": "embedding", "index": i, "embedding": [0.5, 0.25, 1.0]} for i in range(2)]
    usage = {"prompt_tokens": 6, "total_tokens": 6}
    vendor.answer({"object": "list", "model": "nomic-embed-text-v1_5", "data": data, "usage": usage})
    client.embeddings.create(model="nomic-embed-text-v1_5", input=["a", "b"])
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "embeddings"
    assert found["kansoku.embeddings.input.count"] == 2
    assert found["gen_ai.embeddings.dimension.count"] == 3
    assert found["gen_ai.usage.input_tokens"] == 6


def test_without_content_only_numbers_are_kept(client: Any, vendor: Vendor, start: Any) -> None:
    """`capture_content=False` records neither question nor answer."""
    spans = start(capture_content=False)
    vendor.answer(ANSWER)
    client.chat.completions.create(model="m", messages=ASK)
    found = spans.attributes()
    assert not [key for key in found if "messages" in key]
    assert found["gen_ai.usage.output_tokens"] == 12


def test_the_page_runs(vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documentation's code works as it stands."""
    monkeypatch.setenv("GROQ_BASE_URL", vendor.url)
    monkeypatch.setenv("GROQ_API_KEY", "gsk_test")
    vendor.answer(ANSWER)
    run_page("sdk/groq.md", print=lambda *_: None)
    assert [span.name for span in spans.all()] == ["chat openai/gpt-oss-120b"]


def test_the_page_of_the_clients_alike_runs(spans: Any) -> None:
    """Naming clients that are not installed is no mistake."""
    run_page("sdk/more-clients.md")
    assert spans.all() == []


@pytest.mark.parametrize("later", [False, True])
def test_a_transcription_says_how_long_the_recording_is(later: bool, vendor: Vendor, spans: Any) -> None:
    """Groq counts no tokens of it: the seconds, which the verbose format has, are what is paid."""
    vendor.answer({"task": "transcribe", "language": "Japanese", "duration": 36.0, "text": "火曜日です。"})
    asked: Any = {"file": ("a.wav", b"RIFF"), "model": "whisper-large-v3", "response_format": "verbose_json"}

    async def ask() -> None:
        async with groq.AsyncGroq(api_key="k", base_url=vendor.url) as client:
            await client.audio.transcriptions.create(**asked)

    if later:
        asyncio.run(ask())
    else:
        with groq.Groq(api_key="k", base_url=vendor.url) as client:
            client.audio.transcriptions.create(**asked)
    found = spans.attributes()
    assert found["kansoku.usage.audio.input_seconds"] == 36.0
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日です。"}]


def test_speech_is_told_by_its_size(client: Any, vendor: Vendor, spans: Any) -> None:
    """What is said is told, the sound by type and size."""
    vendor.answer(Reply(b"RIFF" * 4, content_type="audio/wav"))
    client.audio.speech.create(model="playai-tts", input="火曜日", voice="a", response_format="wav")
    part = spans.messages()[0]["parts"][0]
    assert (part["mime_type"], part["size"]) == ("audio/wav", 16)


@pytest.mark.parametrize(
    "odd", ['{"choices": NaN}', '{"choices": [{"index": 0, "delta": {"executed_tools": 5}}]}']
)
@pytest.mark.parametrize("tapped", [True, False])
def test_a_chunk_of_another_kind_costs_no_other(
    odd: str,
    tapped: bool,
    client: Any,
    vendor: Vendor,
    spans_of_groq: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is no list of choices, or of tools that ran, says nothing, however the stream is read."""
    if not tapped:
        monkeypatch.setattr("kansoku.calls.recording.tap", lambda *_: None)
    said = json.dumps({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]})
    body = f"data: {odd}\n\ndata: {said}\n\ndata: [DONE]\n\n".encode()
    vendor.answer(Reply(body, content_type="text/event-stream"))
    assert len(list(client.chat.completions.create(model="m", messages=ASK, stream=True))) == 2
    assert spans_of_groq.messages()[0]["parts"] == [{"type": "text", "content": "a"}]
