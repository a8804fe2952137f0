"""The vendor's own word for what went wrong, wherever its client keeps it."""

import json
from typing import Any

import anthropic
import cohere
import openai
import pytest
from google import genai
from google.genai import errors
from mistralai.client import Mistral
from support.vendor import Reply, Vendor, sse

ASK: Any = [{"role": "user", "content": "いつ"}]


def refuse(vendor: Vendor, http: int, /, **error: Any) -> None:
    """Let the server refuse."""
    vendor.answer(Reply(json.dumps({"type": "error", "error": error}).encode(), http))


def test_anthropics_word_is_the_type(vendor: Vendor, spans: Any) -> None:
    """It has no codes."""
    refuse(vendor, 529, type="overloaded_error", message="Overloaded")
    client = anthropic.Anthropic(api_key="k", base_url=vendor.url, max_retries=0)
    with client, pytest.raises(anthropic.APIStatusError):
        client.messages.create(model="m", max_tokens=9, messages=ASK)
    assert spans.attributes()["kansoku.error.code"] == "overloaded_error"


def test_googles_word_is_the_status(vendor: Vendor, spans: Any) -> None:
    """Its code is the number."""
    refuse(vendor, 429, code=429, status="RESOURCE_EXHAUSTED", message="Quota")
    client = genai.Client(api_key="k", http_options={"base_url": vendor.url})
    with pytest.raises(errors.ClientError):
        client.models.generate_content(model="m", contents="いつ")
    found = spans.attributes()
    assert found["kansoku.error.code"] == "RESOURCE_EXHAUSTED"
    assert found["http.response.status_code"] == 429


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "model_not_found", "type": "invalid_request_error"}, "model_not_found"),
        ({"code": None, "type": "invalid_request_error"}, "invalid_request_error"),
        ({"code": 20012, "type": "", "message": "no"}, "20012"),
        ({"code": None, "type": None, "message": "no"}, None),
    ],
)
def test_openais_word_is_the_code_or_else_the_type(
    vendor: Vendor, spans: Any, error: Any, expected: str | None
) -> None:
    """Many of its refusals have no code; a number of some server's is told as the client has it."""
    refuse(vendor, 400, **error)
    client = openai.OpenAI(api_key="k", base_url=vendor.url, max_retries=0)
    with client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="m", messages=ASK)
    assert spans.attributes().get("kansoku.error.code") == expected


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("word", ["ERROR", "TIMEOUT"])
def test_an_answer_of_coheres_that_is_an_error_is_a_failure(
    vendor: Vendor, spans: Any, word: str, stream: bool
) -> None:
    """The status was good, and the model was not able to answer."""
    client = cohere.ClientV2(api_key="k", base_url=vendor.url)
    if stream:
        begun = {"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant"}}}
        vendor.answer(sse(begun, {"type": "message-end", "delta": {"finish_reason": word}}, done=False))
        list(client.chat_stream(model="m", messages=ASK))
    else:
        vendor.answer({"id": "c", "finish_reason": word, "message": {"role": "assistant", "content": []}})
        client.chat(model="m", messages=ASK)
    found = spans.attributes()
    assert (found["error.type"], found["gen_ai.response.finish_reasons"]) == (word.lower(), (word.lower(),))


def test_a_stream_of_mistrals_keeps_its_model_where_the_last_chunk_has_none(
    vendor: Vendor, spans: Any
) -> None:
    """A chunk that brings the counts alone may leave the other fields empty."""
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    choice = {"index": 0, "delta": {"content": "火"}, "finish_reason": "stop"}
    first = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice]}
    vendor.answer(sse(first, {**first, "id": "", "model": "", "choices": [], "usage": usage}))
    with Mistral(api_key="k", server_url=vendor.url) as client:
        list(client.chat.stream(model="m", messages=ASK))
    found = spans.attributes()
    assert (found["gen_ai.response.model"], found["gen_ai.response.id"]) == ("m-1", "c")
    assert found["gen_ai.usage.output_tokens"] == 3
