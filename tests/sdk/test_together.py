"""The together client, which is openai's in other words; skipped where it is not installed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from support import corpus
from support.vendor import Vendor, recorded_reply, sse

library: Any = pytest.importorskip("together")

ASK: Any = [{"role": "user", "content": "ごみの収集日は？"}]
USAGE = {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}
MESSAGE = {"role": "assistant", "content": "火曜日。", "reasoning": "調べる。"}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "openai/gpt-oss-20b",
    "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}],
    "usage": USAGE,
    "prompt": [],
}


def chunk(delta: dict[str, Any], finish: str | None = None, **extra: Any) -> dict[str, Any]:
    """Return one chunk of a stream."""
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
    } | extra


CHUNKS = (
    chunk({"role": "assistant", "content": "", "reasoning": "調べ"}),
    chunk({"reasoning": "る。"}),
    chunk({"content": "火曜日。"}),
    chunk({}, "stop", usage=USAGE),
)


@pytest.fixture
def client(vendor: Vendor) -> Iterator[Any]:
    """Give a client of the real library that talks to the vendor on loopback."""
    with library.Together(api_key="k", base_url=vendor.url, max_retries=0) as made:
        yield made


@pytest.mark.parametrize("name", corpus.names("together"))
def test_a_recorded_call_is_told_as_it_was(
    name: str, client: Any, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models, id, finish reasons, texts, reasoning, tool calls, parameters and usage match."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "together")
    spans = start()
    exchange = corpus.load("together", name)
    vendor.answer(recorded_reply(exchange.response))
    for _ in client.chat.completions.create(**exchange.request["body"]):
        pass
    corpus.check(exchange.expected, spans.attributes())


def test_a_stream_is_read_as_openais(client: Any, vendor: Vendor, spans: Any) -> None:
    """Reasoning and text stay apart; usage is the last chunk's; the stream is the client's own."""
    vendor.answer(sse(*CHUNKS))
    stream = client.chat.completions.create(model="m", messages=ASK, stream=True)
    assert isinstance(stream, library.Stream)
    assert len(list(stream)) == len(CHUNKS)
    assert [part["content"] for part in spans.messages()[0]["parts"]] == ["調べる。", "火曜日。"]
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 12


def test_an_asynchronous_call_is_one_span(vendor: Vendor, spans: Any) -> None:
    """The asynchronous client goes through the same reader."""
    vendor.answer(ANSWER)

    async def ask() -> None:
        async with library.AsyncTogether(api_key="k", base_url=vendor.url) as client:
            await client.chat.completions.create(model="openai/gpt-oss-20b", messages=ASK)

    asyncio.run(ask())
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 12)


def test_the_vendor_is_named_where_its_host_is_not_known(
    client: Any, vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway in front of the vendor does not make it OpenAI."""

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network in tests")

    made = library.Together(api_key="k", base_url="https://gateway.example.org")
    monkeypatch.setattr(made.chat.completions, "_post", refuse)
    with pytest.raises(ConnectionError):
        made.chat.completions.create(model="m", messages=ASK)
    assert spans.attributes()["gen_ai.provider.name"] == "together"
