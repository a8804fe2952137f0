"""Elasticsearch and OpenSearch: one reader for searches by words, by vectors and by both."""

import asyncio
import json
from typing import Any

import elasticsearch
import opensearchpy
import pytest
from support.vendor import Reply

FOUND = {
    "took": 3,
    "timed_out": False,
    "hits": {
        "total": {"value": 2, "relation": "eq"},
        "max_score": 0.9,
        "hits": [
            {
                "_index": "guide",
                "_id": "a",
                "_score": 0.9,
                "_source": {"content": "傘は木曜", "page": 3, "embedding": [0.1, 0.2, 0.3]},
            },
            {"_index": "guide", "_id": "b", "_score": 0.4},
        ],
    },
}
KNN = {
    "field": "embedding", "query_vector": [0.1, 0.2, 0.3], "k": 5, "num_candidates": 50,
    "filter": {"term": {"page": 3}},
}  # fmt: skip


def reply(body: Any, status: int = 200) -> Reply:
    """Return an answer that both clients take for one of their servers."""
    headers = {"X-Elastic-Product": "Elasticsearch"}
    return Reply(json.dumps(body).encode(), status, headers=headers)


@pytest.fixture(params=["elasticsearch", "opensearch"])
def client(request: Any, vendor: Any) -> Any:
    """Give a client of each of the two."""
    vendor.answer(reply(FOUND))
    kind = elasticsearch.Elasticsearch if request.param == "elasticsearch" else opensearchpy.OpenSearch
    with kind(vendor.url) as made:
        yield made


def search(client: Any, body: dict[str, Any], index: Any = "guide") -> Any:
    """Search with either client."""
    return client.search(index=index, body=body)


def test_a_search_by_vector_is_a_span(client: Any, vendor: Any, spans: Any) -> None:
    """Index, k, filter and the vector's length go in; ids, scores and sources without vectors come out."""
    found = search(client, {"knn": KNN})
    assert found["hits"]["hits"][0]["_source"]["embedding"] == [0.1, 0.2, 0.3]
    written = next(dict(s.attributes) for s in spans.all() if s.name == "retrieval guide")
    assert json.loads(written.pop("gen_ai.retrieval.documents")) == [
        {
            "id": "a",
            "score": 0.9,
            "content": "傘は木曜",
            "metadata": {"page": 3, "embedding": "<3 numbers>"},
        },
        {"id": "b", "score": 0.4},
    ]
    system = "opensearch" if isinstance(client, opensearchpy.OpenSearch) else "elasticsearch"
    assert written == {
        "kansoku.kind": "retrieval",
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "guide",
        "gen_ai.retrieval.top_k": 5,
        "gen_ai.embeddings.dimension.count": 3,
        "kansoku.retrieval.filter": '{"term":{"page":3}}',
        "kansoku.retrieval.documents.count": 2,
        "db.system.name": system,
        "db.operation.name": "search",
        "db.collection.name": "guide",
        "server.address": "127.0.0.1",
        "server.port": int(vendor.url.rpartition(":")[2]),
    }


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"query": {"match": {"content": "雨"}}}, "雨"),
        ({"query": {"match": {"content": {"query": "雨", "operator": "and"}}}}, "雨"),
        ({"query": {"multi_match": {"query": "雨", "fields": ["a", "b"]}}}, "雨"),
        ({"query": {"semantic": {"field": "content", "query": "雨"}}}, "雨"),
        ({"query": {"neural": {"e": {"query_text": "雨", "model_id": "m", "k": 5}}}}, "雨"),
        ({"query": {"text_expansion": {"e": {"model_id": "m", "model_text": "雨"}}}}, "雨"),
        (
            {"retriever": {"rrf": {"retrievers": [
                {"standard": {"query": {"match": {"content": "雨"}}}},
                {"knn": {"field": "e", "query_vector_builder": {"text_embedding": {"model_text": "雪"}}}},
            ]}}},
            "雨\n雪",
        ),
        (
            {"query": {"bool": {"must": [{"match_phrase": {"content": "雨"}}],
                                "filter": [{"match": {"city": "京都"}}]}}},
            "雨",
        ),
        ({"query": {"match_all": {}}}, None),
    ],
)  # fmt: skip
def test_the_question_is_found_in_any_query(client: Any, spans: Any, body: Any, text: str | None) -> None:
    """The words to look for are told, those of filters and names of models are not."""
    search(client, body)
    written = next(dict(s.attributes) for s in spans.all() if s.name == "retrieval guide")
    assert written.get("gen_ai.retrieval.query.text") == text


def test_a_vector_of_opensearch_is_inside_its_field(client: Any, spans: Any) -> None:
    """The k-NN query of OpenSearch has the vector under the name of the field; size wins over k."""
    search(client, {"size": 3, "query": {"knn": {"embedding": {"vector": [0.1, 0.2, 0.3], "k": 9}}}})
    written = next(dict(s.attributes) for s in spans.all() if s.name == "retrieval guide")
    assert written["gen_ai.embeddings.dimension.count"] == 3
    assert written["gen_ai.retrieval.top_k"] == 3


def test_counting_is_no_search(client: Any, vendor: Any, spans: Any) -> None:
    """A request for aggregations alone finds no documents and is no retrieval."""
    search(client, {"size": 0, "aggs": {"pages": {"terms": {"field": "page"}}}})
    assert len(vendor.asked) == 1
    assert not [s for s in spans.all() if s.name.startswith("retrieval")]


def test_nothing_found_is_told(client: Any, vendor: Any, spans: Any) -> None:
    """No hit is no document."""
    vendor.answer(reply({"hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}}))
    search(client, {"knn": KNN}, index=["guide", "news"])
    written = next(dict(s.attributes) for s in spans.all() if s.name.startswith("retrieval"))
    assert (written["gen_ai.retrieval.documents"], written["kansoku.retrieval.documents.count"]) == ("[]", 0)
    assert written["db.collection.name"] == "guide,news"


def test_without_content_ids_and_scores_remain(client: Any, start: Any) -> None:
    """Neither words, filters nor sources are recorded with capture off."""
    spans = start(capture_content="off")
    search(client, {"query": {"match": {"content": "雨"}}, "knn": KNN})
    written = next(dict(s.attributes) for s in spans.all() if s.name == "retrieval guide")
    assert json.loads(written["gen_ai.retrieval.documents"]) == [
        {"id": "a", "score": 0.9},
        {"id": "b", "score": 0.4},
    ]
    assert not {"gen_ai.retrieval.query.text", "kansoku.retrieval.filter"} & set(written)


def test_an_error_is_the_clients_own(client: Any, vendor: Any, spans: Any) -> None:
    """What the server refuses is the client's exception, with its status on the span."""
    vendor.answer(reply({"error": {"type": "index_not_found_exception", "reason": "no"}, "status": 404}, 404))
    with pytest.raises((elasticsearch.NotFoundError, opensearchpy.NotFoundError)):
        search(client, {"knn": KNN})
    written = next(dict(s.attributes) for s in spans.all() if s.name == "retrieval guide")
    assert (written["error.type"], written["http.response.status_code"]) == ("NotFoundError", 404)


@pytest.mark.parametrize("kind", [elasticsearch.AsyncElasticsearch, opensearchpy.AsyncOpenSearch])
def test_asynchronous_searches_are_traced(kind: Any, vendor: Any, spans: Any) -> None:
    """The asynchronous clients give the same span, also for arguments given apart."""
    vendor.answer(reply(FOUND))

    async def find() -> Any:
        async with kind(vendor.url) as client:
            if kind is elasticsearch.AsyncElasticsearch:
                return await client.search(index="guide", knn=KNN, size=2)
            return await client.search(index="guide", body={"knn": KNN}, size=2)

    assert asyncio.run(find())["hits"]["hits"][1]["_id"] == "b"
    written = next(dict(s.attributes) for s in spans.all() if s.name == "retrieval guide")
    assert written["kansoku.retrieval.documents.count"] == 2
    assert written["gen_ai.retrieval.top_k"] == 2
