"""Ollama's own client: chat, generate and embeddings, streamed and not, and the functions of its module."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import ollama
import pytest
from support import corpus
from support.pages import run_page
from support.vendor import Reply, Vendor, recorded_reply

import kansoku

ASK: Any = [{"role": "system", "content": "短く。"}, {"role": "user", "content": "ごみの日は？"}]
COUNTS: dict[str, Any] = {
    "done": True,
    "done_reason": "stop",
    "total_duration": 4_000_000_000,
    "load_duration": 1_500_000_000,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 500_000_000,
    "eval_count": 8,
    "eval_duration": 2_000_000_000,
}
ANSWER: dict[str, Any] = {
    "model": "qwen3",
    "created_at": "2026-11-21T00:00:00Z",
    "message": {"role": "assistant", "content": "火曜日。", "thinking": "調べる。"},
    **COUNTS,
}
CHUNKS: list[dict[str, Any]] = [
    {"model": "qwen3", "message": {"role": "assistant", "content": "", "thinking": "調べ"}, "done": False},
    {"model": "qwen3", "message": {"role": "assistant", "content": "", "thinking": "る。"}, "done": False},
    {"model": "qwen3", "message": {"role": "assistant", "content": "火曜"}, "done": False},
    {"model": "qwen3", "message": {"role": "assistant", "content": "日。"}, "done": False},
    {"model": "qwen3", "message": {"role": "assistant", "content": ""}, **COUNTS},
]


def lines(*chunks: dict[str, Any]) -> Reply:
    """Return a stream as Ollama sends it: one JSON object a line."""
    pieces = [json.dumps(chunk).encode() + b"\n" for chunk in chunks]
    return Reply(content_type="application/x-ndjson", pieces=pieces)


@pytest.fixture
def client(vendor: Vendor) -> Iterator[ollama.Client]:
    """Give a client of the real library that talks to the vendor on loopback."""
    with ollama.Client(host=vendor.url) as made:
        yield made


@pytest.mark.parametrize("name", corpus.names("ollama", "ollama-"))
def test_a_recorded_call_is_told_as_it_was(name: str, client: Any, vendor: Vendor, spans: Any) -> None:
    """Models, finish reasons, texts, tool calls and usage match, streamed or not."""
    exchange = corpus.load("ollama", name)
    method = exchange.request["url"].rpartition("/")[2]
    vendor.answer(recorded_reply(exchange.response))
    result = getattr(client, method)(**exchange.request["body"])
    if exchange.expected["stream"]:
        for _ in result:
            pass
    corpus.check(exchange.expected, spans.attributes())


def test_a_chat_is_one_span_with_everything_said(client: Any, vendor: Vendor, spans: Any) -> None:
    """Options, format, thinking, tools, counts and the server's durations are on the span."""
    vendor.answer(ANSWER)

    def find_day(ward: str) -> str:
        """Find the day."""
        return ward

    answer = client.chat(
        "qwen3",
        ASK,
        tools=[find_day, {"type": "function", "function": {"name": "find_rule", "parameters": {}}}],
        think="high",
        format={"type": "object"},
        options={
            "temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 3, "num_predict": 100, "stop": ["。。"],
            "frequency_penalty": 0.1, "presence_penalty": 0.2, "num_ctx": 4096,
        },
    )  # fmt: skip
    assert type(answer) is ollama.ChatResponse
    found = spans.attributes()
    assert vendor.url.endswith(f":{found.pop('server.port')}")
    assert json.loads(found.pop("gen_ai.input.messages")) == [
        {"role": "system", "parts": [{"type": "text", "content": "短く。"}]},
        {"role": "user", "parts": [{"type": "text", "content": "ごみの日は？"}]},
    ]
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "調べる。"},
                {"type": "text", "content": "火曜日。"},
            ],
            "finish_reason": "stop",
        }
    ]
    assert json.loads(found.pop("gen_ai.tool.definitions")) == [
        {"type": "function", "name": "find_day", "description": "Find the day."},
        {"type": "function", "name": "find_rule", "parameters": {}},
    ]
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "qwen3",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.seed": 3,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.stop_sequences": ("。。",),
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.output.type": "json",
        "server.address": "127.0.0.1",
        "gen_ai.response.model": "qwen3",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 26,
        "gen_ai.usage.output_tokens": 8,
        "kansoku.server.total_time": 4.0,
        "kansoku.server.load_time": 1.5,
        "kansoku.server.prompt_time": 0.5,
        "kansoku.server.completion_time": 2.0,
    }


def test_a_streamed_chat_is_read_from_its_chunks(client: Any, vendor: Vendor, spans: Any) -> None:
    """Thinking and text are put together, and the last chunk has the counts."""
    vendor.answer(lines(*CHUNKS))
    assert "".join(chunk.message.content for chunk in client.chat("qwen3", ASK, stream=True)) == "火曜日。"
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (26, 8)
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.response.time_to_first_chunk"] > 0
    assert spans.messages() == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "調べる。"},
                {"type": "text", "content": "火曜日。"},
            ],
            "finish_reason": "stop",
        }
    ]


def test_an_asynchronous_stream_is_the_same(vendor: Vendor, spans: Any) -> None:
    """The asynchronous client goes through the same reader."""
    vendor.answer(lines(*CHUNKS))

    async def ask() -> str:
        async with ollama.AsyncClient(host=vendor.url) as client:
            stream = await client.chat("qwen3", ASK, stream=True)
            return "".join([chunk.message.content or "" async for chunk in stream])

    assert asyncio.run(ask()) == "火曜日。"
    assert spans.attributes()["gen_ai.usage.output_tokens"] == 8


def test_a_stream_that_is_left_early_says_so(client: Any, vendor: Vendor, spans: Any) -> None:
    """The text that came is kept; there are no counts, and none are made up."""
    vendor.answer(lines(*CHUNKS))
    stream = client.chat("qwen3", ASK, stream=True)
    for _ in range(3):
        next(stream)
    stream.close()
    found = spans.attributes()
    assert found["kansoku.stream.closed_early"] is True
    assert spans.messages()[0]["parts"][1] == {"type": "text", "content": "火曜"}
    assert "kansoku.server.total_time" not in found


def test_an_error_inside_a_stream_reaches_the_caller_and_the_span(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """A server that fails halfway sends its error as a line."""
    vendor.answer(lines(CHUNKS[0], {"error": "out of memory"}))
    with pytest.raises(ollama.ResponseError, match="out of memory"):
        list(client.chat("qwen3", ASK, stream=True))
    assert spans.attributes()["error.type"] == "ResponseError"


def test_a_missing_model_is_told_with_its_status(client: Any, vendor: Vendor, spans: Any) -> None:
    """The client's own exception reaches the caller; the status is on the span."""
    vendor.answer(Reply(status=404, body=b'{"error": "model \'nope\' not found"}'))
    with pytest.raises(ollama.ResponseError):
        client.chat("nope", ASK)
    found = spans.attributes()
    assert (found["error.type"], found["http.response.status_code"]) == ("ResponseError", 404)


def test_a_conversation_with_tools_and_images_is_read(
    client: Any, vendor: Vendor, spans: Any, tmp_path: Any
) -> None:
    """Tool calls have no id, results the tool's name; images are told by type and size, files by name."""
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 92
    file = tmp_path / "bin.jpg"
    file.write_bytes(b"\xff\xd8\xff")
    call = {"function": {"name": "find_day", "arguments": {"ward": "北区"}}}
    answer = {"role": "assistant", "content": "", "tool_calls": [call]}
    vendor.answer({**ANSWER, "message": answer})
    images = [png, base64.b64encode(png).decode(), ollama.Image(value=png), file]
    client.chat(
        "qwen3",
        [
            {"role": "user", "content": "これは？", "images": images},
            ollama.Message.model_validate({"role": "assistant", "tool_calls": [call]}),
            {"role": "tool", "tool_name": "find_day", "content": "火・金"},
        ],
    )
    blob = {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 100}
    made = {"type": "tool_call", "id": None, "name": "find_day", "arguments": {"ward": "北区"}}
    result = {"type": "tool_call_response", "id": None, "response": "火・金", "name": "find_day"}
    assert spans.messages("gen_ai.input.messages") == [
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "これは？"},
                *[blob] * 3,
                {"type": "uri", "modality": "image", "uri": str(file)},
            ],
        },
        {"role": "assistant", "parts": [made]},
        {"role": "tool", "parts": [result]},
    ]
    assert spans.messages()[0]["parts"] == [made]


def test_generate_is_a_text_completion(client: Any, vendor: Vendor, spans: Any) -> None:
    """Prompt, system text, images, thinking and answer are told; the token context is not."""
    vendor.answer(
        {"model": "llava", "response": "ごみ袋。", "thinking": "見る。", "context": [1, 2], **COUNTS}
    )
    client.generate("llava", "これは？", system="短く。", images=[b"GIF89a"])
    found = spans.attributes()
    assert (spans.one().name, found["gen_ai.operation.name"]) == ("text_completion llava", "text_completion")
    assert json.loads(found["gen_ai.system_instructions"]) == [{"type": "text", "content": "短く。"}]
    assert spans.messages("gen_ai.input.messages")[0]["parts"] == [
        {"type": "text", "content": "これは？"},
        {"type": "blob", "modality": "image", "mime_type": "image/gif", "size": 6},
    ]
    assert [part["content"] for part in spans.messages()[0]["parts"]] == ["見る。", "ごみ袋。"]


def test_an_image_that_a_model_makes_is_told_by_size(client: Any, vendor: Vendor, spans: Any) -> None:
    """The data of a generated image stays with the caller."""
    vendor.answer({"model": "flux", "image": base64.b64encode(b"\0" * 300).decode(), **COUNTS})
    client.generate("flux", "a bin", width=64, height=64)
    assert spans.messages()[0]["parts"] == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 300}
    ]


def test_embeddings_are_counted_and_not_recorded(client: Any, vendor: Vendor, spans: Any) -> None:
    """Number, dimensions and tokens of both kinds of embeddings are told, no vectors."""
    vendor.answer(
        {"model": "nomic", "embeddings": [[0.5, 0.25], [1.0, 0.0]], "prompt_eval_count": 6},
        {"embedding": [0.5, 0.25, 1.0]},
    )
    client.embed("nomic", ["a", "b"], dimensions=2)
    client.embeddings("nomic", "a")
    embed, old = (dict(span.attributes or {}) for span in spans.all())
    assert embed["gen_ai.operation.name"] == old["gen_ai.operation.name"] == "embeddings"
    assert (embed["kansoku.embeddings.input.count"], embed["gen_ai.embeddings.dimension.count"]) == (2, 2)
    assert (embed["gen_ai.usage.input_tokens"], embed["gen_ai.usage.output_tokens"]) == (6, 0)
    assert (old["kansoku.embeddings.input.count"], old["gen_ai.embeddings.dimension.count"]) == (1, 3)
    assert "gen_ai.usage.input_tokens" not in old
    assert "gen_ai.output.messages" not in embed


def test_the_functions_of_the_module_are_traced_and_given_back(
    client: Any, vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ollama.chat` is a method bound before anything was patched; it is traced all the same."""
    chat: Any = ollama.chat
    monkeypatch.setattr(chat.__wrapped__.__self__, "_client", client._client)
    vendor.answer(ANSWER)
    chat("qwen3", ASK)
    assert spans.one().name == "chat qwen3"
    kansoku.uninstrument("ollama")
    ollama.chat("qwen3", ASK)
    assert len(spans.all()) == 1
    assert ollama.chat == chat.__wrapped__


def test_without_content_only_numbers_are_kept(client: Any, vendor: Vendor, start: Any) -> None:
    """`capture_content=False` records neither question nor answer."""
    spans = start(capture_content=False)
    vendor.answer(ANSWER)
    client.chat("qwen3", ASK)
    found = spans.attributes()
    assert not [key for key in found if "messages" in key]
    assert found["gen_ai.usage.output_tokens"] == 8


def test_the_page_runs(vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documentation's code works as it stands."""
    monkeypatch.setenv("OLLAMA_HOST", vendor.url)
    vendor.answer(ANSWER, lines(*CHUNKS))
    run_page("sdk/ollama.md", print=lambda *_, **__: None)["client"].close()
    assert [span.name for span in spans.all()] == ["chat qwen3", "chat qwen3"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_certainty_of_an_answer_is_told(stream: bool, client: Any, vendor: Vendor, spans: Any) -> None:
    """The log probabilities of its tokens, where they were asked for, give their mean."""
    tokens = [{"token": "火", "logprob": -0.25}, {"token": "曜", "logprob": -0.75}]
    pieces = [
        {"model": "m", "message": {"role": "assistant", "content": each["token"]}, "logprobs": [each]}
        for each in tokens
    ]
    body = "".join(json.dumps(piece) + "\n" for piece in pieces).encode()
    whole = {"model": "m", "message": {"role": "assistant", "content": "火曜"}, "logprobs": tokens}
    vendor.answer(Reply(body, content_type="application/x-ndjson") if stream else {**whole, "done": True})
    answer = client.chat("m", ASK, logprobs=True, stream=stream)
    if stream:
        assert len(list(answer)) == 2
    assert spans.attributes()["kansoku.response.logprob.mean"] == -0.5
