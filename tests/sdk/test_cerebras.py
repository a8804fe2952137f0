"""The cerebras client, which is openai's in other words; skipped where it is not installed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from support import corpus
from support.vendor import Vendor, recorded_reply, sse

library: Any = pytest.importorskip("cerebras.cloud.sdk")

ASK: Any = [{"role": "user", "content": "ごみの収集日は？"}]
USAGE = {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}
MESSAGE = {"role": "assistant", "content": "火曜日。", "reasoning": "調べる。"}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-oss-120b",
    "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}],
    "usage": USAGE,
    "time_info": {
        "queue_time": 0.25,
        "prompt_time": 0.5,
        "completion_time": 1.0,
        "total_time": 1.75,
        "created": 1.0,
    },
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
    with library.Cerebras(api_key="k", base_url=vendor.url, max_retries=0, warm_tcp_connection=False) as made:
        yield made


@pytest.mark.parametrize("name", corpus.names("cerebras"))
def test_a_recorded_call_is_told_as_it_was(
    name: str, client: Any, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models, id, finish reasons, texts, reasoning, tool calls, parameters and usage match."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "cerebras")
    spans = start()
    exchange = corpus.load("cerebras", name)
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
        async with library.AsyncCerebras(
            api_key="k", base_url=vendor.url, warm_tcp_connection=False
        ) as client:
            await client.chat.completions.create(model="gpt-oss-120b", messages=ASK)

    asyncio.run(ask())
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 12)


def test_the_vendor_is_named_where_its_host_is_not_known(
    client: Any, vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway in front of the vendor does not make it OpenAI."""

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network in tests")

    made = library.Cerebras(api_key="k", base_url="https://gateway.example.org", warm_tcp_connection=False)
    monkeypatch.setattr(made.chat.completions, "_post", refuse)
    with pytest.raises(ConnectionError):
        made.chat.completions.create(model="m", messages=ASK)
    assert spans.attributes()["gen_ai.provider.name"] == "cerebras"


def test_the_times_of_the_server_are_told(client: Any, vendor: Vendor, spans: Any) -> None:
    """Cerebras sends them in a place of its own."""
    vendor.answer(ANSWER)
    client.chat.completions.create(model="gpt-oss-120b", messages=ASK)
    found = spans.attributes()
    names = ("queue_time", "prompt_time", "completion_time", "total_time")
    assert [found[f"kansoku.server.{name}"] for name in names] == [0.25, 0.5, 1.0, 1.75]
