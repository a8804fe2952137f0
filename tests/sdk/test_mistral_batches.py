"""Answers of a batch of Mistral's that come with its job: each told once, at the price of a batch."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from mistralai.client import Mistral
from support.vendor import Vendor

MODEL = "mistral-small-2603"
_jobs = (f"job_{number}" for number in itertools.count())


def answered(asked: str, **own: Any) -> dict[str, Any]:
    """Return the answer to one request, as the API sends it."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "火曜日"}}
    usage = {"prompt_tokens": 1000, "completion_tokens": 40, "total_tokens": 1040}
    body = {"id": f"c_{asked}", "object": "chat.completion", "created": 1, "model": MODEL}
    whole = {**body, "choices": [choice], "usage": usage}
    return {"id": f"r_{asked}", "custom_id": asked, "response": {"status_code": 200, "body": whole}, **own}


def job(name: str, *outputs: dict[str, Any], endpoint: str = "/v1/chat/completions") -> dict[str, Any]:
    """Return a job."""
    counts = ("total", "completed", "succeeded", "failed")
    return {
        "id": name,
        "object": "batch",
        "endpoint": endpoint,
        "model": MODEL,
        "input_files": [],
        "errors": [],
        "status": "SUCCESS" if outputs else "RUNNING",
        "created_at": 1,
        **{f"{count}_requests": len(outputs) for count in counts},
        "outputs": list(outputs) or None,
    }


@pytest.fixture
def client(vendor: Vendor) -> Iterator[Mistral]:
    """Return a client of the server on loopback."""
    with Mistral(api_key="test", server_url=vendor.url) as made:
        yield made


def test_each_answer_of_a_batch_is_told_once(client: Mistral, vendor: Vendor, spans: Any) -> None:
    """A program asks for its job until it is done, and may fetch it again."""
    name = next(_jobs)
    vendor.answer(job(name), job(name, answered("a"), answered("b")))
    for _ in range(3):
        fetched = client.batch.jobs.get(job_id=name, inline=True)
    assert len(fetched.outputs or ()) == 2
    found = [dict(span.attributes) for span in spans.all()]
    assert [each["gen_ai.response.id"] for each in found] == ["c_a", "c_b"]
    assert [each["kansoku.batch.request.id"] for each in found] == ["a", "b"]
    told = found[0]
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.request.model"] == told["gen_ai.response.model"] == MODEL
    assert told["kansoku.batch.id"] == name
    assert told["kansoku.response.fetched"] is True
    assert told["kansoku.response.service_tier"] == "batch"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (1000, 40)
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert "火曜日" in told["gen_ai.output.messages"]


def test_a_batch_of_embeddings_is_told_as_such(vendor: Vendor, spans: Any) -> None:
    """By the asynchronous client."""
    usage = {"prompt_tokens": 70, "completion_tokens": 0, "total_tokens": 70}
    body = {"id": "e_1", "object": "list", "model": "mistral-embed", "data": [], "usage": usage}
    line = answered("a", response={"status_code": 200, "body": body})
    name = next(_jobs)
    vendor.answer(job(name, line, endpoint="/v1/embeddings"))

    async def ask() -> None:
        async with Mistral(api_key="test", server_url=vendor.url) as client:
            await client.batch.jobs.get_async(job_id=name, inline=True)

    asyncio.run(ask())
    told = spans.attributes()
    assert told["gen_ai.operation.name"] == "embeddings"
    assert told["gen_ai.usage.input_tokens"] == 70


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("/v1/chat/completions", answered("a", response=None, error={"message": "no"})),
        ("/v1/chat/completions", answered("a", response={"status_code": 422, "body": {"detail": []}})),
        ("/v1/classifications", answered("a")),
    ],
)
def test_what_has_no_tokens_is_not_told(
    endpoint: str, line: dict[str, Any], client: Mistral, vendor: Vendor, spans: Any
) -> None:
    """A request that failed, and endpoints that are no calls of a model."""
    name = next(_jobs)
    vendor.answer(job(name, line, endpoint=endpoint))
    assert client.batch.jobs.get(job_id=name, inline=True).id == name
    assert spans.all() == []
