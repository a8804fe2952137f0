"""Streams are read as their server sent them: what that says is what the chunks say."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._models import construct_type
from openai._streaming import SSEDecoder
from openai.types.chat import ChatCompletionChunk
from opentelemetry.trace import StatusCode

from kansoku import runtime
from kansoku.calls.call import Call
from kansoku.calls.sent import Sent
from kansoku.instruments.openai_chat import ChatReader

HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
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
    "filtered first": [
        {"choices": [{"content_filter_results": SAFE, "delta": {"content": word}, "finish_reason": None}]}
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
    "certainty first": [
        {"choices": [{"index": 0, "logprobs": found, "delta": {"content": "a"}}]}
        for found in (SURE, SURE, {"content": [{"token": "a", "logprob": -2.0}]})
    ],
    "two of which one refuses": [
        {"choices": [{"index": 0, "delta": {"refusal": "no"}}, {"index": 1, "delta": {"content": "a"}}]}
    ]
    * 3,
    "an error in each": [
        {
            "choices": [
                {"error": {"code": 502}, "finish_reason": "error", "index": 0, "delta": {"content": "a"}}
            ]
        }
    ]
    * 3,
    "choices of a field": [{"x": {"choices": chunk({"content": "x"})["choices"]}, **chunk({"refusal": "no"})}]
    * 3,
    "an upstream": [{**one, "provider": "p"} for one in texts(WORDS)],
    "JSON": texts(['{"choices": [{"delta": ', '{"content": "', "x", '"}}]}']),
}


def model_of(said: dict[str, Any]) -> Any:
    """Return a chunk as the client makes it."""
    return construct_type(value=json.loads(json.dumps({**HEAD, **said})), type_=ChatCompletionChunk)


def events(chunks: list[dict[str, Any]], escaped: bool = True) -> list[bytes]:
    """Return the events with which a server sends chunks."""
    said = [json.dumps({**HEAD, **one}, ensure_ascii=escaped) for one in chunks]
    return [f"data: {one}\n\n".encode("utf-8", "replace") for one in said]


def keep(pieces: list[bytes], passed: int, *, whole: bool) -> list[Any]:
    """Return what is read of a body that came in pieces, of which so many chunks have passed."""
    sent = Sent(ChatReader.growth)
    for piece in pieces:
        sent.pieces.append(piece)
    for portion in sent.portions(iter(range(passed))):
        list(portion)
    kept, count = sent.close(whole=whole)
    assert kept is sent
    assert count == passed
    return sent.read()


def told(chunks: list[Any]) -> Any:
    """Return what the reader makes of chunks, or of what was kept of them."""
    return ChatReader(lambda *_: ("openai", "", 0)).fold(chunks, True)


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("name", STREAMS)
def test_what_was_sent_says_what_the_chunks_say(name: str, times: int) -> None:
    """Of every kind of stream the reader makes the same answer, of all chunks and of what was sent."""
    chunks = STREAMS[name] * times
    kept = keep([*events(chunks), b"data: [DONE]\n\n"], len(chunks), whole=True)
    assert told(kept) == told([model_of(one) for one in chunks])


@given(
    st.lists(st.tuples(st.sampled_from(list(STREAMS)), st.integers(1, 6)), min_size=1, max_size=6), st.data()
)
def test_of_any_mixture_is_read_what_its_chunks_say(
    parts: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Whatever follows what, in whatever pieces it comes, and wherever the program stops."""
    chunks = [one for name, times in parts for one in (STREAMS[name] * times)[: data.draw(st.integers(1, 9))]]
    body = b"".join(events(chunks, data.draw(st.booleans())))
    if data.draw(st.booleans()):
        body = body.replace(b"\n", b"\r\n")
    if data.draw(st.booleans()):
        body = b": a comment\n\n" + body
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    passed = data.draw(st.integers(1, len(chunks)))
    kept = keep(pieces, passed, whole=False)
    assert told(kept) == told([model_of(one) for one in chunks[:passed]])
    kept = keep([*pieces, b"data: [DONE]\n\n"], len(chunks), whole=True)
    assert told(kept) == told([model_of(one) for one in chunks])


ODD = [one for name in STREAMS for one in STREAMS[name][:2]]


@given(
    st.lists(st.sampled_from(ODD), max_size=6),
    st.lists(st.sampled_from(WORDS), min_size=14, max_size=40),
    st.lists(st.sampled_from([*ODD, ENDS, LAST]), max_size=6),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(ODD)), max_size=2),
)
def test_one_long_text_with_anything_around_and_in_it_is_told_as_its_chunks_are(
    before: list[Any], words: list[str], after: list[Any], between: list[tuple[int, Any]]
) -> None:
    """Most streams are one text; what else a stream says is seen wherever it stands."""
    chunks = [*before, *texts(words), *after]
    for place, odd in between:
        chunks.insert(place, odd)
    kept = keep([*events(chunks), b"data: [DONE]\n\n"], len(chunks), whole=True)
    assert told(kept) == told([model_of(one) for one in chunks])


@pytest.mark.parametrize(
    "name",
    [
        "texts",
        "padded",
        "JSON",
        "null beside it",
        "role in each",
        "filtered",
        "filtered first",
        "an upstream",
    ],
)
def test_the_words_of_a_long_text_become_one_event(name: str) -> None:
    """What is read does not grow with the number of events."""
    pieces = [one for one in STREAMS[name] if one["choices"] and one is not ENDS]
    sent = events([pieces[0], *pieces[1:] * 20, ENDS, LAST])
    assert len(keep(sent, len(sent), whole=True)) <= 4
    assert len(keep([b"".join(sent)], len(sent), whole=True)) <= 4


@pytest.mark.parametrize("name", ["reasoning", "tool calls"])
def test_other_pieces_become_one_event_as_well(name: str) -> None:
    """Thinking and the arguments of a tool come in hundreds of events."""
    many = STREAMS[name][-3:] if name == "tool calls" else STREAMS[name][: len(WORDS)]
    sent = events(many * 50)
    assert len(keep(sent, len(sent), whole=True)) == len(sent) // 512 + 1


@pytest.mark.parametrize("in_one", [True, False])
def test_half_a_character_in_each_of_two_chunks_becomes_one(in_one: bool) -> None:
    """Servers that cut a text anywhere send half of a surrogate pair with each chunk."""
    for words, whole in ((["a", "\ud83d", "\uddfe", "."], "a🗾."), (["a", "\ud83d"], "a\ufffd")):
        sent = events(texts(words))
        kept = keep([b"".join(sent)] if in_one else sent, len(words), whole=True)
        assert told(kept).messages[0]["parts"] == [{"type": "text", "content": whole}]


@pytest.mark.parametrize("field", ["tool_calls", "refusal", "images", "audio", "annotations"])
@pytest.mark.parametrize("odd", [5, {"a": 1}])
def test_a_field_of_another_kind_costs_no_text(field: str, odd: Any) -> None:
    """What a server sends where something else belongs says nothing, and the words are told all the same."""
    kept = keep(events([chunk({"content": "a", field: odd}), *texts(["b"])]), 2, whole=True)
    assert told(kept).messages[0]["parts"] == [{"type": "text", "content": "ab"}]


def test_two_events_that_came_at_once_are_two() -> None:
    """A piece that begins like the one before it and ends like it need not be one event."""
    one, two, three, four = events(texts(["a", "b", "c", "d"]))
    refused = events([chunk({"refusal": "no"})])[0]
    kept = keep([one, two + refused + three, four], 5, whole=True)
    message = told(kept).messages[0]
    assert [part["content"] for part in message["parts"]] == ["abcd", "no"]
    assert told(keep([one, two + refused + three, four], 2, whole=False)).messages[0]["parts"] == [
        {"type": "text", "content": "ab"}
    ]


def test_events_that_differ_in_more_than_a_text_stay_apart() -> None:
    """A field between what is alike at both ends is no part of the text."""
    alike = [b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % text for text in (b"a", b"b")]
    odd = b'data: {"choices":[{"index":0,"delta":{"content":"x","refusal":"no"}}]}\n\n'
    message = told(keep([*alike, odd, alike[0]], 4, whole=True)).messages[0]
    assert [part["content"] for part in message["parts"]] == ["abxa", "no"]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=8), st.booleans())
def test_any_text_comes_out_as_it_was_sent(words: list[str], escaped: bool) -> None:
    """Quotes, backslashes, ends of lines, what looks like an event: all of it is text."""
    words = [word.encode("utf-8", "replace").decode() for word in words]
    kept = keep(events(texts(words), escaped), len(words), whole=True)
    found = "".join(choice["delta"]["content"] for one in kept for choice in one["choices"])
    assert found == "".join(words)


@pytest.mark.parametrize(
    "odd", [b"", b"\n\n", b"data:\n\n", b"data: 7\n\n", b"data: [1]\n\n", b"\xff\xfe\n\n"]
)
def test_what_is_no_event_costs_no_other(odd: bytes) -> None:
    """Nothing fails, whatever a server sends."""
    kept = keep([odd, *events(texts(["a", "b"])), odd], 9, whole=True)
    assert told(kept).messages[0]["parts"] == [{"type": "text", "content": "ab"}]


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
    """A stream of thousands of chunks keeps what they say while it is read, and the last few as they came."""
    words = [f"{number} " for number in range(4000)]
    fake = model("")
    sent = [*events(texts(words)), *events([ENDS])]

    class OneByOne(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from sent

    fake.reply = lambda _: httpx2.Response(
        200, headers={"content-type": "text/event-stream"}, stream=OneByOne()
    )
    stream = fake.client().chat.completions.create(model="m", messages=ASK, stream=True)
    read = []
    for part in stream:
        read.append(part)
        if len(read) == 3000:
            break
    kept = stream._kansoku._pieces
    assert len(kept.pieces) < 1030
    assert sum(map(len, kept._events)) < 40_000
    assert len(read) + len(list(stream)) == 4001
    assert not b"".join(kept.pieces)
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "".join(words)}]


@pytest.mark.parametrize("own_ids", [False, True])
def test_what_stays_large_is_known_however_few_pieces_it_came_in(own_ids: bool) -> None:
    """A gateway sends many events at once; one that numbers its chunks leaves no two that are alike."""
    chunks = texts(["word "] * 2000)
    if own_ids:
        chunks = [{**one, "id": f"c-{number}"} for number, one in enumerate(chunks)]
    sent = Sent(ChatReader.growth)
    sent.pieces += [b"".join(events(chunks[:1000])), b"".join(events(chunks[1000:]))]
    sent.close(whole=True)
    assert sent.is_large is own_ids
    assert told(sent.read()).messages[0]["parts"] == [{"type": "text", "content": "word " * 2000}]


@pytest.mark.parametrize("waiting", [0, 2000])
def test_where_many_spans_wait_a_stream_is_read_at_once(
    model: Any, spans: Any, monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    """What a server sent is several times as large as what it says, and a collector may be away for long."""
    done: list[str] = []
    for owner, name in ((Sent, "read"), (Call, "_end")):
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, _noted(done, name, original))
    monkeypatch.setattr(type(runtime.current().spans), "queued", lambda _: waiting)  # type: ignore[union-attr]
    body = serve(*texts(["one ", "two "]), ENDS, LAST, "[DONE]")
    list(model(body).client().chat.completions.create(model="m", messages=ASK, stream=True))
    assert done == (["read", "_end"] if waiting else ["_end", "read"])
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "one two "}]


def _noted(done: list[str], name: str, original: Any) -> Any:
    def method(self: Any, *args: Any) -> Any:
        done.append(name)
        return original(self, *args)

    return method


def test_what_a_program_adds_to_its_messages_later_is_not_in_the_estimate(model: Any, spans: Any) -> None:
    """A conversation grows by the answer as soon as that is there; its request did not have it."""
    messages = [*ASK]
    tool = {"type": "function", "function": {"name": "find", "parameters": {}}}
    body = serve(*texts(["one ", "two "]), ENDS, "[DONE]")
    for _ in range(2):
        fake = model(body).client()
        list(fake.chat.completions.create(model="m", messages=messages, tools=[tool], stream=True))
        messages.append({"role": "assistant", "content": "very long " * 1000})
    first = spans.all()[0].attributes
    assert first["kansoku.usage.estimated"] is True
    assert first["kansoku.usage.estimated_input_tokens"] < 100


def test_a_client_that_reads_another_way_is_traced_by_its_chunks(
    model: Any, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server sent is not to be had where a client does not ask its decoder for it."""
    monkeypatch.setattr(
        openai.Stream, "_iter_events", lambda self: SSEDecoder().iter_bytes(self.response.iter_bytes())
    )
    body = serve(*texts(["one ", "two "]), ENDS, LAST, "[DONE]")
    stream = model(body).client().chat.completions.create(model="m", messages=ASK, stream=True)
    assert len(list(stream)) == 4
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "one two "}]
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 9


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
