"""Qdrant: searches in memory and over HTTP, with ids and scores, alone and inside a framework's retriever."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from qdrant_client import AsyncQdrantClient, QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse
from support.trees import tree
from support.vendor import Reply

import kansoku
from kansoku.privacy.capture import reduce

POINTS = [
    models.PointStruct(id=1, vector=[1.0, 0.0, 0.0], payload={"text": "傘", "shelf": "a", "near": [0.5] * 4}),
    models.PointStruct(id=2, vector=[0.0, 1.0, 0.0], payload={"text": "靴", "shelf": "b"}),
]
DISTANCE = models.VectorParams(size=3, distance=models.Distance.COSINE)
SHELF_A = models.Filter(must=[models.FieldCondition(key="shelf", match=models.MatchValue(value="a"))])


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    """Give a store in memory with two points."""
    store = QdrantClient(":memory:")
    store.create_collection("guide", vectors_config=DISTANCE)
    store.upsert("guide", POINTS)
    yield store
    store.close()


def documents(spans: Any) -> Any:
    """Return the documents of the only span."""
    return spans.messages("gen_ai.retrieval.documents")


def test_a_search_tells_where_how_and_what_was_found(client: QdrantClient, spans: Any) -> None:
    """Collection, filter, limit and length of the vector go in; ids, scores and payloads come out."""
    found = client.query_points("guide", [1.0, 0.0, 0.0], query_filter=SHELF_A, limit=3)
    assert [(point.id, point.score) for point in found.points] == [(1, 1.0)]
    written = spans.attributes()
    assert json.loads(written.pop("gen_ai.retrieval.documents")) == [
        {"id": "1", "score": 1.0, "content": "傘", "metadata": {"shelf": "a", "near": "<4 numbers>"}}
    ]
    assert json.loads(written.pop("kansoku.retrieval.filter")) == {
        "must": [{"key": "shelf", "match": {"value": "a"}}]
    }
    assert spans.one().name == "retrieval guide"
    assert written == {
        "kansoku.kind": "retrieval",
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "guide",
        "gen_ai.retrieval.top_k": 3,
        "gen_ai.embeddings.dimension.count": 3,
        "kansoku.retrieval.documents.count": 1,
        "db.system.name": "qdrant",
        "db.operation.name": "query_points",
        "db.collection.name": "guide",
    }


def test_groups_and_batches_are_read_to_the_last_point(client: QdrantClient, spans: Any) -> None:
    """The hits of all groups and the points of all answers are documents, in their order."""
    client.query_points_groups("guide", group_by="shelf", query=[1.0, 0.0, 0.0])
    asked = [models.QueryRequest(query=list(p.vector), limit=1) for p in POINTS]
    client.query_batch_points("guide", asked)
    groups, batch = (dict(span.attributes) for span in spans.all())
    assert [d["id"] for d in json.loads(groups["gen_ai.retrieval.documents"])] == ["1", "2"]
    assert groups["gen_ai.retrieval.top_k"] == 10
    assert [d["id"] for d in json.loads(batch["gen_ai.retrieval.documents"])] == ["1", "2"]
    assert batch["kansoku.retrieval.queries.count"] == 2
    assert "gen_ai.retrieval.top_k" not in batch


def test_without_content_ids_and_scores_remain(client: QdrantClient, start: Any) -> None:
    """Neither payloads nor the filter are recorded with capture off."""
    spans = start(capture_content="off")
    client.query_points("guide", [1.0, 0.0, 0.0], query_filter=SHELF_A)
    assert documents(spans) == [{"id": "1", "score": 1.0}]
    assert "kansoku.retrieval.filter" not in spans.attributes()


def test_nothing_found_is_told(client: QdrantClient, spans: Any) -> None:
    """A search that finds nothing has no documents and says so."""
    assert client.query_points("guide", [1.0, 0.0, 0.0], score_threshold=2.0).points == []
    assert documents(spans) == []
    assert spans.attributes()["kansoku.retrieval.documents.count"] == 0


def test_an_error_is_the_clients_own(client: QdrantClient, spans: Any) -> None:
    """The exception passes unchanged and is on the span."""
    with pytest.raises(ValueError, match="absent"):
        client.query_points("absent", [1.0])
    assert spans.attributes()["error.type"] == "ValueError"


def test_asynchronous_searches_are_traced(spans: Any) -> None:
    """AsyncQdrantClient gives the same span."""

    async def search() -> Any:
        store = AsyncQdrantClient(":memory:")
        await store.create_collection("guide", vectors_config=DISTANCE)
        await store.upsert("guide", POINTS)
        found = await store.query_points("guide", [0.0, 1.0, 0.0], limit=1)
        await store.close()
        return found

    assert asyncio.run(search()).points[0].id == 2
    assert [(d["id"], d["score"]) for d in documents(spans)] == [("2", 1.0)]


def test_a_server_is_named_and_texts_for_it_to_embed_are_the_question(vendor: Any, spans: Any) -> None:
    """With inference on the server the query is a text; the address is that of the server."""
    point = {"id": "0b2d4ae8-3b8d-4a5e-8c0a-2d7e8b5f1c11", "version": 1, "score": 0.5, "payload": None}
    vendor.answer({"result": {"points": [point]}, "status": "ok", "time": 0.1})
    store = QdrantClient(url=vendor.url, check_compatibility=False, cloud_inference=True)
    store.query_points("guide", models.Document(text="雨の日", model="m"), using="dense")
    store.close()
    written = spans.attributes()
    assert written["gen_ai.retrieval.query.text"] == "雨の日"
    assert written["kansoku.retrieval.vector.name"] == "dense"
    assert (written["server.address"], written["server.port"]) == (
        "127.0.0.1",
        int(vendor.url.rpartition(":")[2]),
    )
    assert documents(spans) == [{"id": point["id"], "score": 0.5}]


def test_a_refusal_of_the_server_is_told(vendor: Any, spans: Any) -> None:
    """An HTTP error is the client's exception, with its status on the span."""
    vendor.answer(Reply(b'{"status": {"error": "no such collection"}}', 404))
    store = QdrantClient(url=vendor.url, check_compatibility=False)
    with pytest.raises(UnexpectedResponse):
        store.query_points("guide", [1.0])
    store.close()
    written = spans.attributes()
    assert (written["error.type"], written["http.response.status_code"]) == ("UnexpectedResponse", 404)


def test_a_retriever_over_a_store_is_one_retrieval(client: QdrantClient, spans: Any) -> None:
    """The store's search is told inside the framework's retrieval and not counted as another one."""

    class Shelf(BaseRetriever):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            assert query
            points = client.query_points("guide", [1.0, 0.0, 0.0], limit=1).points
            return [Document(id=str(p.id), page_content=p.payload["text"]) for p in points]

    assert Shelf().invoke("雨")[0].page_content == "傘"
    assert tree(spans) == ["Shelf", "  query_points guide"]
    inner, outer = (dict(span.attributes) for span in spans.all())
    assert outer["gen_ai.operation.name"] == "retrieval"
    assert "gen_ai.operation.name" not in inner
    assert inner["kansoku.kind"] == "function"
    assert json.loads(inner["gen_ai.retrieval.documents"])[0]["score"] == 1.0


def test_ones_own_retrieval_counts_once_and_a_search_beside_it_counts(
    client: QdrantClient, spans: Any
) -> None:
    """Only a search directly inside a retrieval is a step of it; one inside a chain is a retrieval."""
    with kansoku.retrieval("find", query="雨"):
        client.query_points("guide", [1.0, 0.0, 0.0])
    with kansoku.chain("answer"):
        client.query_points("guide", [1.0, 0.0, 0.0])
    kinds = [span.attributes.get("gen_ai.operation.name") for span in spans.all()]
    assert kinds.count("retrieval") == 2
    assert tree(spans) == ["find", "  query_points guide", "answer", "  retrieval guide"]


def test_the_clients_methods_come_back(client: QdrantClient, spans: Any) -> None:
    """After uninstrument() nothing is traced."""
    kansoku.uninstrument("qdrant")
    client.query_points("guide", [1.0, 0.0, 0.0])
    assert spans.all() == []
    assert not hasattr(QdrantClient.query_points, "__wrapped__")


def test_at_metadata_the_filter_and_the_texts_are_lengths(client: QdrantClient, start: Any) -> None:
    """Ids and scores stay; a filter, which may name a customer, is told by its length."""
    spans = start(capture_content="metadata")
    client.query_points("guide", [1.0, 0.0, 0.0], query_filter=SHELF_A)
    written = reduce(spans.attributes(), "metadata")
    assert "kansoku.retrieval.filter" not in written
    assert json.loads(written["gen_ai.retrieval.documents"])[0] == {
        "id": "1",
        "score": 1.0,
        "content_chars": 1,
        "metadata_chars": len('{"shelf":"a","near":"<4 numbers>"}'),
    }
