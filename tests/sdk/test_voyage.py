"""The voyageai client: embeddings and reranking, with what its objects do not say themselves."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import voyageai
from support import pages
from support.vendor import Reply

VECTORS = {
    "object": "list",
    "data": [{"embedding": [0.1, 0.2, 0.3], "index": 0}, {"embedding": [0.1, 0.2, 0.3], "index": 1}],
    "model": "voyage-3.5",
    "usage": {"total_tokens": 9},
}
RANKED = {
    "data": [{"index": 1, "relevance_score": 0.9}],
    "model": "rerank-2.5",
    "usage": {"total_tokens": 30},
}


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the client a connection of the test's own, and close it."""
    with requests.Session() as own:
        monkeypatch.setattr(voyageai, "requestssession", own)
        monkeypatch.setattr(voyageai.api_resources.api_requestor, "_thread_context", type("Local", (), {})())
        yield


def test_embedding_is_one_span_with_everything_said(vendor: Any, spans: Any) -> None:
    """Texts, tokens, the answering model and the size of the vectors are on the span, no vector is."""
    vendor.answer(VECTORS)
    client = voyageai.Client(api_key="test", base_url=vendor.url)
    found = client.embed(["a", "b"], model="voyage-3.5", input_type="document", output_dimension=3)
    assert vars(found) == {"embeddings": [[0.1, 0.2, 0.3]] * 2, "total_tokens": 9}
    told = spans.attributes()
    assert json.loads(told.pop("gen_ai.input.messages")) == [
        {"role": "user", "parts": [{"type": "text", "content": "a"}, {"type": "text", "content": "b"}]}
    ]
    for name in ("kansoku.cost.usd", "kansoku.cost.price_id"):
        told.pop(name, None)  # when the list prices this model
    assert told == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "voyageai",
        "gen_ai.request.model": "voyage-3.5",
        "gen_ai.request.input_type": "document",
        "gen_ai.response.model": "voyage-3.5",
        "gen_ai.embeddings.dimension.count": 3,
        "kansoku.embeddings.input.count": 2,
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 0,
        "server.address": "127.0.0.1",
        "server.port": int(vendor.url.rpartition(":")[2]),
    }


def test_contexts_and_images_are_counted(vendor: Any, spans: Any) -> None:
    """Each chunk of a document gives a vector; tokens of pixels are image tokens; data is told by size."""
    vendor.answer(
        {
            "data": [
                {"data": [{"embedding": [0.1], "index": 0}, {"embedding": [0.2], "index": 1}], "index": 0}
            ],
            "model": "voyage-context-3",
            "usage": {"total_tokens": 6},
        },
        {
            "data": [{"embedding": [0.1, 0.2], "index": 0}],
            "model": "voyage-multimodal-3",
            "usage": {"text_tokens": 2, "image_pixels": 9000, "video_pixels": 0, "total_tokens": 18},
        },
    )
    client = voyageai.Client(api_key="test", base_url=vendor.url)
    client.contextualized_embed([["a", "b"]], model="voyage-context-3")
    image = {"type": "image_base64", "image_base64": "data:image/png;base64,QUJDRA=="}
    client.multimodal_embed(
        [{"content": [{"type": "text", "text": "傘"}, image]}], model="voyage-multimodal-3"
    )
    chunks, pixels = (dict(span.attributes) for span in spans.all())
    assert (chunks["kansoku.embeddings.input.count"], chunks["gen_ai.usage.input_tokens"]) == (2, 6)
    assert pixels["kansoku.embeddings.input.count"] == 1
    assert pixels["gen_ai.usage.input_tokens"] == 18
    assert pixels["gen_ai.usage.image.input_tokens"] == 16
    assert json.loads(pixels["gen_ai.input.messages"])[0]["parts"] == [
        {"type": "text", "content": "傘"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 4},
    ]


def test_reranking_tells_query_documents_and_scores(vendor: Any, spans: Any) -> None:
    """A document's id is its place in the request."""
    vendor.answer(RANKED)
    client = voyageai.Client(api_key="test", base_url=vendor.url)
    assert client.rerank("傘", ["a", "b"], "rerank-2.5", top_k=1).results[0].document == "b"
    found = spans.attributes()
    assert json.loads(found["gen_ai.retrieval.documents"]) == [{"id": "1", "score": 0.9, "content": "b"}]
    assert found["gen_ai.operation.name"] == "rerank"
    assert found["gen_ai.retrieval.query.text"] == "傘"
    assert found["gen_ai.response.model"] == "rerank-2.5"
    assert found["gen_ai.usage.input_tokens"] == 30


def test_a_retried_call_says_how_often(vendor: Any, spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call refused once and then answered counts one retry and is no failure; the next one counts none."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    vendor.answer(Reply(b'{"detail": "slow"}', 429), VECTORS, VECTORS)
    client = voyageai.Client(api_key="test", base_url=vendor.url, max_retries=3)
    client.embed(["a"], model="voyage-3.5")
    client.embed(["a"], model="voyage-3.5")
    first, second = (dict(span.attributes) for span in spans.all())
    assert first["http.request.resend_count"] == 1
    assert "http.response.status_code" not in first
    assert "error.type" not in first
    assert "http.request.resend_count" not in second


def test_an_error_is_the_clients_own_and_on_the_span(vendor: Any, spans: Any) -> None:
    """The client's exception reaches the program; its type and status are on the span."""
    vendor.answer(Reply(b'{"detail": "no such model"}', 400))
    client = voyageai.Client(api_key="test", base_url=vendor.url)
    with pytest.raises(voyageai.error.InvalidRequestError, match="no such model"):
        client.embed(["a"], model="nonexistent")
    found = spans.attributes()
    assert (found["error.type"], found["http.response.status_code"]) == ("InvalidRequestError", 400)


def test_the_async_client_is_traced_like_the_other(vendor: Any, spans: Any) -> None:
    """The asynchronous client's answer names its model, too."""
    vendor.answer(VECTORS)

    async def ask() -> None:
        client = voyageai.AsyncClient(api_key="test", base_url=vendor.url)
        await client.embed(["a", "b"], model="voyage-3.5")

    asyncio.run(ask())
    found = spans.attributes()
    assert found["gen_ai.response.model"] == "voyage-3.5"
    assert found["gen_ai.usage.input_tokens"] == 9


def test_without_content_no_text_is_recorded(start: Any, vendor: Any) -> None:
    """With capture_content=False places and scores remain, texts do not."""
    spans = start(capture_content=False)
    vendor.answer(RANKED)
    voyageai.Client(api_key="test", base_url=vendor.url).rerank("傘", ["a", "b"], "rerank-2.5")
    found = spans.attributes()
    assert json.loads(found["gen_ai.retrieval.documents"]) == [{"id": "1", "score": 0.9}]
    assert not {"gen_ai.retrieval.query.text", "gen_ai.input.messages"} & found.keys()


def test_the_page_about_voyage_runs(vendor: Any, start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of docs/sdk/voyage.md runs, and its calls are traced."""
    monkeypatch.setenv("VOYAGE_API_KEY", "test")
    monkeypatch.setattr("voyageai._base.get_default_base_url", lambda _: vendor.url)
    vendor.answer(VECTORS, RANKED)
    spans = start()
    pages.run_page("sdk/voyage.md", print=lambda *_: None)
    assert [span.name for span in spans.all()] == ["embeddings voyage-3.5", "rerank rerank-2.5"]
