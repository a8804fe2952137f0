"""Streams are kept as the text of their events: fewer, saying the same, whatever a server sends."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import StatusCode

from kansoku import guard
from kansoku.instruments.openai_chat import ChatReader
from kansoku.instruments.openai_join import JoinedChat, Run

ASK: Any = [{"role": "user", "content": "収集日は？"}]
ENDS: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
LAST: dict[str, Any] = {"choices": [], "usage": USAGE}
DETAILS = [{"type": "reasoning.text", "text": "a"}]


def chunk(delta: dict[str, Any], index: int = 0, **extra: Any) -> dict[str, Any]:
    """Return a chunk."""
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
    return {"id": "c-1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **extra}


def texts(words: list[str], field: str = "content", **extra: Any) -> list[dict[str, Any]]:
    """Return the chunks of a text in pieces."""
    return [chunk({field: word, **extra}) for word in words]


CALL = {"index": 0, "id": "t1", "type": "function", "function": {"name": "find", "arguments": ""}}
MORE = {"index": 0, "function": {"arguments": '{"content": '}}
SURE = {"content": [{"token": "a", "logprob": -0.5}]}
WORDS = ["a", "", 'b"c', "\\", '"}, "delta": {"content": "x', "\n", "ごみ", "🗾", " ", "null", '\\"', "z"]
STREAMS: dict[str, list[dict[str, Any]]] = {
    "texts": [
        chunk({"role": "assistant", "content": ""}),
        *texts(WORDS),
        ENDS,
        {"choices": [], "usage": USAGE},
    ],
    "null beside it": texts(WORDS, reasoning_content=None, tool_calls=None),
    "role in each": [chunk({"role": "assistant", "content": word}) for word in WORDS],
    "reasoning": [*texts(WORDS, "reasoning_content", content=None), *texts(WORDS, reasoning_content=None)],
    "reasoning beside a text": [chunk({"content": "", "reasoning": "again "}) for _ in range(5)],
    "a text beside reasoning": [chunk({"content": "x", "reasoning_content": "again "}) for _ in range(5)],
    "details": [chunk({"content": "", "reasoning_details": DETAILS}) for _ in range(3)],
    "padded": [chunk({"content": word}, obfuscation="x" * place) for place, word in enumerate(WORDS)],
    "two choices": [chunk({"content": word}, index) for word in WORDS for index in (0, 1)],
    "two in one": [{"choices": [{"index": n, "delta": {"content": "a"}} for n in (0, 1)]}] * 3,
    "tool calls": [*texts(WORDS), chunk({"tool_calls": [CALL]}), *[chunk({"tool_calls": [MORE]})] * 3],
    "refusal": [chunk({"refusal": word}) for word in WORDS],
    "certainty": [{"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": SURE}]}] * 4,
    "numbered": [{**chunk({"content": word}), "number": place} for place, word in enumerate(WORDS * 3)],
    "usage in each": [{**chunk({"content": word}), "usage": USAGE} for word in WORDS],
    "parts": [chunk({"content": [{"type": "text", "text": word}]}) for word in WORDS],
    "interrupted": [
        *texts(WORDS),
        chunk({"refusal": "no"}),
        *texts(WORDS),
        chunk({"refusal": "!"}),
        *texts(WORDS),
    ],
    "JSON": texts(['{"choices": [{"delta": ', '{"content": "', "x", '"}}]}']),
}
SPACED: Any = {"compact": (",", ":"), "spaced": (", ", ": ")}


def join(events: list[str]) -> JoinedChat:
    """Return events, taken one after the other."""
    joined = JoinedChat()
    for event in events:
        joined.take(event)
    assert joined.close() == len(events)
    return joined


@pytest.mark.parametrize("spaces", SPACED)
@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("name", STREAMS)
def test_joined_events_say_what_the_chunks_say(name: str, times: int, spaces: str, escaped: bool) -> None:
    """Of every kind of stream the reader makes the same answer, of all chunks and of the joined events."""
    chunks = STREAMS[name] * times
    events = [json.dumps(one, ensure_ascii=escaped, separators=SPACED[spaces]) for one in chunks]
    reader = ChatReader(lambda *_: ("openai", "", 0))
    assert reader.fold(join(events).read(), True) == reader.fold(chunks, True)


@given(st.lists(st.tuples(st.sampled_from(list(STREAMS)), st.integers(1, 6)), max_size=6), st.data())
def test_any_mixture_of_events_says_what_its_chunks_say(
    parts: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Whatever follows what, and wherever the stream ends, with or without its last event."""
    chunks = [one for name, times in parts for one in (STREAMS[name] * times)[: data.draw(st.integers(1, 9))]]
    events = [json.dumps(one, ensure_ascii=data.draw(st.booleans())) for one in chunks]
    joined = JoinedChat()
    for event in events:
        joined.take(event)
    if events and data.draw(st.booleans()):
        assert {**json.loads(joined.last()), "obfuscation": ""} == {**chunks[-1], "obfuscation": ""}
        joined.drop_last()
        chunks.pop()
    assert joined.close() == len(chunks)
    reader = ChatReader(lambda *_: ("openai", "", 0))
    if chunks:
        assert reader.fold(joined.read(), True) == reader.fold(chunks, True)


@pytest.mark.parametrize("name", ["texts", "padded"])
def test_pieces_of_a_text_are_kept_without_what_surrounds_them(name: str) -> None:
    """The ordinary stream leaves its words behind, once what all its events have in common, and its ends."""
    pieces = STREAMS["texts"][1:-2] * 20
    if name == "padded":
        pieces = [{**piece, "obfuscation": "x" * (place % 9)} for place, piece in enumerate(pieces)]
    whole = (STREAMS["texts"][0], *pieces, ENDS, LAST)
    kept = join([json.dumps(one, separators=(",", ":")) for one in whole]).parts
    runs = [part for part in kept if type(part) is Run]
    assert len(kept) - len(runs) == 2  # why it ends, what it took
    assert sum(len(run.pieces) for run in runs) < len(WORDS) * 20 * 12


@pytest.mark.parametrize("name", ["JSON", "null beside it", "role in each", "reasoning", "padded"])
def test_a_long_text_becomes_one_chunk(name: str) -> None:
    """What a stream leaves behind does not grow with its number of chunks."""
    few, many = (
        len(join([json.dumps(one, separators=(",", ":")) for one in STREAMS[name] for _ in range(n)]).read())
        for n in (1, 9)
    )
    assert few <= 6
    assert many <= few + 2


def test_half_a_character_in_each_of_two_events_becomes_one() -> None:
    """Servers that cut a text anywhere send half of a surrogate pair with each event."""
    pieces = ["a", "\\ud83d", "\\uddfe", "."]
    (joined,) = join([json.dumps(chunk({"content": "@"})).replace("@", piece) for piece in pieces]).read()
    assert joined["choices"][0]["delta"]["content"] == "a🗾."


def serve(*parts: dict[str, Any] | str | Exception) -> bytes:
    """Return the body of a stream."""
    return b"".join(
        f"data: {part if isinstance(part, str) else json.dumps(part)}\n\n".encode() for part in parts
    )


def test_chunks_that_the_program_changes_are_told_as_they_were(model: Any, spans: Any) -> None:
    """A proxy that rewrites each chunk before it passes it on does not rewrite what the model said."""
    body = serve(*texts(["one ", "two "]), ENDS, LAST, "[DONE]")
    for part in model(body).client().chat.completions.create(model="m", messages=ASK, stream=True):
        part.model = "changed"
        for choice in part.choices:
            choice.delta.content, choice.finish_reason = "changed", "length"
        if part.usage:
            part.usage.prompt_tokens = 999_999
    found = spans.attributes()
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "one two "}]
    assert found["gen_ai.response.model"] == "m"
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert found["gen_ai.usage.input_tokens"] == 9


@pytest.mark.parametrize("fault", ['{"error": {"message": "overloaded", "code": "busy"}}', "{broken"])
def test_an_event_that_the_client_refuses_is_no_chunk(model: Any, spans: Any, fault: str) -> None:
    """An error among the events, or no JSON at all: the exception is told, and the text before it."""
    body = serve(*texts(["one ", "two "]), fault)
    stream = model(body).client().chat.completions.create(model="m", messages=ASK, stream=True)
    with pytest.raises((openai.APIError, ValueError)) as caught:
        list(stream)
    assert spans.one().status.status_code is StatusCode.ERROR
    assert spans.attributes()["error.type"] == type(caught.value).__name__
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "one two "}]


def test_an_early_end_tells_the_chunks_that_the_program_got(model: Any, spans: Any) -> None:
    """Events that came with the last one read, in one piece of the body, were not read by anybody."""
    body = serve(*texts(["one ", "two ", "three "]), ENDS, "[DONE]")
    stream = model(body).client().chat.completions.create(model="m", messages=ASK, stream=True)
    next(stream), next(stream)
    stream.close()
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "one two "}]
    assert spans.attributes()["kansoku.stream.closed_early"] is True


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_client_whose_events_are_others_is_traced_by_its_chunks(
    model: Any, spans: Any, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    """A version of the client that keeps the text of its events elsewhere is told as before."""
    hide_events(monkeypatch)
    fake = model(serve(*texts(["one ", "two "]), ENDS, "[DONE]"))
    if asynchronous:

        async def read() -> None:
            async with fake.async_client() as client:
                stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)
                assert [part.id async for part in stream]

        asyncio.run(read())
    else:
        assert list(fake.client().chat.completions.create(model="m", messages=ASK, stream=True))
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "one two "}]


class _Odd(str):
    """A text that is of another type."""

    __slots__ = ()


def hide_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the client's events other than we know them."""
    monkeypatch.setattr("openai._streaming.ServerSentEvent.data", property(lambda event: _Odd(event._data)))


@pytest.mark.parametrize("known", [True, False])
def test_a_stream_read_in_several_loops_is_told_whole(
    model: Any, spans: Any, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """A loop that is left does not end the stream: the next one, or `next`, goes on where it stopped."""
    if not known:
        hide_events(monkeypatch)
    words = [f"{number} " for number in range(12)]
    fake = model(serve(*texts(words), ENDS, LAST, "[DONE]"))
    stream = fake.client().chat.completions.create(model="m", messages=ASK, stream=True)
    read = [next(stream)]
    for part in stream:
        read.append(part)
        if len(read) == 4:
            break
    read.append(next(stream))
    loop = iter(stream)
    read.append(next(loop))
    loop.close()
    assert not spans.all()
    read += stream
    assert not list(stream)
    assert "".join(part.choices[0].delta.content or "" for part in read[:-1]) == "".join(words)
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "".join(words)}]
    assert "kansoku.stream.closed_early" not in spans.attributes()


def test_of_a_stream_under_way_the_words_are_kept(model: Any, spans: Any) -> None:
    """A stream of thousands of events keeps what they say while it is read, and none of the events."""
    words = [f"{number} " for number in range(2000)]
    body = serve(*texts(words), ENDS, "[DONE]")
    stream = model(body).client().chat.completions.create(model="m", messages=ASK, stream=True)
    read = [next(stream) for _ in range(1500)]
    joined = stream._kansoku.events._joined
    assert joined._pieces == words[:1500]
    assert not joined.parts
    assert len(read) + len(list(stream)) == 2001
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "".join(words)}]


def test_an_event_that_is_no_text_any_more_disturbs_nothing(
    model: Any, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program gets every chunk, whatever looking at an event runs into."""
    monkeypatch.setattr(JoinedChat, "_turn", _fail)
    body = serve(*texts(["one ", "two "]), ENDS, "[DONE]")
    stream = model(body).client().chat.completions.create(model="m", messages=ASK, stream=True)
    assert [part.choices[0].delta.content for part in stream] == ["one ", "two ", None]
    assert spans.one().end_time
    assert guard.failures.pop("events.take") == 4


def _fail(_joined: JoinedChat, _event: str) -> None:
    raise RuntimeError("no such thing")


def test_a_stream_whose_connection_breaks_has_all_that_came(model: Any, spans: Any) -> None:
    """The last event before the break was a chunk, and stays one."""

    class Broken(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield serve(*texts(["one ", "two "]))
            raise httpx2.ReadError("connection lost")

    fake = model("")
    fake.reply = lambda _: httpx2.Response(
        200, headers={"content-type": "text/event-stream"}, stream=Broken()
    )
    stream = fake.client().chat.completions.create(model="m", messages=ASK, stream=True)
    with pytest.raises((openai.APIConnectionError, httpx2.ReadError)):
        list(stream)
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "one two "}]
