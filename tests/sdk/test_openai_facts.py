"""What a call of the openai client says besides its answer: parameters, retries, limits, certainty, speed."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from opentelemetry.trace import StatusCode
from support.vendor import Reply, Vendor, sse

from kansoku.calls.estimation import input_tokens, output_tokens, tokens_of
from kansoku.spans import clock

ASK: Any = [{"role": "user", "content": "When is garbage day?"}]


@pytest.fixture
def client(vendor: Vendor) -> Any:
    """Return a client of the server on loopback, which tries twice more."""
    with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1", max_retries=2) as made:
        yield made


def answer(text: str = "On Tuesday.", **fields: Any) -> dict[str, Any]:
    """Return the body of a chat completion."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    return {
        "id": "c-1",
        "object": "chat.completion",
        "model": "m-1",
        "choices": [choice],
        "usage": usage,
        **fields,
    }


def chunk(text: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return the body of a chunk of a stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None, **fields.pop("choice", {})}
    return {"id": "c-1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], **fields}


def test_all_parameters_are_told_and_no_secret_is(client: Any, vendor: Vendor, spans: Any) -> None:
    """Parameters without a name of OpenTelemetry's keep their own; headers, secrets and content are none."""
    vendor.answer(answer())
    client.chat.completions.create(
        model="m", messages=ASK, logit_bias={"50256": -100}, verbosity="low", store=False,
        service_tier="flex",
        prompt_cache_key="ward-7", metadata={"office": "south"}, parallel_tool_calls=True, tool_choice="none",
        prediction={"type": "content", "content": "On Monday."}, extra_headers={"X-Secret": "s3cret"},
        extra_body={"top_k": 40, "repetition_penalty": 1.1, "api_key": "s3cret", "chat_template": "{{x}}"},
        stream_options=openai.omit, timeout=30,
    )  # fmt: skip
    found = spans.attributes()
    assert {key: value for key, value in found.items() if "request" in key} == {
        "gen_ai.request.model": "m",
        "gen_ai.request.logit_bias": '{"50256":-100}',
        "gen_ai.request.verbosity": "low",
        "gen_ai.request.store": False,
        "gen_ai.request.prompt_cache_key": "ward-7",
        "gen_ai.request.metadata": '{"office":"south"}',
        "gen_ai.request.parallel_tool_calls": True,
        "gen_ai.request.tool_choice": "none",
        "gen_ai.request.top_k": 40,
        "gen_ai.request.repetition_penalty": 1.1,
        "gen_ai.request.chat_template": "{{x}}",
        "openai.request.service_tier": "flex",
    }
    assert "s3cret" not in str(found)


def test_without_content_only_settings_are_parameters(
    client: Any, vendor: Vendor, start: Callable[..., Any]
) -> None:
    """Words that a program may write anything into are content."""
    spans = start(capture_content=False)
    vendor.answer(answer())
    client.chat.completions.create(
        model="m",
        messages=ASK,
        metadata={"name": "Sato"},
        verbosity="low",
        extra_body={"note": "Sato", "beams": 4},
    )
    found = spans.attributes()
    assert (found["gen_ai.request.verbosity"], found["gen_ai.request.beams"]) == ("low", 4)
    assert "Sato" not in str(found)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_retries_are_counted(vendor: Vendor, spans: Any, asynchronous: bool) -> None:
    """A call that the client sent three times is one span that says two more times."""
    busy = Reply(b'{"error": {"message": "busy"}}', 503, headers={"retry-after-ms": "1"})
    vendor.answer(busy, busy, answer())

    async def call() -> None:
        async with openai.AsyncOpenAI(api_key="k", base_url=vendor.url) as client:
            await client.chat.completions.create(model="m", messages=ASK)

    if asynchronous:
        asyncio.run(call())
    else:
        with openai.OpenAI(api_key="k", base_url=vendor.url) as client:
            client.chat.completions.create(model="m", messages=ASK)
    assert len(vendor.asked) == 3
    assert spans.attributes()["http.request.resend_count"] == 2
    assert spans.one().status.status_code is StatusCode.UNSET


def test_a_call_sent_once_says_nothing_of_retries(client: Any, vendor: Vendor, spans: Any) -> None:
    """What was not counted is not there, and one call's retries are not another's."""
    vendor.answer(Reply(b"{}", 500, headers={"retry-after-ms": "1"}), answer())
    client.chat.completions.create(model="m", messages=ASK)
    client.chat.completions.create(model="m", messages=ASK)
    counts = [span.attributes.get("http.request.resend_count") for span in spans.all()]
    assert counts == [1, None]


def test_the_limits_and_the_wait_of_an_error_are_told(client: Any, vendor: Vendor, spans: Any) -> None:
    """Rate-limit headers, retry-after, the request's id and the vendor's code; other headers are not told."""
    headers = {
        "retry-after": "20",
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "0",
        "x-request-id": "req_7",
        "set-cookie": "session=s3cret",
    }
    body = {"error": {"message": "slow down", "type": "tokens", "code": "rate_limit_exceeded"}}
    vendor.answer(Reply(json.dumps(body).encode(), 429, headers=headers))
    with pytest.raises(openai.RateLimitError):
        client.with_options(max_retries=0).chat.completions.create(model="m", messages=ASK)
    found = spans.attributes()
    assert {key: value for key, value in found.items() if key.startswith("http.")} == {
        "http.response.status_code": 429,
        "http.response.header.retry-after": ("20",),
        "http.response.header.x-ratelimit-limit-tokens": ("30000",),
        "http.response.header.x-ratelimit-remaining-tokens": ("0",),
        "http.response.header.x-request-id": ("req_7",),
    }
    assert found["kansoku.error.code"] == "rate_limit_exceeded"


def test_a_request_can_be_found_at_the_vendor(client: Any, vendor: Vendor, spans: Any) -> None:
    """The identifier of a request that went well is told, too."""
    vendor.answer(Reply(json.dumps(answer()).encode(), headers={"x-request-id": "req_8"}))
    client.chat.completions.create(model="m", messages=ASK)
    assert spans.attributes()["http.response.header.x-request-id"] == ("req_8",)


@pytest.mark.parametrize("stream", [False, True])
def test_the_mean_logprob_tells_how_certain_the_answer_was(
    client: Any, vendor: Vendor, spans: Any, stream: bool
) -> None:
    """It is the mean over the tokens of the answer, streamed or not."""
    tokens = [{"token": "On", "logprob": -0.25, "top_logprobs": []}, {"token": "T", "logprob": -0.75}]
    if stream:
        pieces = [chunk("x", choice={"logprobs": {"content": [token]}}) for token in tokens]
        vendor.answer(sse(*pieces, chunk(choice={"finish_reason": "stop"})))
    else:
        body = answer()
        body["choices"][0]["logprobs"] = {"content": tokens}
        vendor.answer(body)
    result = client.chat.completions.create(model="m", messages=ASK, logprobs=True, stream=stream)
    if stream:
        list(result)
    found = spans.attributes()
    assert found["kansoku.response.logprob.mean"] == -0.5
    assert found["gen_ai.request.logprobs"] is True


def test_the_speed_of_a_stream_is_told(client: Any, vendor: Vendor, spans: Any) -> None:
    """Output tokens by the time from the first chunk to the end."""
    ticks = iter(range(1_000_000_000, 100_000_000_000, 500_000_000))
    usage = {"prompt_tokens": 9, "completion_tokens": 40, "total_tokens": 49}
    vendor.answer(sse(chunk("a"), chunk("b", choice={"finish_reason": "stop"}), chunk(usage=usage)))
    clock.use(lambda: next(ticks))
    list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    assert spans.attributes()["kansoku.response.tokens_per_second"] == 80.0


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("early", [True, False])
def test_the_tokens_of_a_stream_without_usage_are_guessed_and_marked(
    client: Any, vendor: Vendor, start: Callable[..., Any], early: bool, capture: bool
) -> None:
    """The guess has names of its own, makes no cost, and needs no content on the span."""
    spans = start(capture_content=capture)
    pieces = [chunk("The garbage is collected on Tuesday. ") for _ in range(4)]
    vendor.answer(sse(*pieces, chunk(choice={"finish_reason": "stop"})))
    stream = client.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True)
    for number, _ in enumerate(stream, 1):
        if early and number == 2:
            stream.close()
            break
    found = spans.attributes()
    told = "The garbage is collected on Tuesday. " * (2 if early else 4)
    assert {key: value for key, value in found.items() if "usage" in key or "cost" in key} == {
        "kansoku.usage.estimated": True,
        "kansoku.usage.estimated_input_tokens": input_tokens(
            [{"parts": [{"content": ASK[0]["content"]}]}], "", []
        ),
        "kansoku.usage.estimated_output_tokens": output_tokens([{"parts": [{"content": told}]}]),
    }
    assert ("gen_ai.output.messages" in found) is capture


def test_guessing_can_be_switched_off(
    client: Any, vendor: Vendor, start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the setting off, unknown stays unknown."""
    monkeypatch.setenv("KANSOKU_ESTIMATE_USAGE", "false")
    spans = start()
    vendor.answer(sse(chunk("a"), chunk("b")))
    list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    assert not [key for key in spans.attributes() if "usage" in key]


@pytest.mark.parametrize(
    "messages",
    [
        [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "https://a.example/i.png"}}],
            }
        ],
        iter([{"role": "user", "content": "When?"}]),
    ],
)
def test_nothing_is_guessed_of_what_is_not_text(
    client: Any, vendor: Vendor, spans: Any, messages: Any
) -> None:
    """Images, and messages that only the client could read: half a guess would be a wrong one."""
    vendor.answer(sse(chunk("a"), chunk("b")))
    list(client.chat.completions.create(model="m", messages=messages, stream=True))
    assert not [key for key in spans.attributes() if "usage" in key]


def test_a_long_text_is_guessed_from_a_part() -> None:
    """A guess must cost little, however long the text is."""
    assert tokens_of("ごみの日。" * 100_000) == pytest.approx(500_000 * 0.75)


def test_the_script_of_a_text_decides_how_many_tokens_it_has() -> None:
    """Kana and kanji have several times the tokens of Latin letters; nothing has none."""
    assert tokens_of("") == 0
    assert tokens_of("abcd" * 10) == pytest.approx(9.6)
    assert tokens_of("ごみの日") == pytest.approx(4 * 0.75)
    assert tokens_of("день") == pytest.approx(4 * 0.35)
    assert tokens_of("🎌🎌") == pytest.approx(2 * 2.0)
    assert tokens_of("aдご🎌") == pytest.approx(0.24 + 0.35 + 0.75 + 2.0)
    assert tokens_of("\ud800") > 0, "half a character is text, too"


def test_predictions_and_a_vendors_own_cost_are_told(client: Any, vendor: Vendor, spans: Any) -> None:
    """Predicted tokens used and thrown away, and what a router charged."""
    details = {"accepted_prediction_tokens": 3, "rejected_prediction_tokens": 2, "reasoning_tokens": 0}
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 7,
        "completion_tokens_details": details,
        "cost": 0.00125,
    }
    vendor.answer(answer(usage=usage, provider="Google", service_tier="flex"))
    client.chat.completions.create(model="m", messages=ASK)
    found = spans.attributes()
    assert found["kansoku.usage.accepted_prediction_tokens"] == 3
    assert found["kansoku.usage.rejected_prediction_tokens"] == 2
    assert found["gen_ai.usage.cost"] == 0.00125
    assert found["kansoku.response.upstream_provider"] == "Google"
    assert found["openai.response.service_tier"] == "flex"


FLAGGED = {"type": "moderation_result", "flagged": True, "categories": {"violence": True, "hate": False}}
CLEAN = {"type": "moderation_result", "flagged": False, "categories": {"violence": False, "hate": False}}
VERDICT = {
    "prompt": {"flagged": True, "categories": ["violence"]},
    "answer": {"flagged": False, "categories": []},
}


@pytest.mark.parametrize("stream", [False, True])
def test_what_moderation_said_of_a_chat_is_told(
    stream: bool, client: Any, vendor: Vendor, spans: Any
) -> None:
    """Asked for with the call, it judges the question and the answer; several results are one verdict."""
    told = {
        "input": {"type": "moderation_results", "results": [FLAGGED, CLEAN]},
        "output": {"results": [CLEAN]},
    }
    named = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    said = {"index": 0, "finish_reason": "stop"}
    if stream:
        chunk = {**named, "object": "chat.completion.chunk"}
        vendor.answer(
            sse(
                {**chunk, "choices": [{**said, "delta": {"content": "No."}}]},
                {**chunk, "choices": [], "moderation": told},
            )
        )
        list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    else:
        choice = {**said, "message": {"role": "assistant", "content": "No."}}
        vendor.answer({**named, "choices": [choice], "moderation": told})
        client.chat.completions.create(model="m", messages=ASK)
    assert json.loads(spans.attributes()["kansoku.response.content_filter"]) == VERDICT


def test_what_moderation_said_of_a_response_is_told(client: Any, vendor: Vendor, spans: Any) -> None:
    """One that failed to judge said nothing."""
    failed = {"type": "error", "code": "server_error", "message": "later"}
    named = {"id": "r", "object": "response", "model": "m", "status": "completed", "output": []}
    vendor.answer({**named, "moderation": {"input": FLAGGED, "output": failed}})
    client.responses.create(model="m", input="x")
    told = json.loads(spans.attributes()["kansoku.response.content_filter"])
    assert told == {"prompt": VERDICT["prompt"]}
