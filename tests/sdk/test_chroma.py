"""Chroma: Collection.query and Collection.search of the HTTP client."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import chromadb
import pytest
from chromadb.execution.expression import K, Knn, Search
from support.vendor import Asked, Reply

COLLECTION = {
    "id": "7d3f2b34-1f0b-4a9c-9d58-0d6f1f2b9a10",
    "name": "guide",
    "metadata": None,
    "dimension": 3,
    "tenant": "default_tenant",
    "database": "default_database",
    "version": 0,
    "log_position": 0,
    "configuration_json": {
        "hnsw": {
            "space": "cosine", "ef_construction": 100, "ef_search": 100, "max_neighbors": 16,
            "resize_factor": 1.2, "sync_threshold": 1000,
        },
        "spann": None,
        "embedding_function": None,
    },
}  # fmt: skip
FOUND = {
    "ids": [["a", "b"]],
    "distances": [[0.1, 0.4]],
    "documents": [["傘は木曜", None]],
    "metadatas": [[{"page": 3}, None]],
    "embeddings": None,
    "uris": None,
    "data": None,
    "include": ["distances", "documents", "metadatas"],
}


class Embedder(chromadb.EmbeddingFunction[Any]):
    """Turns every text into the same vector."""

    def __init__(self) -> None:
        pass

    def __call__(self, input: Any) -> Any:  # noqa: A002 - Chroma's own name
        """Embed."""
        return [[0.1, 0.2, 0.3] for _ in input]


def serve(vendor: Any, found: Any, status: int = 200) -> None:
    """Let a server answer whatever the client asks on its way, and searches with `found`."""

    def respond(asked: Asked) -> Reply:
        if asked.path.endswith(("/query", "/search")):
            return Reply(json.dumps(found).encode(), status)
        if "/collections" in asked.path:
            return Reply(json.dumps(COLLECTION).encode())
        if "identity" in asked.path:
            return Reply(b'{"user_id": "", "tenant": "default_tenant", "databases": ["default_database"]}')
        name = asked.path.rpartition("/")[2]
        return Reply(json.dumps({"name": name, "id": COLLECTION["id"], "tenant": "default_tenant"}).encode())

    vendor.respond = respond


@pytest.fixture
def collection(vendor: Any) -> Iterator[Any]:
    """Give the collection of a client, whose connection is closed in the end: the client does not."""
    serve(vendor, FOUND)
    port = int(vendor.url.rpartition(":")[2])
    client: Any = chromadb.HttpClient(
        "127.0.0.1", port, settings=chromadb.Settings(anonymized_telemetry=False)
    )
    yield client.get_collection("guide", embedding_function=Embedder())
    client._server._session.close()


def test_a_query_has_question_ids_distances_and_texts(vendor: Any, collection: Any, spans: Any) -> None:
    """The distance is recorded as given, with the metric of the collection and that lower is better."""
    serve(vendor, FOUND)
    found = collection.query(query_texts=["雨"], n_results=2, where={"page": 3})
    assert found["ids"] == [["a", "b"]]
    written = spans.attributes()
    assert json.loads(written.pop("gen_ai.retrieval.documents")) == [
        {"id": "a", "score": 0.1, "content": "傘は木曜", "metadata": {"page": 3}},
        {"id": "b", "score": 0.4},
    ]
    assert written == {
        "kansoku.kind": "retrieval",
        "gen_ai.operation.name": "retrieval",
        "gen_ai.retrieval.query.text": "雨",
        "gen_ai.retrieval.top_k": 2,
        "gen_ai.data_source.id": "guide",
        "kansoku.retrieval.filter": '{"page":3}',
        "kansoku.retrieval.documents.count": 2,
        "kansoku.retrieval.score.metric": "cosine_distance",
        "kansoku.retrieval.score.better": "lower",
        "db.system.name": "chroma",
        "db.operation.name": "query",
        "db.collection.name": "guide",
        "db.namespace": "default_tenant/default_database",
        "server.address": "127.0.0.1",
        "server.port": int(vendor.url.rpartition(":")[2]),
    }


def test_vectors_and_columns_left_out_are_no_trouble(vendor: Any, collection: Any, spans: Any) -> None:
    """A query by vectors tells their length; what was not asked for is missing; two queries add up."""
    serve(
        vendor, {"ids": [["a"], []], "distances": None, "documents": None, "metadatas": None, "include": []}
    )
    collection.query(query_embeddings=[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], include=["uris"])
    written = spans.attributes()
    assert written["gen_ai.embeddings.dimension.count"] == 3
    assert written["kansoku.retrieval.queries.count"] == 2
    assert json.loads(written["gen_ai.retrieval.documents"]) == [{"id": "a"}]


def test_without_content_ids_and_distances_remain(vendor: Any, collection: Any, start: Any) -> None:
    """Neither questions, texts nor filters are recorded with capture off."""
    spans = start(capture_content="off")
    serve(vendor, FOUND)
    collection.query(query_texts=["雨"], where={"page": 3})
    written = spans.attributes()
    assert json.loads(written["gen_ai.retrieval.documents"]) == [
        {"id": "a", "score": 0.1},
        {"id": "b", "score": 0.4},
    ]
    assert not {"gen_ai.retrieval.query.text", "kansoku.retrieval.filter"} & set(written)


def test_an_asynchronous_query_is_traced(vendor: Any, spans: Any) -> None:
    """AsyncCollection.query gives the same span."""
    serve(vendor, FOUND)

    async def search() -> Any:
        port = int(vendor.url.rpartition(":")[2])
        client: Any = await chromadb.AsyncHttpClient(
            "127.0.0.1", port, settings=chromadb.Settings(anonymized_telemetry=False)
        )
        found = await client.get_collection("guide", embedding_function=Embedder())
        result = await found.query(query_texts=["雨"])
        await client._server._cleanup()
        return result

    assert asyncio.run(search())["ids"] == [["a", "b"]]
    assert spans.attributes()["kansoku.retrieval.documents.count"] == 2


def test_a_hybrid_search_has_scores(vendor: Any, collection: Any, spans: Any) -> None:
    """Collection.search ranks by an expression; its filter and limit are told."""
    serve(
        vendor,
        {
            "ids": [["a"]], "scores": [[0.7]], "documents": [["傘"]], "metadatas": [None],
            "embeddings": [None], "select": [["#document", "#score"]],
        },
    )  # fmt: skip
    question = Search().where(K("page") == 3).rank(Knn(query=[0.1, 0.2, 0.3])).limit(5)
    collection.search(question)
    written = spans.attributes()
    assert json.loads(written["gen_ai.retrieval.documents"]) == [{"id": "a", "score": 0.7, "content": "傘"}]
    assert written["gen_ai.retrieval.top_k"] == 5
    assert written["gen_ai.embeddings.dimension.count"] == 3
    assert json.loads(written["kansoku.retrieval.filter"]) == {"page": {"$eq": 3}}


def test_an_error_is_the_clients_own(vendor: Any, collection: Any, spans: Any) -> None:
    """What the server refuses is the client's exception, and on the span."""
    serve(vendor, {"error": "InvalidArgument", "message": "dimension"}, 400)
    with pytest.raises(Exception, match="dimension") as refused:
        collection.query(query_embeddings=[[0.1]])
    assert spans.attributes()["error.type"] == type(refused.value).__qualname__
