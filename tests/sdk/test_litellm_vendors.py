"""LiteLLM over other vendors: what it leaves out of OpenAI's shapes, and what it puts in their place."""

import asyncio
import gc
import json
import os
from typing import Any

import pytest
from support.litellm_clients import drop_connections
from support.vendor import Reply, Vendor, sse

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


def test_a_stream_is_counted_as_its_provider_does(vendor: Vendor, spans: Any) -> None:
    """Of one whose usage the program did not ask for, LiteLLM keeps the sums alone."""
    usage = {"promptTokenCount": 900, "cachedContentTokenCount": 800, "candidatesTokenCount": 30}
    usage |= {"thoughtsTokenCount": 50, "totalTokenCount": 980}
    candidate = {"content": {"role": "model", "parts": [{"text": "休みます。"}]}, "finishReason": "STOP"}
    vendor.answer(sse({"candidates": [candidate], "usageMetadata": usage}, done=False))
    asked = {"model": "gemini/gemini-2.5-pro", "messages": ASK, "api_base": vendor.url, "api_key": "test"}
    assert list(litellm.completion(**asked, stream=True))
    told = spans.attributes()
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (900, 80)
    assert told["gen_ai.usage.cache_read.input_tokens"] == 800
    assert told["gen_ai.usage.reasoning.output_tokens"] == 50


def test_tokens_of_geminis_embeddings_are_a_marked_guess(vendor: Vendor, spans: Any) -> None:
    """LiteLLM counts them itself, whatever the API says."""
    vendor.answer({"predictions": [], "embeddings": [{"values": [0.5, 0.25]}]})
    litellm.embedding(
        model="gemini/gemini-embedding-001", input=["ごみの日"], api_base=vendor.url, api_key="test"
    )
    told = spans.attributes()
    assert told["kansoku.usage.estimated"] is True
    assert told["kansoku.usage.estimated_input_tokens"] > 0
    assert "gen_ai.usage.input_tokens" not in told


def test_the_way_to_a_model_is_no_part_of_its_name(vendor: Vendor, spans: Any) -> None:
    """LiteLLM takes some words between seller and model for it."""
    text = {"type": "output_text", "text": "集めます。", "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    usage = {"input_tokens": 21, "output_tokens": 8, "total_tokens": 29}
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5-mini", "tools": []}
    settings = {"parallel_tool_calls": True, "tool_choice": "auto", "error": None, "metadata": {}}
    vendor.answer({**head, **settings, "status": "completed", "output": [item], "usage": usage})
    ask("openai/responses/gpt-5-mini", False, vendor.url)
    told = spans.attributes()
    assert told["gen_ai.request.model"] == "gpt-5-mini"
    assert told["kansoku.router.model"] == "openai/responses/gpt-5-mini"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (21, 8)


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


def piece(text: str, finish: str | None = None, **own: Any) -> dict[str, Any]:
    """Return a piece of a streamed completion of a text."""
    choices = [{"index": 0, "text": text, "finish_reason": finish, "logprobs": None}]
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "gpt-3.5-turbo-instruct"}
    return {**head, "choices": choices, **own}


TEXTS = (piece("火曜日と"), piece("金曜日", "stop"))


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("model", ["text-completion-openai/gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct"])
def test_a_streamed_completion_is_one_call(
    model: str, later: bool, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiteLLM asks for it when the first piece is wanted; its zero tokens are none, and cost nothing."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "openai")
    spans = start()
    vendor.answer(sse(*TEXTS))
    given = {"model": model, "prompt": "収集日は", "api_base": vendor.url, "api_key": "test", "stream": True}

    async def ask_later() -> list[Any]:
        return [each async for each in await litellm.atext_completion(**given)]

    found = asyncio.run(ask_later()) if later else list(litellm.text_completion(**given))
    assert "".join(each.choices[0].text or "" for each in found) == "火曜日と金曜日"
    assert len(vendor.asked) == 1
    told = spans.attributes()
    assert told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.request.model"] == "gpt-3.5-turbo-instruct"
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日と金曜日"}]
    assert "gen_ai.usage.input_tokens" not in told
    assert "kansoku.cost.usd" not in told
    assert told["kansoku.usage.estimated"] is True


def test_the_tokens_of_a_streamed_completion_are_the_providers(vendor: Vendor, spans: Any) -> None:
    """Where the program asks for them."""
    usage = {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}
    vendor.answer(sse(*TEXTS, {**piece(""), "choices": [], "usage": usage}))
    stream = litellm.text_completion(
        model="text-completion-openai/gpt-3.5-turbo-instruct",
        prompt="収集日は",
        api_base=vendor.url,
        api_key="test",
        stream=True,
        stream_options={"include_usage": True},
    )
    assert list(stream)
    told = spans.attributes()
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (30, 12)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_streamed_completion_that_is_refused_is_one_failed_call(vendor: Vendor, spans: Any) -> None:
    """The error comes with the first piece, to the program and to the span."""
    vendor.answer(Reply(status=401, body=b'{"error": {"message": "no", "code": "invalid_api_key"}}'))
    stream = litellm.text_completion(
        model="text-completion-openai/davinci-002",
        prompt="収集日は",
        api_base=vendor.url,
        api_key="test",
        stream=True,
        num_retries=0,
        max_retries=0,
    )
    with pytest.raises(litellm.AuthenticationError):
        list(stream)
    assert spans.attributes()["error.type"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_model_that_answered_has_its_own_name(stream: bool, vendor: Vendor, spans: Any) -> None:
    """LiteLLM puts the seller in front of some."""
    head = {"model": "gemma3:4b", "created_at": "2026-11-01T00:00:00Z"}
    said = {**head, "message": {"role": "assistant", "content": "集めます。"}, "done": False}
    done = {**head, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    counts = {"prompt_eval_count": 21, "eval_count": 8}
    lines = [json.dumps(line).encode() + b"\n" for line in (said, {**done, **counts})]
    kind = "application/x-ndjson"
    vendor.answer(Reply(content_type=kind, pieces=lines) if stream else {**said, **counts, "done": True})
    ask("ollama_chat/gemma3:4b", stream, vendor.url)
    told = spans.attributes()
    assert told["gen_ai.request.model"] == told["gen_ai.response.model"] == "gemma3:4b"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (21, 8)


@pytest.mark.parametrize(
    ("model", "own"),
    [
        ("together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("cerebras/gpt-oss-120b", "gpt-oss-120b"),
        ("groq/groq/compound", "groq/compound"),
    ],
)
def test_a_name_that_begins_like_the_seller_stays(model: str, own: str, vendor: Vendor, spans: Any) -> None:
    """Of OpenAI's API the seller is in front of most names; some are called like it."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "集めます。"}}
    usage = {"prompt_tokens": 21, "completion_tokens": 8, "total_tokens": 29}
    head = {"id": "c-1", "object": "chat.completion", "created": 1, "model": own, "service_tier": "default"}
    vendor.answer({**head, "choices": [choice], "usage": usage})
    ask(model, False, vendor.url)
    told = spans.attributes()
    assert told["gen_ai.request.model"] == told["gen_ai.response.model"] == own
