"""Pinecone: queries by vector, searches by text, over several namespaces, sync and async."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pinecone import AsyncIndex, Index
from support.vendor import Asked, Reply

MATCHES = {
    "matches": [
        {"id": "a", "score": 0.9, "metadata": {"text": "傘は木曜", "page": 3}},
        {"id": "b", "score": 0.5},
    ],
    "namespace": "jp",
    "usage": {"readUnits": 5},
}
HITS = {
    "result": {"hits": [{"_id": "a", "_score": 0.8, "fields": {"chunk_text": "傘", "page": 3}}]},
    "usage": {"read_units": 6, "embed_total_tokens": 3, "rerank_units": 1},
}


@pytest.fixture
def index(vendor: Any) -> Iterator[Index]:
    """Give the client of an index on loopback."""
    with Index(host=vendor.url, api_key="k") as client:
        yield client


def test_a_query_has_vector_filter_ids_and_scores(vendor: Any, spans: Any, index: Index) -> None:
    """The vector is told by its length alone; the client's own matches come back."""
    vendor.answer(MATCHES)
    found = index.query(
        vector=[0.1, 0.2, 0.3], top_k=2, namespace="jp", filter={"page": {"$gte": 2}}, include_metadata=True
    )
    assert [match.id for match in found.matches] == ["a", "b"]
    written = spans.attributes()
    assert json.loads(written.pop("gen_ai.retrieval.documents")) == [
        {"id": "a", "score": 0.9, "content": "傘は木曜", "metadata": {"page": 3}},
        {"id": "b", "score": 0.5},
    ]
    assert written == {
        "kansoku.kind": "retrieval",
        "gen_ai.operation.name": "retrieval",
        "gen_ai.retrieval.top_k": 2,
        "gen_ai.embeddings.dimension.count": 3,
        "gen_ai.data_source.id": "127.0.0.1",
        "kansoku.retrieval.filter": '{"page":{"$gte":2}}',
        "kansoku.retrieval.documents.count": 2,
        "db.system.name": "pinecone",
        "db.operation.name": "query",
        "db.collection.name": "127.0.0.1",
        "db.namespace": "jp",
        "server.address": "127.0.0.1",
        "server.port": int(vendor.url.rpartition(":")[2]),
    }


@pytest.mark.parametrize("method", ["search", "search_records"])
def test_a_search_has_its_text(vendor: Any, spans: Any, index: Index, method: str) -> None:
    """What the index embeds is the question, the reranker is named, and an alias is one span, too."""
    vendor.answer(HITS)
    rerank = {"model": "bge-reranker-v2-m3", "rank_fields": ["chunk_text"]}
    getattr(index, method)(namespace="jp", top_k=4, inputs={"text": "雨の日"}, rerank=rerank)
    written = spans.attributes()
    assert written["gen_ai.retrieval.query.text"] == "雨の日"
    assert written["gen_ai.retrieval.top_k"] == 4
    assert written["kansoku.retrieval.rerank.model"] == "bge-reranker-v2-m3"
    assert json.loads(written["gen_ai.retrieval.documents"]) == [
        {"id": "a", "score": 0.8, "content": "傘", "metadata": {"page": 3}}
    ]


def test_several_namespaces_are_one_search(vendor: Any, spans: Any, index: Index) -> None:
    """The client's query for each namespace is no span of its own; the metric that is passed is told."""

    def respond(asked: Asked) -> Reply:
        space = asked.json()["namespace"]
        one = {"id": f"{space}-1", "score": 0.9 if space == "jp" else 0.4}
        return Reply(json.dumps({"matches": [one], "namespace": space, "usage": {"readUnits": 5}}).encode())

    vendor.respond = respond
    index.query_namespaces(vector=[0.1, 0.2, 0.3], namespaces=["jp", "en"], metric="cosine", top_k=2)
    written = spans.attributes()
    assert written["db.namespace"] == "jp,en"
    assert written["kansoku.retrieval.score.metric"] == "cosine"
    assert written["kansoku.retrieval.score.better"] == "higher"
    assert [d["id"] for d in json.loads(written["gen_ai.retrieval.documents"])] == ["jp-1", "en-1"]


def test_asynchronous_queries_are_traced(vendor: Any, spans: Any) -> None:
    """AsyncIndex gives the same span."""
    vendor.answer(MATCHES)

    async def search() -> Any:
        async with AsyncIndex(host=vendor.url, api_key="k") as client:
            return await client.query(vector=[0.1, 0.2, 0.3], top_k=2)

    assert len(asyncio.run(search()).matches) == 2
    assert spans.attributes()["kansoku.retrieval.documents.count"] == 2


def test_documents_of_a_schema_are_read(vendor: Any, spans: Any, index: Index) -> None:
    """A search of documents tells the texts that score and the documents' fields."""
    vendor.answer(
        {
            "matches": [{"_id": "a", "_score": 0.8, "title": "傘"}],
            "namespace": "jp",
            "usage": {"read_units": 1},
        }
    )
    clause = {"type": "text", "fields": ["title"], "query": "雨"}
    index.documents.search(namespace="jp", score_by=[clause], top_k=3)
    written = spans.attributes()
    assert written["gen_ai.retrieval.query.text"] == "雨"
    assert json.loads(written["gen_ai.retrieval.documents"]) == [
        {"id": "a", "score": 0.8, "metadata": {"title": "傘"}}
    ]


def test_nothing_found_is_told_and_without_content_ids_remain(vendor: Any, start: Any) -> None:
    """No match is no document; with capture off neither metadata nor filters are recorded."""
    spans = start(capture_content="off")
    vendor.answer({"matches": [], "namespace": "jp"}, MATCHES)
    with Index(host=vendor.url, api_key="k") as index:
        index.query(id="z", top_k=2)
        index.query(id="z", top_k=2, filter={"page": 3})
    empty, found = (dict(span.attributes) for span in spans.all())
    assert (empty["gen_ai.retrieval.documents"], empty["kansoku.retrieval.documents.count"]) == ("[]", 0)
    assert json.loads(found["gen_ai.retrieval.documents"]) == [
        {"id": "a", "score": 0.9},
        {"id": "b", "score": 0.5},
    ]
    assert "kansoku.retrieval.filter" not in found


def test_an_error_is_the_clients_own(vendor: Any, spans: Any, index: Index) -> None:
    """What the server refuses is the client's exception, with its status on the span."""
    vendor.answer(Reply(b'{"code": 3, "message": "dimension"}', 400))
    with pytest.raises(Exception, match="dimension") as refused:
        index.query(vector=[0.1], top_k=2)
    written = spans.attributes()
    assert written["error.type"] == type(refused.value).__qualname__
    assert written["http.response.status_code"] == 400
