"""Answers of a batch of Gemini's: each told once, with its tokens at the price of a batch."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from support.vendor import Asked, Reply, Vendor

_names = (f"response_{number}" for number in itertools.count())
MODEL = "gemini-2.5-flash"


def answered(name: str, key: str) -> dict[str, Any]:
    """Return the answer to one request, as the API sends it."""
    usage = {"promptTokenCount": 1000, "candidatesTokenCount": 60, "thoughtsTokenCount": 40}
    candidate = {"content": {"role": "model", "parts": [{"text": "火曜日"}]}, "finishReason": "STOP"}
    response = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": name}
    return {"response": response, "metadata": {"key": key}}


def job(*answers: dict[str, Any], state: str = "BATCH_STATE_SUCCEEDED") -> dict[str, Any]:
    """Return a job."""
    told: dict[str, Any] = {"model": f"models/{MODEL}", "state": state}
    if answers:
        told["output"] = {"inlinedResponses": {"inlinedResponses": list(answers)}}
    return {"name": "batches/b1", "metadata": told, "done": bool(answers)}


@pytest.fixture
def client(vendor: Vendor) -> Iterator[genai.Client]:
    """Return a client of the server on loopback."""
    with genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url}) as made:  # type: ignore[arg-type]
        yield made


def test_each_answer_of_a_batch_is_told_once(client: genai.Client, vendor: Vendor, spans: Any) -> None:
    """A program asks for its job until it is done, and may fetch it again."""
    first, second = next(_names), next(_names)
    vendor.answer(job(state="BATCH_STATE_RUNNING"), job(answered(first, "a"), answered(second, "b")))
    for _ in range(3):
        fetched = client.batches.get(name="batches/b1")
    assert fetched.dest is not None
    assert fetched.dest.inlined_responses
    assert len(fetched.dest.inlined_responses) == 2
    found = [dict(span.attributes) for span in spans.all()]
    assert [each["gen_ai.response.id"] for each in found] == [first, second]
    assert [each["kansoku.batch.request.id"] for each in found] == ["a", "b"]
    told = found[0]
    assert told["gen_ai.request.model"] == told["gen_ai.response.model"] == MODEL
    assert told["kansoku.batch.id"] == "batches/b1"
    assert told["kansoku.response.fetched"] is True
    assert told["kansoku.response.service_tier"] == "batch"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (1000, 100)
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert "火曜日" in told["gen_ai.output.messages"]


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_a_batch_that_is_fetched_later_is_told(vendor: Vendor, spans: Any) -> None:
    """By the asynchronous client."""
    vendor.answer(job(answered(next(_names), "a")))

    async def ask() -> None:
        options: Any = {"base_url": vendor.url}
        async with genai.Client(api_key="k", vertexai=False, http_options=options).aio as client:
            await client.batches.get(name="batches/b1")

    asyncio.run(ask())
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 100


def test_a_request_of_a_batch_that_failed_is_not_told(
    client: genai.Client, vendor: Vendor, spans: Any
) -> None:
    """It has no tokens; the program sees its error."""
    failed = {"error": {"code": 3, "message": "no"}, "metadata": {"key": "c"}}
    vendor.answer(job(failed))
    client.batches.get(name="batches/b1")
    assert spans.all() == []


def stored(key: str, **usage: int) -> str:
    """Return the line of an answer in a file; its text names the field of the counts, too."""
    part = {"text": 'Say "usageMetadata": {"promptTokenCount": 9}'}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
    response = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL}
    return json.dumps({"key": key, "response": response})


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
@pytest.mark.parametrize("later", [False, True])
def test_answers_in_a_file_are_told_as_one_sum_once(
    later: bool, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When they are downloaded; what failed is not billed, and any other file is the program's own."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "gcp.gemini")
    spans = start()
    file = f"files/batch-{next(_names)}"
    counts = {"promptTokenCount": 1000, "cachedContentTokenCount": 400, "thoughtsTokenCount": 40}
    failed = json.dumps({"key": "c", "error": {"code": 400, "message": "no"}})
    lines = [stored("a", **counts, candidatesTokenCount=60), failed, stored("b", promptTokenCount=500)]
    data = "\n".join(lines).encode()
    done = job(state="BATCH_STATE_SUCCEEDED")
    done["metadata"]["output"] = {"responsesFile": file}

    def respond(asked: Asked) -> Reply:
        if "download" in asked.path:
            return Reply(data, content_type="application/octet-stream")
        return Reply(json.dumps(done).encode())

    vendor.respond = respond
    options: Any = {"base_url": vendor.url}

    async def read(made: Any) -> list[bytes]:
        fetched = await made.batches.get(name="batches/b1")
        names = ["files/other", fetched.dest.file_name, fetched.dest.file_name]
        return [await made.files.download(file=name) for name in names]

    if later:

        async def run() -> list[bytes]:
            async with genai.Client(api_key="k", vertexai=False, http_options=options).aio as made:
                return await read(made)

        assert asyncio.run(run()) == [data] * 3
    else:
        with genai.Client(api_key="k", vertexai=False, http_options=options) as client:
            fetched = client.batches.get(name="batches/b1")
            assert fetched.dest is not None
            for name in ("files/other", file, file):
                assert client.files.download(file=name) == data
    told = spans.attributes()
    assert told["gen_ai.request.model"] == told["gen_ai.response.model"] == MODEL
    assert (told["kansoku.batch.id"], told["kansoku.batch.requests"]) == ("batches/b1", 2)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (1500, 100)
    assert told["gen_ai.usage.cache_read.input_tokens"] == 400
    assert told["gen_ai.usage.reasoning.output_tokens"] == 40
    assert told["kansoku.cost.usd"] == pytest.approx((1100 * 0.15 + 400 * 0.03 + 100 * 1.25) / 1e6)
    assert "usageMetadata" not in json.dumps(told, default=list)
