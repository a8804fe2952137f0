"""Of a stream's chunks is kept what each adds: less, saying the same, whatever a server sends."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._models import construct_type
from openai.types.chat import ChatCompletionChunk
from opentelemetry.trace import StatusCode

from kansoku.instruments.openai_chat import ChatReader
from kansoku.instruments.openai_pieces import Pieces

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
SAFE = {"hate": {"filtered": False, "severity": "safe"}}
WORDS = [
    "a",
    "assistant",
    "",
    'b"c',
    "\\",
    '"}, "delta": {"content": "x',
    "\n",
    "ごみ",
    "🗾",
    " ",
    "null",
    '\\"',
    "z",
]
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
    "filtered": [
        {"choices": [{"index": 0, "delta": {"content": word}, "content_filter_results": SAFE}]}
        for word in WORDS
    ],
    "filtered once": [
        {"choices": [{"index": 0, "delta": {"content": "a"}, "content_filter_results": found}]}
        for found in (SAFE, SAFE, {"hate": {"filtered": True}}, SAFE)
    ],
    "usage in a corner": [*texts(WORDS), chunk({}, x_groq={"usage": USAGE})],
    "pages in each": [{**one, "citations": ["https://a.test"]} for one in texts(WORDS)],
    "more pages": [{**one, "citations": ["a", "b", "c"][:n]} for n, one in enumerate(texts(WORDS))],
    "pages of one's own": [chunk({"context": {"citations": [{"title": "a"}]}}), *texts(WORDS)],
    "an error": [
        *texts(WORDS),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"code": 502}}]},
    ],
    "given up": [
        *texts(WORDS),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "x_groq": {"error": "full"}},
    ],
    "an upstream": [{**one, "provider": "p"} for one in texts(WORDS)],
    "JSON": texts(['{"choices": [{"delta": ', '{"content": "', "x", '"}}]}']),
}


def model_of(said: dict[str, Any]) -> Any:
    """Return a chunk as the client makes it."""
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return construct_type(value=json.loads(json.dumps({**head, **said})), type_=ChatCompletionChunk)


def keep(chunks: list[dict[str, Any]]) -> tuple[list[Any], int]:
    """Return what is kept of chunks that pass one after the other, and how many they were."""
    pieces = Pieces()
    for one in chunks:
        pieces.add(model_of(one))
    return pieces.close()


def told(chunks: list[Any]) -> Any:
    """Return what the reader makes of chunks, or of what was kept of them."""
    return ChatReader(lambda *_: ("openai", "", 0)).fold(chunks, True)


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("name", STREAMS)
def test_what_is_kept_says_what_the_chunks_say(name: str, times: int) -> None:
    """Of every kind of stream the reader makes the same answer, of all chunks and of what was kept."""
    chunks = STREAMS[name] * times
    kept, count = keep(chunks)
    assert count == len(chunks)
    assert told(kept) == told([model_of(one) for one in chunks])


@given(
    st.lists(st.tuples(st.sampled_from(list(STREAMS)), st.integers(1, 6)), min_size=1, max_size=6), st.data()
)
def test_of_any_mixture_is_kept_what_its_chunks_say(
    parts: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Whatever follows what, and wherever the stream ends."""
    chunks = [one for name, times in parts for one in (STREAMS[name] * times)[: data.draw(st.integers(1, 9))]]
    kept, count = keep(chunks)
    assert count == len(chunks)
    assert told(kept) == told([model_of(one) for one in chunks])


@pytest.mark.parametrize(
    "name", ["texts", "padded", "JSON", "null beside it", "role in each", "filtered", "an upstream"]
)
def test_of_a_long_text_its_words_are_kept(name: str) -> None:
    """What a stream leaves behind does not grow with its number of chunks: its words, once, and its ends."""
    pieces = [one for one in STREAMS[name] if one["choices"] and one is not ENDS]
    kept, _ = keep([*pieces * 20, ENDS, LAST])
    assert [type(part) for part in kept] == [dict, str, dict, dict]


@pytest.mark.parametrize("name", ["reasoning", "tool calls", "refusal"])
def test_of_other_pieces_nothing_is_kept_but_what_they_add(name: str) -> None:
    """Thinking, refusals and the arguments of a tool come in hundreds of chunks as well."""
    kept, _ = keep(STREAMS[name] * 20)
    assert sum(type(part) is dict for part in kept) <= 1 + 20 * (name == "tool calls")  # where a call begins


def test_half_a_character_in_each_of_two_chunks_becomes_one() -> None:
    """Servers that cut a text anywhere send half of a surrogate pair with each chunk."""
    kept, _ = keep(texts(["a", "\ud83d", "\uddfe", "."]))
    assert told(kept).messages[0]["parts"] == [{"type": "text", "content": "a🗾."}]
    kept, _ = keep(texts(["a", "\ud83d"]))
    assert told(kept).messages[0]["parts"] == [{"type": "text", "content": "a\ufffd"}]


def test_a_first_chunk_that_names_no_model_does_not_stand_for_the_others() -> None:
    """Azure begins with a chunk about the prompt alone, whose model is empty."""
    asked = {"model": "", "id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    kept, _ = keep([asked, *texts(["a", "b", "c"])])
    assert [type(part) for part in kept] == [dict, dict, str]
    assert told(kept).model == "m"
    assert told(kept).messages[0]["parts"] == [{"type": "text", "content": "abc"}]


@pytest.mark.parametrize("odd", [None, 7, "text", object(), {"choices": 3}, [], float("nan")])
def test_what_is_no_chunk_is_kept_as_it_is(odd: Any) -> None:
    """The program gets whatever its client yields, and nothing fails on the way."""
    pieces = Pieces()
    for one in (odd, model_of(STREAMS["texts"][1]), odd):
        pieces.add(one)
    kept, count = pieces.close()
    assert count == 3
    assert kept[0] is kept[-1]
    assert kept[0] is (None if odd == "text" else odd)
    assert told(kept).messages[0]["parts"] == [{"type": "text", "content": "a"}]


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


def test_a_stream_read_in_several_loops_is_told_whole(model: Any, spans: Any) -> None:
    """A loop that is left does not end the stream: the next one, or `next`, goes on where it stopped."""
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
    """A stream of thousands of chunks keeps what they say while it is read, and one chunk of them."""
    words = [f"{number} " for number in range(2000)]
    body = serve(*texts(words), ENDS, "[DONE]")
    stream = model(body).client().chat.completions.create(model="m", messages=ASK, stream=True)
    read = [next(stream) for _ in range(1500)]
    pieces = stream._kansoku._pieces
    assert pieces._words == words[1:1500]
    assert len(pieces._kept) == 1
    assert len(read) + len(list(stream)) == 2001
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "".join(words)}]


def test_a_chunk_that_cannot_be_looked_at_disturbs_nothing(
    model: Any, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program gets every chunk, whatever looking at one runs into."""
    monkeypatch.setattr("kansoku.instruments.openai_pieces._copy", _fail)
    body = serve(*texts(["one ", "two "]), ENDS, "[DONE]")
    stream = model(body).client().chat.completions.create(model="m", messages=ASK, stream=True)
    assert [part.choices[0].delta.content for part in stream] == ["one ", "two ", None]
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "one two "}]


def _fail(_chunk: Any) -> None:
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
