"""Streams: the caller sees every chunk, and the span ends once, however the stream ends."""

import asyncio
import contextlib
import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest
from opentelemetry.trace import StatusCode

from kansoku.calls.recording import Recording
from kansoku.calls.stream import follow
from kansoku.spans import clock

ASK = [{"role": "user", "content": "収集日は？"}]


def ask(client: Any, **arguments: Any) -> Any:
    """Ask for a stream."""
    return client.chat.completions.create(model="gpt-4o-mini", messages=ASK, stream=True, **arguments)


def text_of(chunks: Any) -> str:
    """Return the text of chat chunks."""
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_stream_is_told_when_it_ends(model: Any, spans: Any) -> None:
    """Text, usage, finish reason and model of a stream are on its span; the caller got all chunks."""
    stream = ask(model("chat_stream.sse").client(), stream_options={"include_usage": True})
    assert isinstance(stream, openai.Stream)
    assert spans.all() == []
    assert text_of(stream) == "収集日は火曜日です。"
    found = spans.attributes()
    assert spans.messages() == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "収集日は火曜日です。"}],
            "finish_reason": "stop",
        }
    ]
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.response.model"] == "gpt-4o-mini-2024-07-18"
    assert found["openai.response.system_fingerprint"] == "fp_test02"
    assert found["gen_ai.usage.input_tokens"] == 120
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert "kansoku.stream.closed_early" not in found


def test_a_stream_without_usage_is_left_without_usage(model: Any, spans: Any) -> None:
    """The request is not altered to get a usage; unknown is not zero, and a guess is not a count."""
    fake = model("chat_stream_no_usage.sse")
    list(ask(fake.client()))
    assert "stream_options" not in fake.sent[0]
    found = spans.attributes()
    assert not [key for key in found if key.startswith("gen_ai.usage") or "cost" in key]
    assert found["kansoku.usage.estimated"] is True


def test_tool_calls_of_a_stream_are_put_together(model: Any, spans: Any) -> None:
    """Two interleaved tool calls come out whole, each with its own arguments."""
    list(ask(model("chat_stream_tools.sse").client()))
    assert spans.messages()[0]["parts"] == [
        {"type": "tool_call", "id": "call_1", "name": "find_calendar", "arguments": {"ward": "南区"}},
        {"type": "tool_call", "id": "call_2", "name": "find_rule", "arguments": {"item": "傘"}},
    ]


def test_the_first_chunk_is_timed_by_the_same_clock(model: Any, spans: Any) -> None:
    """Start, first chunk and end come from one clock, so a replay of history stays consistent."""
    ticks = iter(range(1_000_000_000, 100_000_000_000, 250_000_000))
    clock.use(lambda: next(ticks))
    list(ask(model("chat_stream.sse").client()))
    span = spans.one()
    assert span.start_time == 1_000_000_000
    assert span.attributes["gen_ai.response.time_to_first_chunk"] == 0.25
    assert span.end_time == 1_500_000_000


@pytest.mark.parametrize("how", ["close", "with", "break", "never"])
def test_a_stream_left_early_ends_its_span_once(model: Any, spans: Any, how: str) -> None:
    """Closed, left through a with statement, broken out of, or never read: one span, with what had come."""
    stream = ask(model("chat_stream.sse").client())
    if how == "close":
        next(stream), next(stream)
        stream.close()
    elif how == "with":
        with stream:
            next(stream), next(stream)
    elif how == "break":
        for number, _ in enumerate(stream):
            if number == 1:
                break
    del stream
    found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert spans.one().status.status_code is StatusCode.UNSET
    if how == "never":
        assert "gen_ai.output.messages" not in found
    else:
        assert spans.messages()[0]["parts"] == [{"type": "text", "content": "収集日は"}]
    gc.collect()
    assert len(spans.all()) == 1


def test_a_stream_that_is_read_again_after_a_break_goes_on(model: Any, spans: Any) -> None:
    """Reading the first chunk apart and the rest later is one stream and one span."""
    stream = ask(model("chat_stream.sse").client())
    head = []
    for chunk in stream:
        head.append(chunk)
        break
    assert text_of([*head, *stream]) == "収集日は火曜日です。"
    assert spans.messages()[0]["parts"][0]["content"] == "収集日は火曜日です。"


def test_an_error_in_mid_stream_is_the_callers_and_the_spans(spans: Any, model: Any) -> None:
    """The connection breaks after two chunks: the exception passes and the span has the text so far."""
    whole = (model("chat_stream.sse").reply(None)).content.split(b"\n\n")

    class Broken(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"\n\n".join(whole[:2]) + b"\n\n"
            raise httpx2.ReadError("connection lost")

    fake = model("chat_stream.sse")
    fake.reply = lambda _: httpx2.Response(
        200, headers={"content-type": "text/event-stream"}, stream=Broken()
    )
    with pytest.raises((openai.APIConnectionError, httpx2.ReadError)) as caught:
        list(ask(fake.client()))
    span = spans.one()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == type(caught.value).__name__
    assert spans.messages()[0]["parts"][0]["content"] == "収集日は"


def test_asynchronous_streams_are_told_alike(model: Any, spans: Any) -> None:
    """An asynchronous stream has the same span, read whole or left early."""

    async def read(limit: int) -> str:
        async with model("chat_stream.sse").async_client() as client:
            stream = await ask(client)
            assert isinstance(stream, openai.AsyncStream)
            text = ""
            async for chunk in stream:
                text += text_of([chunk])
                limit -= 1
                if not limit:
                    await stream.close()
                    break
            return text

    assert asyncio.run(read(100)) == "収集日は火曜日です。"
    asyncio.run(read(2))
    whole, early = spans.all()
    assert whole.attributes["gen_ai.usage.output_tokens"] == 45
    assert early.attributes["kansoku.stream.closed_early"] is True


def test_a_response_stream_is_read_from_its_last_event(model: Any, spans: Any) -> None:
    """Text, reasoning and usage of a responses stream are those of the completed response."""
    events = list(
        model("responses_stream.sse").client().responses.create(model="gpt-5-mini", input="x", stream=True)
    )
    assert [event.type for event in events][-1] == "response.completed"
    assert [part["content"] for part in spans.messages()[0]["parts"]] == [
        "Look at the calendar.",
        "Tuesday and Friday.",
    ]
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 50


def test_a_response_stream_left_early_keeps_the_text_so_far(model: Any, spans: Any) -> None:
    """Without the last event the deltas are put together; usage stays unknown."""
    stream = (
        model("responses_stream.sse").client().responses.create(model="gpt-5-mini", input="x", stream=True)
    )
    for event in stream:
        if event.type == "response.output_text.delta":
            break
    stream.close()
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "Tuesday "}]
    assert spans.attributes()["gen_ai.response.id"] == "resp_test1"
    assert "gen_ai.usage.input_tokens" not in spans.attributes()


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
def test_the_stream_helpers_of_the_client_are_traced_once(model: Any, spans: Any, endpoint: str) -> None:
    """`chat.completions.stream` and `responses.stream` work as ever and give one span."""
    if endpoint == "chat":
        client = model("chat_stream.sse").client()
        with client.chat.completions.stream(model="gpt-4o-mini", messages=ASK) as stream:
            answer = stream.get_final_completion().choices[0].message.content
        assert answer == "収集日は火曜日です。"
    else:
        client = model("responses_stream.sse").client()
        with client.responses.stream(model="gpt-5-mini", input="x") as stream:
            assert stream.get_final_response().output_text == "Tuesday and Friday."
    assert spans.attributes()["gen_ai.usage.input_tokens"] > 0
    assert "kansoku.stream.closed_early" not in spans.attributes()


@pytest.mark.parametrize("mode", ["raw", "streaming"])
def test_streams_behind_raw_responses_are_traced(model: Any, spans: Any, mode: str) -> None:
    """A raw response's parsed stream carries the span; parsing twice gives the same stream."""
    create: Callable[..., Any]
    completions = model("chat_stream.sse").client().chat.completions
    if mode == "raw":
        raw = completions.with_raw_response.create(model="gpt-4o-mini", messages=ASK, stream=True)
        stream = raw.parse()
        assert raw.parse() is stream
        del raw
        gc.collect()
        assert text_of(stream) == "収集日は火曜日です。"
    else:
        create = completions.with_streaming_response.create
        with create(model="gpt-4o-mini", messages=ASK, stream=True) as response:
            assert text_of(response.parse()) == "収集日は火曜日です。"
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 120
    assert "kansoku.stream.closed_early" not in spans.attributes()


def test_the_consumers_spans_are_not_children_of_the_stream(model: Any, spans: Any) -> None:
    """What the program does between chunks belongs to the program, not to the call."""
    import kansoku

    for _ in ask(model("chat_stream.sse").client()):
        with kansoku.span("between"):
            pass
    parents = {span.parent for span in spans.all() if span.name == "between"}
    assert parents == {None}


def test_a_stream_is_not_kept_alive_by_its_tracing(model: Any, spans: Any) -> None:
    """Dropping a half-read stream closes the connection at once, without the garbage collector."""
    closed = []

    class Bytes(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from (b'data: {"id":"x","choices":[]}\n\n' for _ in range(100))

        def close(self) -> None:
            closed.append(True)

    fake = model("chat_stream.sse")
    fake.reply = lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Bytes())
    gc.disable()
    try:
        stream = ask(fake.client())
        next(stream)
        del stream
        assert closed
    finally:
        gc.enable()
    assert len(spans.all()) == 1


class Ended:
    """A call that remembers how its stream ended."""

    def __init__(self) -> None:
        self.seen: list[tuple[list[Any], BaseException | None, bool]] = []
        self.first = 0

    def stream_ended(
        self, chunks: list[Any], count: int, first: int, error: BaseException | None, early: bool
    ) -> None:
        """Remember."""
        assert count == len(chunks)
        self.first = first
        self.seen.append((chunks, error, early))

    def answer(self, response: Any) -> None:
        """Fail: no stream is a whole response."""
        raise AssertionError(response)


class Counting:
    """An iterator of 1, 2, 3 that is closed, or left by a with statement."""

    closed = False

    def __init__(self) -> None:
        self.at = 0

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> int:
        if self.at == 3:
            raise StopIteration
        self.at += 1
        return self.at

    def close(self) -> None:
        """Be closed."""
        self.closed = True

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Slotted:
    """The same without a dictionary."""

    __slots__ = ("at", "closed")
    __init__ = Counting.__init__
    __iter__ = Counting.__iter__
    __next__ = Counting.__next__
    close = Counting.close
    __enter__ = Counting.__enter__
    __exit__ = Counting.__exit__


class Anew:
    """An iterable whose iterator is another object."""

    def __iter__(self) -> Iterator[int]:
        return iter((1, 2, 3))


class CountingLater:
    """An asynchronous iterator of 1, 2, 3."""

    def __init__(self) -> None:
        self.inner = Counting()

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        for number in self.inner:
            return number
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Be closed."""
        self.inner.close()


class SlottedLater:
    """The same without a dictionary."""

    __slots__ = ("inner",)
    __init__ = CountingLater.__init__
    __aiter__ = CountingLater.__aiter__
    __anext__ = CountingLater.__anext__
    aclose = CountingLater.aclose


async def yield_later() -> Any:
    """Yield 1, 2, 3."""
    for number in (1, 2, 3):
        yield number


SYNC = [lambda: (n for n in (1, 2, 3)), Counting, Slotted, Anew, lambda: map(int, "123")]
LATER = [yield_later, CountingLater, SlottedLater]


@pytest.mark.parametrize("make", SYNC)
@pytest.mark.parametrize("limit", [1, 3])
def test_every_kind_of_stream_passes_and_ends_its_call_once(make: Callable[[], Any], limit: int) -> None:
    """Generator, iterator with and without a dictionary, iterable, one made in C: read whole or dropped."""
    plain, call = make(), Ended()
    followed = follow(plain, Recording(call))
    assert isinstance(followed, type(plain))
    got = []
    for chunk in followed:
        got.append(chunk)
        if len(got) == limit and limit < 3:
            break
    del plain, followed
    gc.collect()
    assert got == [1, 2, 3][:limit]
    assert call.seen == [(got, None, limit < 3)]


@pytest.mark.parametrize("make", LATER)
@pytest.mark.parametrize("limit", [1, 3])
def test_every_kind_of_asynchronous_stream_ends_its_call_once(make: Callable[[], Any], limit: int) -> None:
    """Asynchronous generator, iterator with and without a dictionary: read whole or closed."""
    call = Ended()

    async def read() -> list[Any]:
        plain = make()
        followed = follow(plain, Recording(call))
        assert isinstance(followed, type(plain))
        got = []
        async for chunk in followed:
            got.append(chunk)
            if len(got) == limit and limit < 3:
                await followed.aclose()
                break
        return got

    assert asyncio.run(read()) == [1, 2, 3][:limit]
    assert call.seen == [([1, 2, 3][:limit], None, limit < 3)]


class ClosingItself(Counting):
    """The same, closed by itself at its end or when it fails: LiteLLM's newer streams are."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error

    def __next__(self) -> int:
        try:
            return super().__next__()
        except StopIteration:
            self.close()
            if self.error is not None:
                raise self.error from None
            raise


class ClosingItselfLater(ClosingItself):
    """An asynchronous one."""

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> int:
        try:
            return Counting.__next__(self)
        except StopIteration:
            await self.aclose()
            raise self.error or StopAsyncIteration from None

    async def aclose(self) -> None:
        """Be closed."""
        self.closed = True


@pytest.mark.parametrize("error", [None, ValueError("cut off")])
@pytest.mark.parametrize("kind", [ClosingItself, ClosingItselfLater])
def test_a_stream_that_closes_itself_is_not_left_early(
    kind: type[ClosingItself], error: Exception | None
) -> None:
    """It was read to its end, or it failed: its last words and its error are the call's."""
    call = Ended()
    followed = follow(kind(error), Recording(call))

    async def read() -> None:
        async for _ in followed:
            pass

    with contextlib.nullcontext() if error is None else pytest.raises(ValueError, match="cut off"):
        if kind is ClosingItself:
            list(followed)
        else:
            asyncio.run(read())
    assert followed.closed is True
    assert call.seen == [([1, 2, 3], error, False)]


@pytest.mark.parametrize("kind", [Counting, Slotted])
def test_a_stream_used_as_a_context_manager_ends_with_it(kind: type[Any]) -> None:
    """The with statement gives the followed stream, and closes the client's."""
    call = Ended()
    with follow(kind(), Recording(call)) as stream:
        assert next(stream) == 1
    assert call.seen == [([1], None, True)]
    assert stream.closed is True


@pytest.mark.parametrize("whole", [[1], (1,), {"a": 1}, "text", b"bytes", httpx2.Headers()])
def test_what_holds_its_items_is_no_stream(whole: Any) -> None:
    """A container is a whole response, whatever the arguments of the call said."""
    assert follow(whole, Recording(Ended())) is None


def test_a_long_stream_leaves_no_chunks_behind(model: Any, spans: Any) -> None:
    """A stream is kept as its words; what says more than a text is told as well."""
    pieces = [{"choices": [{"index": 0, "delta": {"content": f"{n} "}}]} for n in range(500)]
    pieces[250]["choices"][0]["delta"]["reasoning_content"] = "why"  # type: ignore[index]
    ends = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    body = "".join(f"data: {json.dumps({**head, **piece})}\n\n" for piece in [*pieces, ends])
    stream = ask(model(f"{body}data: [DONE]\n\n").client())
    recording = stream._kansoku
    assert text_of(stream) == "".join(f"{n} " for n in range(500))
    assert spans.messages()[0]["parts"] == [
        {"type": "reasoning", "content": "why"},
        {"type": "text", "content": "".join(f"{n} " for n in range(500))},
    ]
    assert recording._pieces is None
