"""Batches of OpenAI's: each told once, after its end, with the sum of its tokens at the price of a batch."""

import asyncio
import itertools
from typing import Any

import openai
import pytest
from support.vendor import Vendor

MODEL = "gpt-4o-mini-2024-07-18"
_names = (f"batch_{number}" for number in itertools.count())


def batch(name: str, status: str = "completed", **own: Any) -> dict[str, Any]:
    """Return a batch, as the API sends it."""
    ended = status != "in_progress"
    usage = {
        "input_tokens": 600_000 if ended else 0,
        "input_tokens_details": {"cached_tokens": 100_000 if ended else 0},
        "output_tokens": 40_000 if ended else 0,
        "output_tokens_details": {"reasoning_tokens": 8_000 if ended else 0},
        "total_tokens": 640_000 if ended else 0,
    }
    return {
        "id": name,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "model": MODEL,
        "input_file_id": "file-in",
        "output_file_id": "file-out",
        "completion_window": "24h",
        "created_at": 1_790_000_000,
        "status": status,
        "request_counts": {"total": 300, "completed": 298 if ended else 0, "failed": 2 if ended else 0},
        "usage": usage,
        **own,
    }


@pytest.fixture
def client(vendor: Vendor) -> Any:
    """Return a client of the server on loopback."""
    with openai.OpenAI(api_key="sk-test", base_url=vendor.url, max_retries=0) as made:
        yield made


def test_a_batch_is_told_once_when_it_has_ended(client: Any, vendor: Vendor, spans: Any) -> None:
    """A program asks for its batch until it has ended, and may fetch it again."""
    name = next(_names)
    vendor.answer(batch(name, "in_progress"), batch(name))
    fetched = [client.batches.retrieve(name) for _ in range(3)]
    assert [each.status for each in fetched] == ["in_progress", "completed", "completed"]
    told = spans.attributes()
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.request.model"] == told["gen_ai.response.model"] == MODEL
    assert told["gen_ai.response.id"] == told["kansoku.batch.id"] == name
    assert told["kansoku.batch.requests"] == 298
    assert told["kansoku.response.fetched"] is True
    assert told["kansoku.response.service_tier"] == "batch"
    assert told["gen_ai.usage.input_tokens"] == 600_000
    assert told["gen_ai.usage.cache_read.input_tokens"] == 100_000
    assert told["gen_ai.usage.output_tokens"] == 40_000
    assert told["gen_ai.usage.reasoning.output_tokens"] == 8_000


def test_many_short_requests_do_not_cost_what_a_long_one_does(
    client: Any, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their sum is beyond the length from which a request costs twice as much; none of them is."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "openai")
    spans = start()
    few = {"total": 2, "completed": 2, "failed": 0}
    vendor.answer(
        batch(next(_names), model="gpt-5.4"), batch(next(_names), model="gpt-5.4", request_counts=few)
    )
    client.batches.retrieve("batch")
    client.batches.retrieve("batch")
    short, long = (dict(span.attributes)["kansoku.cost.usd"] for span in spans.all())
    assert 0 < short < long


@pytest.mark.parametrize(
    ("endpoint", "operation"),
    [
        ("/v1/responses", "chat"),
        ("/v1/embeddings", "embeddings"),
        ("/v1/completions", "text_completion"),
    ],
)
def test_a_batch_is_what_its_requests_are(
    endpoint: str, operation: str, client: Any, vendor: Vendor, spans: Any
) -> None:
    """An endpoint for all of them is a part of it."""
    vendor.answer(batch(next(_names), endpoint=endpoint))
    client.batches.retrieve("batch")
    assert spans.attributes()["gen_ai.operation.name"] == operation


def test_a_batch_that_is_fetched_later_is_told(vendor: Vendor, spans: Any) -> None:
    """By the asynchronous client; what a batch used that ran out of time is paid, too."""
    vendor.answer(batch(next(_names), "expired"))

    async def ask() -> None:
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=vendor.url) as client:
            await client.batches.retrieve("batch")

    asyncio.run(ask())
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 40_000


@pytest.mark.parametrize("own", [{"usage": None}, {"status": "failed", "usage": None}, {"id": ""}])
def test_a_batch_without_tokens_is_not_told(
    own: dict[str, Any], client: Any, vendor: Vendor, spans: Any
) -> None:
    """Servers that speak this API do not count, and of one that failed there is nothing."""
    vendor.answer(batch(next(_names)) | own)
    assert client.batches.retrieve("batch").object == "batch"
    assert spans.all() == []


def test_a_raw_response_is_left_as_it_is(client: Any, vendor: Vendor, spans: Any) -> None:
    """Who reads the headers of one gets them."""
    vendor.answer(batch(next(_names)))
    assert client.batches.with_raw_response.retrieve("batch").parse().status == "completed"
    assert spans.all() == []
