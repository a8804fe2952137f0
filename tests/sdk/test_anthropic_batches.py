"""Results of a batch of messages: each told once, with its tokens at the price of a batch."""

import asyncio
import itertools
import json
from typing import Any

import anthropic
import pytest
from support.vendor import Asked, Reply, Vendor

_names = (f"msg_batch_{number}" for number in itertools.count())


def line(name: str, custom: str, **usage: Any) -> dict[str, Any]:
    """Return a result with a message."""
    counted = {"input_tokens": 1000, "output_tokens": 100, "service_tier": "batch", **usage}
    message = {"id": name, "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
    said = {"content": [{"type": "text", "text": "火曜日"}], "stop_reason": "end_turn", "usage": counted}
    return {"custom_id": custom, "result": {"type": "succeeded", "message": {**message, **said}}}


def failed(kind: str, **fields: Any) -> dict[str, Any]:
    """Return a result without one."""
    return {"custom_id": kind, "result": {"type": kind, **fields}}


@pytest.fixture
def serve(vendor: Vendor) -> Any:
    """Give a function that lets the server have a batch with these results."""

    def put(*lines: dict[str, Any]) -> None:
        batch = {"id": "b_1", "type": "message_batch", "processing_status": "ended"}
        batch["results_url"] = f"{vendor.url}/v1/messages/batches/b_1/results"
        text = "".join(json.dumps(each) + "\n" for each in lines).encode()

        def respond(asked: Asked) -> Reply:
            return Reply(text) if "results" in asked.path else Reply(json.dumps(batch).encode())

        vendor.respond = respond

    return put


def read(vendor: Vendor, *, later: bool = False, beta: bool = False) -> list[Any]:
    """Read all results of the batch."""

    async def ask() -> list[Any]:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=vendor.url) as client:
            batches: Any = client.beta.messages.batches if beta else client.messages.batches
            return [each async for each in await batches.results("b_1")]

    if later:
        return asyncio.run(ask())
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        batches: Any = client.beta.messages.batches if beta else client.messages.batches
        return list(batches.results("b_1"))


@pytest.mark.parametrize("beta", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_each_message_of_a_batch_is_told(
    serve: Any, vendor: Vendor, spans: Any, later: bool, beta: bool
) -> None:
    """A result without a message is not billed; the caller gets all of them."""
    first, second = next(_names), next(_names)
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
    serve(line(first, "a"), failed("errored", error=error), failed("expired"), line(second, "b"))
    found = read(vendor, later=later, beta=beta)
    assert [each.custom_id for each in found] == ["a", "errored", "expired", "b"]
    told = [dict(span.attributes) for span in spans.all()]
    assert [each["gen_ai.response.id"] for each in told] == [first, second]
    assert [each["kansoku.batch.request.id"] for each in told] == ["a", "b"]
    assert told[0]["kansoku.batch.id"] == "b_1"
    assert told[0]["kansoku.response.fetched"] is True
    assert told[0]["gen_ai.request.model"] == told[0]["gen_ai.response.model"] == "claude-sonnet-4-5"
    assert (told[0]["gen_ai.usage.input_tokens"], told[0]["gen_ai.usage.output_tokens"]) == (1000, 100)
    assert '"火曜日"' in told[0]["gen_ai.output.messages"]


@pytest.mark.parametrize("tier", ["batch", None])
def test_a_batch_costs_half(
    serve: Any, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch, tier: str | None
) -> None:
    """Also where the server does not name the tier."""
    monkeypatch.setattr("kansoku.instruments.openai_hosts.find_provider", lambda *_: "anthropic")
    spans = start()
    serve(line(next(_names), "a", service_tier=tier))
    read(vendor)
    found = spans.attributes()
    assert found["kansoku.response.service_tier"] == "batch"
    assert found["kansoku.cost.usd"] == pytest.approx((1000 * 3 + 100 * 15) / 1e6 / 2)


def test_a_message_is_told_once_however_often_it_is_read(serve: Any, vendor: Vendor, spans: Any) -> None:
    """Reading the results again is no second call."""
    serve(line(next(_names), "a"))
    read(vendor)
    read(vendor)
    assert len(spans.all()) == 1


def test_results_that_are_left_early_are_told_as_far_as_they_were_read(
    serve: Any, vendor: Vendor, spans: Any
) -> None:
    """The rest is told when somebody reads it."""
    first, second = next(_names), next(_names)
    serve(line(first, "a"), line(second, "b"))
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        decoder = client.messages.batches.results("b_1")
        assert next(iter(decoder)).custom_id == "a"
        decoder.close()
    read(vendor)
    assert [span.attributes["gen_ai.response.id"] for span in spans.all()] == [first, second]


def test_a_raw_response_is_left_as_it_is(serve: Any, vendor: Vendor, spans: Any) -> None:
    """Its reader has the bytes and parses what it likes."""
    serve(line(next(_names), "a"))
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        raw = client.messages.batches.with_raw_response.results("b_1")
        assert [each.custom_id for each in raw.parse()] == ["a"]
    assert not spans.all()
