"""LiteLLM: one span a call, whatever it calls below; who answered in truth; streams, retries, fallbacks."""

import asyncio
import contextvars
import gc
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.litellm_clients import drop_connections
from support.pages import run_page
from support.vendor import Reply, Vendor, sse

import kansoku
from kansoku import guard

litellm: Any = None  # set by `_imported`

pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine 'Logging.async_success_handler' was never awaited"),
    pytest.mark.filterwarnings("ignore:There is no current event loop"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_(computed_)?fields' attribute"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # see tidy()
    pytest.mark.filterwarnings("ignore:Exception ignored in. <coroutine object LoggingWorker"),
]
ASK: Any = [{"role": "user", "content": "ごみの収集日は？"}]
USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 12,
    "total_tokens": 42,
    "prompt_tokens_details": {"cached_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini-2024-07-18",
    "system_fingerprint": "fp_1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "火曜日。", "reasoning_content": "調べる。"},
        }
    ],
    "usage": USAGE,
}
ERROR = Reply(status=500, body=b'{"error": {"message": "later"}}')
MODEL = "openai/gpt-4o-mini"


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Import the library where its tests run: it takes seconds, in every worker if it were done above."""
    global litellm  # noqa: PLW0603
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network for prices
    litellm = pytest.importorskip("litellm")
    gc.freeze()  # see tidy(): it need not look at all of that after every test


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """Return one chunk of a stream."""
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}


CALL = {"index": 0, "id": "call_a", "type": "function", "function": {"name": "find", "arguments": '{"ward":'}}
REST = {"index": 0, "function": {"arguments": '"北区"}'}}
CHUNKS = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "調べる。"}),
    chunk({"content": "火曜"}),
    chunk({"content": "日。"}),
    chunk({"tool_calls": [CALL]}),
    chunk({"tool_calls": [REST]}),
    chunk({}, "tool_calls"),
)
COUNTED = sse(*CHUNKS, {**chunk({}), "choices": [], "usage": USAGE})


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Drop, without a word, the connections and event loops that LiteLLM keeps and never closes."""
    yield
    drop_connections(litellm)


@pytest.fixture
def where(vendor: Vendor) -> dict[str, str]:
    """Give the arguments that lead LiteLLM to the vendor on loopback."""
    return {"api_base": vendor.url, "api_key": "sk-test"}


@pytest.fixture
def openai_spans(start: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start the SDK so that the server on loopback stands for OpenAI."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "openai")
    return start()


def test_an_asynchronous_function_taken_before_the_start_is_one_call(
    where: Any, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It calls the traced function below it, and awaits what that gives: there is the answer."""
    taken = litellm.acompletion
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "openai")
    spans = start()
    assert litellm.acompletion is not taken
    vendor.answer(ANSWER)
    answer = asyncio.run(taken(MODEL, ASK, **where))
    assert answer.choices[0].message.content == "火曜日。"
    found = spans.attributes()
    assert found["gen_ai.usage.output_tokens"] == USAGE["completion_tokens"]
    assert found["kansoku.router.model"] == MODEL


def test_what_is_noted_of_an_answer_costs_the_program_nothing_when_it_fails(
    where: Any, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is over and paid for: its answer reaches the program whatever becomes of our notes."""
    start()
    monkeypatch.setattr("kansoku.instruments.litellm_read._SPEAKS_OPENAI", None)
    monkeypatch.setattr("kansoku.instruments.litellm_read._streams", None)
    vendor.answer(ANSWER)
    assert litellm.completion(MODEL, ASK, **where).choices[0].message.content == "火曜日。"
    vendor.answer(sse(*CHUNKS))
    chunks = litellm.completion(MODEL, ASK, stream=True, **where)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert {name for name in guard.failures if "litellm_read" in name}
    guard.failures.clear()


def test_a_call_is_one_span_with_everything_said(where: Any, vendor: Vendor, openai_spans: Any) -> None:
    """The openai client that LiteLLM calls is traced, too, and makes no span of its own."""
    vendor.answer(ANSWER)
    answer = litellm.completion(
        MODEL, ASK, temperature=0.5, max_tokens=100, stop=["。。"], seed=3, user="resident-1",
        **where,
    )  # fmt: skip
    assert type(answer) is litellm.ModelResponse
    found = openai_spans.attributes()
    assert vendor.url.endswith(f":{found.pop('server.port')}")
    assert json.loads(found.pop("gen_ai.input.messages"))[0]["parts"][0]["content"] == "ごみの収集日は？"
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "調べる。"},
                {"type": "text", "content": "火曜日。"},
            ],
            "finish_reason": "stop",
        }
    ]
    assert found.pop("kansoku.cost.price_id").startswith("openai/gpt-4o-mini@")
    assert found.pop("kansoku.cost.usd") == pytest.approx(found.pop("kansoku.cost.reported_usd"))
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "kansoku.router.model": "openai/gpt-4o-mini",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.stop_sequences": ("。。",),
        "gen_ai.request.seed": 3,
        "user.id": "resident-1",
        "server.address": "127.0.0.1",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "openai.response.system_fingerprint": "fp_1",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 5,
    }


def test_an_asynchronous_call_is_one_span(where: Any, vendor: Vendor, spans: Any) -> None:
    """LiteLLM runs its synchronous half in a thread; that makes no second span."""
    vendor.answer(ANSWER)
    asyncio.run(litellm.acompletion(model=MODEL, messages=ASK, **where))
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 12


def test_a_call_in_a_thread_is_one_span_below_the_callers(where: Any, vendor: Vendor, spans: Any) -> None:
    """A thread that runs in a copy of the context keeps the parent."""
    vendor.answer(ANSWER)
    with kansoku.span("job"):
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(litellm.completion, MODEL, ASK), kwargs=where)
        thread.start()
        thread.join()
    call, job = spans.all()
    assert call.parent.span_id == job.context.span_id


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_stream_with_usage_is_one_span_with_the_providers_count(
    asynchronous: bool, where: Any, vendor: Vendor, spans: Any
) -> None:
    """Text, reasoning and tool calls are put together, and the stream is LiteLLM's own."""
    vendor.answer(COUNTED)
    given = {**where, "stream": True, "stream_options": {"include_usage": True}}

    async def ask() -> Any:
        stream = await litellm.acompletion(MODEL, ASK, **given)
        return stream, [part async for part in stream]

    if asynchronous:
        stream, _ = asyncio.run(ask())
    else:
        stream = litellm.completion(MODEL, ASK, **given)
        list(stream)
    assert isinstance(stream, litellm.CustomStreamWrapper)
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 12)
    assert found["gen_ai.usage.reasoning.output_tokens"] == 5
    assert "kansoku.usage.estimated" not in found
    assert found["gen_ai.response.time_to_first_chunk"] > 0
    assert spans.messages() == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "調べる。"},
                {"type": "text", "content": "火曜日。"},
                {"type": "tool_call", "id": "call_a", "name": "find", "arguments": {"ward": "北区"}},
            ],
            "finish_reason": "tool_calls",
        }
    ]


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}])
def test_tokens_that_litellm_counts_itself_are_a_marked_guess(
    options: Any, where: Any, vendor: Vendor, spans: Any
) -> None:
    """A provider that sends no usage has none, even where LiteLLM shows the caller some."""
    vendor.answer(sse(*CHUNKS))
    list(litellm.completion(MODEL, ASK, stream=True, **options, **where))
    found = spans.attributes()
    assert found["kansoku.usage.estimated"] is True
    assert found["kansoku.usage.estimated_input_tokens"] > 0
    assert not [key for key in found if key.startswith(("gen_ai.usage", "kansoku.cost"))]


def test_reasoning_that_litellm_counts_itself_is_not_taken(where: Any, vendor: Vendor, spans: Any) -> None:
    """It adds its own count of the reasoning to the provider's usage; the total stays the provider's."""
    usage = {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}
    vendor.answer(sse(*CHUNKS, {**chunk({}), "choices": [], "usage": usage}))
    options = {"stream_options": {"include_usage": True}}
    list(litellm.completion(MODEL, ASK, stream=True, **options, **where))
    found = spans.attributes()
    assert found["gen_ai.usage.output_tokens"] == 12
    assert "gen_ai.usage.reasoning.output_tokens" not in found


def test_a_stream_that_is_left_early_says_so(where: Any, vendor: Vendor, spans: Any) -> None:
    """The text that came is kept; nothing is billed."""
    vendor.answer(COUNTED)

    async def leave() -> None:
        stream = await litellm.acompletion(MODEL, ASK, stream=True, **where)
        async for part in stream:
            if part.choices[0].delta.content:
                break
        await stream.aclose()

    asyncio.run(leave())
    found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert "gen_ai.usage.input_tokens" not in found
    assert {"type": "text", "content": "火曜"} in spans.messages()[0]["parts"]


def test_retries_are_inside_of_one_call(where: Any, vendor: Vendor, spans: Any) -> None:
    """A call that succeeds at the second try is billed once."""
    vendor.answer(ERROR, ANSWER)
    litellm.completion(MODEL, ASK, num_retries=2, max_retries=0, **where)
    assert len(vendor.asked) == 2
    assert spans.one().status.is_ok or spans.one().status.is_unset
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 12


def test_a_fallback_is_told_by_its_own_name(where: Any, vendor: Vendor, spans: Any) -> None:
    """The model asked for, the provider and the model that answered are all there."""
    vendor.answer(ERROR, {**ANSWER, "model": "mistral-small-2506"})
    litellm.completion(MODEL, ASK, fallbacks=["mistral/mistral-small-latest"], max_retries=0, **where)
    found = spans.attributes()
    assert found["gen_ai.provider.name"] == "mistral_ai"
    assert found["kansoku.router.model"] == MODEL
    assert (found["gen_ai.request.model"], found["gen_ai.response.model"]) == (
        "gpt-4o-mini",
        "mistral-small-2506",
    )


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_router_makes_a_span_for_each_try(
    asynchronous: bool, where: Any, vendor: Vendor, spans: Any
) -> None:
    """Each deployment that is tried is a call; the group's name is kept, and one of them is billed."""
    vendor.answer(ERROR, ANSWER)
    deployment = {"model_name": "city", "litellm_params": {"model": MODEL, "max_retries": 0, **where}}
    router = litellm.Router(model_list=[deployment], num_retries=1, retry_after=0)
    if asynchronous:
        asyncio.run(router.acompletion("city", ASK))
    else:
        router.completion("city", ASK)
    failed, answered = (dict(span.attributes or {}) for span in spans.all())
    assert failed["kansoku.router.model"] == answered["kansoku.router.model"] == "city"
    assert failed["http.response.status_code"] == 500
    assert "gen_ai.usage.output_tokens" not in failed
    assert answered["gen_ai.usage.output_tokens"] == 12


def test_an_error_reaches_the_caller_as_litellm_raises_it(where: Any, vendor: Vendor, spans: Any) -> None:
    """The exception is LiteLLM's, and type and status are on the span."""
    vendor.answer(Reply(status=429, body=b'{"error": {"message": "slow down"}}'))
    with pytest.raises(litellm.RateLimitError):
        litellm.completion(MODEL, ASK, max_retries=0, **where)
    found = spans.attributes()
    assert (found["error.type"], found["http.response.status_code"]) == ("RateLimitError", 429)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_embeddings_are_counted_and_not_recorded(
    asynchronous: bool, where: Any, vendor: Vendor, spans: Any
) -> None:
    """Positional or named, in both worlds: number, dimensions and tokens, no vectors."""
    data = [{"object": "embedding", "index": i, "embedding": [0.5, 0.25, 1.0]} for i in range(2)]
    usage = {"prompt_tokens": 6, "total_tokens": 6}
    vendor.answer({"object": "list", "model": "text-embedding-3-small", "data": data, "usage": usage})
    if asynchronous:
        asyncio.run(litellm.aembedding("openai/text-embedding-3-small", ["a", "b"], **where))
    else:
        litellm.embedding(model="openai/text-embedding-3-small", input=["a", "b"], **where)
    found = spans.attributes()
    assert spans.one().name == "embeddings text-embedding-3-small"
    assert found["kansoku.embeddings.input.count"] == 2
    assert found["gen_ai.embeddings.dimension.count"] == 3
    assert found["gen_ai.usage.input_tokens"] == 6


def test_reranking_tells_query_and_scores(vendor: Vendor, spans: Any) -> None:
    """A reranker's span has the query, and the documents with their scores."""
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
    vendor.answer({"id": "r-1", "results": results, "meta": {"billed_units": {"search_units": 1}}})
    litellm.rerank(
        "cohere/rerank-v3.5", "ごみの日", ["天気", "収集日"], top_n=2, api_base=vendor.url, api_key="k"
    )
    found = spans.attributes()
    assert spans.one().name == "rerank rerank-v3.5"
    assert (found["gen_ai.provider.name"], found["gen_ai.retrieval.query.text"]) == ("cohere", "ごみの日")
    assert [d["score"] for d in json.loads(found["gen_ai.retrieval.documents"])] == [0.9, 0.1]


def test_responses_are_read(where: Any, vendor: Vendor, spans: Any) -> None:
    """The responses API through LiteLLM is a chat like any other."""
    content = [{"type": "output_text", "text": "火曜日。", "annotations": []}]
    message = {"id": "m-1", "type": "message", "role": "assistant", "status": "completed", "content": content}
    vendor.answer(
        {
            "id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
            "model": "gpt-4o-mini", "output": [message], "parallel_tool_calls": True,
            "tool_choice": "auto", "tools": [],
            "usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13},
        }
    )  # fmt: skip
    litellm.responses("ごみの日は？", MODEL, **where)
    found = spans.attributes()
    assert spans.one().name == "chat gpt-4o-mini"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (9, 4)
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日。"}]


def test_an_answer_from_litellms_cache_is_not_billed(where: Any, vendor: Vendor, spans: Any) -> None:
    """The second of two like calls asks nobody: it has no usage and says why."""
    vendor.answer(ANSWER)
    litellm.cache = litellm.Cache()
    try:
        for _ in range(2):
            litellm.completion(MODEL, ASK, caching=True, **where)
    finally:
        litellm.cache = None
    asked, cached = (dict(span.attributes or {}) for span in spans.all())
    assert len(vendor.asked) == 1
    assert asked["gen_ai.usage.output_tokens"] == 12
    assert cached["kansoku.cache_hit"] is True
    assert not [key for key in cached if key.startswith(("gen_ai.usage", "kansoku.cost"))]


@pytest.mark.parametrize(
    ("model", "arguments", "provider", "asked"),
    [
        ("gpt-4o-mini", {}, "openai", "gpt-4o-mini"),
        ("azure/deployment", {"api_base": "https://x.openai.azure.com"}, "azure.ai.openai", "deployment"),
        ("anthropic/claude-sonnet-4-5", {}, "anthropic", "claude-sonnet-4-5"),
        ("bedrock/us.amazon.nova-lite-v1:0", {}, "aws.bedrock", "us.amazon.nova-lite-v1:0"),
        ("openrouter/meta-llama/llama-3", {}, "openrouter", "meta-llama/llama-3"),
        ("openai/qwen", {"api_base": "http://10.0.0.7:8000/v1"}, "local", "qwen"),
        ("openai/llama", {"api_base": "https://api.deepseek.com"}, "deepseek", "llama"),
        ("hosted_vllm/qwen", {"api_base": "https://llm.example.org"}, "local", "qwen"),
        ("unheard-of", {"custom_llm_provider": "gemini"}, "gcp.gemini", "unheard-of"),
    ],
)
def test_the_provider_is_the_one_that_is_asked(
    model: str, arguments: Any, provider: str, asked: str, spans: Any
) -> None:
    """It is told from the name, from LiteLLM's list, or from the address of a server of OpenAI's API."""
    litellm.completion(model, ASK, mock_response="はい。", **arguments)
    found = spans.attributes()
    assert (found["gen_ai.provider.name"], found["gen_ai.request.model"]) == (provider, asked)


def test_keys_and_addresses_are_not_recorded(where: Any, vendor: Vendor, spans: Any) -> None:
    """LiteLLM's own arguments, credentials among them, are no parameters of the model."""
    vendor.answer(ANSWER)
    litellm.completion(MODEL, ASK, aws_secret_access_key="wJalr", extra_headers={"x-key": "k-1"}, **where)
    text = json.dumps(spans.attributes(), default=str)
    assert not [secret for secret in ("sk-test", "wJalr", "k-1", vendor.url) if secret in text]


def test_the_functions_are_given_back(where: Any, vendor: Vendor, spans: Any) -> None:
    """After `uninstrument()` nothing of ours is in LiteLLM, and functions of both modules are one again."""
    traced = litellm.completion
    assert traced is litellm.main.completion
    kansoku.uninstrument("litellm", "openai")
    assert litellm.completion is litellm.main.completion is traced.__wrapped__
    vendor.answer(ANSWER)
    litellm.completion(MODEL, ASK, **where)
    assert spans.all() == []


def test_the_page_runs(spans: Any) -> None:
    """The documentation's code works as it stands."""
    run_page("sdk/litellm.md", print=lambda *_, **__: None)
    assert [span.name for span in spans.all()] == ["chat gpt-4o-mini", "chat gpt-4o-mini"]


def test_what_anthropic_bills_apart_is_told_apart(vendor: Vendor, spans: Any) -> None:
    """Searches and what was written to a cache for an hour come through LiteLLM's own shape."""
    usage = {
        "input_tokens": 40,
        "output_tokens": 5,
        "cache_creation_input_tokens": 50,
        "cache_read_input_tokens": 10,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
        "server_tool_use": {"web_search_requests": 2},
    }
    content = [{"type": "text", "text": "火曜日。"}]
    told = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
    vendor.answer({**told, "content": content, "stop_reason": "end_turn", "usage": usage})
    litellm.completion(model="anthropic/claude-sonnet-4-5", messages=ASK, api_base=vendor.url, api_key="k")
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 100
    assert found["gen_ai.usage.cache_read.input_tokens"] == 10
    assert found["kansoku.usage.web_search.requests"] == 2
    assert found["gen_ai.usage.cache_write.input_tokens"] == 50
    assert found["kansoku.usage.cache_write_1h.input_tokens"] == 30


@pytest.mark.parametrize("later", [False, True])
def test_images_and_audio_are_calls_of_one_span(later: bool, where: Any, vendor: Vendor, spans: Any) -> None:
    """Whatever client LiteLLM asks below: an image, a transcription, a check."""
    usage = {
        "input_tokens": 5,
        "output_tokens": 100,
        "total_tokens": 105,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 5},
    }
    result = {"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": 0.9}}
    vendor.answer(
        {"created": 1, "data": [{"b64_json": "AAAA"}], "usage": usage},
        {"text": "火曜日"},
        {"id": "m", "model": "omni-moderation", "results": [result]},
    )

    async def ask() -> None:
        await litellm.aimage_generation(prompt="傘", model="openai/gpt-image-1", **where)
        await litellm.atranscription(model="openai/whisper-1", file=("a.wav", b"RIFF"), **where)
        await litellm.amoderation(input="x", model="omni-moderation-latest", **where)

    if later:
        asyncio.run(ask())
    else:
        litellm.image_generation(prompt="傘", model="openai/gpt-image-1", **where)
        litellm.transcription(model="openai/whisper-1", file=("a.wav", b"RIFF"), **where)
        litellm.moderation(input="x", model="omni-moderation-latest", **where)
    drawn, heard, checked = (dict(span.attributes) for span in spans.all())
    assert drawn["gen_ai.request.model"] == "gpt-image-1"
    assert drawn["gen_ai.usage.output_tokens"] == 100
    assert drawn["kansoku.usage.images"] == 1
    assert '"火曜日"' in heard["gen_ai.output.messages"]
    assert checked["kansoku.guardrail.passed"] is False


@pytest.mark.parametrize("later", [False, True])
def test_compacting_a_conversation_is_a_call(later: bool, where: Any, vendor: Vendor, spans: Any) -> None:
    """A model reads the conversation, and is paid for it."""
    usage = {"input_tokens": 90, "output_tokens": 9, "total_tokens": 99}
    item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA"}
    vendor.answer(
        {"id": "resp_1", "object": "response.compaction", "created_at": 1, "output": [item], "usage": usage}
    )
    asked: Any = {"model": "openai/gpt-5", "input": "いつ", **where}
    if later:
        asyncio.run(litellm.acompact_responses(**asked))
    else:
        litellm.compact_responses(**asked)
    found = spans.attributes()
    assert found["gen_ai.request.model"] == "gpt-5"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (90, 9)
