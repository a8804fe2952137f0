"""What any vendor's client says about a call: retries inside it, and what its exceptions carry."""

import json
import re
from types import SimpleNamespace
from typing import Any

import anthropic
import groq
import openai
import pytest
from genai_prices import data
from support.vendor import Reply, Vendor

from kansoku.calls.facts import error_facts, mean_logprob, tokens_per_second
from kansoku.instruments.openai_hosts import find_provider, read_origin
from kansoku.pricing.price_names import listed_provider

ASK: Any = [{"role": "user", "content": "Hi"}]
BUSY = Reply(b'{"error": {"message": "busy"}}', 503, headers={"retry-after-ms": "1"})
CHAT = {
    "id": "c", "object": "chat.completion", "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
}  # fmt: skip
MESSAGE = {
    "id": "m", "type": "message", "role": "assistant", "model": "m",
    "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip


def test_the_retries_of_groq_are_counted(vendor: Vendor, spans: Any) -> None:
    """Its client was generated as openai's was."""
    vendor.answer(BUSY, BUSY, CHAT)
    with groq.Groq(api_key="k", base_url=vendor.url) as client:
        client.chat.completions.create(model="m", messages=ASK)
    assert spans.attributes()["http.request.resend_count"] == 2


def test_the_retries_of_anthropic_are_counted(vendor: Vendor, spans: Any) -> None:
    """Its client was generated as openai's was."""
    vendor.answer(BUSY, MESSAGE)
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        client.messages.create(model="m", max_tokens=5, messages=ASK)
    assert spans.attributes()["http.request.resend_count"] == 1


def test_the_limits_of_anthropic_are_told(vendor: Vendor, spans: Any) -> None:
    """They have names of their own."""
    headers = {"anthropic-ratelimit-tokens-remaining": "0", "retry-after": "7", "request-id": "req_1"}
    vendor.answer(Reply(json.dumps({"type": "error", "error": {"type": "x"}}).encode(), 429, headers=headers))
    client = anthropic.Anthropic(api_key="k", base_url=vendor.url, max_retries=0)
    with client, pytest.raises(anthropic.RateLimitError):
        client.messages.create(model="m", max_tokens=5, messages=ASK)
    found = spans.attributes()
    assert {key[21:]: value for key, value in found.items() if key.startswith("http.response.header.")} == {
        "anthropic-ratelimit-tokens-remaining": ("0",),
        "retry-after": ("7",),
        "request-id": ("req_1",),
    }


def test_retries_after_tracing_was_undone_are_nobodys(vendor: Vendor, spans: Any) -> None:
    """The client's own method is back, and works."""
    import kansoku

    kansoku.uninstrument()
    vendor.answer(BUSY, CHAT)
    with openai.OpenAI(api_key="k", base_url=vendor.url) as client:
        client.chat.completions.create(model="m", messages=ASK)
    assert "kansoku" not in type(client)._sleep_for_retry.__code__.co_filename
    assert not spans.all()


class FailedError(Exception):
    """An exception that carries what it is given."""

    def __init__(self, **fields: Any) -> None:
        super().__init__("failed")
        self.__dict__.update(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"response": SimpleNamespace(headers={"Retry-After": "3"})},
        {"response": {"ResponseMetadata": {"HTTPHeaders": {"retry-after": "3"}}}},
        {"headers": {"retry-after": "3", "authorization": "Bearer s3cret"}},
    ],
)
def test_headers_are_found_wherever_a_client_keeps_them(fields: dict[str, Any]) -> None:
    """On the response, inside botocore's dictionary, or on the exception."""
    assert error_facts(FailedError(**fields)) == {"http.response.header.retry-after": ("3",)}


@pytest.mark.parametrize(
    "fields", [{}, {"response": None}, {"response": {"ResponseMetadata": 7}}, {"headers": "x", "code": 429}]
)
def test_an_exception_that_carries_nothing_says_nothing(fields: dict[str, Any]) -> None:
    """Any exception may come out of a client."""
    assert error_facts(FailedError(**fields)) == {}


def test_what_cannot_be_a_logprob_or_a_speed_is_none() -> None:
    """Placeholders, missing values, and answers that came in one piece."""
    assert mean_logprob([None, "x", -9_999_999.0, 1.5]) is None
    assert mean_logprob([None, -1, -9999.0, -2.0, float("nan")]) == -1.5
    assert tokens_per_second(100, 2_000_000_000, 9) == 50
    assert tokens_per_second(100, 2_000_000_000, 1) is None
    assert tokens_per_second(100, 1000, 9) is None
    assert tokens_per_second(0, 2_000_000_000, 9) is None


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("eu.api.openai.com", "openai"),
        ("api.z.ai", "zai"),
        ("acme.snowflakecomputing.com", "snowflake"),
        ("router.huggingface.co", "huggingface"),
        ("dashscope-intl.aliyuncs.com", "alibaba"),
        ("aiplatform.us.rep.googleapis.com", "gcp.vertex_ai"),
        ("api.meta.ai", "meta"),
        ("notopenrouter.ai", "openai"),
        ("llm.corp.internal", "local"),
        ("[::1]", "local"),
        ("vllm", "local"),
    ],
)
def test_a_host_names_its_provider(host: str, provider: str) -> None:
    """Endings count at a dot alone; private hosts are one's own."""
    assert find_provider(host, "local") == provider


def test_a_seller_of_the_price_list_is_known_by_its_host() -> None:
    """A call of it would have another one's name, and no price."""
    without = ("cursor", "elevenlabs", "openai-decisions")  # they do not speak the API, or are OpenAI itself
    told: dict[str, str] = {}
    for seller in data.providers:
        host = re.match(r"https://([a-z0-9.-]+\w)(?:/|\((?:\?:)?/|$)", seller.api_pattern.replace("\\", ""))
        if host and seller.id not in without and not seller.id.startswith("huggingface_"):
            told[seller.id] = listed_provider(find_provider(host[1], "local"))
    assert len(told) > 20
    assert {name: found for name, found in told.items() if found != name} == {}


def test_the_origin_follows_a_client_whose_address_changes() -> None:
    """What is remembered belongs to the address, not to the client."""
    with openai.OpenAI(api_key="k", base_url="https://api.z.ai/api/paas/v4") as client:
        assert read_origin(client.chat.completions, "local") == ("zai", "api.z.ai", 443)
        client.base_url = "http://127.0.0.1:8000/v1"
        assert read_origin(client.chat.completions, "local") == ("local", "127.0.0.1", 8000)
        assert read_origin(client.chat.completions, "ours") == ("ours", "127.0.0.1", 8000)
