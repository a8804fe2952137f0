"""Questions about an input that OpenAI and Google answer with probabilities: what their spans say."""

import asyncio
import json
from typing import Any

import openai
import pytest
from google import genai
from google.genai import _interactions as google_errors
from support.vendor import Reply, Vendor

QUESTION = {"type": "predicate", "name": "urgent", "instructions": "急ぎか"}
ANSWERS = [
    {"type": "predicate", "name": "urgent", "probability": 0.75},
    {"type": "refusal", "name": "fault"},
]
USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 10},
    "output_tokens": 4,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 54,
}
COUNTED = {
    "gen_ai.usage.input_tokens": 50,
    "gen_ai.usage.cache_read.input_tokens": 20,
    "gen_ai.usage.cache_write.input_tokens": 10,
    "gen_ai.usage.output_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 1,
}


@pytest.mark.parametrize("later", [False, True])
def test_a_decision_of_openai_is_told_with_its_answers_and_tokens(
    later: bool, vendor: Vendor, spans: Any
) -> None:
    """The input is the question of the span, the questions are parameters, the answers JSON."""
    vendor.answer({"model": "gpt-6-luna-1", "answers": ANSWERS, "usage": USAGE})
    given: Any = {
        "model": "gpt-6-luna",
        "input": [{"role": "system", "content": "Judge."}, {"role": "user", "content": "水が止まらない"}],
        "questions": [QUESTION],
    }

    async def ask() -> None:
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1") as client:
            await client.decisions.create(**given)

    if later:
        asyncio.run(ask())
    else:
        with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1") as client:
            client.decisions.create(**given)
    found = spans.attributes()
    assert (found["gen_ai.request.model"], found["gen_ai.response.model"]) == ("gpt-6-luna", "gpt-6-luna-1")
    assert {key: found[key] for key in COUNTED} == COUNTED
    assert json.loads(found["gen_ai.request.questions"]) == [QUESTION]
    assert [message["role"] for message in spans.messages("gen_ai.input.messages")] == ["system", "user"]
    (part,) = spans.messages()[0]["parts"]
    assert json.loads(part["content"]) == ANSWERS


def test_without_content_a_decision_has_its_numbers_alone(vendor: Vendor, start: Any) -> None:
    """Neither what was judged, nor the questions, nor the answers."""
    spans = start(capture_content=False)
    vendor.answer({"model": "gpt-6-luna-1", "answers": ANSWERS, "usage": USAGE})
    with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1") as client:
        client.decisions.create(model="gpt-6-luna", input="水", questions=[QUESTION])  # type: ignore[list-item]
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 50
    assert not [key for key in found if "messages" in key or key.endswith("questions")]
    assert "水" not in str(found)


def ask_google(vendor: Vendor, later: bool) -> None:
    """Ask Google's server one question about a text and a picture."""
    client = genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url})
    given: Any = {
        "model": "models/gemini-4-flash",
        "input": [{"type": "text", "text": "水が止まらない"}],
        "questions": {"urgent": {"type": "noul", "instructions": "急ぎか"}},
    }

    async def ask() -> None:
        await client.aio.decisions.create(**given)
        await client.aio.aclose()

    if later:
        asyncio.run(ask())
    else:
        client.decisions.create(**given)
    client.close()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("later", [False, True])
def test_a_decision_of_google_is_told_with_its_answers_and_tokens(
    later: bool, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers by the names of their questions; thoughts are among the tokens of the answer."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "gcp.gemini")
    spans = start()
    usage = {"total_input_tokens": 30, "total_cached_tokens": 5, "total_output_tokens": 2}
    answers = {"urgent": {"type": "noul", "noul": 0.75, "confidence": 0.75}}
    vendor.answer({"answers": answers, "usage": {**usage, "total_thought_tokens": 3, "total_tokens": 35}})
    ask_google(vendor, later)
    found = spans.attributes()
    assert (found["gen_ai.provider.name"], found["gen_ai.request.model"]) == ("gcp.gemini", "gemini-4-flash")
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (30, 5)
    assert found["gen_ai.usage.cache_read.input_tokens"] == 5
    assert spans.messages("gen_ai.input.messages")[0]["parts"][0]["content"] == "水が止まらない"
    assert json.loads(found["gen_ai.request.questions"])["urgent"]["instructions"] == "急ぎか"
    (part,) = spans.messages()[0]["parts"]
    assert json.loads(part["content"]) == answers


@pytest.mark.filterwarnings("ignore")
def test_an_input_that_google_blocked_says_why(vendor: Vendor, spans: Any) -> None:
    """There are no answers then."""
    vendor.answer({"prompt_feedback": {"block_reason": "prohibited_content"}})
    ask_google(vendor, later=False)
    found = spans.attributes()
    assert found["gen_ai.response.finish_reasons"] == ("content_filter",)
    assert not [key for key in found if key.startswith("gen_ai.usage") or key == "gen_ai.output.messages"]


@pytest.mark.filterwarnings("ignore")
def test_a_decision_that_is_refused_is_a_failed_call(vendor: Vendor, spans: Any) -> None:
    """The caller gets the client's own error, the span its status."""
    error = {"error": {"code": 400, "message": "no question", "status": "INVALID_ARGUMENT"}}
    vendor.answer(Reply(json.dumps(error).encode(), 400))
    with pytest.raises(google_errors.APIError):
        ask_google(vendor, later=False)
    assert spans.attributes()["error.type"]
