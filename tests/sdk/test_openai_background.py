"""Responses that OpenAI makes in the background: what they used is told once, by whoever fetches them."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from support.vendor import Vendor, sse

USAGE = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
TEXT = {"type": "output_text", "text": "火曜日", "annotations": []}
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [TEXT]}
_numbers = itertools.count()


def response(name: str, **fields: Any) -> dict[str, Any]:
    """Return a response that is made in the background, complete unless something else is said."""
    return {
        "id": name,
        "object": "response",
        "created_at": 1,
        "background": True,
        "status": "completed",
        "model": "gpt-5",
        "output": [MESSAGE],
        "usage": USAGE,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        **fields,
    }


@pytest.fixture
def name() -> str:
    """Give an identifier that no other test has."""
    return f"resp_background_{next(_numbers)}"


@pytest.fixture
def client(vendor: Vendor, spans: Any) -> Iterator[Any]:
    """Give a client of a server on loopback, traced."""
    with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1", max_retries=0) as made:
        yield made


def tokens(spans: Any) -> list[Any]:
    """Return the tokens that each span says."""
    return [span.attributes.get("gen_ai.usage.output_tokens") for span in spans.all()]


def waiting(name: str, status: str) -> dict[str, Any]:
    """Return a response that is not there yet."""
    return response(name, status=status, output=[], usage=None)


@pytest.mark.parametrize("later", [False, True])
def test_a_response_is_told_when_it_is_there_and_once(
    later: bool, name: str, vendor: Vendor, spans: Any
) -> None:
    """Asking again and again is no call of a model; what came of it is."""
    vendor.answer(waiting(name, "queued"), waiting(name, "in_progress"), response(name), response(name))

    async def ask() -> None:
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1") as client:
            await client.responses.create(model="gpt-5", input="いつ", background=True)
            for _ in range(3):
                await client.responses.retrieve(name)

    if later:
        asyncio.run(ask())
    else:
        with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1") as client:
            client.responses.create(model="gpt-5", input="いつ", background=True)
            for _ in range(3):
                client.responses.retrieve(name)
    assert tokens(spans) == [None, 4]
    asked, made = (dict(span.attributes) for span in spans.all())
    assert asked["gen_ai.response.finish_reasons"] == ("queued",)
    assert made["gen_ai.response.id"] == asked["gen_ai.response.id"] == name
    assert made["gen_ai.request.model"] == "gpt-5"
    assert made["gen_ai.response.finish_reasons"] == ("stop",)
    assert '"火曜日"' in made["gen_ai.output.messages"]


def test_a_stream_that_goes_on_is_told(name: str, client: Any, vendor: Vendor, spans: Any) -> None:
    """The first stream broke off without tokens; the one that goes on ends with them, and again with none."""
    begun = {"type": "response.created", "sequence_number": 0, "response": waiting(name, "queued")}
    ended = {"type": "response.completed", "sequence_number": 9, "response": response(name)}
    vendor.answer(sse(begun), sse(ended), sse(ended), response(name))
    list(client.responses.create(model="gpt-5", input="いつ", background=True, stream=True))
    for _ in range(2):
        list(client.responses.retrieve(name, stream=True, starting_after=0))
    client.responses.retrieve(name)
    assert tokens(spans) == [None, 4, None]
    assert all(span.attributes.get("gen_ai.request.stream") for span in spans.all())


def test_a_stream_that_was_read_is_not_told_again(name: str, client: Any, vendor: Vendor, spans: Any) -> None:
    """Who has read it to its end knows its tokens; fetching it afterwards adds none."""
    ended = {"type": "response.completed", "sequence_number": 9, "response": response(name)}
    vendor.answer(sse(ended), response(name))
    list(client.responses.create(model="gpt-5", input="いつ", background=True, stream=True))
    client.responses.retrieve(name)
    assert tokens(spans) == [4]


def test_reading_any_other_response_is_no_call(name: str, client: Any, vendor: Vendor, spans: Any) -> None:
    """Its tokens were told when it was made; a raw one is left as it is."""
    vendor.answer(response(name, background=False), response(name))
    client.responses.retrieve(name)
    raw = client.responses.with_raw_response.retrieve(name)
    assert raw.parse().id == name
    assert not spans.all()
