"""Answers of a batch of Mistral's that come with its job: each told once, at the price of a batch."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from mistralai.client import Mistral
from support.vendor import Asked, Reply, Vendor

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
    assert told["kansoku.cost.usd"] == pytest.approx((1000 * 0.15 + 40 * 0.6) / 1e6 / 2)
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


READS = {
    "read": lambda response: response.read(),
    "bytes": lambda response: b"".join(response.iter_bytes(7)),
    "lines": lambda response: "\n".join(response.iter_lines()).encode(),
}


@pytest.mark.parametrize("how", [*READS, "later"])
def test_answers_in_a_file_are_told_as_one_sum_once(how: str, vendor: Vendor, spans: Any) -> None:
    """When the file was read to its end; what failed is not billed, any other file is the program's own."""
    name = next(_jobs)
    file = f"file_of_{name}"
    first, second = (answered(asked) for asked in "ab")
    first["response"]["body"]["choices"][0]["message"]["content"] = 'Say "usage": {"prompt_tokens": 9}'
    first["response"]["body"]["usage"]["prompt_tokens_details"] = {"cached_tokens": 400}
    failed = {"id": "r_c", "custom_id": "c", "response": None, "error": {"message": "no"}}
    data = "\n".join(map(json.dumps, (first, failed, second))).encode()

    def respond(asked: Asked) -> Reply:
        if "/content" in asked.path:
            return Reply(data, content_type="application/octet-stream")
        return Reply(json.dumps({**job(name), "status": "SUCCESS", "output_file": file}).encode())

    vendor.respond = respond
    wanted = ("file_of_another", file, file)

    async def read() -> list[bytes]:
        async with Mistral(api_key="test", server_url=vendor.url) as made:
            await made.batch.jobs.get_async(job_id=name)
            return [await (await made.files.download_async(file_id=each)).aread() for each in wanted]

    if how == "later":
        assert asyncio.run(read()) == [data] * 3
    else:
        with Mistral(api_key="test", server_url=vendor.url) as client:
            client.batch.jobs.get(job_id=name)
            next(client.files.download(file_id=file).iter_bytes(9))  # left: it will be read again
            assert not spans.all()
            assert [READS[how](client.files.download(file_id=each)) for each in wanted] == [data] * 3
    told = spans.attributes()
    assert told["gen_ai.request.model"] == told["gen_ai.response.model"] == MODEL
    assert (told["kansoku.batch.id"], told["kansoku.batch.requests"]) == (name, 2)
    assert told["kansoku.response.service_tier"] == "batch"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (2000, 80)
    assert told["gen_ai.usage.cache_read.input_tokens"] == 400
    assert "gen_ai.output.messages" not in told
    assert told["kansoku.cost.usd"] == pytest.approx((1600 * 0.15 + 400 * 0.015 + 80 * 0.6) / 1e6 / 2)
