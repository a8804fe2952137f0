"""What Mistral has beside its chats: responses, speech, moderation, files and tables that an answer has."""

import asyncio
import json
from typing import Any

import pytest
from mistralai.client import Mistral
from support.vendor import Reply, Vendor, sse

MODEL = "mistral-medium-latest"
USAGE = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 0},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 39,
}
ITEMS = [
    {
        "type": "reasoning",
        "id": "r-1",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
    },
    {
        "type": "message",
        "id": "m-1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "火曜日", "annotations": [], "logprobs": []}],
    },
    {
        "type": "function_call",
        "id": "f-1",
        "call_id": "c-1",
        "name": "find",
        "arguments": '{"ward": "北区"}',
        "status": "completed",
    },
]
PARTS = [
    {"type": "reasoning", "content": "Hm."},
    {"type": "text", "content": "火曜日"},
    {"type": "tool_call", "id": "c-1", "name": "find", "arguments": {"ward": "北区"}},
]


def told(**fields: Any) -> dict[str, Any]:
    """Return a response as the API sends it."""
    return {
        "id": "resp-1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "mistral-medium-2508",
        "output": ITEMS,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": USAGE,
        **fields,
    }


def streamed() -> Reply:
    """Return a stream that says the same."""
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": told(status="in_progress", output=[], usage=None)}
    ]
    for place, item in enumerate(ITEMS):
        events.append({"type": "response.output_item.added", "output_index": place, "item": item})
        events.append({"type": "response.output_item.done", "output_index": place, "item": item})
    events.append({"type": "response.completed", "response": told()})
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
    return sse(*((event["type"], event) for event in numbered), done=False)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_a_response_is_a_call_with_everything_said(
    stream: bool, later: bool, vendor: Vendor, spans: Any
) -> None:
    """Mistral's responses are OpenAI's in shape: whole and streamed, sync and async."""
    vendor.answer(streamed() if stream else told())
    asked: Any = {"model": MODEL, "input": "いつ", "instructions": "Be brief.", "temperature": 0.5}

    async def ask() -> None:
        async with Mistral(api_key="test", server_url=vendor.url) as client:
            answer = await client.responses.create_async(**asked, stream=stream)
            if stream:
                async for _ in answer:
                    pass

    if later:
        asyncio.run(ask())
    else:
        with Mistral(api_key="test", server_url=vendor.url) as client:
            answer: Any = client.responses.create(**asked, stream=stream)
            if stream:
                assert list(answer)
    found = spans.attributes()
    assert found["gen_ai.request.model"] == MODEL
    assert found["gen_ai.response.model"] == "mistral-medium-2508"
    assert found["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 9)
    assert found["gen_ai.usage.cache_read.input_tokens"] == 20
    assert found["gen_ai.usage.reasoning.output_tokens"] == 4
    assert spans.messages()[0]["parts"] == PARTS


def test_a_moderation_is_a_check(vendor: Vendor, spans: Any) -> None:
    """Texts and conversations pass unless a category says otherwise."""
    named = {"id": "mod-1", "model": "mistral-moderation-2411"}
    verdict = {"categories": {"pii": True, "sexual": False}, "category_scores": {"pii": 0.9, "sexual": 0.0}}
    clean = {"categories": {"pii": False}, "category_scores": {"pii": 0.1}}
    vendor.answer({**named, "results": [verdict]}, {**named, "results": [clean]})
    with Mistral(api_key="test", server_url=vendor.url) as client:
        client.classifiers.moderate(model="mistral-moderation-latest", inputs=["My number is 1."])
        said: Any = [{"role": "user", "content": "Hello."}]
        client.classifiers.moderate_chat(model="mistral-moderation-latest", inputs=said)
    stopped, passed = (dict(span.attributes) for span in spans.all())
    assert stopped["kansoku.guardrail.passed"] is False
    assert stopped["kansoku.guardrail.reason"] == "pii"
    assert passed["kansoku.guardrail.passed"] is True
    assert json.loads(passed["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Hello."}]}
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_speech_is_told_by_size(stream: bool, vendor: Vendor, spans: Any) -> None:
    """The text is told, what is spoken by its size, and of a stream the usage."""
    usage = {"prompt_tokens": 4, "completion_tokens": 20, "total_tokens": 24}
    delta = ("speech.audio.delta", {"type": "speech.audio.delta", "audio_data": "AAAA"})
    done = ("speech.audio.done", {"type": "speech.audio.done", "usage": usage})
    vendor.answer(sse(delta, delta, done, done=False) if stream else {"audio_data": "AAAAAAAA"})
    with Mistral(api_key="test", server_url=vendor.url) as client:
        answer: Any = client.audio.speech.complete(input="火曜日", model="voxtral-tts", stream=stream)
        if stream:
            assert list(answer)
    found = spans.attributes()
    assert spans.messages()[0]["parts"][0]["size"] == 6
    assert spans.messages("gen_ai.input.messages")[0]["parts"][0]["content"] == "火曜日"
    assert found.get("gen_ai.usage.output_tokens") == (20 if stream else None)


def test_files_and_pages_of_an_answer_are_told(vendor: Vendor, spans: Any) -> None:
    """A file that a tool made is known by its identifier, a page by its address."""
    content = [
        {"type": "text", "text": "Here."},
        {"type": "tool_file", "tool": "image_generation", "file_id": "file-1", "file_name": "a.png"},
        {"type": "tool_reference", "tool": "web_search", "title": "City", "url": "https://city.test/"},
    ]
    entry = {"type": "message.output", "role": "assistant", "content": content, "model": MODEL}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    vendor.answer({"conversation_id": "conv-1", "outputs": [entry], "usage": usage})
    with Mistral(api_key="test", server_url=vendor.url) as client:
        client.beta.conversations.start(model=MODEL, inputs="Draw.")
    assert spans.messages()[0]["parts"] == [
        {"type": "text", "content": "Here."},
        {"type": "file", "file_id": "file-1", "name": "a.png"},
        {"type": "reference", "title": "City", "url": "https://city.test/"},
    ]


def test_resources_and_chunks_that_the_client_does_not_know_are_told(vendor: Vendor, spans: Any) -> None:
    """A newer server may send more kinds than the client has classes for."""
    asked: Any = [
        {"type": "resource", "uri": "mcp://city/a.txt", "content": {"type": "text", "text": "火"}},
        {"type": "text", "text": "いつ"},
    ]
    content = [{"type": "tool_reference", "title": "City"}, {"type": "text", "text": "火曜日"}]
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    vendor.answer(
        {"id": "c", "object": "c", "created": 1, "model": MODEL, "choices": [choice], "usage": usage}
    )
    with Mistral(api_key="test", server_url=vendor.url) as client:
        client.chat.complete(model=MODEL, messages=[{"role": "user", "content": asked}])
    assert spans.messages("gen_ai.input.messages")[0]["parts"] == [
        {"source": "mcp://city/a.txt", "type": "text", "content": "火"},
        {"type": "text", "content": "いつ"},
    ]
    assert spans.messages()[0]["parts"] == [
        {"type": "reference", "title": "City"},
        {"type": "text", "content": "火曜日"},
    ]


def test_tables_and_what_was_asked_of_a_document_are_its_texts(vendor: Vendor, spans: Any) -> None:
    """Tables may be apart from their page; the annotation of a document is what was asked for."""
    table = {"id": "tbl-0.html", "content": "<table></table>", "format": "html"}
    page = {"index": 0, "markdown": "[tbl-0.html]", "images": [], "dimensions": None, "tables": [table]}
    vendor.answer(
        {
            "pages": [page],
            "model": "mistral-ocr-2512",
            "usage_info": {"pages_processed": 1},
            "document_annotation": '{"day": "火"}',
        }
    )
    with Mistral(api_key="test", server_url=vendor.url) as client:
        client.ocr.process(
            model="mistral-ocr-latest",
            document={"type": "document_url", "document_url": "https://e.org/a.pdf"},
        )
    texts = [part["content"] for part in spans.messages()[0]["parts"]]
    assert texts == ["[tbl-0.html]", "<table></table>", '{"day": "火"}']
    assert spans.attributes()["kansoku.usage.annotated_pages"] == 1


@pytest.mark.parametrize("described", [True, False])
def test_the_head_the_foot_and_the_pictures_of_a_page_are_told(
    vendor: Vendor, spans: Any, described: bool
) -> None:
    """They are apart from the text where one asks for that; pages with described pictures cost more."""
    picture = {"id": "a.png", **dict.fromkeys(("top_left_x", "top_left_y", "bottom_right_x"), 1)}
    picture |= {"bottom_right_y": 1, "image_annotation": "An umbrella." if described else None}
    page = {"index": 0, "markdown": "Text.", "images": [picture], "dimensions": None}
    page |= {"header": "North ward", "footer": "page 1"}
    used = {"pages_processed": 3}
    vendor.answer({"pages": [page], "model": "mistral-ocr-2512", "usage_info": used})
    with Mistral(api_key="test", server_url=vendor.url) as client:
        client.ocr.process(
            model="mistral-ocr-latest",
            document={"type": "document_url", "document_url": "https://e.org/a.pdf"},
        )
    texts = [part["content"] for part in spans.messages()[0]["parts"]]
    assert texts == ["North ward", "Text.", "page 1", *(["An umbrella."] if described else [])]
    found = spans.attributes()
    assert found["kansoku.usage.pages"] == 3
    assert found.get("kansoku.usage.annotated_pages") == (3 if described else None)
