"""Clients that are openai's in other words: cerebras, together; each is skipped where it is not installed."""

import asyncio
import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from support import corpus
from support.vendor import Vendor, recorded_reply, sse

ASK: Any = [{"role": "user", "content": "ごみの収集日は？"}]
USAGE = {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}
TIMES = {"queue_time": 0.25, "prompt_time": 0.5, "completion_time": 1.0, "total_time": 1.75, "created": 1.0}


def answer(model: str, **own: Any) -> dict[str, Any]:
    """Return an answer with what one vendor adds to it."""
    message = {"role": "assistant", "content": "火曜日。", "reasoning": "調べる。"}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
    return {**head, "choices": choices, "usage": USAGE, **own}


def chunk(delta: dict[str, Any], finish: str | None = None, **extra: Any) -> dict[str, Any]:
    """Return one chunk of a stream."""
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": choices, **extra}


CHUNKS = (
    chunk({"role": "assistant", "content": "", "reasoning": "調べ"}),
    chunk({"reasoning": "る。"}),
    chunk({"content": "火曜日。"}),
    chunk({}, "stop", usage=USAGE),
)


@dataclass
class Family:
    """A client of the family: its package, its classes, and what its vendor answers."""

    name: str
    package: str
    classes: tuple[str, str]
    answer: dict[str, Any]
    arguments: dict[str, Any] = field(default_factory=dict)

    def make(self, url: str, *, asynchronous: bool = False) -> Any:
        """Return a client of the real library."""
        kind = getattr(importlib.import_module(self.package), self.classes[asynchronous])
        return kind(api_key="k", base_url=url, max_retries=0, **self.arguments)


FAMILIES = (
    Family(
        "cerebras",
        "cerebras.cloud.sdk",
        ("Cerebras", "AsyncCerebras"),
        answer("gpt-oss-120b", time_info=TIMES),
        {"warm_tcp_connection": False},
    ),
    Family("together", "together", ("Together", "AsyncTogether"), answer("openai/gpt-oss-20b", prompt=[])),
)
RECORDED = [(one, name) for one in FAMILIES for name in corpus.names(one.name)]


@pytest.fixture(params=FAMILIES, ids=lambda one: one.name)
def family(request: Any) -> Family:
    """Give each client of the family that is installed."""
    found: Family = request.param
    pytest.importorskip(found.package)
    return found


@pytest.fixture
def client(family: Family, vendor: Vendor) -> Iterator[Any]:
    """Give a client of the real library that talks to the vendor on loopback."""
    with family.make(vendor.url) as made:
        yield made


@pytest.mark.parametrize(("one", "name"), RECORDED, ids=lambda given: getattr(given, "name", given))
def test_a_recorded_call_is_told_as_it_was(
    one: Family, name: str, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models, id, finish reasons, texts, reasoning, tool calls, parameters and usage match."""
    pytest.importorskip(one.package)
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", one.name)
    spans = start()
    exchange = corpus.load(one.name, name)
    vendor.answer(recorded_reply(exchange.response))
    with one.make(vendor.url) as made:
        for _ in made.chat.completions.create(**exchange.request["body"]):
            pass
    corpus.check(exchange.expected, spans.attributes())


def test_a_stream_is_read_as_openais(family: Family, client: Any, vendor: Vendor, spans: Any) -> None:
    """Reasoning and text stay apart; usage is the last chunk's; the stream is the client's own."""
    vendor.answer(sse(*CHUNKS))
    stream = client.chat.completions.create(model="m", messages=ASK, stream=True)
    assert isinstance(stream, importlib.import_module(family.package).Stream)
    assert len(list(stream)) == len(CHUNKS)
    assert [part["content"] for part in spans.messages()[0]["parts"]] == ["調べる。", "火曜日。"]
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 12


def test_a_call_in_pieces_is_whole(family: Family, client: Any, vendor: Vendor, spans: Any) -> None:
    """The first piece names the tool; the client takes those that only go on for another kind of answer."""
    begun = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "days", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"city"', ':"津"}')]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "調べる"}, {"content": "。"}]
    deltas += [{"tool_calls": [piece]} for piece in (begun, *pieces)]
    chunks = [chunk(delta, system_fingerprint="fp_1") for delta in deltas]
    chunks.append(chunk({}, "tool_calls", usage=USAGE, system_fingerprint="fp_1"))
    vendor.answer(sse(*chunks))
    assert len(list(client.chat.completions.create(model="m", messages=ASK, stream=True))) == len(chunks)
    text, call = spans.messages()[0]["parts"]
    assert text["content"] == "調べる。"
    assert (call["name"], call["arguments"]) == ("days", {"city": "津"})


def test_an_asynchronous_call_is_one_span(family: Family, vendor: Vendor, spans: Any) -> None:
    """The asynchronous client goes through the same reader."""
    vendor.answer(family.answer)

    async def ask() -> None:
        async with family.make(vendor.url, asynchronous=True) as made:
            await made.chat.completions.create(model=family.answer["model"], messages=ASK)

    asyncio.run(ask())
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 12)


def test_the_vendor_is_named_where_its_host_is_not_known(
    family: Family, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway in front of the vendor does not make it OpenAI."""

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network in tests")

    made = family.make("https://gateway.example.org")
    monkeypatch.setattr(made.chat.completions, "_post", refuse)
    with pytest.raises(ConnectionError):
        made.chat.completions.create(model="m", messages=ASK)
    assert spans.attributes()["gen_ai.provider.name"] == family.name


def test_the_times_of_the_server_are_told(family: Family, client: Any, vendor: Vendor, spans: Any) -> None:
    """Cerebras sends them in a place of its own; together sends none."""
    vendor.answer(family.answer)
    client.chat.completions.create(model=family.answer["model"], messages=ASK)
    told = {key: value for key, value in spans.attributes().items() if key.startswith("kansoku.server.")}
    times = family.answer.get("time_info", {})
    assert told == {f"kansoku.server.{name}": value for name, value in times.items() if name != "created"}


@pytest.fixture
def together(vendor: Vendor, spans: Any) -> Iterator[Any]:
    """Give Together's client where it is installed, for what it alone has."""
    found = pytest.importorskip("together")
    with found.Together(api_key="k", base_url=vendor.url, max_retries=0) as made:
        yield made


def test_a_ranking_has_scores_and_usage(together: Any, vendor: Vendor, spans: Any) -> None:
    """Its shape is Cohere's, its usage that of a chat."""
    usage = {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}
    results = [{"index": 1, "relevance_score": 0.9, "document": {"text": "b"}}]
    vendor.answer({"id": "k", "object": "rerank", "model": "rank-1", "results": results, "usage": usage})
    together.rerank.create(model="rank", query="傘", documents=["a", "b"])
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "rerank"
    assert found["gen_ai.response.model"] == "rank-1"
    assert found["gen_ai.usage.input_tokens"] == 9
    assert json.loads(found["gen_ai.retrieval.documents"]) == [{"id": "1", "score": 0.9, "content": "b"}]


def test_images_and_transcriptions_are_told(together: Any, vendor: Vendor, spans: Any) -> None:
    """An image by its address, a recording by its text and length."""
    image = {"index": 0, "type": "url", "url": "https://e.test/a.png?key=1"}
    vendor.answer(
        {"id": "i", "object": "list", "model": "flux", "data": [image]},
        {"task": "transcribe", "language": "ja", "duration": 12.5, "text": "火曜日", "segments": []},
    )
    together.images.generate(model="flux", prompt="傘")
    together.audio.transcriptions.create(model="whisper", file=b"RIFF", response_format="verbose_json")
    drawn, heard = (dict(span.attributes) for span in spans.all())
    assert '"https://e.test/a.png"' in drawn["gen_ai.output.messages"]
    assert drawn["kansoku.usage.images"] == 1
    assert heard["kansoku.usage.audio.input_seconds"] == 12.5
    assert '"火曜日"' in heard["gen_ai.output.messages"]
