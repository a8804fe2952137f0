"""What Google's answers rest on: searches, pages and maps, whole or chunk by chunk, and what they cost."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from google import genai
from support.vendor import Vendor, sse

MODEL = "gemini-3.5-flash"
USAGE = {"promptTokenCount": 30, "candidatesTokenCount": 10, "totalTokenCount": 40}
TOKENS = (30 * 1.5 + 10 * 9) / 1e6


def answer(text: str, grounding: dict[str, Any] | None, model: str = MODEL, **fields: Any) -> dict[str, Any]:
    """Return a response, or a chunk of a stream, that says what it rests on."""
    told = {} if grounding is None else {"groundingMetadata": grounding}
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, **told, **fields}
    return {"candidates": [candidate], "usageMetadata": USAGE, "modelVersion": model, "responseId": "r-1"}


def web(name: str) -> dict[str, Any]:
    """Return a page that an answer rests on."""
    return {"web": {"uri": f"https://{name}.example", "title": name}}


@pytest.fixture
def sold(start: Callable[[], Any], vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a client whose calls have Google's prices, and the spans."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "gcp.gemini")
    spans = start()
    with genai.Client(api_key="k", vertexai=False, http_options={"base_url": vendor.url}) as client:
        yield client, spans


@pytest.mark.parametrize(
    "told",
    [
        # each chunk what is new, and the last one nothing
        [
            {"webSearchQueries": ["a", "b"], "groundingChunks": [web("x")]},
            {"groundingChunks": [web("y")]},
            {},
        ],
        # each chunk everything so far
        [
            {"webSearchQueries": ["a"], "groundingChunks": [web("x")]},
            {"webSearchQueries": ["a", "b"], "groundingChunks": [web("x"), web("y")]},
        ],
        # all at the end
        [None, {"webSearchQueries": ["a", "b"], "groundingChunks": [web("x"), web("y")]}],
    ],
)
def test_every_search_of_a_stream_is_counted_once(
    sold: Any, vendor: Vendor, told: list[dict[str, Any] | None]
) -> None:
    """Wherever in the stream it is told: each is paid."""
    client, spans = sold
    vendor.answer(sse(*(answer("x", grounding) for grounding in told), done=False))
    list(client.models.generate_content_stream(model=MODEL, contents="?"))
    found = spans.attributes()
    assert found["kansoku.usage.web_search.requests"] == 2
    assert found["kansoku.grounding.queries"] == ("a", "b")
    assert [source["title"] for source in json.loads(found["kansoku.grounding.sources"])] == ["x", "y"]
    assert found["kansoku.cost.usd"] == pytest.approx(TOKENS + 0.028)


def test_the_same_search_twice_is_two_searches(sold: Any, vendor: Vendor) -> None:
    """As it is paid."""
    client, spans = sold
    vendor.answer(answer("x", {"webSearchQueries": ["a", "a"]}))
    client.models.generate_content(model=MODEL, contents="?")
    assert spans.attributes()["kansoku.usage.web_search.requests"] == 2


@pytest.mark.parametrize(
    ("model", "dollars"), [(MODEL, TOKENS + 0.014), ("gemini-2.5-flash", None)], ids=["3", "2.5"]
)
def test_an_answer_that_rests_on_maps_is_not_billed_as_if_it_did_not(
    sold: Any, vendor: Vendor, model: str, dollars: float | None
) -> None:
    """Maps cost what a search costs since Gemini 3; where the list has no price for them it says none."""
    client, spans = sold
    place = {"maps": {"uri": "https://maps.example/1", "title": "Park", "placeId": "places/1"}}
    vendor.answer(answer("x", {"groundingChunks": [place, place]}, model))
    client.models.generate_content(model=model, contents="?")
    found = spans.attributes()
    assert found["kansoku.usage.google_maps.requests"] == 1
    assert found.get("kansoku.cost.usd") == (None if dollars is None else pytest.approx(dollars))
