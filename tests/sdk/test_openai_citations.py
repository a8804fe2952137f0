"""What an answer of the OpenAI API cites, files that its tools made, and what models that drew have used."""

import asyncio
from typing import Any

import openai
import pytest
from support.vendor import Vendor, sse

PAGE = {"url": "https://city.test/", "title": "City", "start_index": 0, "end_index": 3}
MADE = {
    "type": "container_file_citation",
    "container_id": "cntr_1",
    "file_id": "cfile_1",
    "filename": "days.csv",
    "start_index": 0,
    "end_index": 1,
}
CITED = [
    {"title": "City", "url": "https://city.test/", "type": "url_citation"},
    {
        "file_id": "cfile_1",
        "filename": "days.csv",
        "container_id": "cntr_1",
        "type": "container_file_citation",
    },
]
ASK: Any = [{"role": "user", "content": "いつ"}]


def drawn(sent: int, answered: int) -> dict[str, Any]:
    """Return what the tools used, of which the model that drew says its tokens."""
    details = {"image_tokens": 0, "text_tokens": sent}
    tokens = {"input_tokens": sent, "input_tokens_details": details, "output_tokens": answered}
    return {
        "image_gen": {**tokens, "total_tokens": sent + answered},
        "web_search": {"num_requests": 0},
    }


def response(**fields: Any) -> dict[str, Any]:
    """Return a response whose text cites a page and a file."""
    annotations = [{"type": "url_citation", **PAGE}, MADE]
    text = {"type": "output_text", "text": "火曜日", "annotations": annotations}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text]}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt-5",
        "output": [message],
        "usage": {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8},
        **fields,
    }


@pytest.fixture
def client(vendor: Vendor, spans: Any) -> Any:
    """Give a client of a server on loopback, traced."""
    with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1", max_retries=0) as made:
        yield made


@pytest.mark.parametrize("stream", [False, True])
def test_pages_and_files_that_a_response_cites_are_told(
    stream: bool, client: Any, vendor: Vendor, spans: Any
) -> None:
    """A file that the code interpreter made is known by its identifiers: by them it is fetched."""
    if stream:
        vendor.answer(sse({"type": "response.completed", "sequence_number": 1, "response": response()}))
        list(client.responses.create(model="gpt-5", input="いつ", stream=True))
    else:
        vendor.answer(response())
        client.responses.create(model="gpt-5", input="いつ")
    parts = spans.messages()[0]["parts"]
    assert parts == [{"type": "text", "content": "火曜日", "citations": CITED}]


def test_pages_that_a_chat_cites_are_told_whole_and_streamed(vendor: Vendor, spans: Any) -> None:
    """Models that search say beside their text where it is from; of a stream, in the chunk that does."""
    annotation = {"type": "url_citation", "url_citation": PAGE}
    message = {"role": "assistant", "content": "火曜日", "annotations": [annotation]}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    deltas = ({"content": "火曜", "annotations": []}, {"content": "日"}, {"annotations": [annotation]})
    chunks = [
        {**body, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}
        for delta in deltas
    ]

    async def ask() -> None:
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1") as client:
            vendor.answer(body)
            await client.chat.completions.create(model="m", messages=ASK)
            vendor.answer(sse(*chunks))
            async for _ in await client.chat.completions.create(model="m", messages=ASK, stream=True):
                pass

    asyncio.run(ask())
    whole, streamed = (span.attributes["gen_ai.output.messages"] for span in spans.all())
    assert '"citations"' in whole
    assert whole.replace('"finish_reason":"stop"', '"finish_reason":""') == streamed


def test_the_tokens_of_a_model_that_drew_are_told_apart(client: Any, vendor: Vendor, spans: Any) -> None:
    """They have another model's prices, and are not in the counts of the answer."""
    vendor.answer(response(tool_usage=drawn(40, 1000)))
    client.responses.create(model="gpt-5", input="いつ")
    found = spans.attributes()
    assert found["kansoku.usage.image_generation.input_tokens"] == 40
    assert found["kansoku.usage.image_generation.output_tokens"] == 1000
    assert found["gen_ai.usage.output_tokens"] == 3


def test_the_tokens_of_drawings_as_text_are_told_apart(client: Any, vendor: Vendor, spans: Any) -> None:
    """Another model writes them: for the images endpoint, and for the tool of a response."""
    used = {"model": "m", "input_tokens": 7, "output_tokens": 900, "reasoning_tokens": 0, "total_tokens": 907}
    call = {"type": "image_generation_call", "id": "ig", "status": "completed", "result": "AAAA"}
    drawn = {**call, "output_format": "svg", "svg_usage": used}
    vendor.answer(
        response(output=[drawn, drawn]), {"created": 1, "data": [{"b64_json": "AAAA"}], "svg_usage": used}
    )
    client.responses.create(model="gpt-5", input="傘")
    client.images.generate(model="gpt-image-2.6-flare", prompt="傘")
    for times, span in zip((2, 1), spans.all(), strict=True):
        found = dict(span.attributes)
        assert found["kansoku.usage.svg.input_tokens"] == 7 * times
        assert found["kansoku.usage.svg.output_tokens"] == 900 * times


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, 2),  # of an older server
        ({"tool_usage": drawn(0, 0)}, None),  # a search may be free
        ({"tool_usage": {**drawn(0, 0), "web_search": {"num_requests": 1}}}, 1),
    ],
)
def test_only_searches_that_are_paid_are_counted(
    told: dict[str, Any], expected: int | None, client: Any, vendor: Vendor, spans: Any
) -> None:
    """To open a page that was found, or to look for a word on it, is no search; the answer may count."""
    actions: list[dict[str, Any]] = [
        {"type": "search", "query": "ごみ"},
        {"type": "open_page", "url": "https://example.test"},
        {"type": "find_in_page", "url": "https://example.test", "pattern": "火"},
        {"type": "search", "query": "収集日"},
    ]
    calls = [
        {"type": "web_search_call", "id": f"ws_{number}", "status": "completed", "action": action}
        for number, action in enumerate(actions)
    ]
    vendor.answer(response(output=calls + response()["output"], **told))
    client.responses.create(model="gpt-5", input="いつ", tools=[{"type": "web_search"}])
    assert spans.attributes().get("kansoku.usage.web_search.requests") == expected
    assert [part["type"] for part in spans.messages()[0]["parts"]][:4] == ["server_tool_call"] * 4
