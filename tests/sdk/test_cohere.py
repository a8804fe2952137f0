"""The cohere client: what its spans say, and that its answers stay its own."""

import asyncio
import json
from typing import Any

import cohere
import pytest
from cohere.core import ApiError
from support import pages
from support.vendor import Reply, sse

ASK: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "いつ"}]
TOOL = {
    "type": "function",
    "function": {"name": "find", "description": "d", "parameters": {"type": "object"}},
}
TOLD = {
    "id": "c-1",
    "finish_reason": "COMPLETE",
    "message": {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "火曜日"}],
    },
    "usage": {
        "billed_units": {"input_tokens": 12, "output_tokens": 3},
        "tokens": {"input_tokens": 90, "output_tokens": 4},
        "cached_tokens": 64,
    },
}


def _event(kind: str, index: int | None = None, **message: Any) -> tuple[str, dict[str, Any]]:
    """Return an event whose delta is a message."""
    place = {} if index is None else {"index": index}
    return kind, {"type": kind, **place, "delta": {"message": message}}


EVENTS = (
    ("message-start", {"type": "message-start", "id": "c-2", "delta": {"message": {"role": "assistant"}}}),
    _event("tool-plan-delta", tool_plan="I look "),
    _event("tool-plan-delta", tool_plan="it up."),
    _event("content-start", 0, content={"type": "thinking", "thinking": ""}),
    _event("content-delta", 0, content={"thinking": "Hm."}),
    _event("content-start", 1, content={"type": "text", "text": ""}),
    _event("content-delta", 1, content={"text": "火"}),
    _event("content-delta", 1, content={"text": "曜"}),
    _event(
        "tool-call-start",
        0,
        tool_calls={"id": "t1", "type": "function", "function": {"name": "find", "arguments": ""}},
    ),
    _event("tool-call-delta", 0, tool_calls={"function": {"arguments": '{"ward":'}}),
    _event("tool-call-delta", 0, tool_calls={"function": {"arguments": '"北区"}'}}),
    (
        "message-end",
        {
            "type": "message-end",
            "delta": {
                "finish_reason": "TOOL_CALL",
                "usage": {
                    "billed_units": {"input_tokens": 5, "output_tokens": 7},
                    "tokens": {"input_tokens": 50, "output_tokens": 9},
                },
            },
        },
    ),
)
PARTS = [
    {"type": "reasoning", "content": "Hm."},
    {"type": "text", "content": "火曜"},
    {"type": "tool_plan", "content": "I look it up."},
    {"type": "tool_call", "id": "t1", "name": "find", "arguments": {"ward": "北区"}},
]


def test_a_chat_call_is_one_span_with_everything_said(vendor: Any, spans: Any) -> None:
    """Parameters, reasoning, billed tokens, the model's own counts and cost are on the span."""
    vendor.answer(TOLD)
    with cohere.ClientV2("test", base_url=vendor.url) as client:
        answer = client.chat(
            model="command-a-03-2025",
            messages=ASK,
            tools=[TOOL],
            documents=["metal: Friday"],
            temperature=0.3,
            p=0.8,
            k=20,
            max_tokens=99,
            seed=7,
            stop_sequences=["。。"],
            response_format={"type": "json_object"},
            thinking={"type": "enabled", "token_budget": 512},
        )
    assert isinstance(answer, cohere.V2ChatResponse)
    found = spans.attributes()
    content = {name: json.loads(found.pop(name)) for name in sorted(found) if name.endswith(("messages", "s"))
               and isinstance(found[name], str) and found[name].startswith("[")}  # fmt: skip
    assert content == {
        "gen_ai.input.messages": [
            {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
            {"role": "user", "parts": [{"type": "text", "content": "いつ"}]},
        ],
        "gen_ai.output.messages": [
            {
                "role": "assistant",
                "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "火曜日"}],
                "finish_reason": "stop",
            }
        ],
        "gen_ai.retrieval.documents": [{"id": "0", "content": "metal: Friday"}],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "find", "description": "d", "parameters": {"type": "object"}}
        ],
    }
    assert found.pop("kansoku.cost.usd") == pytest.approx(12 * 2.5e-6 + 3 * 1e-5)
    assert found.pop("kansoku.cost.price_id").startswith("cohere/")
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "cohere",
        "gen_ai.request.model": "command-a-03-2025",
        "gen_ai.request.temperature": 0.3,
        "gen_ai.request.top_p": 0.8,
        "gen_ai.request.top_k": 20,
        "gen_ai.request.max_tokens": 99,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("。。",),
        "gen_ai.output.type": "json",
        "gen_ai.request.thinking": '{"type":"enabled","token_budget":512}',
        "gen_ai.request.reasoning.level": "enabled",
        "kansoku.request.thinking.budget_tokens": 512,
        "server.address": "127.0.0.1",
        "server.port": int(vendor.url.rpartition(":")[2]),
        "gen_ai.response.id": "c-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "kansoku.usage.model.input_tokens": 90,
        "kansoku.usage.model.output_tokens": 4,
    }


def test_a_raw_response_is_traced_once_and_stays_the_clients_own(vendor: Any, spans: Any) -> None:
    """By the client of either version; the client's own call through the same methods is one span, too."""
    vendor.answer(TOLD)
    with cohere.ClientV2("test", base_url=vendor.url) as client:
        raw = client.with_raw_response.chat(model="command-a-03-2025", messages=ASK)
        assert raw.data == client.chat(model="command-a-03-2025", messages=ASK)
    assert raw.headers["content-type"] == "application/json"
    first, second = (dict(span.attributes) for span in spans.all())
    assert first == second
    assert first["gen_ai.usage.input_tokens"] == 12


def test_a_raw_response_is_traced_of_the_asynchronous_client(vendor: Any, spans: Any) -> None:
    """A refused one has its error."""

    async def ask() -> None:
        async with cohere.AsyncClient("test", base_url=vendor.url) as client:
            vendor.answer(
                {"response_id": "r", "generation_id": "g", "text": "火", "finish_reason": "COMPLETE"}
            )
            await client.with_raw_response.chat(message="いつ")
            vendor.answer(Reply(b'{"message": "no"}', 400))
            with pytest.raises(ApiError):
                await client.with_raw_response.rerank(query="q", documents=["d"], model="rerank-v3.5")

    asyncio.run(ask())
    answered, refused = spans.all()
    assert json.loads(answered.attributes["gen_ai.output.messages"])[0]["parts"][0]["content"] == "火"
    assert refused.attributes["http.response.status_code"] == 400


def test_a_stream_is_put_together_from_its_events(vendor: Any, spans: Any) -> None:
    """Plan, reasoning, text, a tool call and usage of a stream are those of a whole answer."""
    vendor.answer(sse(*EVENTS))
    with cohere.ClientV2("test", base_url=vendor.url) as client:
        stream = client.chat_stream(model="command-a-03-2025", messages=ASK)
        assert vendor.asked == []
        assert [event.type for event in stream] == [name for name, _ in EVENTS]
    found = spans.attributes()
    assert spans.messages() == [{"role": "assistant", "parts": PARTS, "finish_reason": "tool_calls"}]
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (5, 7)
    assert found["gen_ai.response.id"] == "c-2"


def test_the_async_client_is_traced_like_the_other(vendor: Any, spans: Any) -> None:
    """A call and a stream of the asynchronous client give the same spans."""
    vendor.answer(Reply(json.dumps(TOLD).encode()), sse(*EVENTS))

    async def ask() -> None:
        async with cohere.AsyncClientV2("test", base_url=vendor.url) as client:
            await client.chat(model="command-a-03-2025", messages=ASK)
            events = [event async for event in client.chat_stream(model="command-a-03-2025", messages=ASK)]
            assert len(events) == len(EVENTS)

    asyncio.run(ask())
    first, second = spans.all()
    assert first.attributes["gen_ai.usage.input_tokens"] == 12
    assert json.loads(second.attributes["gen_ai.output.messages"])[0]["parts"] == PARTS


def test_the_first_versions_chat_and_stream_are_read(vendor: Any, spans: Any) -> None:
    """History, results of tools, calls without ids and the stream's last event are read."""
    told = {
        "response_id": "r-1",
        "generation_id": "g-1",
        "text": "火曜日",
        "finish_reason": "COMPLETE",
        "tool_calls": [{"name": "find", "parameters": {"ward": "北区"}}],
        "meta": {"billed_units": {"input_tokens": 4, "output_tokens": 2}},
    }
    last = {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE", "response": told}
    events = [
        {"event_type": "stream-start", "is_finished": False, "generation_id": "g-1"},
        {"event_type": "text-generation", "is_finished": False, "text": "火曜日"},
        last,
    ]
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    vendor.answer(Reply(json.dumps(told).encode()), Reply(lines, content_type="application/stream+json"))
    with cohere.Client("test", base_url=vendor.url) as client:
        client.chat(
            model="command-r",
            message="いつ",
            preamble="Be brief.",
            chat_history=[{"role": "USER", "message": "a"}, {"role": "CHATBOT", "message": "b"}],
        )
        assert len(list(client.chat_stream(model="command-r", message="いつ"))) == 3
    whole, streamed = spans.all()
    messages = json.loads(whole.attributes["gen_ai.input.messages"])
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert "Be brief." in whole.attributes["gen_ai.system_instructions"]
    for span in (whole, streamed):
        assert json.loads(span.attributes["gen_ai.output.messages"])[0]["parts"] == [
            {"type": "text", "content": "火曜日"},
            {"type": "tool_call", "id": None, "name": "find", "arguments": {"ward": "北区"}},
        ]
        assert span.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
        assert span.attributes["gen_ai.usage.output_tokens"] == 2


@pytest.mark.parametrize("cut", [False, True])
def test_completions_of_a_prompt_are_read_whole_and_streamed(cut: bool, vendor: Any, spans: Any) -> None:
    """Each text has its end; of a stream that is cut there is what came."""
    texts = [("火曜日", "COMPLETE"), ("水曜日", "MAX_TOKENS")]
    generations = [
        {"id": f"g-{n}", "index": n, "text": text, "finish_reason": end}
        for n, (text, end) in enumerate(texts)
    ]
    told = {
        "id": "c-1",
        "generations": generations,
        "prompt": "いつ",
        "meta": {"billed_units": {"input_tokens": 4, "output_tokens": 6}},
    }
    events: list[dict[str, Any]] = [
        {"event_type": "text-generation", "is_finished": False, "index": n, "text": text}
        for n, (text, _) in enumerate(texts)
    ]
    last = {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE", "response": told}
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in (events if cut else [*events, last]))
    vendor.answer(Reply(json.dumps(told).encode()), Reply(lines, content_type="application/stream+json"))
    asked: Any = {"model": "command", "prompt": "いつ", "num_generations": 2, "end_sequences": ["。"], "k": 5}
    with cohere.Client("test", base_url=vendor.url) as client:
        client.generate(**asked)
        assert len(list(client.generate_stream(**asked))) == (2 if cut else 3)
    whole, streamed = (span.attributes for span in spans.all())
    for found in (whole, streamed):
        assert found["gen_ai.operation.name"] == "text_completion"
        assert found["gen_ai.request.choice.count"] == 2
        assert found["gen_ai.request.stop_sequences"] == ("。",)
        assert "いつ" in found["gen_ai.input.messages"]
        said = [m["parts"][0]["content"] for m in json.loads(found["gen_ai.output.messages"])]
        assert said == ["火曜日", "水曜日"]
    for found in (whole,) if cut else (whole, streamed):
        assert found["gen_ai.response.id"] == "c-1"
        assert found["gen_ai.response.finish_reasons"] == ("stop", "length")
        assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (4, 6)


def test_many_texts_are_one_call_of_the_first_versions_embed(vendor: Any, spans: Any) -> None:
    """The client cuts 100 texts into two requests; the span is one, with the tokens of both."""
    part = {"id": "e", "texts": [], "embeddings": [[0.1, 0.2]], "response_type": "embeddings_floats"}
    vendor.answer({**part, "meta": {"api_version": {"version": "1"}, "billed_units": {"input_tokens": 5}}})
    with cohere.Client("test", base_url=vendor.url) as client:
        client.embed(texts=["a"] * 100, model="embed-v4.0", input_type="search_document")
    assert len(vendor.asked) == 2
    found = spans.attributes()
    assert found["kansoku.embeddings.input.count"] == 100
    assert found["gen_ai.usage.input_tokens"] == 10
    assert found["gen_ai.embeddings.dimension.count"] == 2


def test_images_to_embed_are_recorded_by_size(vendor: Any, spans: Any) -> None:
    """An image inside the request is told by type and size."""
    vendor.answer(
        {
            "id": "e",
            "embeddings": {"ubinary": [[1, 2]]},
            "response_type": "embeddings_by_type",
            "meta": {"billed_units": {"images": 1}},
        }
    )
    with cohere.ClientV2("test", base_url=vendor.url) as client:
        client.embed(
            model="embed-v4.0",
            input_type="image",
            images=["data:image/png;base64,QUJDRA=="],
            embedding_types=["ubinary"],
        )
    found = spans.attributes()
    assert spans.messages("gen_ai.input.messages")[0]["parts"] == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 4}
    ]
    assert found["gen_ai.embeddings.dimension.count"] == 16
    assert found["gen_ai.request.encoding_formats"] == ("ubinary",)


@pytest.mark.parametrize(
    ("billed", "fresh", "seen"),
    [({"input_tokens": 0, "image_tokens": 2716}, 0, 2716), ({"input_tokens": 5, "image_tokens": 9}, 5, 9)],
)
def test_tokens_of_images_are_counted_beside_those_of_texts(
    vendor: Any, spans: Any, billed: dict[str, int], fresh: int, seen: int
) -> None:
    """An image to embed is billed in tokens of its own; the count of the input is without them."""
    vendor.answer(
        {"id": "e", "embeddings": {"float": [[0.5]]}, "texts": [], "meta": {"billed_units": billed}}
    )
    with cohere.ClientV2(api_key="k", base_url=vendor.url) as client:
        client.embed(model="embed-v4.0", input_type="image", images=["data:image/png;base64,AAAA"])
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == fresh + seen
    assert found["gen_ai.usage.image.input_tokens"] == seen


@pytest.mark.parametrize("stream", [False, True])
def test_the_certainty_of_an_answer_is_told(vendor: Any, spans: Any, stream: bool) -> None:
    """The log probabilities of the tokens, where they were asked for, give their mean."""
    likely = {"token_ids": [1, 2], "text": "火曜", "logprobs": [-0.25, -0.75]}
    name, event = _event("content-delta", 0, content={"text": "火曜"})
    streamed = sse((name, {**event, "logprobs": likely}), done=False)
    vendor.answer(streamed if stream else {**TOLD, "logprobs": [likely]})
    with cohere.ClientV2(api_key="k", base_url=vendor.url) as client:
        if stream:
            list(client.chat_stream(model="command-a", messages=ASK, logprobs=True))
        else:
            client.chat(model="command-a", messages=ASK, logprobs=True)
    assert spans.attributes()["kansoku.response.logprob.mean"] == -0.5


@pytest.mark.parametrize("blocks", [False, True])
def test_pages_are_told_as_texts_and_counted(blocks: bool, vendor: Any, spans: Any) -> None:
    """A page is one text, or a text a block; it is paid by the page."""
    box = {"x1": 0, "y1": 0, "x2": 1, "y2": 1}
    table = {"type": "html", "html": "<table></table>", "bounding_box": box, "bounding_box_normalized": box}
    inside = [{"type": "text", "text": {"content": "火曜日"}}, {"type": "table", "table": table}]
    whole = {"type": "markdown", "index": 0, "markdown": {"content": "火曜日"}}
    page = {"type": "blocks", "index": 0, "blocks": inside} if blocks else whole
    meta = {"billed_units": {"pages": 1}}
    vendor.answer({"id": "p-1", "pages": [page], "meta": meta, "finish_reason": "COMPLETE"})
    with cohere.ClientV2("test", base_url=vendor.url) as client:
        client.parse(model="parse-v5.0", document=cohere.ParseDocument(image_url="https://e.test/a.png"))
    found = spans.attributes()
    texts = [part["content"] for part in spans.messages()[0]["parts"]]
    assert texts == (["火曜日", "<table></table>"] if blocks else ["火曜日"])
    assert found["kansoku.usage.pages"] == 1
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert spans.messages("gen_ai.input.messages")[0]["parts"][0]["uri"] == "https://e.test/a.png"


def test_a_transcription_is_a_call(vendor: Any, spans: Any) -> None:
    """The recording is told by name, the text in full; the asynchronous client alike."""
    vendor.answer({"text": "火曜日"})
    asked: Any = {"model": "cohere-transcribe", "language": "ja", "file": ("a.wav", b"RIFF")}

    async def ask() -> None:
        async with cohere.AsyncClientV2("test", base_url=vendor.url) as client:
            await client.audio.transcriptions.create(**asked)

    with cohere.ClientV2("test", base_url=vendor.url) as client:
        client.audio.transcriptions.create(**asked)
    asyncio.run(ask())
    assert len(spans.all()) == 2
    for span in spans.all():
        found = dict(span.attributes)
        assert (found["gen_ai.provider.name"], found["gen_ai.request.model"]) == ("cohere", asked["model"])
        assert '"火曜日"' in found["gen_ai.output.messages"]
        assert '"a.wav"' in found["gen_ai.input.messages"]


def test_reranking_tells_places_scores_and_search_units(vendor: Any, spans: Any) -> None:
    """Query, documents and scores are on the span; search units are no tokens."""
    vendor.answer(
        {
            "id": "k",
            "results": [{"index": 1, "relevance_score": 0.9}],
            "meta": {"billed_units": {"search_units": 1}},
        }
    )
    with cohere.ClientV2("test", base_url=vendor.url) as client:
        client.rerank(model="rerank-v3.5", query="傘", documents=["a", "b"], top_n=1)
    found = spans.attributes()
    assert json.loads(found["gen_ai.retrieval.documents"]) == [{"id": "1", "score": 0.9}]
    assert found["gen_ai.retrieval.query.text"] == "傘"
    assert found["gen_ai.retrieval.top_k"] == 1
    assert found["kansoku.usage.search_units"] == 1
    assert "gen_ai.usage.input_tokens" not in found


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_is_the_clients_own_and_on_the_span(stream: bool, vendor: Any, spans: Any) -> None:
    """The client's exception reaches the program; its type and status are on the span."""
    vendor.answer(Reply(b'{"message": "slow down"}', 429))
    with cohere.ClientV2("test", base_url=vendor.url, max_retries=0) as client:
        call = client.chat_stream if stream else client.chat
        with pytest.raises(ApiError):
            list(call(model="command-r", messages=ASK))
    found = spans.attributes()
    assert (found["error.type"], found["http.response.status_code"]) == ("TooManyRequestsError", 429)


def test_the_client_for_bedrock_has_awss_name(vendor: Any, spans: Any) -> None:
    """A class of the client's own family for a cloud is told by its name."""

    class BedrockClientV2(cohere.ClientV2):
        pass

    vendor.answer(TOLD)
    with BedrockClientV2("test", base_url=vendor.url) as client:
        client.chat(model="cohere.command-r-v1:0", messages=ASK)
    assert spans.attributes()["gen_ai.provider.name"] == "aws.bedrock"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the dropped connection
def test_a_stream_that_is_never_started_or_left_early_ends(vendor: Any, spans: Any) -> None:
    """A generator that nobody starts makes no request and ends its span; one left early says so."""
    vendor.answer(sse(*EVENTS))
    with cohere.ClientV2("test", base_url=vendor.url) as client:
        unused = client.chat_stream(model="command-r", messages=ASK)
        del unused
        assert vendor.asked == []
        stream = client.chat_stream(model="command-r", messages=ASK)
        for _ in range(7):
            next(stream)
        stream.close()
    never, early = spans.all()
    assert never.attributes["kansoku.stream.closed_early"] is True
    assert early.attributes["kansoku.stream.closed_early"] is True
    assert {"type": "text", "content": "火"} in json.loads(early.attributes["gen_ai.output.messages"])[0][
        "parts"
    ]


def test_without_content_only_the_numbers_are_recorded(start: Any, vendor: Any) -> None:
    """With capture_content=False neither words nor documents nor results of tools leave the process."""
    spans = start(capture_content=False)
    vendor.answer(sse(*EVENTS))
    with cohere.ClientV2("test", base_url=vendor.url) as client:
        list(client.chat_stream(model="command-r", messages=ASK, documents=["secret"], tools=[TOOL]))
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 5
    assert not [
        value for value in found.values() if any(word in str(value) for word in ("いつ", "secret", "火"))
    ]


def test_the_page_about_cohere_runs(vendor: Any, start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of docs/sdk/cohere.md runs, and its calls are traced."""
    monkeypatch.setenv("CO_API_KEY", "test")
    monkeypatch.setattr(cohere.ClientV2.__init__, "__kwdefaults__", _pointed(vendor.url))
    plain = {**TOLD, "message": {"role": "assistant", "content": [{"type": "text", "text": "火"}]}}
    ranked = {"id": "k", "results": [{"index": 1, "relevance_score": 0.9}], "meta": {}}
    vendor.answer(
        Reply(json.dumps(plain).encode()), sse(*EVENTS[5:8], EVENTS[-1]), Reply(json.dumps(ranked).encode())
    )
    spans = start()
    left = pages.run_page("sdk/cohere.md", print=lambda *_, **__: None)
    left["client"].__exit__(None, None, None)
    assert [span.name.partition(" ")[0] for span in spans.all()] == ["chat", "chat", "rerank"]


def _pointed(url: str) -> dict[str, Any]:
    return {**cohere.ClientV2.__init__.__kwdefaults__, "base_url": url}


def _raw_stream(vendor: Any, later: bool, asked: Any = ASK) -> list[str]:
    """Read a raw stream and return the kinds of its events."""

    async def ask() -> list[str]:
        async with cohere.AsyncClientV2("test", base_url=vendor.url) as client:
            raw = client.with_raw_response
            async with raw.chat_stream(model="command-a-03-2025", messages=asked) as response:
                return [event.type async for event in response.data]

    if later:
        return asyncio.run(ask())
    with (
        cohere.ClientV2("test", base_url=vendor.url) as client,
        client.with_raw_response.chat_stream(model="command-a-03-2025", messages=asked) as response,
    ):
        assert response.headers["content-type"] == "text/event-stream"
        return [event.type for event in response.data]


@pytest.mark.parametrize("later", [False, True])
def test_a_raw_stream_is_put_together_from_its_events(later: bool, vendor: Any, spans: Any) -> None:
    """A program that reads its headers gets the same events, and one span."""
    vendor.answer(sse(*EVENTS))
    assert _raw_stream(vendor, later) == [name for name, _ in EVENTS]
    found = spans.attributes()
    assert spans.messages() == [{"role": "assistant", "parts": PARTS, "finish_reason": "tool_calls"}]
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (5, 7)
    assert found["gen_ai.request.stream"] is True
    assert "kansoku.stream.closed_early" not in found


@pytest.mark.parametrize("later", [False, True])
def test_a_raw_stream_that_is_refused_has_its_error(later: bool, vendor: Any, spans: Any) -> None:
    """The program gets it, too."""
    vendor.answer(Reply(b'{"message": "no"}', 400))
    with pytest.raises(ApiError):
        _raw_stream(vendor, later)
    found = spans.attributes()
    assert found["http.response.status_code"] == 400
    assert found["gen_ai.request.stream"] is True


def test_a_raw_stream_that_is_left_ends_its_call(vendor: Any, spans: Any) -> None:
    """With what had come by then."""
    vendor.answer(sse(*EVENTS))
    with cohere.ClientV2("test", base_url=vendor.url) as client:
        raw = client.with_raw_response
        with raw.chat_stream(model="command-a-03-2025", messages=ASK) as response:
            next(iter(response.data))
        found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert found["gen_ai.response.id"] == "c-2"


def test_labels_are_told_and_counted(vendor: Any, spans: Any) -> None:
    """Of each text the label and how certain it is; it is paid by the text."""
    label = {
        **{"id": "1", "input": "いつ", "prediction": "day", "predictions": ["day"], "confidence": 0.9},
        **{
            "confidences": [0.9],
            "labels": {"day": {"confidence": 0.9}},
            "classification_type": "single-label",
        },
    }
    several = {**label, "prediction": None, "confidence": None, "predictions": ["day", "paper"]}
    vendor.answer(
        {"id": "c-1", "classifications": [label, several], "meta": {"billed_units": {"classifications": 2}}}
    )
    with cohere.Client("test", base_url=vendor.url) as client:
        client.classify(model="embed-english-v3.0", inputs=["いつ", "紙はいつ"])
    found = spans.attributes()
    assert found["kansoku.usage.classifications"] == 2
    assert found["gen_ai.response.id"] == "c-1"
    assert not [name for name in found if name.startswith("gen_ai.usage")]
    assert json.loads(spans.messages()[0]["parts"][0]["content"]) == [
        {"prediction": "day", "confidence": 0.9},
        {"predictions": ["day", "paper"], "confidences": [0.9]},
    ]
    asked = [part["content"] for part in spans.messages("gen_ai.input.messages")[0]["parts"]]
    assert asked == ["いつ", "紙はいつ"]
