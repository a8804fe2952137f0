"""Clients of older versions: the shapes that they had, imitated on those that are installed."""

import asyncio
import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import anthropic
import groq
import pytest
from anthropic._resource import SyncAPIResource
from anthropic.lib.streaming import _messages as helpers
from anthropic.resources.messages import messages as resource
from groq import _streaming as streaming
from pydantic import BaseModel, ConfigDict
from support.vendor import Reply, Vendor, sse

import kansoku
from kansoku.instruments.anthropic import read_origin
from kansoku.instruments.anthropic_messages import MessagesReader
from kansoku.instruments.openai_chat import ChatReader

ASK: Any = [{"role": "user", "content": "ごみの収集日は？"}]
USAGE = {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}
STARTED = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001",
    "content": [], "stop_reason": None, "stop_sequence": None,
    "usage": {"input_tokens": 100, "output_tokens": 1},
}  # fmt: skip
EVENTS: tuple[dict[str, Any], ...] = (
    {"type": "message_start", "message": STARTED},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "火曜"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "日"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 40}},
    {"type": "message_stop"},
)
MESSAGE = {**STARTED, "content": [{"type": "text", "text": "火曜日"}], "stop_reason": "end_turn"}


def chunk(content: str, finish: str | None = None) -> dict[str, Any]:
    """Return a chunk of a chat completion."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "llama-3.3-70b-versatile",
        "choices": [choice],
    }


def stream_of_events() -> Reply:
    """Return the events of one message."""
    return sse(*((event["type"], event) for event in EVENTS), done=False)


@runtime_checkable
class TakesBytes(Protocol):
    """What the clients of early 2024 asked their decoder for."""

    def iter_bytes(self, iterator: Any) -> Any:
        """Decode bytes."""

    def aiter_bytes(self, iterator: Any) -> Any:
        """Decode bytes."""


class SSEDecoder:
    """A decoder of lines, as those clients had."""

    def __init__(self) -> None:
        self._inner = streaming.SSEDecoder()

    def iter(self, lines: Iterator[str]) -> Iterator[Any]:
        """Decode lines."""
        for line in lines:
            if (event := self._inner.decode(line.rstrip("\n"))) is not None:
                yield event

    async def aiter(self, lines: Any) -> Any:
        """Decode lines."""
        async for line in lines:
            if (event := self._inner.decode(line.rstrip("\n"))) is not None:
                yield event


SSEDecoder.__module__ = "groq._streaming"


@pytest.fixture
def old_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the groq client read its streams as version 0.4 did."""

    def events(self: Any) -> Iterator[Any]:
        if isinstance(self._decoder, TakesBytes):
            yield from self._decoder.iter_bytes(self.response.iter_bytes())
        else:
            yield from self._decoder.iter(self.response.iter_lines())

    async def events_later(self: Any) -> Any:
        if isinstance(self._decoder, TakesBytes):
            async for event in self._decoder.aiter_bytes(self.response.aiter_bytes()):
                yield event
        else:
            async for event in self._decoder.aiter(self.response.aiter_lines()):
                yield event

    monkeypatch.setattr(groq.Groq, "_make_sse_decoder", lambda _: SSEDecoder())
    monkeypatch.setattr(groq.AsyncGroq, "_make_sse_decoder", lambda _: SSEDecoder())
    monkeypatch.setattr(groq.Stream, "_iter_events", events)
    monkeypatch.setattr(groq.AsyncStream, "_iter_events", events_later)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.usefixtures("old_streams")
def test_a_decoder_that_takes_no_bytes_is_asked_for_none(
    asynchronous: bool, vendor: Vendor, spans: Any
) -> None:
    """A client asks whether its decoder takes bytes: it must not find ours, which says so of any."""
    vendor.answer(sse(chunk("火曜"), {**chunk("日", "stop"), "x_groq": {"id": "r", "usage": USAGE}}))
    given: Any = {"model": "llama-3.3-70b-versatile", "messages": ASK, "stream": True}

    async def read() -> list[Any]:
        async with groq.AsyncGroq(api_key="k", base_url=vendor.url, max_retries=0) as client:
            return [each async for each in await client.chat.completions.create(**given)]

    if asynchronous:
        chunks = asyncio.run(read())
    else:
        with groq.Groq(api_key="k", base_url=vendor.url, max_retries=0) as client:
            chunks = list(client.chat.completions.create(**given))
    assert [each.choices[0].delta.content for each in chunks] == ["火曜", "日"]
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日"}]
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 12


class Unknowing(BaseModel):
    """A model of a client that does not know the fields which it was sent."""

    model_config = ConfigDict(extra="allow")


class Chunk(Unknowing):
    """A chunk of openai's, such as 1.14."""

    choices: list[Any]


def test_usage_in_a_chunk_that_has_no_such_field_is_found() -> None:
    """What the client keeps as an extra field is billed all the same."""
    last = Chunk(**{**chunk("日", "stop"), "choices": [], "usage": USAGE})
    answer = ChatReader(lambda *_: ("openai", "", 0)).fold([Chunk(**chunk("火曜", "stop")), last], True)
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (30, 12)


def test_events_of_which_a_client_knows_nothing_are_read() -> None:
    """All that an event says may be extra fields, such as those of tools before there were any."""
    answer = MessagesReader(read_origin).fold([Unknowing(**event) for event in EVENTS], True)
    assert answer.usage is not None
    assert answer.usage.output_tokens == 40
    assert answer.messages == [
        {"role": "assistant", "parts": [{"type": "text", "content": "火曜日"}], "finish_reason": "stop"}
    ]


def test_the_vendors_word_for_an_error_is_found_in_its_body(vendor: Vendor, spans: Any) -> None:
    """The exceptions of some clients, and of older ones, have the word nowhere else."""
    told = {"message": "slow down", "type": "tokens", "code": "rate_limit_exceeded"}
    vendor.answer(Reply(json.dumps({"error": told}).encode(), 429))
    with (
        groq.Groq(api_key="k", base_url=vendor.url, max_retries=0) as client,
        pytest.raises(groq.RateLimitError),
    ):
        client.chat.completions.create(model="m", messages=ASK)
    assert spans.attributes()["kansoku.error.code"] == "rate_limit_exceeded"


class Helper:
    """The helper of anthropic 0.25 and before: the stream itself, with an iterator of its texts beside it."""

    def __init__(self, source: anthropic.Stream[Any]) -> None:
        self.response = source.response
        self.closed = False
        self._decoder = source._decoder
        self._source = source
        self._iterator = self._read()
        self.text_stream = self._texts()

    def _read(self) -> Iterator[Any]:
        yield from self._source

    def __iter__(self) -> Iterator[Any]:
        yield from self._iterator

    def __next__(self) -> Any:
        return next(self._iterator)

    def _texts(self) -> Iterator[str]:
        for event in self:
            if event.type == "content_block_delta":
                yield event.delta.text

    def close(self) -> None:
        """Close."""
        self.closed = True
        self.response.close()


class Manager:
    """Makes the request when it is entered."""

    def __init__(self, request: Any) -> None:
        self.__api_request = request

    def __enter__(self) -> Helper:
        self._helper: Helper = self.__api_request()
        return self._helper

    def __exit__(self, *_: object) -> None:
        self._helper.close()


@pytest.fixture
def old_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the anthropic client the helper of its first versions."""

    def stream(self: Any, **arguments: Any) -> Manager:
        return Manager(lambda: Helper(self.create(stream=True, **arguments)))

    monkeypatch.setattr(helpers, "MessageStream", Helper)
    monkeypatch.setattr(resource.Messages, "stream", stream)


@pytest.mark.usefixtures("old_helper")
@pytest.mark.parametrize("early", [False, True])
def test_a_helper_that_is_the_stream_itself_is_traced(early: bool, vendor: Vendor, start: Any) -> None:
    """Its iterator of texts reads the same object as before, and leaving it ends the span."""
    spans = start()
    vendor.answer(stream_of_events())
    with (
        anthropic.Anthropic(api_key="k", base_url=vendor.url, max_retries=0) as client,
        client.messages.stream(model="claude-haiku-4-5", max_tokens=9, messages=ASK) as helper,
    ):
        assert type(helper) is Helper
        texts = [next(helper.text_stream)] if early else list(helper.text_stream)
    assert helper.closed
    assert "".join(texts) == ("火曜" if early else "火曜日")
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "".join(texts)}]
    found = spans.attributes()
    assert found["gen_ai.usage.output_tokens"] == (1 if early else 40)
    assert found.get("kansoku.stream.closed_early") == (True if early else None)


@pytest.mark.parametrize("beta", ["prompt_caching", "tools"])
def test_messages_of_a_beta_that_is_no_more_are_traced(
    beta: str, vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts were cached, and tools called, through resources of their own for some months of 2024."""
    name = f"anthropic.resources.beta.{beta}.messages"
    module: Any = ModuleType(name)

    class Messages(SyncAPIResource):
        def create(self, **arguments: Any) -> Any:
            return self._post("/v1/messages", body=arguments, cast_to=anthropic.types.Message)

    module.Messages = Messages
    monkeypatch.setitem(sys.modules, name, module)
    kansoku.instrument("anthropic")
    vendor.answer(MESSAGE)
    with anthropic.Anthropic(api_key="k", base_url=vendor.url, max_retries=0) as client:
        Messages(client).create(model="claude-haiku-4-5", max_tokens=9, messages=ASK)
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 100
