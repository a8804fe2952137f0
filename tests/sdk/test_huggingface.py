"""The inference clients of huggingface_hub: chats, texts, embeddings, images and speech, wherever they go."""

import asyncio
import io
import json
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import InferenceProviderMapping
from huggingface_hub.inference._providers import _common as providers
from PIL import Image
from support import corpus
from support.pages import run_page
from support.vendor import Reply, Vendor, recorded_reply, sse

ASK: Any = [{"role": "user", "content": "ごみの収集日は？"}]
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "Qwen/Qwen3-32B",
    "system_fingerprint": "3.0.1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "火曜日。", "reasoning_content": "調べる。"},
        }
    ],
    "usage": {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42},
}


@pytest.fixture
def local(vendor: Vendor) -> Any:
    """Give a client of an endpoint of one's own."""
    return huggingface_hub.InferenceClient(base_url=vendor.url, api_key="hf_test")


@pytest.fixture
def router(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that makes a client of the hub's router, which is the vendor on loopback."""
    monkeypatch.setattr(huggingface_hub.constants, "INFERENCE_PROXY_TEMPLATE", vendor.url + "/{provider}")

    def make(model: str, kind: Any = huggingface_hub.InferenceClient, task: str = "conversational") -> Any:
        mapping_of: Any = InferenceProviderMapping
        mapping = mapping_of(
            provider="together", hf_model_id=model, providerId=model, status="live", task=task
        )
        monkeypatch.setitem(providers.HARDCODED_MODEL_INFERENCE_MAPPING, "together", {model: mapping})
        return kind(provider="together", api_key="hf_test")

    return make


@pytest.mark.parametrize("name", corpus.names("huggingface", "chat"))
def test_a_recorded_call_is_told_as_it_was(name: str, router: Any, vendor: Vendor, spans: Any) -> None:
    """Models, id, finish reasons, texts, tool calls, parameters and usage match, of whatever provider."""
    exchange = corpus.load("huggingface", name)
    body = exchange.request["body"]
    vendor.answer(recorded_reply(exchange.response))
    client = router(body["model"])
    if exchange.expected["error"] is not None:
        with pytest.raises(HfHubHTTPError):
            client.chat_completion(**body)
    else:
        result = client.chat_completion(**body)
        if exchange.expected["stream"]:
            for _ in result:
                pass
    corpus.check(exchange.expected, spans.attributes())


def test_a_chat_over_the_router_is_one_span_with_everything_said(
    router: Any, vendor: Vendor, spans: Any
) -> None:
    """Request, answer, usage, and the provider that the router was told to ask."""
    vendor.answer(ANSWER)
    answer = router("Qwen/Qwen3-32B").chat.completions.create(
        model="Qwen/Qwen3-32B", messages=ASK, temperature=0.5, max_tokens=100, seed=3, stop=["。。"],
        response_format={"type": "json_object"},
    )  # fmt: skip
    assert type(answer) is huggingface_hub.ChatCompletionOutput
    found = spans.attributes()
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
    costs = {key: found.pop(key) for key in list(found) if key.startswith("kansoku.cost")}
    assert not costs or costs["kansoku.cost.usd"] > 0
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "huggingface",
        "gen_ai.request.model": "Qwen/Qwen3-32B",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.seed": 3,
        "gen_ai.request.stop_sequences": ("。。",),
        "gen_ai.output.type": "json",
        "gen_ai.request.response_format": '{"type":"json_object"}',
        "kansoku.response.upstream_provider": "together",
        "server.address": "127.0.0.1",
        "gen_ai.response.model": "Qwen/Qwen3-32B",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "openai.response.system_fingerprint": "3.0.1",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 12,
    }


def chunk(delta: dict[str, Any], finish: str | None = None, **extra: Any) -> dict[str, Any]:
    """Return one chunk of a chat's stream."""
    choices = [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}]
    return {"id": "c-1", "created": 1, "model": "m", "system_fingerprint": "f", "choices": choices} | extra


CALL = {"index": 0, "id": "call_a", "type": "function", "function": {"name": "find", "arguments": '{"a":'}}
REST = {"index": 0, "id": "", "type": "function", "function": {"arguments": "1}"}}
CHUNKS = (
    chunk({"reasoning": "調べ"}),
    chunk({"reasoning": "る。"}),
    chunk({"content": "火曜"}),
    chunk({"content": "日。"}),
    chunk({"tool_calls": [CALL]}),
    chunk({"tool_calls": [REST]}),
    chunk({}, "eos_token"),
    {**chunk({}), "choices": [], "usage": ANSWER["usage"]},
)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_streamed_chat_is_read_from_its_chunks(
    asynchronous: bool, local: Any, vendor: Vendor, spans: Any
) -> None:
    """Reasoning, text and tool calls are put together; usage is the last chunk's."""
    vendor.answer(sse(*CHUNKS))

    async def ask() -> None:
        async with huggingface_hub.AsyncInferenceClient(base_url=vendor.url, api_key="hf_test") as client:
            async for _ in await client.chat_completion(ASK, stream=True):
                pass

    if asynchronous:
        asyncio.run(ask())
    else:
        assert len(list(local.chat_completion(ASK, stream=True))) == 8
    found = spans.attributes()
    assert found["gen_ai.provider.name"] == "local"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 12)
    assert found["gen_ai.response.time_to_first_chunk"] > 0
    assert spans.messages() == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "調べる。"},
                {"type": "text", "content": "火曜日。"},
                {"type": "tool_call", "id": "call_a", "name": "find", "arguments": {"a": 1}},
            ],
            "finish_reason": "stop",
        }
    ]


def test_a_stream_that_is_left_early_says_so(local: Any, vendor: Vendor, spans: Any) -> None:
    """What came is kept; no usage is made up among the vendor's."""
    vendor.answer(sse(*CHUNKS))
    with local:
        stream = local.chat_completion(ASK, stream=True)
        for _ in range(3):
            next(stream)
        stream.close()
    found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert "gen_ai.usage.input_tokens" not in found
    assert spans.messages()[0]["parts"][1] == {"type": "text", "content": "火曜"}


def test_text_generation_with_details_counts_its_tokens(local: Any, vendor: Vendor, spans: Any) -> None:
    """Prompt, parameters, text, finish reason; the prompt's tokens only where the server counted them."""
    prefill = [{"id": i, "text": "x", "logprob": -1.0} for i in range(4)]
    details = {"finish_reason": "eos_token", "generated_tokens": 3, "prefill": prefill, "tokens": []}
    vendor.answer([{"generated_text": "火曜日。", "details": details}])
    given: dict[str, Any] = {"max_new_tokens": 20, "temperature": 0.5, "stop": ["。。"], "details": True}
    local.text_generation("ごみの日は", decoder_input_details=True, **given)
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "text_completion"
    assert (found["gen_ai.request.max_tokens"], found["gen_ai.request.temperature"]) == (20, 0.5)
    assert found["gen_ai.request.stop_sequences"] == ("。。",)
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (4, 3)
    assert spans.messages("gen_ai.input.messages")[0]["parts"][0]["content"] == "ごみの日は"
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日。"}]


def test_text_generation_without_details_is_text_alone(local: Any, vendor: Vendor, spans: Any) -> None:
    """The caller gets a string, and the span has no usage."""
    vendor.answer([{"generated_text": "火曜日。"}])
    assert local.text_generation("ごみの日は") == "火曜日。"
    assert "gen_ai.usage.output_tokens" not in spans.attributes()
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日。"}]


@pytest.mark.parametrize("details", [False, True])
def test_streamed_text_generation_is_put_together(
    details: bool, local: Any, vendor: Vendor, spans: Any
) -> None:
    """With details the last chunk has the whole text and both counts."""
    end = {"finish_reason": "length", "generated_tokens": 2, "input_length": 4}
    tokens = [{"id": 1, "logprob": -1.0, "special": False, "text": text} for text in ("火曜", "日。")]
    first, last = ({"index": i, "token": token} for i, token in enumerate(tokens))
    vendor.answer(sse(first, {**last, "generated_text": "火曜日。", "details": end}))
    list(local.text_generation("ごみの日は", stream=True, details=details))
    found = spans.attributes()
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日。"}]
    counted = (found.get("gen_ai.usage.input_tokens"), found.get("gen_ai.usage.output_tokens"))
    assert counted == ((4, 2) if details else (None, None))
    assert found.get("kansoku.usage.estimated", False) is not details


def test_feature_extraction_is_embeddings(local: Any, vendor: Vendor, spans: Any) -> None:
    """Number and dimensions, no vectors."""
    vendor.answer([[0.5, 0.25, 1.0], [0.0, 0.5, 0.5]])
    assert local.feature_extraction(["a", "b"], dimensions=3).shape == (2, 3)
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "embeddings"
    assert (found["kansoku.embeddings.input.count"], found["gen_ai.embeddings.dimension.count"]) == (2, 3)
    assert "gen_ai.output.messages" not in found


def test_images_and_speech_are_told_without_their_data(local: Any, vendor: Vendor, spans: Any) -> None:
    """An image by type and measures, a recording by its size."""
    data = io.BytesIO()
    Image.new("RGB", (8, 4)).save(data, "PNG")
    vendor.answer(Reply(data.getvalue(), content_type="image/png"), {"text": "火曜日。"})
    assert local.text_to_image("a bin").size == (8, 4)
    assert local.automatic_speech_recognition(b"\0" * 64).text == "火曜日。"
    image, speech = (dict(span.attributes or {}) for span in spans.all())
    assert image["gen_ai.operation.name"] == "image_generation"
    assert image["kansoku.usage.images"] == 1
    assert json.loads(image["gen_ai.output.messages"])[0]["parts"] == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "width": 8, "height": 4}
    ]
    assert json.loads(speech["gen_ai.input.messages"])[0]["parts"] == [
        {"type": "blob", "modality": "audio", "mime_type": "audio/*", "size": 64}
    ]
    assert json.loads(speech["gen_ai.output.messages"])[0]["parts"][0]["content"] == "火曜日。"


def test_a_refused_call_raises_as_ever_and_is_told(local: Any, vendor: Vendor, spans: Any) -> None:
    """The hub's own exception reaches the caller; the status is on the span."""
    vendor.answer(Reply(status=429, body=b'{"error": "slow down"}', headers={"Retry-After": "2"}))
    with pytest.raises(HfHubHTTPError):
        local.chat_completion(ASK)
    found = spans.attributes()
    assert found["http.response.status_code"] == 429
    assert found["http.response.header.retry-after"] == ("2",)


@pytest.mark.parametrize(
    ("client", "arguments", "provider", "address"),
    [
        ({}, {"model": "Qwen/Qwen3"}, "huggingface", "router.huggingface.co"),
        (
            {"model": "https://x.endpoints.huggingface.cloud"},
            {},
            "huggingface",
            "x.endpoints.huggingface.cloud",
        ),
        ({}, {"model": "http://10.0.0.7:8080"}, "local", "10.0.0.7"),
        ({"provider": "groq", "api_key": "gsk_1", "model": "m"}, {}, "groq", "api.groq.com"),
        ({"provider": "fireworks-ai", "api_key": "fw", "model": "m"}, {}, "fireworks", "api.fireworks.ai"),
        ({"provider": "groq", "api_key": "hf_1", "model": "m"}, {}, "huggingface", "router.huggingface.co"),
    ],
)
def test_the_provider_follows_from_client_and_arguments(
    client: Any, arguments: Any, provider: str, address: str, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The router, an endpoint, one's own server, or a provider that is paid directly."""

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network in tests")

    made = huggingface_hub.InferenceClient(**{"api_key": "hf_test", **client})
    monkeypatch.setattr(made, "_inner_post", refuse)
    monkeypatch.setattr(providers, "_fetch_inference_provider_mapping", refuse)
    with pytest.raises(ConnectionError):
        made.chat_completion(ASK, **arguments)
    found = spans.attributes()
    assert (found["gen_ai.provider.name"], found["server.address"]) == (provider, address)


def test_without_content_only_numbers_are_kept(local: Any, vendor: Vendor, start: Any) -> None:
    """`capture_content=False` records neither question nor answer."""
    spans = start(capture_content=False)
    vendor.answer(ANSWER)
    local.chat_completion(ASK)
    found = spans.attributes()
    assert not [key for key in found if "messages" in key]
    assert found["gen_ai.usage.output_tokens"] == 12


def test_the_page_runs(local: Any, vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documentation's code works as it stands."""
    vendor.answer(ANSWER, [[0.5, 0.25]])

    def make(**_: Any) -> Any:
        return local

    monkeypatch.setattr(huggingface_hub, "InferenceClient", make)
    run_page("sdk/huggingface.md", print=lambda *_: None)
    assert [span.attributes["gen_ai.operation.name"] for span in spans.all()] == ["chat", "embeddings"]
